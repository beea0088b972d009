/** Evidence and verdict → the finished result: hops with what was decided on them, what was expected and never reached. */
import { decisionsOf } from './predict/decisions.ts'
import { keyOfStep } from './diagnose/chain.ts'
import { leak } from './diagnose/leak.ts'
import type { Sighting } from './diagnose/identity.ts'
import { diagnose, type Verdict } from './diagnose/diagnose.ts'
import { expectedSteps, type PredictedPath, type Step } from './predict/path.ts'
import type { TraceEvidence } from './diagnose/evidence.ts'
import type { Capture, Hop, TraceResult } from './result.ts'

export interface Losses {
  readonly frames: number
  readonly overflows: number
  readonly events: number
}

const keyOf = (s: Sighting): string => keyOfStep({ ns: s.netns, device: s.device, direction: s.direction })

const among = (seen: readonly Sighting[]) => {
  const keys = new Set(seen.map(keyOf))
  return (s: Step): boolean => keys.has(keyOfStep(s))
}

export function buildResult(evidence: TraceEvidence, losses: Losses): TraceResult {
  // First: which of a Service's endpoints was expected is seen in the evidence.
  evidence.refresh(evidence.n)
  const { lab, from, to, options, identity, expected, missing } = evidence.parts
  const verdict = diagnose(evidence)
  const captures = [...evidence.sightings]
  const start = evidence.forward[0]?.at ?? evidence.outcome().sent ?? evidence.sightings[0]?.at ?? 0n
  const forward = hops(evidence, evidence.forward, expected.forward, start, captures, verdict.outcome === 'delivered' ? 'all' : 'rest')
  const answered = evidence.reply.length > 0
  const reply =
    expected.back && answered
      ? hops(evidence, evidence.reply, expected.back, start, captures, verdict.outcome === 'delivered' ? 'all' : 'rest')
      : hops(evidence, evidence.reply, undefined, start, captures, 'rest')
  const outcomes = Array.from({ length: options.count }, (_, n) => evidence.outcome(n))
  const rtts = outcomes.flatMap((o) =>
    o.reply && o.reply.what !== 'refused' && o.sent !== undefined ? [Number(o.reply.at - o.sent) / 1e6] : [],
  )
  const ip = evidence.forward[0]?.layers.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  return {
    lab: lab.name,
    file: lab.file,
    from: { word: from.word, node: evidence.parts.places.name(from.node.netns), address: evidence.parts.expected.source },
    to: { word: to.word, ...(to.node ? { node: evidence.parts.places.name(to.node.netns) } : {}), address: to.address },
    probe: {
      protocol: options.protocol,
      family: from.family,
      port: options.protocol === 'icmp' ? null : options.port,
      id: identity.id,
      size: ip?.length ?? options.size,
      df: ip?.type === 'ipv4' ? ip.df : ip?.type === 'ipv6' || options.df,
      ttl: ip?.ttl ?? options.ttl,
      count: options.count,
    },
    outcome: verdict.outcome,
    rttMs: verdict.rttMs === null ? null : Math.round(verdict.rttMs * 1000) / 1000,
    forward,
    reply,
    ...(verdict.drop ? { drop: verdict.drop } : {}),
    differences: differences(evidence, verdict),
    notes: notes(evidence),
    counted: {
      sent: outcomes.filter((o) => o.sent !== undefined || o.error).length,
      answered: rtts.length,
      rtts: rtts.map((r) => Math.round(r * 1000) / 1000),
    },
    evidence: {
      captured: forward.filter((h) => h.evidence === 'captured').length + reply.filter((h) => h.evidence === 'captured').length,
      expected:
        expectedSteps(expected.forward, among(evidence.forward)).length + expectedSteps(expected.back, among(evidence.reply)).length,
      kernelEvents: evidence.attribution.matched + evidence.attribution.drops.length + evidence.attribution.icmp.length,
      ruleEvents: evidence.rules.reduce((n, r) => n + r.group.steps.length, 0),
      lost: losses.frames + losses.overflows,
      eventsLost: losses.events,
      missing: [
        ...missing,
        ...(losses.events > 0 ? [`${losses.events} kernel events were lost: other traffic of this machine filled the buffer`] : []),
      ],
    },
    captures: captures.map(({ n: _n, ...c }): Capture => c),
  }
}

