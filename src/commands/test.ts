/** `netlab test`: does the running lab keep its promises? */
import { chalkFor, Progress, writeJson, writeOut } from '../report/terminal.ts'
import { testDocument } from '../report/test-json.ts'
import { testText } from '../report/test-text.ts'
import type { Group, TestRun } from '../verify/check.ts'
import { runTest, type TestOptions } from '../verify/run.ts'
import { sources } from '../verify/sources.ts'
import { findTool } from '../kernel/probe.ts'
import type { Applied } from '../state/store.ts'
import { Exit, failure, Failure } from './failure.ts'
import { theLab } from './labs.ts'
import { requireRoot } from './machine.ts'
import { usage, whole } from './options.ts'

export interface TestCommandOptions {
  readonly json?: true
  readonly sample?: string
  readonly seed?: string
  readonly only?: readonly Group[]
  readonly timeout?: string
}

/** How many times as long as usual silence must last: the option gives the time for an answer that is expected. */
function patience(text: string | undefined): number {
  if (text === undefined) return 1
  const m = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text)
  const value = Number(m?.[1]) * (m?.[2] === 'ms' ? 1 : 1000)
  if (!m || value < 100 || value > 60_000)
    throw usage('bad-option', `--timeout ${text}: expected a time from 100ms to a minute`, 'Such as 5s.')
  return value / USUAL_TIMEOUT
}

/** Milliseconds for an answer that is expected. */
const USUAL_TIMEOUT = 2500

export const testOptions = (o: TestCommandOptions): Omit<TestOptions, 'signal' | 'onProgress'> => {
  const [sample, seed] = [whole(o.sample, 'sample', 1, 100_000_000), whole(o.seed, 'seed', 0, 1_000_000)]
  return {
    patience: patience(o.timeout),
    ...(sample === undefined ? {} : { sample }),
    ...(seed === undefined ? {} : { seed }),
    ...(o.only === undefined ? {} : { groups: o.only }),
  }
}

/** Runs a test with progress on standard error. @throws Failure (130) when it is interrupted. */
export async function testLab(applied: Applied, options: Omit<TestOptions, 'signal' | 'onProgress'>): Promise<TestRun> {
  const stop = new AbortController()
  const interrupt = (): void => stop.abort()
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const progress = new Progress()
  let phase = ''
  try {
    return await runTest(applied, sources, {
      ...options,
      signal: stop.signal,
      onProgress: (text, share) => {
        if (text !== phase) progress.phase((phase = text))
        progress.share(share)
      },
    })
  } catch (error) {
    if (stop.signal.aborted) throw new Failure(Exit.Interrupted, [])
    throw error
  } finally {
    progress.end()
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

export async function test(name: string | undefined, options: TestCommandOptions): Promise<void> {
  const chosen = testOptions(options)
  const applied = theLab(name)
  requireRoot('test')
  if (!findTool('perl')) throw failure(Exit.Machine, 'tool-missing', 'the program perl is not installed', 'sudo apt-get install perl-base')
  const run = await testLab(applied, chosen)
  process.exitCode = run.checks.some((c) => c.status === 'failed') ? Exit.Broken : Exit.Done
  if (options.json) return writeJson(testDocument(run))
  return writeOut([testText(run, chalkFor(process.stdout), process.stdout.columns ?? 120)])
}
