/**
 * Does things inside many namespaces. What netlab does itself (files, netlink) it does in this thread, entering one
 * namespace after another; programs go through a pool of workers (worker.pl), because starting one costs a process as
 * large as Node several times what it costs a small one. A single command gets an argument list that starts with nsenter.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { inside, MACHINE } from './inside.ts'
import { systemWords } from './libc.ts'
import { netnsFile } from './paths.ts'
import { readProc, writeProc } from './proc-sys.ts'

/** The command line that runs something inside a namespace. */
export const enterArgv = (ns: string, argv: readonly string[]): string[] => ['nsenter', `--net=${netnsFile(ns)}`, '--', ...argv]

interface RunStep {
  readonly run: readonly string[]
  readonly input?: string
}

/** What this thread does, without starting a program. */
type OwnStep =
  | { readonly put: readonly (readonly [path: string, value: string])[] }
  | { readonly get: readonly string[] }
  /** Called in the namespace; what it returns is the value of the step, and an error that it throws fails it. */
  | { readonly call: () => unknown }

/** One thing to do inside a namespace. */
export type Step = RunStep | OwnStep

/** Steps that run one after the other in one namespace, up to the first that fails. */
export interface Job {
  /** Absent: the machine's own namespace. */
  readonly ns?: string
  readonly steps: readonly Step[]
}

export interface StepResult {
  readonly step: number
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** What a `call` returned. */
  readonly value?: unknown
}

/** Value of a file a `get` step did not find. */
export const ABSENT = '\u0001'

/** Programs of a job, for a worker. */
function encode(id: number, ns: string | undefined, steps: readonly RunStep[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`JOB ${id} ${steps.length} ${ns === undefined ? '-' : netnsFile(ns)}\n`)]
  for (const step of steps) {
    const argv = Buffer.from(step.run.join('\0'))
    const input = Buffer.from(step.input ?? '')
    parts.push(Buffer.from(`RUN ${argv.length} ${input.length}\n`), argv, input)
  }
  return Buffer.concat(parts)
}

/** Does a step in the namespace the thread is in. */
function doStep(index: number, step: OwnStep): StepResult {
  const done = { step: index, code: 0, stdout: '', stderr: '' }
  if ('get' in step) return { ...done, stdout: step.get.map((path) => readProc(path) ?? ABSENT).join('\0') }
  let line = 0
  try {
    if ('call' in step) return { ...done, value: step.call() }
    for (const [path, value] of step.put) {
      line++
      writeProc(path, value)
    }
    return done
  } catch (error) {
    return { ...done, code: 1, stderr: `${(error as Error).message}\n${line > 0 ? `line ${line}\n` : ''}` }
  }
}

/** Steps of this thread's, one after the other, up to the first that fails. */
function doSteps(ns: string | undefined, first: number, steps: readonly OwnStep[]): StepResult[] {
  try {
    return inside(ns ?? MACHINE, () => {
      const results: StepResult[] = []
      for (const [i, step] of steps.entries()) {
        results.push(doStep(first + i, step))
        if (results.at(-1)!.code !== 0) break
      }
      return results
    })
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    const words = errno === undefined ? (error as Error).message : systemWords(Math.abs(errno))
    return [{ step: first, code: 1, stdout: '', stderr: `${ns === undefined ? 'the machine' : netnsFile(ns)}: ${words}\n` }]
  }
}

interface Pending {
  readonly results: StepResult[]
  readonly done: (results: StepResult[]) => void
  readonly fail: (error: Error) => void
}

/** A worker ended although it was not let go: killed, out of memory, or without perl. */
export class WorkerGone extends Error {}

/** One worker process and the jobs it has been given. */
class Worker {
  readonly #child: ChildProcessWithoutNullStreams
  readonly pending = new Map<number, Pending>()
  #gone: WorkerGone | undefined
  #buffer: Buffer = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #have = 0
  #need = 1
  #stderr = ''

