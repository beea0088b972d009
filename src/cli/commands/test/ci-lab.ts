/** One topology of `netlab ci`: up, tested, down, and what became of it. It goes away however it went. */
import { basename, resolve as absolute } from 'node:path'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import type { Outcome, Status } from '../../../report/trace/outcome.ts'
import { removeLab } from '../../../state/down.ts'
import { withLock, withTrial } from '../../../state/lock.ts'
import { readApplied, readJournal, type Applied } from '../../../state/store.ts'
import { bringUp } from '../../../state/up.ts'
import { isMistake, type Diagnostic } from '../../../topology/diagnostics.ts'
import type { TestRun } from '../../../verify/check.ts'
import type { Watch } from '../../cleanup-guard.ts'
import { compileFile, type FileOptions, type FromFile } from '../../topology-file.ts'
import { Exit, Failure, failure } from '../../failure.ts'
import { neighbourTableWarning, requireFeatures } from '../../machine.ts'
import { asFailure } from '../../report-failure.ts'
import { aboutLab, statusOf } from './test-reports.ts'
import { settle } from '../lab/up-run.ts'
import { say } from '../../../report/formats/terminal.ts'
import { now } from '../../../clock.ts'

/** Exit code of a bug in netlab: `EX_SOFTWARE` of sysexits.h. */
export const BUG = 70

/** A topology that can be tried, or what became of it already. */
export type Candidate =
  | { readonly file: string; readonly from: FromFile }
  /** `texts`: of the files that its diagnostics point into. */
  | { readonly outcome: Outcome; readonly texts: ReadonlyMap<string, string> }

/** What a candidate's test does with the running lab. */
export interface Trial {
  readonly test: (applied: Applied, signal: AbortSignal) => Promise<TestRun>
  /** After a test with failures, while the lab is there. Gives the files it wrote. */
  readonly traces?: (applied: Applied, run: TestRun, signal: AbortSignal) => Promise<readonly string[]>
  /** Milliseconds for building and testing. */
  readonly timeout: number
  /** Failed labs stay. */
  readonly keep: boolean
  /** Said while it runs: `building`. Undefined: finished. */
  readonly onPhase?: (lab: string, phase: string | undefined) => void
}

const interrupted = failure(Exit.Interrupted, 'interrupted', 'interrupted', 'The lab was removed.')

const nothing = { kinds: [], properties: {}, tookMs: 0, traces: [] } as const

/** The outcome of a topology that was not tested, or not to the end. */
function untested(file: string, lab: string, error: unknown, skips: boolean): Outcome {
  const known = asFailure(error)
  const exit = known?.exit ?? BUG
  const bug: Diagnostic = {
    code: 'bug',
    severity: 'error',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    hint: 'This is a bug in netlab. Please report it with the lines above.',
  }
  const status: Status = skips && exit === Exit.Machine ? 'skipped' : 'error'
  return { ...nothing, file: absolute(file), lab, status, exit, diagnostics: known?.diagnostics ?? [bug] }
}

/** Reads and compiles a file, and asks whether this machine can run it: then nothing has been made yet. */
export async function candidate(file: string, options: Pick<FileOptions, 'strict'> = {}): Promise<Candidate> {
  const unnamed = basename(file).replace(/\.ya?ml$/, '')
  let from: FromFile
  try {
    from = await compileFile(file, options)
  } catch (error) {
    return { outcome: untested(file, unnamed, error, false), texts: error instanceof Failure ? error.sources : new Map() }
  }
  try {
    requireFeatures(from.compiled)
    return { file, from }
  } catch (error) {
    return { outcome: untested(file, from.compiled.lab.name, error, true), texts: from.texts }
  }
}

/**
 * Refuses a lab that is up, and builds it.
 * @param own called when from now on everything of that name is ours
 * @throws Failure
 */
