/**
 * Threads that do steps beside the main one, each with a namespace of its own to return to: for labs of hundreds of
 * namespaces, where the kernel has work for more than one processor.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { HelperEnded } from './failures.ts'
import { machineNamespace } from './inside.ts'
import { DumpReader } from './netlink/reader.ts'
import type { OwnStep, StepResult } from './own-steps.ts'

/** A step that can be sent to a thread. */
export type DataStep = Exclude<OwnStep, { readonly call: unknown }>

/** Steps for one namespace. */
export interface ThreadJob {
  readonly ns: string | undefined
  readonly steps: readonly DataStep[]
}

/** The program of a thread, beside what is bundled. */
const PROGRAM = fileURLToPath(new URL('./step-thread.cjs', import.meta.url))

/** Whether netlab is bundled: sources in TypeScript cannot be the program of a thread. */
export const canUseThreads = (): boolean => existsSync(PROGRAM)

/** What a thread packed. */
const unpacked = (result: StepResult): StepResult =>
  result.value instanceof Uint8Array ? { ...result, value: new DumpReader(result.value) } : result

interface Pending {
  readonly done: (results: StepResult[][]) => void
  readonly fail: (error: Error) => void
}

/** Megabytes for what a thread makes and leaves behind, which is nearly all it makes: more would only be used before it is collected. */
const YOUNG = 6

/** A thread and the jobs it has been given, which it does in order. */
export class StepThread {
  /** Node would otherwise warn of descriptors that no function of its own has opened, such as sockets. */
  readonly #worker: Worker
  #pending: Pending[] = []
  #gone: Error | undefined

  constructor() {
    // Loaded for large labs only.
    const { Worker } = process.getBuiltinModule('node:worker_threads')
    this.#worker = new Worker(PROGRAM, {
      workerData: machineNamespace(),
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG },
    })
    this.#worker.on('message', (results: StepResult[][]) =>
      this.#pending.shift()?.done(results.map((of) => of.map((result) => unpacked(result)))),
    )
    this.#worker.on('error', (error) => this.#broken(error))
    this.#worker.on('exit', () => this.#broken(new HelperEnded('a thread of netlab ended')))
  }

  #broken(error: Error): void {
    this.#gone ??= error
    for (const { fail } of this.#pending.splice(0)) fail(error)
  }

  /** The results of each job, up to the first step that failed. */
  do(jobs: readonly ThreadJob[]): Promise<StepResult[][]> {
    if (this.#gone) return Promise.reject(this.#gone)
    return new Promise((done, fail) => {
      this.#pending.push({ done, fail })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      this.#worker.postMessage(jobs.map(({ ns, steps }) => ({ ns, steps })))
    })
  }

  close(): void {
    void this.#worker.terminate()
  }
}
