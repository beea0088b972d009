/** The result as one line a node: interface in → interface out, what became of the packet there, and why. */
import type { ChalkInstance } from 'chalk'
import type { Drop, Hop, TraceResult } from '../../trace/result.ts'
import { plural } from '../../plural.ts'
import { visible } from '../formats/visible.ts'
import { width } from '../formats/width.ts'
import { outcomePaint } from './trace-text.ts'

export interface TraceBriefOptions {
  readonly chalk: ChalkInstance
  /** Show the answer's way although nothing happened to it. */
  readonly reply: boolean
}

/** What one node did with the packet. */
interface Row {
  readonly node: string
  readonly in?: string | undefined
  readonly out?: string | undefined
  readonly wasReached: boolean
}

/** Hops that follow each other in one node are one row. Of a node that the packet reached, its row has only what saw it. */
function rowsOf(hops: readonly Hop[]): Row[] {
  const runs: Hop[][] = []
  for (const hop of hops) {
    const first = runs.at(-1)?.[0]
    if (first?.node !== hop.node) runs.push([hop])
    else if (first.evidence === hop.evidence) runs.at(-1)!.push(hop)
  }
  return runs.map((run) => ({
    node: run[0]!.node,
    in: run.find((h) => h.direction === 'in')?.device,
    out: run.findLast((h) => h.direction === 'out')?.device,
    wasReached: run[0]!.evidence === 'captured',
  }))
}

/** Rows of one leg, among them the node where the packet was dropped, although no device of it saw the packet. */
function withDrop(rows: readonly Row[], drop: Drop): Row[] {
  const after = rows.findLastIndex((r) => r.wasReached) + 1
  if (rows[after - 1]?.node === drop.node || rows[after]?.node === drop.node) return [...rows]
  // Who sends has no interface that the packet came in on.
  const came = after > 0 ? drop.device || undefined : undefined
  return [...rows.slice(0, after), { node: drop.node, in: came, wasReached: false }, ...rows.slice(after)]
}

/** The verdict in a few words: `dropped  fdb-missing: vxlan1 of node-1 knows no host with …`. */
function verdict({ outcome, drop, rttMs, probe, counted }: TraceResult, chalk: ChalkInstance): string {
  const why = drop ? `  ${drop.cause}: ${visible(drop.text)}` : ''
  const answered = rttMs === null ? '' : `, answered after ${rttMs.toFixed(3)} ms`
  const several = probe.count > 1 ? `, ${counted.answered} of ${plural(counted.sent, 'probe')} answered` : ''
  return `${outcomePaint(outcome, chalk)(outcome)}${answered}${several}${why}`
}

export function traceBrief(result: TraceResult, { chalk, reply }: TraceBriefOptions): string {
  const { outcome, drop } = result
  const cameBack = result.reply.some((h) => h.evidence === 'captured')
  // An answer that got lost on its way for a reason that is not known was lost there, too.
  const ends = drop?.leg ?? (outcome === 'unanswered' && cameBack ? 'reply' : 'forward')
  const end = verdict(result, chalk)
  const leg = (hops: readonly Hop[], which: Drop['leg']): [Row, string][] => {
    const rows = drop?.leg === which ? withDrop(rowsOf(hops), drop) : rowsOf(hops)
    const last = rows.findLastIndex((r) => r.wasReached)
    const at = drop?.leg === which ? rows.findIndex((r, i) => i >= last && r.node === drop.node) : Math.max(last, 0)
    return rows.map((row, i) => {
      if (ends === which && i === at) return [row, end]
      if (!row.wasReached) return [row, chalk.dim('never reached')]
      return [row, i === 0 ? 'sent' : i === last && i === rows.length - 1 ? 'received' : 'forwarded']
    })
  }
  if (result.forward.length === 0 && result.reply.length === 0 && !drop) return `${end}\n`
  const forward = leg(result.forward, 'forward')
  const back = reply || ends === 'reply' ? leg(result.reply, 'reply') : []
  const lines = [...forward, ...back].map(([row, what]) => [row.node, row.in ?? '', row.out ?? '', what] as const)
  const widest = (column: 0 | 1 | 2): number => lines.reduce((most, line) => Math.max(most, width(line[column])), 0)
  const [nodes, ins, outs] = [widest(0), widest(1), widest(2)]
  const pad = (text: string, columns: number): string => text + ' '.repeat(columns - width(text))
  const text = lines.map(([node, before, after, what]) => `${pad(node, nodes)}  ${pad(before, ins)} → ${pad(after, outs)}  ${what}\n`)
  return [...text.slice(0, forward.length), ...(back.length > 0 ? [chalk.dim('and back\n')] : []), ...text.slice(forward.length)].join('')
}