  constructor() {
    // In a process group of its own: Ctrl-C is for netlab, which then still needs its workers to roll back.
    // In the machine's namespace, which a job without a namespace is for.
    this.#child = inside(MACHINE, () =>
      spawn('perl', [fileURLToPath(new URL('./worker.pl', import.meta.url)), String(process.pid)], {
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    )
    this.#child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.on('error', (error) => this.#broken(new WorkerGone(`a namespace worker cannot run: ${error.message}`)))
    this.#child.on('close', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`
      this.#broken(new WorkerGone([`a namespace worker was ended ${how}`, this.#stderr.trim()].filter(Boolean).join(': ')))
    })
    this.#child.stdin.on('error', () => {})
  }

  get isGone(): boolean {
    return this.#gone !== undefined
  }

  send(id: number, ns: string | undefined, steps: readonly RunStep[], pending: Pending): void {
    // There would never be an answer.
    if (this.#gone) return pending.fail(this.#gone)
    this.pending.set(id, pending)
    this.#child.stdin.write(encode(id, ns, steps))
  }

  /** @param abandon nobody waits for it to be gone */
  end(abandon: boolean): void {
    this.#child.stdin.end()
    if (!abandon) return
    this.#child.unref()
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr])
      (stream as unknown as { unref?: () => void }).unref?.()
  }

  #broken(error: WorkerGone): void {
    this.#gone ??= error
    for (const p of this.pending.values()) p.fail(error)
    this.pending.clear()
  }

  /** Chunks are joined only once enough has arrived: results of megabytes come in thousands of pieces. */
  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#have += chunk.length
    if (this.#have < this.#need) return
    this.#buffer = Buffer.concat([this.#buffer, ...this.#chunks])
    this.#chunks = []
    let at = 0
    this.#need = 1
    for (;;) {
      const eol = this.#buffer.indexOf(10, at)
      if (eol < 0) break
      const [verb, id, ...numbers] = this.#buffer.toString('latin1', at, eol).split(' ')
      const pending = this.pending.get(Number(id))
      if (verb === 'END') {
        this.pending.delete(Number(id))
        pending?.done(pending.results)
        at = eol + 1
        continue
      }
      const [step, code, outLength, errLength] = numbers.map(Number) as [number, number, number, number]
      const end = eol + 1 + outLength + errLength
      if (this.#buffer.length < end) {
        this.#need = end - at
        break
      }
      pending?.results.push({
        step,
        code,
        stdout: this.#buffer.toString('utf8', eol + 1, eol + 1 + outLength),
        stderr: this.#buffer.toString('utf8', eol + 1 + outLength, end),
      })
      at = end
    }
    this.#buffer = this.#buffer.subarray(at)
    this.#have = this.#buffer.length
  }
}

/** How many jobs a worker holds at once: enough that it never waits for the next one. */
const DEPTH = 3

/** Longest time that this thread works without looking at what else there is to do, milliseconds. */
const SLICE = 20

/** Runs jobs inside namespaces; programs, as many at once as the machine has processors. */
export class NamespacePool {
  #workers: Worker[] = []
  #id = 0

  constructor(readonly parallel = Math.min(availableParallelism(), 8)) {}

  /**
   * Runs all jobs; `onResult` gets each job's results as it ends and may return false to start no more.
   * Jobs under way are always finished, also when it throws: a worker was gone, or `onResult` threw.
   */
  async run(jobs: readonly Job[], onResult: (index: number, results: StepResult[]) => boolean | void): Promise<void> {
    const isProgram = (job: Job): boolean => job.steps.some((step) => 'run' in step)
    const [programs, own] = [true, false].map((is) => jobs.flatMap((job, index) => (isProgram(job) === is ? [index] : []))) as [
      number[],
      number[],
    ]
    // Rolling back after a worker died needs others in its place.
    this.#workers = this.#workers.filter((w) => !w.isGone)
    while (this.#workers.length < Math.min(this.parallel, programs.length)) this.#workers.push(new Worker())
    let stopped = false
    const guarded = (lane: Promise<void>): Promise<void> =>
      lane.catch((error: unknown) => {
        stopped = true
        throw error
      })
    let next = 0
    const lane = async (worker: Worker): Promise<void> => {
      while (!stopped && next < programs.length) {
        const index = programs[next++]!
        if (onResult(index, await this.#withPrograms(worker, jobs[index]!)) === false) stopped = true
      }
    }
    const here = async (): Promise<void> => {
      let since = performance.now()
      for (const index of own) {
        if (stopped) return
        if (onResult(index, doSteps(jobs[index]!.ns, 0, jobs[index]!.steps as OwnStep[])) === false) stopped = true
        if (performance.now() - since < SLICE) continue
        await new Promise((resolve) => setImmediate(resolve))
        since = performance.now()
      }
    }
    const lanes = this.#workers.flatMap((w) => Array.from({ length: DEPTH }, () => guarded(lane(w))))
    const failed = (await Promise.allSettled([...lanes, guarded(here())])).find((l) => l.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** A job of which some steps are programs: those that follow each other go to the worker together. */
  async #withPrograms(worker: Worker, { ns, steps }: Job): Promise<StepResult[]> {
    const results: StepResult[] = []
    for (let at = 0; at < steps.length;) {
      const isRun = 'run' in steps[at]!
      const change = steps.findIndex((step, i) => i > at && 'run' in step !== isRun)
      const part = steps.slice(at, change < 0 ? steps.length : change)
      const done = isRun
        ? await new Promise<StepResult[]>((done, fail) => worker.send(this.#id++, ns, part as RunStep[], { results: [], done, fail }))
        : doSteps(ns, 0, part as OwnStep[])
      results.push(...done.map((result) => ({ ...result, step: result.step + at })))
      if (done.length < part.length || done.some((result) => result.code !== 0)) break
      at += part.length
    }
    return results
  }

  /** One job; its results. */
  async one(job: Job): Promise<StepResult[]> {
    let results: StepResult[] = []
    await this.run([job], (_, r) => void (results = r))
    return results
  }

  /**
   * Lets the workers go. netlab ends when they have ended, so that none is left in a namespace once it is done.
   * @param abandon do not wait for that: a worker that only read is gone in a moment
   */
  close(abandon = false): void {
    for (const w of this.#workers) w.end(abandon)
    this.#workers = []
  }
}
