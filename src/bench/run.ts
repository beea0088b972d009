/**
 * Measures the paths of a lab against each other, in rounds: in a round every path is measured once, right after the others, and every
 * second round in the opposite order. So whatever else the machine does falls on all of them.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import { counted, LoadFailed, Servers, stream } from './load.ts'
import { STREAMS, type MeasureId } from './measures.ts'
import type { BenchPath, Paths, Unmeasured } from './paths.ts'
import { between, readProcessorTime, TICK, type ProcessorTime } from './processors.ts'

/** Fewest rounds from which a median and a spread say something. */
export const MIN_ROUNDS = 5

export interface RunOptions {
  readonly rounds: number
  /** Seconds of a sample; less where the time would not do. */
  readonly seconds: number
  /** When all must be measured, on the clock of {@link now}; absent: whenever it is. */
  readonly deadline?: number
  readonly signal: AbortSignal
  readonly onProgress: (text: string, share: number) => void
}

/** What was measured on one path: a value a round. */
export interface PathResult {
  readonly path: BenchPath
  readonly samples: Readonly<Record<MeasureId, readonly number[]>>
}

export interface BenchRun {
  readonly results: readonly PathResult[]
  /** Also paths that failed, with the words of what failed. */
  readonly unmeasured: readonly Unmeasured[]
  /** Whether a path failed that the lab has. */
  readonly failed: boolean
  readonly rounds: number
  /** Seconds of a sample: the shortest and the longest. */
  readonly seconds: readonly [number, number]
  /** Shares of the processors' time, from 0 to 1, between the samples: what else ran, and what other guests took. */
  readonly background: { readonly busy: number; readonly stolen: number }
}

/** What is started; CPU is what the first costs. */
const KINDS = ['stream', 'streams', 'latency', 'connections'] as const
type Kind = (typeof KINDS)[number]

/** Seconds: below this a sample is mostly its own beginning and end. */
const SHORTEST = 0.1
/** Seconds for which the machine is watched while nothing is measured. */
const WATCHED = 0.3
/** Seconds of the first round trips and the first stream: whether there is an answer at all. */
const FIRST_SECONDS = 0.02

/** A path that is being measured. */
class Course {
  readonly samples: Record<MeasureId, number[]> = { stream: [], streams: [], latency: [], connections: [], cpu: [] }

  constructor(readonly path: BenchPath) {}

  /** Whether there is an answer, to large packets too. @throws LoadFailed */
  async tryOut(signal: AbortSignal): Promise<void> {
    await counted(this.path, 'trips', FIRST_SECONDS, signal)
    await stream(this.path, 1, FIRST_SECONDS, signal)
  }

  /** One sample. @throws LoadFailed */
  async sample(kind: Kind, seconds: number, signal: AbortSignal): Promise<void> {
    if (kind === 'stream' || kind === 'streams') {
      const { rate, bytes, processors } = await stream(this.path, kind === 'streams' ? STREAMS : 1, seconds, signal)
      this.samples[kind].push(8 * rate)
      // The kernel counts in ticks: of less than one it says nothing.
      if (kind === 'stream') this.samples.cpu.push(Math.max(processors.busy, TICK) / (bytes / 1e9))
      return
    }
    const { count, seconds: took } = await counted(this.path, kind === 'latency' ? 'trips' : 'connections', seconds, signal)
    this.samples[kind].push(kind === 'latency' ? took / count : count / took)
  }
}

/** Deals what is left of the time to the samples that are left. */
class Pace {
  #asked = 0
  #samples = 0
  #took = 0
  readonly #options: Pick<RunOptions, 'seconds' | 'deadline'>

  constructor(options: Pick<RunOptions, 'seconds' | 'deadline'>) {
    this.#options = options
  }

  /** Seconds of each of the samples that are left. */
  next(left: number): number {
    const { seconds, deadline } = this.#options
    if (deadline === undefined) return seconds
    // A program has to start and to connect, too.
    const extra = this.#samples === 0 ? 0.05 : (this.#took - this.#asked) / this.#samples
    return Math.min(seconds, Math.max(SHORTEST, (deadline - now()) / 1000 / left - extra))
  }

  took(asked: number, seconds: number): void {
    this.#asked += asked
    this.#took += seconds
    this.#samples++
  }
}

/**
 * Measures.
 * @throws the signal's reason; MachineError when a program cannot be started
 */
export async function measure({ paths, unmeasured }: Paths, options: RunOptions): Promise<BenchRun> {
  const { signal, rounds, onProgress } = options
  const servers = new Servers()
  const failures: Unmeasured[] = []
  const all = paths.map((path) => new Course(path))
  let courses = all
  /** Goes on without a path that failed. */
  const attempt = async (course: Course, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof LoadFailed)) throw error
      failures.push({ id: course.path.id, reason: error.message })
      courses = courses.filter((c) => c !== course)
    }
  }
  const pace = new Pace(options)
  const asked: number[] = []
  const background: ProcessorTime[] = []
  try {
    onProgress('starting the programs that make load', 0)
    const started = new Map<string, Promise<void>>()
    for (const course of all)
      await attempt(course, async () => {
        const { server, family } = course.path
        const key = `${server} ${family}`
        if (!started.has(key)) started.set(key, servers.start(server, family, signal))
        await started.get(key)
        await course.tryOut(signal)
      })
    for (let round = 0; round < rounds; round++) {
      const before = readProcessorTime()
      await sleep(WATCHED * 1000, undefined, { signal })
      background.push(between(before, readProcessorTime()))
      for (const [at, kind] of KINDS.entries()) {
        const order = round % 2 === 0 ? courses : courses.toReversed()
        for (const [nth, course] of order.entries()) {
          onProgress(`round ${round + 1} of ${rounds}`, (round + (at + nth / order.length) / KINDS.length) / rounds)
          const left = (rounds - round) * KINDS.length * order.length - at * order.length - nth
          const seconds = pace.next(left)
          const from = now()
          await attempt(course, () => course.sample(kind, seconds, signal))
          pace.took(seconds, (now() - from) / 1000)
          asked.push(seconds)
        }
      }
    }
  } finally {
    await servers.end()
  }
  return {
    results: courses.map(({ path, samples }) => ({ path, samples })),
    unmeasured: [...unmeasured, ...failures],
    failed: failures.length > 0,
    rounds,
    seconds: asked.length === 0 ? [0, 0] : [Math.min(...asked), Math.max(...asked)],
    background: shares(background),
  }
}

function shares(readings: readonly ProcessorTime[]): BenchRun['background'] {
  const sum = (of: (r: ProcessorTime) => number): number => readings.reduce((total, r) => total + of(r), 0)
  const total = sum((r) => r.total)
  return total === 0 ? { busy: 0, stolen: 0 } : { busy: sum((r) => r.busy) / total, stolen: sum((r) => r.stolen) / total }
}
