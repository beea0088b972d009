/** `netlab capture`: what is on the wire, of many nodes at once: told live, or as one pcapng file. */
import { existsSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Merge } from '../../../capture/merge.ts'
import { Tap, whereOf, type Frame, type Listen } from '../../../capture/tap.ts'
import { timestampsBegin, type PacketStatistics } from '../../../netns/sockets/packet-socket.ts'
import { netnsFile } from '../../../netns/paths.ts'
import { clockNow, type Sink, sinkFor, type SinkOptions } from './capture-sinks.ts'
import { filterFor, listensFor } from './capture-words.ts'
import { Exit, failure } from '../../failure.ts'
import { theLab } from '../../labs.ts'
import { keepUp, requireNamespaces } from '../../machine.ts'
import { time, type TimeRange, whole } from '../../values.ts'
import { onEnding } from '../../signals.ts'
import { say } from '../../../report/formats/terminal.ts'

export interface CaptureOptions extends SinkOptions {
  readonly lab?: string
  readonly filter?: string
  readonly count?: string
  readonly duration?: string
}

/** Milliseconds between two looks at what was captured. */
const TICK = 20
/** Most frames between two looks at everything else, such as Ctrl-C. */
const AT_ONCE = 4096
/** Frames, and their bytes, that may wait for older ones before the kernel has to keep them. */
const MAX_WAITING = 20_000
const MAX_BYTES = 64 * 2 ** 20
/** Milliseconds after Ctrl-C that a reader has for the last packets. */
const GRACE = 500

const DURATION: TimeRange = {
  least: 1,
  most: 86_400_000,
  units: ['ms', 's', 'm'],
  expected: 'a time up to a day',
  hint: 'Such as 10s or 2m.',
}

export async function capture(words: readonly string[], options: CaptureOptions): Promise<void> {
  const count = whole(options.count, 'count', 1, 1_000_000_000) ?? Infinity
  const duration = options.duration === undefined ? Infinity : time(options.duration, 'duration', DURATION)
  if (options.write !== undefined && options.wireshark)
    throw failure(Exit.Usage, 'bad-option', '--write and --wireshark do not go together', 'Wireshark can save what it shows.')
  const applied = theLab(options.lab)
  requireNamespaces('capture')
  keepUp()
  const { listens, widest } = listensFor(applied, words)
  const matches = filterFor(applied, options.filter)

  const stop = new AbortController()
  const hurry = new AbortController()
  const done = onEnding(() => {
    stop.abort()
    hurry.abort()
  })
  const sink = await sinkFor(applied, { listens, widest }, options, () => stop.abort())
  const timer = duration === Infinity ? undefined : setTimeout(() => stop.abort(), duration)
  try {
    await listen({ listens, sink, matches, count, stop: stop.signal, hurry: hurry.signal })
  } finally {
    clearTimeout(timer)
    done()
  }
}

interface Run {
  readonly listens: readonly Listen[]
  readonly sink: Sink
  readonly matches: (frame: Frame) => boolean
  readonly count: number
  readonly stop: AbortSignal
  /** From then on a reader is not waited for as long as it takes. */
  readonly hurry: AbortSignal
}

/** Waits for the work, but not beyond the signal. @returns whether it is done @throws what the work does until then */
async function doneBefore(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  let abort = (): void => {}
  const aborted = new Promise<false>((resolve) => (abort = () => resolve(false)))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work.then(() => true), aborted])
  } finally {
    // A capture may go on for days.
    signal.removeEventListener('abort', abort)
  }
}

function soonAfter(signal: AbortSignal): AbortSignal {
  const late = new AbortController()
  const begin = (): void => void setTimeout(() => late.abort(), GRACE).unref()
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  return late.signal
}

