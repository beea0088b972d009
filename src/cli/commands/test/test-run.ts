/** `netlab test`: does the running lab keep its promises? */
import { upCommand } from '../../../state/up-command.ts'
import { Progress, say } from '../../../report/formats/terminal.ts'
import { withLock } from '../../../state/lock.ts'
import type { Check, Group, TestRun } from '../../../verify/check.ts'
import { proveAll } from '../../../verify/checks/policies/prove-run.ts'
import { runTest, type TestOptions } from '../../../verify/run.ts'
import { sources } from '../../../verify/check-sources.ts'
import { hasAttempt, lastChange, readApplied, type Applied } from '../../../state/store.ts'
import { Exit, Failure } from '../../failure.ts'
import { requireStillUp, theLab, whileUp } from '../../labs.ts'
import { requireNamespaces } from '../../machine.ts'
import { warn } from '../../warn.ts'
import { isMistake } from '../../../topology/diagnostics.ts'
import { failuresOf } from '../../../report/test/test-failures.ts'
import { time, type TimeRange, whole } from '../../values.ts'
import { reportTest, requireReports, type ReportOptions } from './test-reports.ts'
import { interruptible, outlastSignals } from '../../signals.ts'

export interface TestCommandOptions extends ReportOptions {
  readonly sample?: string
  readonly seed?: string
  readonly only?: readonly Group[]
  readonly timeout?: string
  readonly prove?: true
  readonly strict?: true
}

const TIMEOUT: TimeRange = {
  least: 100,
  most: 60_000,
  units: ['ms', 's'],
  expected: 'a time from 100ms to a minute',
  hint: 'Such as 5s.',
}

/** How many times the default silence must last: the option gives the time for an answer that is expected. */
function patience(text: string | undefined): number {
  if (text === undefined) return 1
  return time(text, 'timeout', TIMEOUT) / DEFAULT_TIMEOUT
}

/** Milliseconds for an answer that is expected. */
const DEFAULT_TIMEOUT = 2500

export const testOptions = (o: TestCommandOptions): Omit<TestOptions, 'signal' | 'onProgress'> => {
  const [sample, seed] = [whole(o.sample, 'sample', 1, 100_000_000), whole(o.seed, 'seed', 0, 1_000_000)]
  return {
    patience: patience(o.timeout),
    ...(sample === undefined ? {} : { sample }),
    ...(seed === undefined ? {} : { seed }),
    ...(o.only === undefined ? {} : { groups: o.only }),
  }
}

/** What was true of one lab says little about two, or about none. @throws Failure when the lab is gone */
async function unchanged(applied: Applied, work: () => Promise<TestRun>): Promise<TestRun> {
  const { lab } = applied
  const before = lastChange(lab.name)
  const wasHalfDone = hasAttempt(lab.name)
  const run = await whileUp(applied, 'tested', work)
  requireStillUp(applied, 'tested')
  const notes = [
    ...(lastChange(lab.name) === before ? [] : ['the lab at rest: another netlab changed it meanwhile, so test it again']),
    ...(wasHalfDone ? [`the lab as asked for: a change of it is under way or was interrupted; ${upCommand(lab)} puts it back`] : []),
  ]
  return { ...run, untested: [...notes, ...run.untested] }
}

/** Runs a test with progress on standard error. @throws Failure (130) when it is interrupted. */
async function testLab(applied: Applied, options: Omit<TestOptions, 'signal' | 'onProgress'>): Promise<TestRun> {
  const progress = new Progress()
  let phase = ''
  const onProgress = (text: string, share?: number): void => {
    if (text !== phase) progress.phase((phase = text))
    progress.share(share)
  }
  try {
    return await unchanged(applied, () => interruptible((signal) => runTest(applied, sources, { ...options, signal, onProgress })))
  } finally {
    progress.end()
  }
}

/**
 * Lifts each policy in turn once the test is over, while the lab is locked. A signal ends it, and the lab is
 * put back first.
 */
async function proveLab(applied: Applied, options: Omit<TestOptions, 'signal' | 'onProgress'>): Promise<readonly Check[]> {
  const progress = new Progress()
  // A second signal must not stop what puts the lab back.
  const done = outlastSignals()
  try {
    return await interruptible((signal) =>
      withLock(
        applied.lab.name,
        () =>
          // It may have changed since.
          proveAll(readApplied(applied.lab.name) ?? applied, {
            ...options,
            signal,
            onProgress: (text, share) => {
              progress.phase(text)
              progress.share(share)
            },
          }),
        (pid) => say(`waiting for another netlab (pid ${pid}) that is changing ${applied.lab.name}`),
        signal,
      ),
    )
  } finally {
    done()
    progress.end()
  }
}

/** Loaded when it is needed: a lab that keeps its promises is not read once more. */
export async function explained(applied: Applied, run: TestRun, signal: AbortSignal): Promise<TestRun> {
  if (failuresOf(run).length === 0) return run
  return (await import('./explain-failures.ts')).explainFailures(applied, run, signal)
}

export async function test(name: string | undefined, options: TestCommandOptions): Promise<void> {
  const chosen = testOptions(options)
  const applied = theLab(name)
  const mistakes = (applied.lab.warnings ?? []).filter(isMistake)
  if (options.strict && mistakes.length > 0)
    throw new Failure(
      Exit.Usage,
      mistakes.map((d) => ({ ...d, severity: 'error' })),
    )
  warn(mistakes, applied.lab.file)
  requireNamespaces('test')
  requireReports(options)
  const at = new Date()
  const tested = await testLab(applied, chosen)
  const proven = options.prove ? { ...tested, checks: [...tested.checks, ...(await proveLab(applied, chosen))] } : tested
  return interruptible(async (signal) => reportTest(await explained(applied, proven, signal), applied, options, at, signal))
}
