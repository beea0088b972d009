/** A netlink socket of the namespace the thread is in: asks the kernel and has the answer when it returns. */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { fixedBuffer, libc, systemWords, tryLibc } from '../libc.ts'
import { AF, deviceIndex, openSocket, SOCK } from '../sockets/socket.ts'
import { HEADER, IDENTITY, messages, NLM_F, NLMSG, refusal, request, u32, type Message, type Refusal, type Request } from './message.ts'

/** linux/netlink.h */
export const NETLINK = { route: 0, netfilter: 12 } as const
export const SOL_NETLINK = 270
/** Acknowledgements without a copy of the request, and with words; and requests that are checked to the last byte. */
const OPTIONS = { capAck: 10, extAck: 11, strict: 12 } as const

/** linux/netfilter/nfnetlink.h: NFNL_MSG_BATCH_BEGIN and END, of which struct nfgenmsg names the subsystem. */
const BATCH = { begin: 16, end: 17 } as const

/** The kernel refused a request. */
export class NetlinkError extends Error {
  /** `EEXIST` */
  readonly code: string

  /** @param words the kernel's own, or else those of the C library for the number */
  constructor(
    readonly errno: number,
    words?: string,
  ) {
    super(words ?? systemWords(errno))
    this.code = getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`
  }
}

/** What the kernel can put into one read, bytes: it fills what it is given up to 32 KB, and takes more for one large message. */
const LARGEST = 1 << 18
const answer = fixedBuffer(LARGEST)

/** asm-generic/socket.h */
const [SOL_SOCKET, SO_NETNS_COOKIE] = [1, 71]
const cookie = fixedBuffer(IDENTITY.length)

/** Requests that are sent together. */
const AT_ONCE = 256

/** How often a dump is asked for again that changed while it was read. */
const TRIES = 20

export class NetlinkSocket {
  readonly #fd: number
  #sequence = 0

  /** @throws SystemError, as for a protocol that this kernel does not have */
  constructor(protocol: number = NETLINK.route) {
    this.#fd = openSocket(AF.netlink, SOCK.raw, protocol)
    // Kernels before 4.20 do without some of them.
    for (const option of Object.values(OPTIONS)) tryLibc('setsockopt', this.#fd, SOL_NETLINK, option, u32(1), 4)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #send(type: number, flags: number, body: Uint8Array): void {
    const bytes = request(type, flags, ++this.#sequence, body)
    libc('send', this.#fd, bytes, bytes.length, 0)
  }

  /** The next messages about the last request. The kernel answers before it returns from the sending, so there is nothing to wait for. */
  #receive(): Message[] {
    return this.#receiveSince(this.#sequence)
  }

  #receiveSince(sequence: number): Message[] {
    const length = libc('recv', this.#fd, answer, answer.length, 0)
    const bytes = Buffer.from(answer.subarray(0, length))
    return [...messages(bytes)].filter((m) => m.sequence >= sequence)
  }

  /** One answer to one question. @throws NetlinkError */
  ask(type: number, body: Uint8Array): Message {
    this.#send(type, 0, body)
    for (;;) {
      for (const message of this.#receive()) {
        if (message.type !== NLMSG.error) return message
        const { errno, words } = refusal(message)
        throw new NetlinkError(errno, words)
      }
    }
  }

  /** Index of a device of the socket's namespace. @throws SystemError: ENODEV where there is no such device */
  deviceIndex(name: string): number {
    return deviceIndex(this.#fd, name)
  }

  /** Has something done. @returns why the kernel refused to, if it did */
  act(type: number, flags: number, body: Uint8Array): Refusal | undefined {
    this.#send(type, flags | NLM_F.ack, body)
    for (;;) {
      const answer = this.#receive().find((message) => message.type === NLMSG.error)
      if (!answer) continue
      const refused = refusal(answer)
      return refused.errno === 0 ? undefined : refused
    }
  }

  /** Has all of it done or nothing, by a subsystem of netfilter. @returns why the kernel refused to, if it did */
  transact(subsystem: number, requests: readonly Request[]): Refusal | undefined {
    const frame = Buffer.from([0, 0, subsystem >> 8, subsystem & 255])
    const begin = request(BATCH.begin, 0, ++this.#sequence, frame)
    const all = requests.map(({ type, flags, body }, i) =>
      request(type, flags | (i === requests.length - 1 ? NLM_F.ack : 0), ++this.#sequence, body),
    )
    const last = this.#sequence
    const bytes = Buffer.concat([begin, ...all, request(BATCH.end, 0, ++this.#sequence, frame)])
    libc('send', this.#fd, bytes, bytes.length, 0)
    for (let refused: Refusal | undefined; ;) {
      for (const message of this.#receiveSince(begin.readUInt32LE(8))) {
        if (message.type !== NLMSG.error) continue
        const answer = refusal(message)
        if (answer.errno !== 0) refused ??= answer
        // A batch that is refused as a whole has one answer, to its beginning.
        if (message.sequence === last || (refused && message.sequence === begin.readUInt32LE(8))) return refused
      }
    }
  }

  /** Has many things done, whatever comes of each. @throws SystemError */
  tell(type: number, bodies: readonly Uint8Array[]): void {
    for (let at = 0; at < bodies.length; at += AT_ONCE) {
      const requests = bodies.slice(at, at + AT_ONCE).map((body) => request(type, 0, ++this.#sequence, body))
      // A message begins at a multiple of four bytes.
      const bytes = Buffer.concat(requests.map((r) => (r.length % 4 === 0 ? r : Buffer.concat([r, Buffer.alloc(4 - (r.length % 4))]))))
      libc('send', this.#fd, bytes, bytes.length, 0)
      // What was refused has been answered: unread, it would fill the socket.
      while (tryLibc('recv', this.#fd, answer, answer.length, 0) > 0);
    }
  }

  /**
   * Appends everything the kernel has of a sort, as it is at one moment: what changed while it was read is read again.
   * @param sequence the number that its messages have
   * @throws NetlinkError
   */
  dumpInto(type: number, body: Uint8Array, sequence: number, into: Arena): void {
    const start = into.length
    for (let i = 0; i < TRIES; i++) {
      if (this.#dumpOnce(type, body, sequence, into)) return
      into.length = start
    }
    throw new NetlinkError(constants.errno.EINTR, 'it changed every time it was read')
  }

  /** Appends one answer to one question. @throws NetlinkError */
  askInto(type: number, body: Uint8Array, sequence: number, into: Arena): void {
    const bytes = request(type, 0, sequence, body)
    libc('send', this.#fd, bytes, bytes.length, 0)
    const room = into.room()
    const length = libc('recv', this.#fd, room, room.length, 0)
    if (room.readUInt16LE(4) === NLMSG.error) {
      const { errno, words } = refusal({ type: NLMSG.error, flags: room.readUInt16LE(6), sequence, body: room.subarray(HEADER, length) })
      throw new NetlinkError(errno, words)
    }
    into.length += length
  }

  /** Appends which namespace this is. @throws SystemError where the kernel does not number them (before 5.14) */
  identityInto(sequence: number, into: Arena): void {
    libc('getsockopt', this.#fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, u32(cookie.length))
    const bytes = request(IDENTITY.message, 0, sequence, cookie)
    into.room().set(bytes)
    into.length += bytes.length
  }

  /** Everything the kernel has of a sort, as messages. @throws NetlinkError */
  dump(type: number, body: Uint8Array): Message[] {
    const arena = emptyArena()
    this.dumpInto(type, body, ++this.#sequence, arena)
    return [...messages(arena.copy(0))].filter((message) => message.type !== NLMSG.done)
  }

  /** @returns whether it is whole */
  #dumpOnce(type: number, body: Uint8Array, sequence: number, into: Arena): boolean {
    const bytes = request(type, NLM_F.dump, sequence, body)
    libc('send', this.#fd, bytes, bytes.length, 0)
    let interrupted = false
    for (;;) {
      const room = into.room()
      const length = libc('recv', this.#fd, room, room.length, 0)
      into.length += length
      for (let at = 0; at < length;) {
        const size = room.readUInt32LE(at)
        const kind = room.readUInt16LE(at + 4)
        const flags = room.readUInt16LE(at + 6)
        if (flags & NLM_F.dumpInterrupted) interrupted = true
        if (kind === NLMSG.error) {
          const { errno, words } = refusal({ type: kind, flags, sequence, body: room.subarray(at + HEADER, at + size) })
          throw new NetlinkError(errno, words)
        }
        if (kind === NLMSG.done) {
          const error = size >= HEADER + 4 ? room.readInt32LE(at + HEADER) : 0
          if (error < 0) throw new NetlinkError(-error)
          return !interrupted
        }
        at += (size + 3) & ~3
      }
    }
  }
}

/** Bytes that are read one after the other, in a buffer that grows. */
export class Arena {
  #bytes = fixedBuffer(2 * LARGEST)
  length = 0

  /** What follows, with room for whatever one read can return. */
  room(): Buffer {
    if (this.#bytes.length - this.length < LARGEST) {
      const grown = fixedBuffer(2 * this.#bytes.length)
      grown.set(this.#bytes.subarray(0, this.length))
      this.#bytes = grown
    }
    return this.#bytes.subarray(this.length)
  }

  /** Those from a place on, to keep. */
  copy(from: number): Buffer {
    return Buffer.from(this.#bytes.subarray(from, this.length))
  }
}

let shared: Arena | undefined

/** An arena for one dump, which is copied from it: they all take the same memory. */
export function emptyArena(): Arena {
  shared ??= new Arena()
  shared.length = 0
  return shared
}
