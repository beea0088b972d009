/**
 * Receiving by system calls, for sockets that Node has no streams for: which descriptors are ready, with poll(2), and many
 * datagrams at once, with recvmmsg(2). Structures are those of 64-bit little-endian Linux (libc.ts).
 */
import { addressOf, fixedBuffer, libc, SystemError, tryLibc } from '../libc.ts'
import { MSG_DONTWAIT, SO, SOL_SOCKET } from './socket.ts'
import { constants } from 'node:os'

/** asm-generic/poll.h */
export const POLL = { in: 1, out: 4, error: 8, hangUp: 16 } as const

/** struct pollfd (poll.h): descriptor, what to wait for, what came. */
const POLLFD = 8

/** Descriptors that are waited for together. */
export class PollSet {
  #bytes = Buffer.alloc(16 * POLLFD)
  #count = 0

  #indexOf(fd: number): number {
    for (let i = 0; i < this.#count; i++) if (this.#bytes.readInt32LE(i * POLLFD) === fd) return i
    return -1
  }

  /** Waits for a descriptor from now on. @param events of {@link POLL}; errors always count */
  set(fd: number, events: number = POLL.in): void {
    let index = this.#indexOf(fd)
    if (index < 0) {
      index = this.#count++
      if (this.#count * POLLFD > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)])
    }
    this.#bytes.writeInt32LE(fd, index * POLLFD)
    this.#bytes.writeInt16LE(events, index * POLLFD + 4)
  }

  delete(fd: number): void {
    const index = this.#indexOf(fd)
    if (index < 0) return
    this.#bytes.copyWithin(index * POLLFD, --this.#count * POLLFD, (this.#count + 1) * POLLFD)
  }

  /**
   * Blocks the thread, and with it everything else that Node does, until a descriptor is ready.
   * @param timeout milliseconds; 0 only looks
   * @returns what came, of {@link POLL}, by descriptor
   * @throws SystemError
   */
  wait(timeout: number): Map<number, number> {
    const ready = new Map<number, number>()
    if (libc('poll', this.#bytes, this.#count, timeout) === 0) return ready
    for (let at = 0; at < this.#count * POLLFD; at += POLLFD) {
      const events = this.#bytes.readInt16LE(at + 6)
      if (events !== 0) ready.set(this.#bytes.readInt32LE(at), events)
    }
    return ready
  }
}

/** struct iovec and struct mmsghdr, which is a struct msghdr and a length (sys/socket.h). */
const IOVEC = 16
const MMSGHDR = 64
const AT = { name: 0, nameLength: 8, iov: 16, iovLength: 24, control: 32, controlLength: 40, flags: 48, length: 56 } as const
/** Room for struct sockaddr_storage, and for the control messages of one datagram. */
const NAME = 128
const CONTROL = 256
/** struct cmsghdr: length, level, type; what follows begins at a multiple of eight bytes. */
const CMSGHDR = 16

/** Memory for datagrams, used again with every call. What it gives out is valid until the next one. */
export class Receiver {
  readonly #headers: Buffer
  readonly #names: Buffer
  readonly #controls: Buffer
  readonly #data: Buffer
  readonly #vectors: Buffer
  readonly #count: number
  readonly #size: number
  /** How many of the headers have lengths of an earlier call in them. */
  #used = 0

  /**
   * Memory that is not written to costs nothing.
   * @param count most datagrams of a call
   * @param size most bytes of a datagram; longer ones are cut
   */
  constructor(count = 16, size = 1 << 16) {
    this.#count = count
    this.#size = size
    this.#headers = fixedBuffer(count * MMSGHDR)
    this.#names = fixedBuffer(count * NAME)
    this.#controls = fixedBuffer(count * CONTROL)
    this.#data = fixedBuffer(count * size)
    this.#vectors = fixedBuffer(count * IOVEC)
    const [names, controls, data, vectors] = [this.#names, this.#controls, this.#data, this.#vectors].map(addressOf) as [
      bigint,
      bigint,
      bigint,
      bigint,
    ]
    for (let i = 0; i < count; i++) {
      this.#vectors.writeBigUInt64LE(data + BigInt(i * size), i * IOVEC)
      this.#vectors.writeBigUInt64LE(BigInt(size), i * IOVEC + 8)
      const header = i * MMSGHDR
      this.#headers.writeBigUInt64LE(names + BigInt(i * NAME), header + AT.name)
      this.#headers.writeBigUInt64LE(vectors + BigInt(i * IOVEC), header + AT.iov)
      this.#headers.writeBigUInt64LE(1n, header + AT.iovLength)
      this.#headers.writeBigUInt64LE(controls + BigInt(i * CONTROL), header + AT.control)
    }
    this.#used = count
  }

  /**
   * Takes what has come, without waiting.
   * @param flags MSG_TRUNC for whole lengths of what is cut, MSG_ERRQUEUE for errors
   * @returns how many datagrams, which are numbered from 0
   * @throws SystemError also for an error of an earlier packet, such as ECONNREFUSED
   */
  receive(fd: number, flags = 0): number {
    for (let i = 0; i < this.#used; i++) {
      const header = i * MMSGHDR
      this.#headers.writeUInt32LE(NAME, header + AT.nameLength)
      this.#headers.writeUInt32LE(CONTROL, header + AT.controlLength)
    }
    const received = tryLibc('recvmmsg', fd, this.#headers, this.#count, flags | MSG_DONTWAIT, 0)
    this.#used = Math.max(received, 0)
    if (received >= 0) return received
    if (-received === constants.errno.EAGAIN) return 0
    throw new SystemError('recvmmsg', -received)
  }

  /** Its length; with MSG_TRUNC that of what it was before it was cut. */
  length(i: number): number {
    return this.#headers.readUInt32LE(i * MMSGHDR + AT.length)
  }

  /** Its bytes, in memory that is used again: copy what is kept. */
  bytes(i: number): Buffer {
    return this.#data.subarray(i * this.#size, i * this.#size + Math.min(this.length(i), this.#size))
  }

  /** struct sockaddr of its sender. */
  name(i: number): Buffer {
    return this.#names.subarray(i * NAME, i * NAME + this.#headers.readUInt32LE(i * MMSGHDR + AT.nameLength))
  }

  /** Where a control message's data begins among those of all datagrams, or -1. */
  #find(i: number, level: number, type: number): number {
    const end = i * CONTROL + this.#headers.readUInt32LE(i * MMSGHDR + AT.controlLength)
    for (let at = i * CONTROL; at + CMSGHDR <= end;) {
      const length = this.#controls.readUInt32LE(at)
      if (length < CMSGHDR) return -1
      if (this.#controls.readInt32LE(at + 8) === level && this.#controls.readInt32LE(at + 12) === type) return at + CMSGHDR
      at += (length + 7) & ~7
    }
    return -1
  }

  /** What the kernel says about it: the data of a control message. */
  control(i: number, level: number, type: number): Buffer | undefined {
    const at = this.#find(i, level, type)
    return at < 0 ? undefined : this.#controls.subarray(at, at - CMSGHDR + this.#controls.readUInt32LE(at - CMSGHDR))
  }

  /** When it was received or sent, where the socket has {@link SO}.timestampns: nanoseconds, CLOCK_REALTIME. */
  timestamp(i: number): bigint | undefined {
    const at = this.#find(i, SOL_SOCKET, SO.timestampns)
    return at < 0 ? undefined : nanoseconds(this.#controls, at)
  }
}

/** A struct timespec as nanoseconds. */
const nanoseconds = (time: Buffer, at = 0): bigint => time.readBigInt64LE(at) * 1_000_000_000n + time.readBigInt64LE(at + 8)

/** linux/time.h */
export const CLOCK = { realtime: 0, monotonic: 1 } as const

/** What a clock shows, nanoseconds. */
export function clockTime(clock: number): bigint {
  const time = Buffer.alloc(16)
  libc('clock_gettime', clock, time)
  return nanoseconds(time)
}