/** Captured hops in order; then, after a drop, what the prediction still had, never reached. */
function hops(
  evidence: TraceEvidence,
  seen: readonly Sighting[],
  path: PredictedPath | undefined,
  start: bigint,
  captures: readonly Sighting[],
  expect: 'all' | 'rest',
): Hop[] {
  const { places } = evidence.parts
  const list = seen.map((s, i): Hop => ({
    node: s.node,
    nodeKind: places.node(s.netns).kind,
    device: s.device,
    direction: s.direction,
    at: Math.round(Number(s.at - start) / 1000) / 1000,
    evidence: 'captured',
    layers: s.layers,
    ...(s.inferred ? { inside: 'inferred' as const } : {}),
    decisions: decisionsOf(evidence, s, seen[i + 1], path),
    capture: captures.indexOf(s),
  }))
  if (!path || expect === 'all') return list
  const have = new Set(seen.map(keyOf))
  const reached = path.steps.findLastIndex((s) => have.has(keyOfStep(s)))
  const never = path.steps
    .slice(reached + 1)
    .filter((s) => s.optional === undefined)
    .map((s): Hop => ({
      node: places.name(s.ns),
      nodeKind: places.node(s.ns).kind,
      device: s.device,
      direction: s.direction,
      at: null,
      evidence: 'predicted',
      layers: [],
      decisions: s.decisions,
    }))
  return [...list, ...never]
}

/** Where what was seen is not what was expected. */
function differences(evidence: TraceEvidence, verdict: Verdict): string[] {
  const { expected, places } = evidence.parts
  const list: string[] = []
  const compare = (what: string, seen: readonly Sighting[], path: PredictedPath | undefined): void => {
    if (!path || seen.length === 0) return
    const steps = path.steps.map(keyOfStep)
    const have = seen.map(keyOf)
    const extra = seen.filter((s) => !steps.includes(keyOf(s)))
    const reached = Math.max(-1, ...have.map((k) => steps.indexOf(k)))
    const skipped = path.steps.slice(0, reached).filter((s) => s.optional === undefined && !have.includes(keyOfStep(s)))
    const show = (x: readonly { readonly node: string; readonly device: string; readonly direction: string }[]): string =>
      [...new Set(x.map((s) => `${s.node} ${s.device} ${s.direction}`))].join(', ')
    if (extra.length > 0) list.push(`${what} was seen where the kernel's tables did not predict it: ${show(extra)}`)
    if (skipped.length > 0)
      list.push(`${what} was predicted but not seen on: ${show(skipped.map((s) => ({ ...s, node: places.name(s.ns) })))}`)
  }
  compare('the probe', evidence.forward, expected.forward)
  compare('the answer', evidence.reply, expected.back)
  if (verdict.outcome === 'delivered' && expected.forward.end !== 'delivered')
    list.push(
      `the kernel's tables predicted that it would not arrive (${expected.forward.end} in ${places.name(expected.forward.at)}), yet it did`,
    )
  return list
}

function notes(evidence: TraceEvidence): string[] {
  const leaked = leak(evidence)
  const list = leaked === undefined ? [] : [leaked]
  const devices = (chain: readonly Sighting[]): Set<string> => new Set(chain.map((s) => `${s.node} ${s.device}`))
  const [there, back] = [devices(evidence.forward), devices(evidence.reply)]
  const only = (a: Set<string>, b: Set<string>): string => [...a].filter((d) => !b.has(d)).join(', ')
  const [missed, extra] = [only(there, back), only(back, there)]
  if (evidence.answered(evidence.n) && evidence.reply.length > 0 && (missed !== '' || extra !== '')) {
    list.push(
      `the answer took another way than the request${missed === '' ? '' : `, not by ${missed}`}${extra === '' ? '' : `${missed === '' ? '' : ' but'} by ${extra}`}`,
    )
  }
  return list
}
