/** The result as `netlab trace --json` prints it. */
import type { Hop, TraceResult } from '../../trace/result.ts'

const hop = ({ node, device, direction, at, evidence, layers, decisions }: Hop): object => ({
  node,
  device,
  direction,
  at,
  evidence,
  layers,
  decisions,
})

export function traceDocument(s: TraceResult): object {
  return {
    lab: s.lab,
    from: s.from,
    to: s.to,
    probe: s.probe,
    outcome: s.outcome,
    rttMs: s.rttMs,
    forward: s.forward.map(hop),
    reply: s.reply.map(hop),
    drop: s.drop ?? null,
    differences: s.differences,
    notes: s.notes,
    counted: s.counted,
    evidence: s.evidence,
  }
}
