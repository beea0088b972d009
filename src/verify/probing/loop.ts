/**
 * Asks questions of many nodes at once, in one thread: all sockets of all nodes are waited for together. It works in
 * slices, between which Node does everything else: signals, progress, captures.
 *
 * A packet that is sent to a node of this machine has been received there, and answered if the kernel answers it, before
 * the call that sent it returns, as a rule. So little is under way at a time, and most answers wait to be read
 * when they are looked for.
 */
import { Epoll } from '../../netns/sockets/epoll.ts'
import { inside } from '../../netns/inside.ts'
import { SystemError } from '../../netns/libc.ts'
import type { NodeSockets } from './node-sockets.ts'
import type { Answer } from './question.ts'
import type { Follower, Pending } from './kinds/pending.ts'
import { now } from '../../clock.ts'

/** Milliseconds of work until Node gets its turn. */
const SLICE = 25
/** Longest wait for a packet, which Node's turn waits for. */
const PAUSE = 10
/** While no question is under way listeners answer those of others, such as a second test's: this often, milliseconds. */
const IDLE = 20
/** Questions that are asked before answers are looked for. */
const BATCH = 64
/** Of one node, of which most cost one way into its namespace. */
const TURN = 12
/**
 * Questions so young that who is asked may not have got round to it: of one node, because what waits for a neighbour's
 * address is kept up to some hundred packets; and of all, because a processor keeps a thousand (`netdev_max_backlog`).
 */
const MOST_YOUNG = { node: 24, all: 600 } as const
/** Milliseconds. */
const YOUNG = 150
/** Of the clock by which silence is measured, milliseconds. */
const TICK = 5

/** Questions of a node, those from `next` on not asked yet. */
class Queue {
  next = 0
  young = 0

  constructor(
    readonly node: NodeSockets,
    readonly list: readonly Pending[],
  ) {}
}

/** Questions by when they are due. */
class Timers {
  readonly #ticks = new Map<number, Pending[]>()
  #done = Math.floor(now() / TICK)