async function listen({ listens, sink, matches, count, stop, hurry }: Run): Promise<void> {
  const trouble = new Set<string>()
  const captured: Frame[] = []
  let seen = 0
  let matched = 0
  const isEnough = (): boolean => matched >= count
  const merge = new Merge((frame) => {
    seen++
    if (isEnough() || !matches(frame)) return
    matched++
    captured.push(frame)
  })
  let isLive = false
  let written = Promise.resolve()
  const tap = new Tap(listens, {
    onFrame: (frame) => merge.push(frame),
    onTrouble: (where, text) => {
      // A device that went down says so again and again.
      if (!trouble.has(`${where} ${text}`) && isLive) say(`${where}: ${text}`)
      trouble.add(`${where} ${text}`)
    },
  })
  try {
    if (trouble.size > 0) throw failure(Exit.Machine, 'cannot-listen', `cannot listen: ${[...trouble].join('; ')}`)
    await timestampsBegin()
    isLive = true
    say(`listening on ${listens.map(whereOf).join(', ')} (Ctrl-C ends it)`)
    const namespaces = new Lives(listens, tap)
    while (!stop.aborted && !isEnough() && namespaces.remain()) {
      // What waits for older frames is given on in time; until then the kernel keeps the rest.
      const hasMore = merge.bytes < MAX_BYTES && tap.read(Math.min(AT_ONCE, MAX_WAITING - merge.waiting))
      merge.flush(clockNow())
      written = sink.write(captured.splice(0))
      await doneBefore(written, stop)
      await sleep(hasMore ? 0 : TICK, undefined, { signal: stop }).catch(() => {})
    }
  } finally {
    const losses = tap.end()
    merge.flush()
    const rest = written.then(() => sink.write(captured.splice(0))).then(() => sink.end(lostIn(listens, losses)))
    const isWhole = await doneBefore(rest, soonAfter(hurry))
    if (isLive) say(summary(matched, seen, losses))
    if (!isWhole) {
      say('the reader stalled: it lacks the last of them')
      // Node would wait until it has read them.
      process.exit(process.exitCode ?? Exit.Done)
    }
  }
}

function summary(matched: number, seen: number, losses: readonly (PacketStatistics | undefined)[]): string {
  const lost = losses.reduce((n, l) => n + (l?.lost ?? 0), 0)
  const what = matched === seen ? `${seen} captured` : `${seen} captured, ${matched} shown`
  if (losses.includes(undefined)) return `${what}, it is not known how many more were lost`
  return `${what}, ${lost === 0 ? 'none lost' : `${lost} more lost: this machine could not keep up (fewer devices, or --write)`}`
}

/** Frames lost by namespace. */
function lostIn(listens: readonly Listen[], losses: readonly (PacketStatistics | undefined)[]): Map<string, number> {
  const map = new Map<string, number>()
  for (const [i, { ns }] of listens.entries()) map.set(ns, (map.get(ns) ?? 0) + (losses[i]?.lost ?? 0))
  return map
}

/** Milliseconds between two looks whether the namespaces are still there. */
const LOOK = 500

/** Nodes may be deleted while we listen; a socket must not keep what is left of them alive. */
class Lives {
  readonly #listens: readonly Listen[]
  readonly #tap: Tap
  readonly #inodes: (number | undefined)[]
  #looked = Date.now()

  constructor(listens: readonly Listen[], tap: Tap) {
    this.#listens = listens
    this.#tap = tap
    this.#inodes = listens.map(({ ns }) => inode(ns))
  }

  /** Whether there is anything left to listen to. */
  remain(): boolean {
    if (Date.now() - this.#looked < LOOK) return true
    this.#looked = Date.now()
    for (const [i, listen] of this.#listens.entries()) {
      if (this.#inodes[i] === undefined || inode(listen.ns) === this.#inodes[i]) continue
      this.#inodes[i] = undefined
      this.#tap.drop(i)
      say(`${listen.node} is gone`)
    }
    return this.#inodes.some((i) => i !== undefined)
  }
}

const inode = (ns: string): number | undefined => (existsSync(netnsFile(ns)) ? statSync(netnsFile(ns)).ino : undefined)