async function build(
  { file, from }: { file: string; from: FromFile },
  own: () => void,
  pool: NamespacePool,
  signal: AbortSignal,
  trial: Trial,
): Promise<Applied> {
  const { compiled } = from
  const { name } = compiled.lab
  await withLock(
    name,
    async () => {
      const journal = readJournal(name)
      if (journal)
        throw failure(
          Exit.Usage,
          'lab-is-up',
          `lab ${name} is up already, made from ${journal.file}: netlab ci neither changes nor removes it`,
          `netlab test ${name} tests it as it is; netlab down ${name} removes it.`,
        )
      own()
      const result = await bringUp({ ...compiled, lab: { ...compiled.lab, file: absolute(file) } }, pool, { signal, keep: trial.keep })
      settle(result, file, from, trial.keep ? { keep: true } : {})
    },
    undefined,
    signal,
  )
  return readApplied(name)!
}

/** Aborts as `outer` does, or when time is up. */
function limited(outer: AbortSignal, lab: string, ms: number): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController()
  const follow = (): void => controller.abort(outer.reason)
  if (outer.aborted) follow()
  else outer.addEventListener('abort', follow, { once: true })
  const late = failure(Exit.Broken, 'timeout', `lab ${lab} was not built and tested within ${ms / 1000} s`, '--timeout allows it more.')
  const timer = setTimeout(() => controller.abort(late), ms)
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer)
      outer.removeEventListener('abort', follow)
    },
  }
}

/** Tries a lab, once no other `netlab ci` tries one of its name. Never throws. */
export async function tryLab(
  candidate: { file: string; from: FromFile },
  watch: Watch,
  outer: AbortSignal,
  trial: Trial,
): Promise<Outcome> {
  const { file, from } = candidate
  const { lab } = from.compiled
  const onWait = (pid: string): void => say(`waiting for another netlab ci (pid ${pid}) that tries ${lab.name}`)
  try {
    return await withTrial(lab.name, () => tryAlone(candidate, watch, outer, trial), onWait, outer)
  } catch (error) {
    return { ...untested(file, lab.name, outer.aborted ? interrupted : error, false), ...aboutLab(lab) }
  }
}

async function tryAlone(candidate: { file: string; from: FromFile }, watch: Watch, outer: AbortSignal, trial: Trial): Promise<Outcome> {
  const { file, from } = candidate
  const { lab } = from.compiled
  const started = now()
  const { signal, end } = limited(outer, lab.name, trial.timeout)
  const pool = new NamespacePool()
  const about = {
    file: absolute(file),
    ...aboutLab(lab),
  }
  let outcome: Omit<Outcome, 'tookMs'>
  let isOurs = false
  let upMs: number | undefined
  let run: TestRun | undefined
  try {
    const own = (): void => {
      isOurs = true
      watch.up(lab.name)
    }
    trial.onPhase?.(lab.name, 'building')
    const applied = await build(candidate, own, pool, signal, trial)
    upMs = now() - started
    trial.onPhase?.(lab.name, 'testing')
    run = await trial.test(applied, signal)
    signal.throwIfAborted()
    const result = statusOf(run)
    const traces = result.status === 'failed' && trial.traces ? await trial.traces(applied, run, signal) : []
    const slow = neighbourTableWarning(from.compiled)
    outcome = {
      ...about,
      ...result,
      diagnostics: [...result.diagnostics, ...from.warnings.filter(isMistake), ...(slow ? [slow] : [])],
      run,
      upMs,
      traces,
    }
  } catch (error) {
    // Whatever the interruption made of the test: why it was interrupted is what counts.
    const reason: unknown = outer.aborted ? interrupted : signal.aborted ? signal.reason : error
    outcome = { ...untested(file, lab.name, reason, false), ...about, ...(run ? { run } : {}), ...(upMs === undefined ? {} : { upMs }) }
  }
  const leave = trial.keep && outcome.status !== 'passed' && !outer.aborted
  if (isOurs && leave) say(`lab ${lab.name} is left as it is; netlab down ${lab.name} removes it`)
  else if (isOurs) {
    trial.onPhase?.(lab.name, 'removing')
    try {
      await withLock(lab.name, () => removeLab(lab.name, pool))
    } catch (error) {
      const failed = untested(file, lab.name, error, false)
      outcome = { ...outcome, status: 'error', exit: failed.exit, diagnostics: [...outcome.diagnostics, ...failed.diagnostics] }
    }
  }
  watch.gone(lab.name)
  trial.onPhase?.(lab.name, undefined)
  end()
  pool.close()
  return { ...outcome, tookMs: now() - started }
}
