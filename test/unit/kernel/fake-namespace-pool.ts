/** Stands in for the workers: jobs are run in memory, and a test says what each step gives. */
import { DumpReader } from '../../../src/netns/netlink/reader.ts'
import type { NamespacePool, Job, Step, StepResult } from '../../../src/netns/namespace-pool.ts'

/** What a `dump` gives where a namespace holds these and nothing else. */
export const holding = (links: unknown, routes: unknown): DumpReader =>
  Object.assign(new DumpReader(), { links: () => links, routes: () => routes })

type Answer = Partial<StepResult> | undefined

/** Runs jobs one by one in memory; `answer` says what a step gives, by default success. */
export class FakeNamespacePool {
  readonly jobs: Job[] = []
  /** How many jobs end although the first of them said that it is enough. */
  underWay = 1
  constructor(readonly answer: (step: Step, job: Job) => Answer = () => undefined) {}
  async run(jobs: readonly Job[], onResult: (index: number, results: StepResult[]) => boolean | void): Promise<void> {
    let left = Number.POSITIVE_INFINITY
    for (const [index, job] of jobs.entries()) {
      if (left-- <= 0) return
      this.jobs.push(job)
      const results: StepResult[] = []
      for (const [step, s] of job.steps.entries()) {
        const result = { step, code: 0, stdout: '', stderr: '', ...this.answer(s, job) }
        results.push(result)
        if (result.code !== 0) break
      }
      if (onResult(index, results) === false) left = Math.min(left, this.underWay - 1)
    }
  }
  get pool(): NamespacePool {
    return this as unknown as NamespacePool
  }
}

export const inputOf = (step: Step): string =>
  'run' in step ? (step.input ?? '') : 'lines' in step ? step.lines.lines.map((l) => `${l}\n`).join('') : ''
export const program = (step: Step): string => ('run' in step ? step.run[0]! : 'lines' in step ? step.lines.tool : Object.keys(step)[0]!)
/** Answers the first step that matches. */
export const refuse = (matches: (step: Step, job: Job) => boolean, stderr: string, code = 1) =>
  new FakeNamespacePool((step, job) => (matches(step, job) ? { code, stderr } : undefined))
