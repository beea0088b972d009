/** What `netlab ci` prints: what went wrong, a line for each topology, and the sum. */
import { visible } from '../formats/visible.ts'
import type { ChalkInstance } from 'chalk'
import { formatDiagnostics } from '../formats/diagnostics.ts'
import { group } from './github.ts'
import type { Outcome, Status } from '../trace/outcome.ts'
import { table } from '../formats/table.ts'
import { oneLine, shortPath } from './test-failures.ts'
import { countsOf, testDocument, testedIn } from './test-json.ts'
import { countsText, testText, tracesLine, type TestStyle } from './test-text.ts'
import { plural } from '../../plural.ts'

export interface CiStyle extends Omit<TestStyle, 'kinds' | 'isOnly' | 'isUp'> {
  /** Texts of the files that diagnostics point into, for code frames. */
  readonly sources: ReadonlyMap<string, string>
  /** Fold each lab's own report, as GitHub's log can; elsewhere passed labs have a line and no more. */
  readonly fold: boolean
}

const paintOf = (chalk: ChalkInstance): Readonly<Record<Status, (text: string) => string>> => ({
  passed: chalk.green,
  failed: chalk.red,
  error: chalk.red.bold,
  skipped: chalk.yellow,
})

const secondsOf = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Why it was not tested, in a line: the rest is above. */
const why = ({ diagnostics }: Outcome): string => {
  const first = diagnostics.find((d) => d.severity === 'error') ?? diagnostics[0]
  return first ? oneLine(first.message.split('\n')[0]!) : ''
}

/** `passed  three-tier  37 checks, 2.4 s`: said as soon as it is known. */
export function finishedLine(o: Outcome, n: number, of: number, chalk: ChalkInstance): string {
  const checks = o.run?.checks ?? []
  const what = o.run ? `${countsText(checks, chalk)}, ${secondsOf(o.tookMs)}` : why(o)
  return `[${String(n).padStart(String(of).length)}/${of}] ${paintOf(chalk)[o.status](o.status.padEnd(7))} ${o.lab}  ${what}\n`
}

function overview(outcomes: readonly Outcome[], { chalk, cwd }: CiStyle): string {
  const rows = outcomes.map((o) => {
    const checks = o.run?.checks ?? []
    const { passed, failed, skipped } = countsOf(checks)
    const counts = o.run ? [passed, failed, skipped, testedIn(checks)].map(String) : ['', '', '', '']
    return [o.lab, paintOf(chalk)[o.status](o.status), ...counts, secondsOf(o.tookMs), shortPath(o.file, cwd)]
  })
  return table(['lab', 'result', 'passed', 'failed', 'skipped', 'probes', 'took', 'topology'], rows, chalk.dim)
}

function details(o: Outcome, style: CiStyle): string {
  const { chalk, sources } = style
  // What this machine lacks is no mistake of the file.
  const wrong =
    o.status === 'skipped'
      ? o.diagnostics
          .map((d) => `${oneLine(d.message)}\n${d.hint === undefined ? '' : `  ${chalk.green('hint:')} ${oneLine(d.hint)}\n`}`)
          .join('')
      : formatDiagnostics(o.diagnostics, sources, { color: chalk.level > 0 })
  const text = o.run ? testText(o.run, { ...style, kinds: o.kinds, isOnly: false, isUp: false }) : ''
  const traces = o.traces.length > 0 ? `${tracesLine(o.traces, style.cwd)}\n` : ''
  return [wrong, text, traces].filter((part) => part !== '').join('\n')
}

function sumLine(outcomes: readonly Outcome[], ms: number, chalk: ChalkInstance): string {
  const paint = paintOf(chalk)
  const parts = (['error', 'failed', 'skipped', 'passed'] as const).flatMap((status) => {
    const n = outcomes.filter((o) => o.status === status).length
    return n > 0 ? [paint[status](`${n} ${status === 'error' ? 'not tested' : status}`)] : []
  })
  const bad = outcomes.some((o) => o.status === 'failed' || o.status === 'error')
  const verdict = bad
    ? chalk.red.bold('FAILED')
    : outcomes.some((o) => o.status === 'passed')
      ? chalk.green.bold('passed')
      : chalk.yellow.bold('nothing tested')
  const probes = outcomes.reduce((sum, o) => sum + testedIn(o.run?.checks ?? []), 0)
  return `${verdict}  ${plural(outcomes.length, 'lab')}: ${parts.join(', ')}; ${plural(probes, 'probe')} in ${secondsOf(ms)}\n`
}

/** @param ms milliseconds, wall clock: labs run side by side */
export function ciText(outcomes: readonly Outcome[], ms: number, style: CiStyle): string {
  const { chalk, fold } = style
  const order: readonly Status[] = fold ? ['passed', 'skipped', 'failed', 'error'] : ['skipped', 'failed', 'error']
  const shown = order.flatMap((status) => outcomes.filter((o) => o.status === status))
  // What a lab that passed is warned of is shown, too: else a slip of the pen is green.
  const warned = fold ? [] : outcomes.filter((o) => o.status === 'passed' && o.diagnostics.length > 0)
  const warnings = warned.map((o) => formatDiagnostics(o.diagnostics, style.sources, { color: chalk.level > 0 }))
  const parts = shown.map((o) => {
    const text = details(o, style)
    if (fold && o.status === 'passed') return group(`${o.lab}: passed`, text)
    return `${chalk.bold(`── ${o.lab} `)}${paintOf(chalk)[o.status](o.status)} ${chalk.dim(visible(shortPath(o.file, style.cwd)))}\n\n${text}`
  })
  return [...warnings, ...parts, overview(outcomes, style), sumLine(outcomes, ms, chalk)].join('\n')
}

/** The one document of `netlab ci --json`. */
export function ciDocument(outcomes: readonly Outcome[], ms: number, matrix: boolean): object {
  const of = (status: Status): number => outcomes.filter((o) => o.status === status).length
  return {
    passed: of('passed'),
    failed: of('failed'),
    skipped: of('skipped'),
    errors: of('error'),
    tookMs: Math.round(ms),
    labs: outcomes.map((o) => ({
      lab: o.lab,
      file: o.file,
      status: o.status,
      exit: o.exit,
      tookMs: Math.round(o.tookMs),
      ...(o.upMs === undefined ? {} : { upMs: Math.round(o.upMs) }),
      diagnostics: o.diagnostics.map(({ code, severity, message, file = null, line = null, column = null, hint = null }) => ({
        code,
        severity,
        message,
        file,
        line,
        column,
        hint,
      })),
      ...(o.run ? { test: testDocument(o.run, matrix ? o.kinds : undefined) } : {}),
      traces: o.traces,
    })),
  }
}
