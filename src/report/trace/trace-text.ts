/** The result on one screen: a line a device, indented by node, what changed highlighted, the end unmistakable. */
import type { ChalkInstance } from 'chalk'
import type { Layer } from '../../packet/headers.ts'
import type { Decision, Hop, Outcome, TraceResult } from '../../trace/result.ts'
import { withoutFolders } from '../formats/folders.ts'
import { headers } from './trace-headers.ts'
import { width } from '../formats/width.ts'
import { visible } from '../formats/visible.ts'
import { plural } from '../../plural.ts'

export interface TraceTextOptions {
  readonly chalk: ChalkInstance
  /** Tell the answer hop by hop as well. */
  readonly reply: boolean
  /** Columns. */
  readonly columns: number
}

/** A rule that only led to another chain decided nothing: one screen has no room for it. */
const isPassage = (d: Decision): boolean =>
  d.kind === 'rule' &&
  !/ -j (?:ACCEPT|DROP|REJECT|RETURN|DNAT|SNAT|MASQUERADE|REDIRECT|NOTRACK)\b|\b(?:accept|drop|reject|return|dnat|snat|masquerade)\b/.test(
    d.text,
  )

export function traceText(result: TraceResult, options: TraceTextOptions): string {
  const { chalk } = options
  const lines = [title(result, chalk), '']
  lines.push(...leg(result, result.forward, 'forward', options))
  const seen = result.reply.filter((h) => h.evidence === 'captured')
  if (result.reply.length > 0 && (options.reply || result.drop?.leg === 'reply'))
    lines.push('', chalk.bold('and back'), ...leg(result, result.reply, 'reply', options))
  else if (seen.length > 0)
    lines.push('', chalk.dim(`back: ${summary(seen)}${result.outcome === 'delivered' ? '   (--reply tells it hop by hop)' : ''}`))
  lines.push('', ...ending(result, chalk))
  return `${lines.join('\n')}\n`
}

function title(s: TraceResult, chalk: ChalkInstance): string {
  const at = (e: TraceResult['from']): string =>
    e.word === e.address ? e.address + (e.node ? ` (${e.node})` : '') : `${e.word} (${e.address})`
  const what =
    s.probe.protocol === 'icmp'
      ? `ICMP${s.probe.family === 6 ? 'v6' : ''} echo`
      : `${s.probe.protocol.toUpperCase()}${s.probe.protocol === 'tcp' ? ' SYN' : ''} to port ${s.probe.port}`
  return `${chalk.bold(`${at(s.from)} → ${at(s.to)}`)}   ${chalk.dim(`${what}, ${s.probe.size} bytes, lab ${s.lab}`)}`
}

/** Nodes in order with the tunnel between them: `pod-b · node-2 ⇢ vxlan 1 ⇢ node-1 · pod-a`. */
function summary(seen: readonly Hop[]): string {
  return [...new Set(seen.map((h) => h.node))].join(' · ')
}

function leg(result: TraceResult, hops: readonly Hop[], which: 'forward' | 'reply', { chalk, columns }: TraceTextOptions): string[] {
  const lines: string[] = []
  let node = ''
  let before: readonly Layer[] = []
  const drop = result.drop?.leg === which ? result.drop : undefined
  const lastSeen = hops.findLastIndex((h) => h.evidence === 'captured')
  const deviceWidth = Math.max(8, ...hops.map((h) => h.device.length))
  if (drop && lastSeen < 0) lines.push(`  ${chalk.bold(drop.node)}`, dropLine(drop.text, chalk))
  hops.forEach((hop, i) => {
    const reached = hop.evidence === 'captured'
    if (hop.node !== node || (i > 0 && hops[i - 1]!.evidence !== hop.evidence)) {
      if (!reached && i === lastSeen + 1) lines.push(chalk.dim('  never reached:'))
      lines.push(`  ${(reached ? chalk.bold : chalk.dim)(hop.node)}${chalk.dim(hop.node === node ? '' : ` ${hop.nodeKind}`)}`)
      node = hop.node
    }
    const sign = hop.direction === 'in' ? '┌' : '└'
    const place = `    ${sign} ${hop.device.padEnd(deviceWidth)} ${hop.direction.padEnd(3)} `
    if (!reached) {
      lines.push(chalk.dim(place.trimEnd()))
      return
    }
    const time = chalk.dim(`${(hop.at ?? 0).toFixed(3).padStart(7)} ms `)
    const room = Math.max(40, columns - width(place) - 12)
    const words = [...headers(hop.layers, before, chalk), ...(hop.inside === undefined ? [] : [chalk.dim('(inside inferred)')])]
    const [first = '', ...rest] = wrap(words, room)
    lines.push(`${time}${place.slice(2)}${first}`)
    for (const more of rest) lines.push(`${' '.repeat(width(place) + 9)}${more}`)
    before = hop.layers
    for (const d of hop.decisions) {
      if ((i === lastSeen && drop && d.evidence === 'predicted') || isPassage(d)) continue
      const source = d.source ? chalk.dim(` [${visible(withoutFolders(d.source, result.file))}]`) : ''
      lines.push(`${' '.repeat(15)}${chalk.dim('│')} ${chalk.dim(`${d.kind}:`)} ${clip(visible(d.text), columns - 30)}${source}`)
    }
    if (i === lastSeen && drop) lines.push(dropLine(drop.text, chalk))
  })
  return lines
}

