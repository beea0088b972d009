/** `netlab ci`: each topology up, tested and down again; one report over all. */
import { resolve } from 'node:path'
import { ciDocument, ciText, finishedLine } from '../../../report/test/ci-text.ts'
import type { Outcome } from '../../../report/trace/outcome.ts'
import { chalkFor, Progress, say, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { onGitHub } from '../../../report/formats/visible.ts'
import { withLock } from '../../../state/lock.ts'
import { proveAll } from '../../../verify/checks/policies/prove-run.ts'
import { runTest } from '../../../verify/run.ts'
import { sources } from '../../../verify/check-sources.ts'
import { BUG, candidate, tryLab, type Trial } from './ci-lab.ts'
import { topologyFiles } from './ci-files.ts'
import { costOf, room, schedule, defaultJobs, type Task } from './ci-schedule.ts'
import { Watch } from '../../cleanup-guard.ts'
import { Exit } from '../../failure.ts'
import { requireOutside, requireNamespaces } from '../../machine.ts'
import { explained, testOptions, type TestCommandOptions } from './test-run.ts'
import { admit, columnsOf, requireReports, writeReports, type ReportOptions } from './test-reports.ts'
import { interruption } from '../../signals.ts'
import { time, usage, type TimeRange } from '../../values.ts'
import { plural } from '../../../plural.ts'
import { now } from '../../../clock.ts'

interface CiOptions extends ReportOptions, Pick<TestCommandOptions, 'sample' | 'seed' | 'only' | 'prove'> {
  readonly jobs?: string
  readonly timeout?: string
  readonly keep?: true
  readonly allowSkip?: true
  readonly strict?: true
}

type Named = Pick<Outcome, 'lab' | 'file'>

/** What is worse than what, by exit code: a bug or a lab that could not be built says less than a broken promise. */
const WORST: readonly number[] = [Exit.Interrupted, BUG, Exit.Apply, Exit.Usage, Exit.Broken, Exit.Machine]

/** The exit code of a run. Skipped labs are not silent, unless allowed; and a run that tested nothing never passes. */
export function exitOf(outcomes: readonly Pick<Outcome, 'status' | 'exit'>[], allowSkip: boolean): number {
  const counted = outcomes.filter((o) => !(allowSkip && o.status === 'skipped'))
  const worst = WORST.find((code) => counted.some((o) => o.exit === code))
  return worst ?? (outcomes.some((o) => o.status === 'passed') ? Exit.Done : Exit.Machine)
}

function jobsOf(text: string | undefined): number {
  if (text === undefined) return defaultJobs()
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw usage('bad-option', `--jobs ${text}: expected a number of labs`, 'Such as 1 or 4.')
}

const DEFAULT_TIMEOUT = 600_000
const TIMEOUT: TimeRange = {
  least: 1000,
  most: 86_400_000,
  units: ['s', 'm'],
  expected: 'a time from a second to a day',
  hint: 'Such as 90s or 10m.',
}

/** @param labs all topologies of the run, once the first is tried: only then is it known which share a name */
function trialOf({ traceFailures: dir, timeout, keep, sample, seed, only, prove }: CiOptions, labs: readonly Named[]): Trial {
  const chosen = testOptions({ ...(sample ? { sample } : {}), ...(seed ? { seed } : {}), ...(only ? { only } : {}) })
  return {
    test: async (applied, signal) => {
      const run = await runTest(applied, sources, { ...chosen, signal })
      if (!prove) return explained(applied, run, signal)
      const proven = await withLock(applied.lab.name, () => proveAll(applied, { ...chosen, signal }), undefined, signal)
      return explained(applied, { ...run, checks: [...run.checks, ...proven] }, signal)
    },
    timeout: timeout === undefined ? DEFAULT_TIMEOUT : time(timeout, 'timeout', TIMEOUT),
    keep: keep ?? false,
    ...(dir === undefined
      ? {}
      : {
          traces: async (applied, run, signal) => {
            const { traceFailures, tracePrefixes } = await import('./trace-failures.ts')
            return traceFailures(applied, run, dir, signal, tracePrefixes(labs, process.cwd()).get(applied.lab.file))
          },
        }),
  }
}

const wereNotTried = (n: number): string => `${plural(n, 'lab')} ${n === 1 ? 'was' : 'were'} not tried`

/** One line on a terminal that says what is going on in which lab; elsewhere a line for each finished lab is enough. */
class Doing {
  readonly #progress = process.stderr.isTTY ? new Progress() : undefined
  readonly #phases = new Map<string, string>()

  now(lab: string, phase: string | undefined): void {
    if (phase === undefined) this.#phases.delete(lab)
    else this.#phases.set(lab, phase)
    const text = [...this.#phases].map(([name, what]) => `${what} ${name}`).join(', ')
    // A line that is wrapped cannot be wiped.
    const most = Math.max(20, (process.stderr.columns ?? 80) - 8)
    if (text === '') this.pause()
    else this.#progress?.phase(text.length > most ? `${text.slice(0, most)}…` : text)
  }

  /** Makes room for other lines. */
  pause(): void {
    this.#progress?.end()
  }
}

export async function ci(words: readonly string[], options: CiOptions): Promise<void> {
  const at = new Date()
  const started = now()
  const doing = new Doing()
  const labs: Named[] = []
  const trial: Trial = { ...trialOf(options, labs), onPhase: (lab, phase) => doing.now(lab, phase) }
  const jobs = jobsOf(options.jobs)
  const { files, passedOver } = topologyFiles(words)
  requireNamespaces('ci')
  requireOutside()
  requireReports(options)
  for (const file of passedOver) say(`${file} is a Kubernetes manifest, and no topology: passed over`)

  const signal = interruption()
  const chalk = chalkFor(process.stderr)
  const outcomes = new Map<string, Outcome>()
  const texts = new Map<string, string>()
  const finished = (file: string, outcome: Outcome): void => {
    outcomes.set(file, outcome)
    doing.pause()
    say(finishedLine(outcome, outcomes.size, files.length, chalk))
  }
  const tasks: Task[] = []
  const watch = new Watch('ci')
  for (const file of files) {
    const found = await candidate(file, options.strict ? { strict: true } : {})
    for (const [name, text] of 'outcome' in found ? found.texts : found.from.texts) texts.set(name, text)
    if ('outcome' in found) {
      labs.push(found.outcome)
      finished(file, found.outcome)
    } else {
      const { lab, objects } = found.from.compiled
      labs.push({ lab: lab.name, file: resolve(file) })
      const run = async (): Promise<void> => finished(file, await tryLab(found, watch, signal, trial))
      tasks.push({ name: lab.name, cost: costOf(lab, objects), run })
    }
  }
  await schedule(tasks, jobs, room(), signal)
  watch.end()
  doing.pause()

  const finishedOutcomes = files.flatMap((file) => outcomes.get(file) ?? [])
  process.exitCode = signal.aborted ? Exit.Interrupted : exitOf(finishedOutcomes, options.allowSkip ?? false)
  if (finishedOutcomes.length < files.length) say(`interrupted: ${wereNotTried(files.length - finishedOutcomes.length)}`)
  const missing = writeReports(finishedOutcomes, at, options.junit)
  const ms = now() - started
  const style = {
    chalk: chalkFor(process.stdout),
    columns: columnsOf(process.stdout),
    cwd: process.cwd(),
    matrix: options.matrix ?? false,
    sources: texts,
    fold: onGitHub(),
  }
  await (options.json
    ? writeJson(ciDocument(finishedOutcomes, ms, options.matrix ?? false))
    : writeOut([ciText(finishedOutcomes, ms, style)]))
  admit(missing)
}
