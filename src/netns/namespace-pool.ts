/**
 * The one place that knows how to get into a namespace. Batches go through a pool of workers
 * (worker.pl) that enter namespace after namespace; a single command gets an argument list that
 * starts with nsenter.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { netnsFile } from './paths.ts'

/** The command line that runs something inside a namespace. */
export const enterArgv = (ns: string, argv: readonly string[]): string[] => ['nsenter', `--net=${netnsFile(ns)}`, '--', ...argv]

/** One thing to do inside a namespace. */
export type Step =
  | { readonly run: readonly string[]; readonly input?: string }
  | { readonly put: readonly (readonly [path: string, value: string])[] }
  | { readonly get: readonly string[] }
  /** Netlink dumps; the answers come in hex, NUL between them. */
  | { readonly ask: readonly (readonly [protocol: number, message: Buffer])[] }

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
}

/** Value of a file a `get` step did not find. */
export const ABSENT = '\u0001'

function encode(id: number, job: Job): Buffer[] {
  const parts: Buffer[] = [Buffer.from(`JOB ${id} ${job.steps.length} ${job.ns === undefined ? '-' : netnsFile(job.ns)}\n`)]
  for (const step of job.steps) {
    if ('run' in step) {
      const argv = Buffer.from(step.run.join('\0'))
      const input = Buffer.from(step.input ?? '')
      parts.push(Buffer.from(`RUN ${argv.length} ${input.length}\n`), argv, input)
    } else {
      const [verb, words] =
        'put' in step
          ? ['PUT', step.put.flat()]
          : 'get' in step
            ? ['GET', step.get]
            : ['ASK', step.ask.flatMap(([protocol, message]) => [String(protocol), message.toString('hex')])]
      const payload = Buffer.from(words.join('\0'))
      parts.push(Buffer.from(`${verb} ${payload.length}\n`), payload)
    }
  }
  return parts
}

interface Pending {
  readonly results: StepResult[]
  readonly done: (results: StepResult[]) => void
  readonly fail: (error: Error) => void
}

/** A worker ended although nobody let it go: killed, out of memory, or without perl. */
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
    this.#child = spawn('perl', [fileURLToPath(new URL('./worker.pl', import.meta.url)), String(process.pid)], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
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

  send(id: number, job: Job, pending: Pending): void {
    // Nobody would ever answer.
    if (this.#gone) return pending.fail(this.#gone)
    this.pending.set(id, pending)
    this.#child.stdin.write(Buffer.concat(encode(id, job)))
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

/** Runs jobs inside namespaces, as many at once as the machine has processors. */
export class NamespacePool {
  #workers: Worker[] = []
  #id = 0

  constructor(readonly parallel = Math.min(availableParallelism(), 8)) {}

  /**
   * Runs all jobs; `onResult` gets each job's results as it ends and may return false to start no more.
   * Jobs under way are always finished, also when it throws: a worker was gone, or `onResult` threw.
   */
  async run(jobs: readonly Job[], onResult: (index: number, results: StepResult[]) => boolean | void): Promise<void> {
    // Whoever rolls back after a worker died needs others in its place.
    this.#workers = this.#workers.filter((w) => !w.isGone)
    while (this.#workers.length < Math.min(this.parallel, jobs.length)) this.#workers.push(new Worker())
    let next = 0
    let stopped = false
    const lane = async (worker: Worker): Promise<void> => {
      while (!stopped && next < jobs.length) {
        const index = next++
        const results = await new Promise<StepResult[]>((done, fail) => worker.send(this.#id++, jobs[index]!, { results: [], done, fail }))
        if (onResult(index, results) === false) stopped = true
      }
    }
    const lanes = this.#workers.flatMap((w) =>
      Array.from({ length: DEPTH }, () =>
        lane(w).catch((error: unknown) => {
          stopped = true
          throw error
        }),
      ),
    )
    const failed = (await Promise.allSettled(lanes)).find((l) => l.status === 'rejected')
    if (failed) throw failed.reason
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