  add(pending: Pending, at: number): void {
    const tick = Math.max(Math.ceil(at / TICK), this.#done + 1)
    const others = this.#ticks.get(tick)
    if (others) others.push(pending)
    else this.#ticks.set(tick, [pending])
  }

  /** Does what is due by a time. */
  advance(time: number): void {
    for (const last = Math.floor(time / TICK); this.#done < last;) {
      const tick = ++this.#done
      const list = this.#ticks.get(tick) ?? []
      this.#ticks.delete(tick)
      for (const pending of list) {
        const next = pending.due(time)
        if (next !== undefined) this.add(pending, next)
      }
    }
  }

  /** Milliseconds from a time until something may be due, at most so many. */
  until(time: number, most: number): number {
    for (let tick = this.#done + 1; tick * TICK < time + most; tick++) if (this.#ticks.has(tick)) return Math.max(0, tick * TICK - time)
    return most
  }
}

interface Wave {
  /** Those with questions that are not asked yet, in turn. */
  queues: Queue[]
  readonly all: readonly Queue[]
  readonly onAnswer: (pending: Pending, answer: Answer) => void
  readonly done: () => void
  readonly failed: (error: Error) => void
  unsettled: number
}

export interface LoopOptions {
  /** Descriptors that questions may have at once. */
  readonly mostOpen: number
  /** Is called every few milliseconds, with the time. */
  readonly onTurn: (time: number) => void
  /** A node's namespace cannot be entered. */
  readonly onLost: (node: NodeSockets, error: Error) => void
}

export class Loop implements Follower {
  readonly epoll = new Epoll()
  readonly #options: LoopOptions
  readonly #timers = new Timers()
  #wave: Wave | undefined
  /** Those that are young, the oldest first; some are settled by now. */
  #young: Pending[] = []
  #youngCount = 0
  #open = 0
  #mostOpen: number
  /** When the last look began that found all that had come. */
  #looked = 0
  #idle: NodeJS.Timeout | undefined
  /** Of a listener, while nothing was asked. */
  #failure: Error | undefined

  constructor(options: LoopOptions) {
    this.#options = options
    this.#mostOpen = options.mostOpen
  }

  /** Serves listeners while nothing is asked. */
  serve(): void {
    this.#idle ??= setInterval(() => {
      if (this.#wave) return
      try {
        this.#options.onTurn(now())
        while (!this.epoll.wait(0));
      } catch (error) {
        this.#failure ??= error as Error
      }
    }, IDLE).unref()
  }

  /**
   * Asks all at once. Resolves when each has its answer.
   * @throws Error when the loop is closed meanwhile
   */
  async ask(nodes: ReadonlyMap<NodeSockets, readonly Pending[]>, onAnswer: Wave['onAnswer']): Promise<void> {
    const all = [...nodes].map(([node, list]) => new Queue(node, list))
    const unsettled = all.reduce((sum, { list }) => sum + list.length, 0)
    if (unsettled === 0) return
    if (this.#failure) throw this.#failure
    try {
      await new Promise<void>((done, failed) => {
        this.#wave = { queues: [...all], all, onAnswer, done, failed, unsettled }
        this.#looked = now()
        this.#turn()
      })
    } finally {
      this.#wave = undefined
    }
  }

  /** Ends the questions of a node. */
  drop(node: NodeSockets, why: string): void {
    const queue = this.#wave?.all.find((q) => q.node === node)
    if (!queue) return
    queue.next = queue.list.length
    for (const pending of queue.list) pending.settle('error', { text: why })
  }

  close(): void {
    clearInterval(this.#idle)
    const wave = this.#wave
    this.#wave = undefined
    for (const { list } of wave?.all ?? []) for (const pending of list) pending.release()
    this.epoll.close()
    wave?.failed(new Error('the test was ended'))
  }

  readonly #turn = (): void => {
    const wave = this.#wave
    if (!wave) return
    try {
      this.#slice(wave)
    } catch (error) {
      return wave.failed(error as Error)
    }
    if (wave.unsettled === 0) wave.done()
    else setImmediate(this.#turn)
  }

  #slice(wave: Wave): void {
    const end = now() + SLICE
    for (let time = now(); time < end && wave.unsettled > 0; time = now()) {
      const hasAsked = this.#askSome(wave, time)
      this.#options.onTurn(time)
      const began = now()
      if (!this.epoll.wait(hasAsked ? 0 : Math.ceil(this.#timers.until(began, PAUSE)))) continue
      // Silence is silence only when all has been read that had come, and once more: what was read first may have been a question,
      // whose answer is read next.
      this.#timers.advance(this.#looked)
      this.#looked = began
    }
  }

  /** @returns whether something was asked, so that more can be */
  #askSome(wave: Wave, time: number): boolean {
    this.#age(time)
    let asked = 0
    for (let turns = wave.queues.length; turns > 0 && asked < BATCH; turns--) {
      const queue = wave.queues.shift()!
      const room = Math.min(TURN, MOST_YOUNG.node - queue.young, MOST_YOUNG.all - this.#youngCount)
      if (room > 0) asked += this.#askOf(queue, room)
      if (queue.next < queue.list.length) wave.queues.push(queue)
    }
    return asked > 0
  }

  /** @returns how many were asked */
  #askOf(queue: Queue, room: number): number {
    const batch = queue.list.slice(queue.next, queue.next + room)
    const before = queue.next
    const start = (): void => {
      for (const pending of batch) if (!this.#start(queue, pending)) return
    }
    try {
      if (batch.some((p) => p.makesSockets)) inside(queue.node.netns, start)
      else start()
    } catch (error) {
      this.#options.onLost(queue.node, error as Error)
    }
    return queue.next - before
  }

  /** @returns false where descriptors are short: it waits until others have given theirs back */
  #start(queue: Queue, pending: Pending): boolean {
    const { descriptors } = pending
    if (this.#open > 0 && this.#open + descriptors > this.#mostOpen) return false
    this.#open += descriptors
    pending.youngOf = queue
    queue.young++
    this.#youngCount++
    try {
      pending.start()
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      const isShort = error.code === 'EMFILE' || error.code === 'ENFILE'
      if (isShort && this.#open > descriptors) {
        pending.release()
        pending.at = 0
        this.#noLongerYoung(pending)
        this.#mostOpen = this.#open -= descriptors
        return false
      }
      pending.settleErrno(error.errno)
    }
    queue.next++
    const { dueAt } = pending
    if (dueAt === undefined) return true
    this.#young.push(pending)
    this.#timers.add(pending, dueAt)
    return true
  }

  settled(pending: Pending, answer: Answer): void {
    this.#noLongerYoung(pending)
    const wave = this.#wave
    if (pending.at > 0) this.#open -= pending.descriptors
    if (!wave) return
    wave.unsettled--
    wave.onAnswer(pending, answer)
  }

  sooner(pending: Pending): void {
    const { dueAt } = pending
    if (dueAt !== undefined) this.#timers.add(pending, dueAt)
  }

  #age(time: number): void {
    let n = 0
    for (; n < this.#young.length; n++) {
      const pending = this.#young[n]!
      if (pending.youngOf && pending.at > time - YOUNG) break
      this.#noLongerYoung(pending)
    }
    if (n > 0) this.#young.splice(0, n)
  }

  #noLongerYoung(pending: Pending): void {
    if (!pending.youngOf) return
    pending.youngOf.young--
    pending.youngOf = undefined
    this.#youngCount--
  }
}