const dropLine = (text: string, chalk: ChalkInstance): string =>
  `${' '.repeat(13)}${chalk.bgRed.white.bold(' ✗ ')} ${chalk.red.bold(visible(text))}`

const clip = (text: string, room: number): string => (width(text) <= room ? text : `${text.slice(0, Math.max(20, room - 1))}…`)

/** Words into lines of at most `room` columns; a header is never broken. */
function wrap(words: readonly string[], room: number): string[] {
  const lines: string[] = []
  for (const w of words) {
    const last = lines.at(-1)
    if (last === undefined || width(last) + 1 + width(w) > room) lines.push(w)
    else lines[lines.length - 1] = `${last} ${w}`
  }
  return lines
}

/** How an outcome is coloured. */
export const outcomePaint = (outcome: Outcome, chalk: ChalkInstance): ChalkInstance =>
  outcome === 'delivered' ? chalk.green.bold : outcome === 'unanswered' ? chalk.yellow.bold : chalk.red.bold

function ending(s: TraceResult, chalk: ChalkInstance): string[] {
  const lines: string[] = []
  const { drop } = s
  const paint = outcomePaint(s.outcome, chalk)
  const rtt = s.rttMs === null ? '' : `, answered after ${s.rttMs.toFixed(3)} ms`
  const where = drop ? ` at ${drop.node}${drop.device ? ` ${drop.device}` : ''}${drop.leg === 'reply' ? ', on its way back' : ''}` : ''
  lines.push(`${paint(s.outcome)}${where}${rtt}${drop ? `  ${chalk.dim(`[${drop.cause}]`)}` : ''}`)
  if (s.probe.count > 1) lines.push(`  ${s.counted.answered} of ${plural(s.counted.sent, 'probe')} answered`)
  if (drop) {
    const field = (name: string, value: string | undefined): void => {
      if (value !== undefined) lines.push(`  ${chalk.dim(name.padEnd(8))} ${visible(value)}`)
    }
    field('why', drop.text)
    field('kernel', drop.kernelReason)
    field('rule', drop.rule)
    field('object', drop.object)
    field('asked by', drop.source === undefined ? undefined : withoutFolders(drop.source, s.file))
    field('evidence', drop.evidence)
    if (drop.hint) lines.push(`  ${chalk.green('hint')}     ${visible(drop.hint)}`)
  }
  for (const d of s.differences) lines.push(`${chalk.yellow('differs')}   ${visible(d)}`)
  for (const n of s.notes) lines.push(`${chalk.yellow('note')}      ${visible(withoutFolders(n, s.file))}`)
  const e = s.evidence
  lines.push(
    chalk.dim(
      `evidence: ${e.captured} of ${plural(e.expected, 'expected hop')} captured, ${plural(e.kernelEvents, 'kernel event')}, ${plural(e.ruleEvents, 'rule trace')}, ${e.lost} lost`,
    ),
  )
  for (const m of e.missing) lines.push(chalk.dim(`          ${visible(m)}`))
  return lines
}
