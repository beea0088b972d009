/**
 * Records of tracepoints, from all processors, through perf_event_open(2). Nothing of it outlives the process, whatever ends
 * it, and other tracing is not touched. The kernel writes records into memory that it shares with us.
 * Numbers and layouts: include/uapi/linux/perf_event.h.
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { libc, libcElsewhere, sharedMemory, tryLibc, type SharedMemory } from '../../netns/libc.ts'
import { closeElsewhere } from '../../netns/sockets/packet-socket.ts'
import { CLOCK, clockTime } from '../../netns/sockets/receive.ts'

const SYS_PERF_EVENT_OPEN = process.arch === 'x64' ? 298 : 241
const TYPE_TRACEPOINT = 2
const SAMPLE = { time: 1 << 2, raw: 1 << 10 } as const
/** Bits of perf_event_attr: not counting yet; wake readers by bytes; the clock is chosen. */
const FLAGS = (1n << 0n) | (1n << 14n) | (1n << 25n)
/** perf_event_attr: type, size, config, period, sample_type, flags, wakeup_watermark, clockid. */
const ATTRIBUTES = 112
const CLOEXEC = 8
const IOC = { enable: 0x2400, disable: 0x2401, setOutput: 0x2405, setFilter: 0x40082406 } as const
const RECORD = { lost: 2, sample: 9 } as const

const PAGE = 4096
/** Pages for a processor's records, a power of two. */
const PAGES = 256
const SIZE = PAGES * PAGE
/** Places in the first page: how far the kernel has written, and how far we have read. */
const DATA_HEAD = 1024 / 8
const DATA_TAIL = 1032 / 8

function attributesOf(id: number): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTES)
  bytes.writeUInt32LE(TYPE_TRACEPOINT, 0)
  bytes.writeUInt32LE(ATTRIBUTES, 4)
  bytes.writeBigUInt64LE(BigInt(id), 8)
  bytes.writeBigUInt64LE(1n, 16)
  bytes.writeBigUInt64LE(BigInt(SAMPLE.time | SAMPLE.raw), 24)
  bytes.writeBigUInt64LE(FLAGS, 40)
  // Readers look by themselves.
  bytes.writeUInt32LE(SIZE / 2, 48)
  bytes.writeInt32LE(CLOCK.monotonic, 92)
  return bytes
}

/** What to record: a tracepoint by its number, and of several filters (events.rst) the first that the kernel understands. */
export interface Recorded {
  readonly id: number
  readonly filters: readonly string[]
}

/** Records of one processor. */
interface Ring {
  readonly leader: number
  readonly shared: SharedMemory
  readonly words: BigUint64Array
  readonly data: Buffer
}

/** Numbers of the processors, of `0-3,5`. */
export const processorsOf = (list: string): number[] =>
  list
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, i) => first + i)
    })

function processors(): number[] {
  try {
    return processorsOf(readFileSync('/sys/devices/system/cpu/online', 'utf8'))
  } catch {
    return cpus().map((_, i) => i)
  }
}

/** How far CLOCK_REALTIME is ahead of CLOCK_MONOTONIC, nanoseconds: of several readings the one that took the shortest. */
function clocksApart(): bigint {
  let best = { took: 1n << 62n, apart: 0n }
  for (let i = 0; i < 5; i++) {
    const before = clockTime(CLOCK.monotonic)
    const real = clockTime(CLOCK.realtime)
    const took = clockTime(CLOCK.monotonic) - before
    if (took < best.took) best = { took, apart: real - before - took / 2n }
  }
  return best.apart
}

export class Recorder {
  readonly #fds: number[] = []
  readonly #rings: Ring[] = []
  #apart = 0n
  /** Records that there was no room for, as far as is known. */
  lost = 0

  /**
   * Prepares to record, which takes some ten milliseconds, most of them in other threads.
   * @throws SystemError
   */
  async open(list: readonly Recorded[]): Promise<void> {
    try {
      const [first = 0, ...others] = processors()
      // The kernel arms a tracepoint when it is opened first.
      const attributes = list.map(({ id }) => attributesOf(id))
      const armed = await Promise.all(
        attributes.map((bytes) => libcElsewhere('perf_event_open', SYS_PERF_EVENT_OPEN, bytes, -1, first, -1, CLOEXEC)),
      )
      this.#fds.push(...armed.filter((fd) => fd >= 0))
      // Once more says why.
      const fds = armed.map((fd, i) => (fd >= 0 ? fd : this.#openOn(first, attributes[i]!)))
      this.#join(list, fds)
      for (const cpu of others)
        this.#join(
          list,
          attributes.map((bytes) => this.#openOn(cpu, bytes)),
        )
    } catch (error) {
      this.close()
      throw error
    }
  }

  #openOn(cpu: number, attributes: Buffer): number {
    const fd = libc('perf_event_open', SYS_PERF_EVENT_OPEN, attributes, -1, cpu, -1, CLOEXEC)
    this.#fds.push(fd)
    return fd
  }

  /** All events of a processor go into the memory of the first. */
  #join(list: readonly Recorded[], fds: readonly number[]): void {
    const leader = fds[0]
    if (leader === undefined) return
    const shared = sharedMemory(leader, PAGE + SIZE)
    this.#rings.push({
      leader,
      shared,
      words: new BigUint64Array(shared.memory, 0, PAGE / 8),
      data: Buffer.from(shared.memory, PAGE, SIZE),
    })
    for (const [i, fd] of fds.entries()) {
      if (fd !== leader) libc('ioctlNumber', fd, IOC.setOutput, leader)
      list[i]!.filters.find((filter) => tryLibc('ioctl', fd, IOC.setFilter, Buffer.from(`${filter}\0`)) >= 0)
    }
  }

  /** Begins or ends to record. */
  record(on: boolean): void {
    if (on) this.#apart = clocksApart()
    for (const fd of this.#fds) tryLibc('ioctlNumber', fd, on ? IOC.enable : IOC.disable, 0)
  }

  /**
   * Hands over what has been recorded, processor by processor.
   * @param onRecord gets the record as its tracepoint describes it, and its time: nanoseconds, CLOCK_REALTIME
   */
  read(onRecord: (record: Buffer, at: bigint) => void): void {
    for (const { words, data } of this.#rings) {
      const head = Atomics.load(words, DATA_HEAD)
      let tail = words[DATA_TAIL]!
      while (tail < head) {
        const at = Number(tail % BigInt(SIZE))
        // Records begin at multiples of eight: a header is never split.
        const size = data.readUInt16LE(at + 6)
        if (size < 8) break
        this.#take(data.readUInt32LE(at), piece(data, at, size), onRecord)
        tail += BigInt(size)
      }
      Atomics.store(words, DATA_TAIL, head)
    }
  }

  #take(type: number, record: Buffer, onRecord: (record: Buffer, at: bigint) => void): void {
    // Identity of the event, and how many.
    if (type === RECORD.lost) this.lost += Number(record.readBigUInt64LE(16))
    if (type !== RECORD.sample) return
    const length = record.readUInt32LE(16)
    onRecord(record.subarray(20, 20 + length), record.readBigUInt64LE(8) + this.#apart)
  }

  close(): void {
    for (const { shared } of this.#rings.splice(0)) shared.close()
    closeElsewhere(this.#fds.splice(0))
  }
}

/** A copy of a part of a ring, which may go on at its beginning. */
function piece(ring: Buffer, at: number, size: number): Buffer {
  if (at + size <= ring.length) return Buffer.from(ring.subarray(at, at + size))
  return Buffer.concat([ring.subarray(at), ring.subarray(0, at + size - ring.length)])
}
