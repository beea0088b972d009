/** A finished test for people: what failed and how to see it, the matrix, what was checked, what was not. */
import type { ChalkInstance } from 'chalk'
import type { Line } from '../../lab/policy/reachability.ts'
import type { Check, Group, TestRun } from '../../verify/check.ts'
import { attributed, consequences, differenceText } from './causes.ts'
import { visible } from '../formats/visible.ts'
import { isSmall, matrixOf, matrixText } from './matrix.ts'
import { table } from '../formats/table.ts'
import { width } from '../formats/width.ts'
import { commandOf, oneLine, portOf, reasonOf, shortPath, someOf } from './test-failures.ts'
import { countsOf, fileOf, testedIn } from './test-json.ts'
import { plural } from '../../plural.ts'

export interface TestStyle {
  readonly chalk: ChalkInstance
  /** Of the terminal; Infinity for a file or a pipe. */
  readonly columns: number
  /** Directory that paths are shown from. */
  readonly cwd: string
  /** Actors that policies treat alike. */
  readonly kinds: readonly Line[]
  /** Draw the matrix although it is large. */
  readonly matrix: boolean
  /** Commands need not say which lab they mean. */
  readonly isOnly: boolean
  /** The lab is still there to be looked at. */
  readonly isUp: boolean
  /** What failed and one closing line, no more. */
  readonly isQuiet?: boolean
}

const MAX_FAILURES = 15

export const GROUPS: Readonly<Record<Group, string>> = {
  model: 'network model',
  policy: 'policies',
  service: 'Services',
  expect: 'expect',
}
export const groups = Object.keys(GROUPS) as Group[]

