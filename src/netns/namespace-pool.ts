/**
 * Does things inside many namespaces. What netlab does itself (files, netlink) it does in this thread, entering one
 * namespace after another; programs go through a pool of workers (worker.pl), because starting one costs a process as
 * large as Node several times what it costs a small one. A single command gets an argument list that starts with nsenter.
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { HelperEnded, ProgramUnusable, type MachineError } from './failures.ts'
import { startHelper, unstartable, type HelperProcess } from './helper-process.ts'
import { inside, leaveMachine, MACHINE } from './inside.ts'
import { programArgv } from './lines/run.ts'
import { doSteps, type OnLine, type OwnStep, type StepResult } from './own-steps.ts'
import { netnsFile } from './paths.ts'
import { canUseThreads, StepThread, type DataStep } from './step-threads.ts'
import { now } from '../clock.ts'

export { ABSENT, type StepResult } from './own-steps.ts'

/** The command line that runs something inside a namespace. */
export const enterArgv = (ns: string, argv: readonly string[]): string[] => ['nsenter', `--net=${netnsFile(ns)}`, '--', ...argv]

interface RunStep {
  readonly run: readonly string[]
  readonly input?: string
  /** Whether its input are lines that change something, which are reported. */
  readonly changes?: true
}

/** One thing to do inside a namespace. */
export type Step = RunStep | OwnStep

/** Steps that run one after the other in one namespace, up to the first that fails. */
export interface Job {
  /** Absent: the machine's own namespace. */
  readonly ns?: string
  readonly steps: readonly Step[]
}

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

interface Pending {
  readonly results: StepResult[]
  readonly done: (results: StepResult[]) => void
  readonly fail: (error: Error) => void
}

/** One worker process and the jobs it has been given. */
class Worker {
  readonly #child: HelperProcess
  readonly pending = new Map<number, Pending>()
  #gone: MachineError | undefined
  #buffer: Buffer = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #have = 0
  #need = 1
  #stderr = ''

  constructor() {
    // In the machine's namespace, which a job without a namespace is for.
    this.#child = inside(MACHINE, () => startHelper('perl', [fileURLToPath(new URL('./worker.pl', import.meta.url)), String(process.pid)]))
    this.#child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.on('error', (error) => this.#broken(unstartable('perl', error)))
    this.#child.on('close', (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by signal ${signal}`
      this.#broken(new HelperEnded([`a namespace worker was ended ${how}`, this.#stderr.trim()].filter(Boolean).join(': ')))
    })
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

  /** @param abandon its end is not waited for */
  end(abandon: boolean): void {
    this.#child.stdin.end()
    if (!abandon) return
    this.#child.unref()
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr])
      (stream as unknown as { unref?: () => void }).unref?.()
  }

  #broken(error: MachineError): void {
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

/** @throws ProgramUnusable when the worker could not start it: that says nothing about the namespace */
function requireStarted(program: string, { code, stderr }: StepResult): void {
  const words = code === 127 && stderr.startsWith(`${program}: `) ? stderr.slice(program.length + 2).trim() : undefined
  if (words === 'No such file or directory') throw new ProgramUnusable(program, false)
  if (words === 'Permission denied') throw new ProgramUnusable(program, true)
}

/** How many jobs a worker holds at once: enough that it never waits for the next one. */
const DEPTH = 3

/** The kernel changes devices and routes of all namespaces under one lock: more threads would wait for each other. */
const MOST_THREADS = 4
/** Fewer lines are done before a thread has started. */
const WORTH_THREADS = 1000
/** Lines that a thread gets at once. */
const CHUNK = 200

/** The steps of a job that a thread can do: they come first, and are data. */
function dataSteps(job: Job): DataStep[] {
  const end = job.steps.findIndex((step) => 'run' in step || 'call' in step)
  return (end < 0 ? job.steps : job.steps.slice(0, end)) as DataStep[]
}

/** What a step takes, in lines' worth: to read a namespace takes as long, whatever is in it. */
const READING = 5
const weight = (steps: readonly DataStep[]): number =>
  steps.reduce((n, step) => n + ('lines' in step ? step.lines.lines.length : 'put' in step ? step.put.length : READING), 0)

/** Longest time that this thread works without looking at what else there is to do, milliseconds. */
const SLICE = 20

/** Whether lines go to the programs that they are written for, whatever is known of them. */
const commandsOnly = (): boolean => process.env['NETLAB_EXEC'] === 'commands'

/** The step that runs the program that lines are written for. */
const asProgram = (step: Step): Step =>
  'lines' in step ? { run: programArgv(step.lines), input: step.lines.lines.map((l) => `${l}\n`).join(''), changes: true } : step

/** Runs jobs inside namespaces; programs, as many at once as the machine has processors. */
export class NamespacePool {
  #workers: Worker[] = []
  #threads: StepThread[] = []
  #id = 0
  #isClosed = false

  /** Called with every line that changes something, and its namespace. */
  onLine: ((ns: string | undefined, ...line: Parameters<OnLine>) => void) | undefined

  constructor(
    readonly parallel = Math.min(availableParallelism(), 8),
    readonly commands = commandsOnly(),
  ) {}

