/** Where the outcome of tests goes besides the terminal: JUnit, GitHub's annotations and its summary of a job. */
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { hostSource } from '../../../backends/index.ts'
import { reachability } from '../../../lab/policy/reachability.ts'
import type { Lab } from '../../../lab/lab.ts'
import { formatDiagnostics } from '../../../report/formats/diagnostics.ts'
import { annotations } from '../../../report/test/github.ts'
import { junit } from '../../../report/test/junit.ts'
import { markdown } from '../../../report/test/markdown.ts'
import type { Outcome } from '../../../report/trace/outcome.ts'
import { chalkFor, colorLevel, command, say, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { onGitHub } from '../../../report/formats/visible.ts'
import { countsOf, testDocument } from '../../../report/test/test-json.ts'
import { testText, tracesLine } from '../../../report/test/test-text.ts'
import { labNames, type Applied } from '../../../state/store.ts'
import type { TestRun } from '../../../verify/check.ts'
import { isMistake } from '../../../topology/diagnostics.ts'
import { VERSION } from '../../../version.ts'
import { Exit, failure, type Failure } from '../../failure.ts'

/** Options of `netlab test` and `netlab ci` that say what is reported. */
export interface ReportOptions {
  readonly junit?: string
  readonly traceFailures?: string
  readonly matrix?: true
  readonly quiet?: true
  readonly json?: true
}

/** Width of what standard output is read on; a file or a pipe has none. */
export const columnsOf = ({ columns, isTTY }: NodeJS.WriteStream): number => columns ?? (isTTY ? 100 : Infinity)

/** What a finished test comes to. One in which nothing passed is no success. */
export function statusOf(run: TestRun): Pick<Outcome, 'status' | 'exit' | 'diagnostics'> {
  const { passed, failed } = countsOf(run.checks)
  if (failed > 0) return { status: 'failed', exit: Exit.Broken, diagnostics: [] }
  if (passed > 0) return { status: 'passed', exit: Exit.Done, diagnostics: [] }
  const { diagnostics } = failure(Exit.Broken, 'nothing-tested', 'nothing was tested', 'A lab that promises nothing keeps every promise.')
  return { status: 'failed', exit: Exit.Broken, diagnostics }
}

/** What every report says about a lab, however its test went. */
export const aboutLab = (lab: Lab): Pick<Outcome, 'lab' | 'kinds' | 'properties'> => ({
  lab: lab.name,
  kinds: reachability(lab, hostSource, []).columns,
  properties: {
    backend: lab.backend.type,
    attach: lab.attach.type,
    hosts: String(lab.hosts.length),
    pods: String(lab.pods.length),
  },
})

/** Directory that reports write paths from: in GitHub's log and in JUnit they must be the repository's. */
const baseOf = (env = process.env): string => (onGitHub(env) && env['GITHUB_WORKSPACE']) || process.cwd()

/** Not `recursive`: where nothing can be made, as under /proc, Node would try forever. */
function makeDirectory(dir: string): void {
  if (existsSync(dir)) return
  makeDirectory(dirname(dir))
  mkdirSync(dir)
}

/** Makes sure that a report can be written before anything is tested. @throws Failure (exit 2) */
function requireWritable(file: string | undefined): void {
  if (file === undefined) return
  try {
    makeDirectory(dirname(resolve(file)))
    const isNew = !existsSync(file)
    appendFileSync(file, '')
    // An interrupted test must not leave an empty report.
    if (isNew) rmSync(file)
  } catch (error) {
    throw failure(Exit.Usage, 'cannot-write', `cannot write ${file}: ${(error as Error).message}`)
  }
}

/**
 * Writes JUnit when a file is given, annotations (on standard error: standard output may be a JSON document) and
 * the summary when GitHub asks for them. A summary that cannot be written is said and passed over.
 * @returns why the JUnit file could not be written. What was found out must not get lost with it: {@link admit} says it,
 * once the report is out
 */
export function writeReports(outcomes: readonly Outcome[], at: Date, file: string | undefined): Failure | undefined {
  const base = baseOf()
  if (onGitHub()) command(annotations(outcomes, base))
  const summary = process.env['GITHUB_STEP_SUMMARY']
  if (summary) {
    try {
      appendFileSync(summary, markdown(outcomes, base))
    } catch (error) {
      say(`cannot write GITHUB_STEP_SUMMARY: ${(error as Error).message}`)
    }
  }
  if (file === undefined) return undefined
  const text = junit(outcomes, { base, version: VERSION, at })
  try {
    writeFileSync(file, text)
    return undefined
  } catch (error) {
    // It could be written when the test began: now the machine lacks something.
    return failure(Exit.Machine, 'cannot-write', `cannot write ${file}: ${(error as Error).message}`)
  }
}

/** Says on standard error what went wrong with the reports: standard output has its document. Nothing is worse than it was. */
export function admit(missing: Failure | undefined): void {
  if (!missing) return
  say(formatDiagnostics(missing.diagnostics, missing.sources, { color: colorLevel(process.stderr) > 0 }))
  process.exitCode ||= missing.exit
}

/** Makes sure that all reports can be written before anything is tested. @throws Failure (exit 2) */
export function requireReports({ junit: file, traceFailures: dir }: ReportOptions): void {
  try {
    if (dir !== undefined) {
      makeDirectory(resolve(dir))
      // Mode bits do not tell: root passes them, and a file system may be read-only. What is there may be a file, too.
      rmdirSync(mkdtempSync(join(dir, '.netlab-')))
    }
  } catch (error) {
    throw failure(Exit.Usage, 'cannot-write', `cannot write to ${dir}: ${(error as Error).message}`, '--trace-failures takes a directory.')
  }
  // Now: it may be named as the directory is.
  requireWritable(file)
}

/** The end of `netlab test`: traces of failures while the lab is there, all reports, the exit code. */
export async function reportTest(run: TestRun, applied: Applied, options: ReportOptions, at: Date, signal: AbortSignal): Promise<void> {
  const { lab } = applied
  const result = statusOf(run)
  const about = aboutLab(lab)
  const traces =
    options.traceFailures !== undefined && result.status === 'failed'
      ? await (await import('./trace-failures.ts')).traceFailures(applied, run, options.traceFailures, signal)
      : []
  const outcome: Outcome = { ...about, ...result, file: run.file, run, tookMs: run.tookMs, traces }
  process.exitCode = outcome.exit
  const warned = { ...outcome, diagnostics: [...outcome.diagnostics, ...(lab.warnings ?? []).filter(isMistake)] }
  const missing = writeReports([warned], at, options.junit)
  await (options.json ? writeJson(testDocument(run, options.matrix ? about.kinds : undefined)) : writeText(outcome, run, options))
  admit(missing)
}

function writeText(outcome: Outcome, run: TestRun, options: ReportOptions): Promise<void> {
  const { kinds, traces } = outcome
  const text = testText(run, {
    chalk: chalkFor(process.stdout),
    columns: columnsOf(process.stdout),
    cwd: process.cwd(),
    kinds,
    matrix: options.matrix ?? false,
    isOnly: labNames().length === 1,
    isUp: true,
    isQuiet: options.quiet ?? false,
  })
  const notes = [
    ...outcome.diagnostics.map((d) => `${d.message}${d.hint === undefined ? '' : `: ${d.hint}`}\n`),
    ...(traces.length > 0 ? [`${tracesLine(traces, process.cwd())}\n`] : []),
  ]
  return writeOut([text, ...notes])
}