/** Lines of at most `room` columns, broken between words. */
function wrapped(text: string, room: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && width(line) + 1 + width(word) > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Reasons narrower than this read badly: then they go below. */
const MIN_ROOM = 40

function failuresText(run: TestRun, failures: readonly Check[], most: number, { chalk, columns, cwd, isOnly }: TestStyle): string {
  const { shown, hidden } = someOf(failures, most)
  if (shown.length === 0) return ''
  const ends = shown.map((c) => [chalk.red(c.id), c.from ?? '', c.to ?? '', portOf(c)])
  const head = ['failed', 'from', 'to', 'port']
  const room = columns - head.reduce((sum, h, i) => sum + 2 + Math.max(h.length, ...ends.map((r) => width(r[i]!))), 0)
  const about = (c: Check): string[] => {
    const place = c.source ? [chalk.dim(`asked for by ${visible(shortPath(fileOf(c, run), cwd))}:${c.source.line}`)] : []
    const command = commandOf(c, isOnly ? undefined : run.lab)
    return [...place, ...(command === undefined ? [] : [`${chalk.dim('$')} ${command}`])]
  }
  const rest = hidden.map(({ id, count: n }) => chalk.dim(`… and ${n} more of ${id}\n`)).join('')
  if (room >= MIN_ROOM) {
    const rows = shown.flatMap((c, i) => {
      const [why, ...below] = [...wrapped(reasonOf(c, cwd), room), ...about(c)]
      return [[...ends[i]!, why!], ...below.map((text) => ['', '', '', '', text])]
    })
    return `${table([...head, 'why'], rows, chalk.dim)}${rest}`
  }
  const [titles, ...rows] = table(head, ends, chalk.dim).trimEnd().split('\n')
  const lines = rows.flatMap((row, i) => [
    row,
    ...[...wrapped(reasonOf(shown[i]!, cwd), columns - 2), ...about(shown[i]!)].map((l) => `  ${l}`),
  ])
  return `${[titles, ...lines].join('\n')}\n${rest}`
}

/** Of failures that drift may explain, a few are enough. */
const MAX_POSSIBLE = 5
const MAX_DIFFERENCES = 10
const MAX_DETAILS = 3

/** Differences between the kernel and what was asked for, what follows from each, and the failures that remain. */
function brokenText(run: TestRun, style: TestStyle): string {
  const { chalk, cwd, isOnly, isUp } = style
  const { drift, possible, rest } = attributed(run)
  const others = failuresText(run, rest, MAX_FAILURES, style)
  if (drift.length === 0) return others
  const rows = drift
    .slice(0, MAX_DIFFERENCES)
    .flatMap(({ difference: d }) => [
      [chalk.red(d.state), visible(d.node ?? ''), d.source === undefined ? '' : visible(shortPath(d.source, cwd)), visible(d.object)],
      ...d.details.slice(0, MAX_DETAILS).map((detail) => ['', '', '', chalk.dim(`  ${visible(detail)}`)]),
    ])
  const hidden = drift.length > MAX_DIFFERENCES ? chalk.dim(`… and ${plural(drift.length - MAX_DIFFERENCES, 'more difference')}\n`) : ''
  const found = `${table(['drift', 'node', 'asked for by', 'object'], rows, chalk.dim)}${hidden}`
  const follows = drift.flatMap(({ difference, follows: checks }) => {
    if (checks.length === 0) return []
    const { checks: ids, pairs } = consequences(checks)
    const command = commandOf(checks[0]!, isOnly ? undefined : run.lab)
    return [
      `${chalk.red(plural(checks.length, 'failed check'))} ${checks.length === 1 ? 'follows' : 'follow'} from ${differenceText(difference)}\n`,
      `  ${ids}\n`,
      pairs === '' ? '' : `  of ${pairs}\n`,
      command === undefined ? '' : `  ${chalk.dim('$')} ${command}\n`,
    ].join('')
  })
  const maybe =
    possible.length > 0
      ? `Drift found; may be the cause of ${plural(possible.length, 'failed check')}:\n${failuresText(run, possible, MAX_POSSIBLE, style)}`
      : ''
  const repair = isUp && drift.some((d) => d.difference.repair) ? chalk.dim(`${run.repair} puts back what is missing or changed.\n`) : ''
  return [found, ...follows, maybe, repair, others].filter(Boolean).join('\n')
}

/** Checks with the same id and title are one line: a title, how it went, and how much is behind it. */
function groupText(group: Group, checks: readonly Check[], chalk: ChalkInstance): string {
  const lines = new Map<string, Check[]>()
  for (const c of checks) {
    const key = `${c.id} ${c.title}`
    const same = lines.get(key)
    if (same) same.push(c)
    else lines.set(key, [c])
  }
  const row = (same: readonly Check[]): string => {
    const { passed, failed, skipped } = countsOf(same)
    const { title, detail } = same[0]!
    const probes = chalk.dim(plural(testedIn(same), 'probe'))
    if (failed > 0) return `  ${chalk.red('✗')} ${title}  ${chalk.red(`${failed} failed`)}  ${probes}`
    if (passed === 0)
      return `  ${chalk.yellow('○')} ${title}  ${chalk.yellow('skipped')}${detail === undefined ? '' : `: ${oneLine(detail)}`}`
    const what = detail === undefined ? probes : chalk.dim(oneLine(detail))
    return `  ${chalk.green('✓')} ${title}  ${same.length > 1 ? chalk.dim(`${passed} × `) : ''}${what}${skipped > 0 ? chalk.yellow(`  ${skipped} skipped`) : ''}`
  }
  return `${chalk.bold(GROUPS[group])}  ${countsText(checks, chalk)}\n${[...lines.values()].map(row).join('\n')}\n`
}

export function countsText(checks: readonly Check[], chalk: ChalkInstance): string {
  const { passed, failed, skipped } = countsOf(checks)
  return [
    ...(failed > 0 ? [chalk.red(`${failed} failed`)] : []),
    ...(passed > 0 || failed === 0 ? [chalk.green(`${passed} passed`)] : []),
    ...(skipped > 0 ? [chalk.yellow(`${skipped} skipped`)] : []),
  ].join(', ')
}

/** `FAILED  shop: 2 failed, 35 passed, 1204 probes in 3.1 s`. A test without a check that passed is no success. */
function summaryLine(run: TestRun, { chalk, isQuiet }: TestStyle): string {
  const { passed, failed } = countsOf(run.checks)
  // Without the list of them, a test that left things out must not read like one that did not.
  const left = isQuiet && run.untested.length > 0 ? `; ${plural(run.untested.length, 'thing')} not tested` : ''
  const verdict = failed > 0 ? chalk.red.bold('FAILED') : passed > 0 ? chalk.green.bold('passed') : chalk.yellow.bold('nothing tested')
  return `${verdict}  ${run.lab}: ${countsText(run.checks, chalk)}; ${plural(testedIn(run.checks), 'probe')} in ${(run.tookMs / 1000).toFixed(1)} s${left}\n`
}

function matrixPart(run: TestRun, { chalk, columns, kinds, matrix: asked }: TestStyle): string {
  const matrix = matrixOf(run.cells, kinds)
  if (matrix.sheets.length === 0) return asked ? chalk.dim('No matrix: no pair was measured.\n') : ''
  if (asked || isSmall(matrix)) return matrixText(matrix, { chalk, columns })
  return chalk.dim(
    `The matrix (${matrix.rows.length} × ${matrix.columns.length}, ${plural(matrix.sheets.length, 'sheet')}) is shown with --matrix.\n`,
  )
}

function untestedText({ untested }: TestRun, chalk: ChalkInstance): string {
  return untested.length > 0 ? `${chalk.yellow('Not tested')}\n${untested.map((u) => `  ${oneLine(u)}\n`).join('')}` : ''
}

/** Where a failure may come from; empty where drift is in the report already. */
function driftLine({ lab, drift }: TestRun, chalk: ChalkInstance): string {
  if (drift === undefined) return chalk.dim(`netlab status ${lab} shows what has drifted.\n`)
  return drift.length > 0 ? '' : chalk.dim('No drift: the kernel holds what was asked for.\n')
}

export function testText(run: TestRun, style: TestStyle): string {
  const { chalk } = style
  if (style.isQuiet) return [brokenText(run, style), summaryLine(run, style)].filter(Boolean).join('\n')
  const grouped = groups.flatMap((group) => {
    const checks = run.checks.filter((c) => c.group === group)
    return checks.length > 0 ? [groupText(group, checks, chalk)] : []
  })
  const failures = brokenText(run, style)
  const drift = failures && style.isUp && driftLine(run, chalk)
  const parts = [failures, matrixPart(run, style), ...grouped, untestedText(run, chalk), drift, summaryLine(run, style)]
  return parts.filter(Boolean).join('\n')
}

/** Where traces of failures are: the pages among them, as the rest goes by the same names. */
export const tracesLine = (files: readonly string[], cwd: string): string =>
  `Traces (also .json and .pcapng): ${files
    .filter((f) => f.endsWith('.html'))
    .map((f) => shortPath(f, cwd))
    .join(' ')}`