  /**
   * Runs all jobs; `onResult` gets each job's results as it ends and may return false to start no more.
   * Jobs under way are always finished, also when it throws: a worker was gone, or `onResult` threw.
   */
  async run(given: readonly Job[], onResult: (index: number, results: StepResult[]) => boolean | void): Promise<void> {
    // What goes on although its command is over would start workers that nothing ends.
    if (this.#isClosed) throw new Error('the workers were let go')
    const jobs = this.commands ? given.map((job) => ({ ...job, steps: job.steps.map(asProgram) })) : given
    const isProgram = (job: Job): boolean => job.steps.some((step) => 'run' in step)
    const [programs, own] = [true, false].map((is) => jobs.flatMap((job, index) => (isProgram(job) === is ? [index] : []))) as [
      number[],
      number[],
    ]
    // Rolling back after a worker died needs others in its place.
    this.#workers = this.#workers.filter((w) => !w.isGone)
    while (this.#workers.length < Math.min(this.parallel, programs.length)) this.#workers.push(new Worker())
    // An object, because it is changed while a lane waits.
    const lanesMay = { goOn: true }
    const end = (index: number, results: StepResult[]): void => {
      if (onResult(index, results) === false) lanesMay.goOn = false
    }
    const guarded = (lane: Promise<void>): Promise<void> =>
      lane.catch((error: unknown) => {
        lanesMay.goOn = false
        throw error
      })
    let next = 0
    const lane = async (worker: Worker): Promise<void> => {
      while (lanesMay.goOn && next < programs.length) {
        const index = programs[next++]!
        end(index, await this.#withPrograms(worker, jobs[index]!))
      }
    }
    let nextOwn = 0
    const here = async (): Promise<void> => {
      let since = now()
      while (lanesMay.goOn && nextOwn < own.length) {
        const index = own[nextOwn++]!
        const { ns, steps } = jobs[index]!
        end(index, doSteps(ns, 0, steps as OwnStep[], this.#onLineIn(ns)))
        if (now() - since < SLICE) continue
        await new Promise((resolve) => setImmediate(resolve))
        since = now()
      }
    }
    const elsewhere = async (thread: StepThread): Promise<void> => {
      while (lanesMay.goOn && nextOwn < own.length) {
        const chunk: { index: number; ns: string | undefined; steps: DataStep[] }[] = []
        for (let lines = 0; lines < CHUNK && nextOwn < own.length;) {
          const index = own[nextOwn++]!
          const steps = dataSteps(jobs[index]!)
          chunk.push({ index, ns: jobs[index]!.ns, steps })
          lines += weight(steps)
        }
        for (const [i, results] of (await thread.do(chunk)).entries()) {
          const { index, ns, steps } = chunk[i]!
          const rest = jobs[index]!.steps.slice(steps.length) as OwnStep[]
          const failed = results.some((result) => result.code !== 0)
          end(index, failed || rest.length === 0 ? results : [...results, ...doSteps(ns, steps.length, rest)])
        }
      }
    }
    const lanes = this.#workers.flatMap((w) => Array.from({ length: DEPTH }, () => guarded(lane(w))))
    // Two chunks each: one is done while the other's results are read.
    // Naming and removing namespaces is not shared: the kernel does that one after the other, and a thread takes longer to start.
    const shared = own.filter((index) => jobs[index]!.ns !== undefined)
    const isLarge = shared.reduce((n, index) => n + weight(dataSteps(jobs[index]!)), 0) >= WORTH_THREADS
    const threads = isLarge ? this.#startThreads().flatMap((t) => [guarded(elsewhere(t)), guarded(elsewhere(t))]) : []
    const failed = (await Promise.allSettled([...lanes, ...threads, guarded(here())])).find((l) => l.status === 'rejected')
    if (failed) throw failed.reason
  }

  /** Threads beside this one, as many as there are processors for. This thread alone reports lines. */
  #startThreads(): readonly StepThread[] {
    if (this.onLine || !canUseThreads()) return []
    leaveMachine()
    const wanted = Math.min(this.parallel, MOST_THREADS) - 1
    while (this.#threads.length < wanted) this.#threads.push(new StepThread())
    return this.#threads
  }

  #onLineIn(ns: string | undefined): OnLine | undefined {
    const { onLine } = this
    return onLine && ((...line) => onLine(ns, ...line))
  }

  #report(ns: string | undefined, steps: readonly RunStep[]): void {
    const { onLine } = this
    if (!onLine) return
    for (const { run, input = '', changes } of steps) {
      const tool = run.filter((word) => !/^(-|-batch|-force|--.*)$/.test(word)).join(' ')
      if (changes) for (const line of input.trimEnd().split('\n')) onLine(ns, `${tool} ${line}`, 'program')
    }
  }

  /** A job of which some steps are programs: those that follow each other go to the worker together. */
  async #withPrograms(worker: Worker, { ns, steps }: Job): Promise<StepResult[]> {
    const results: StepResult[] = []
    for (let at = 0; at < steps.length;) {
      const isRun = 'run' in steps[at]!
      const change = steps.findIndex((step, i) => i > at && 'run' in step !== isRun)
      const part = steps.slice(at, change < 0 ? steps.length : change)
      if (isRun) this.#report(ns, part as RunStep[])
      const done = isRun
        ? await new Promise<StepResult[]>((done, fail) => worker.send(this.#id++, ns, part as RunStep[], { results: [], done, fail }))
        : doSteps(ns, 0, part as OwnStep[], this.#onLineIn(ns))
      if (isRun) for (const result of done) requireStarted((part[result.step] as RunStep).run[0]!, result)
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
    this.#isClosed = true
    for (const w of this.#workers) w.end(abandon)
    this.#workers = []
    for (const thread of this.#threads) thread.close()
    this.#threads = []
  }
}
