/** Netlink messages and their attributes (linux/netlink.h), as bytes and as what they say. Pure. */

/** Length of a header: length, type, flags, sequence number, port. */
export const HEADER = 16
export const NLM_F = { request: 1, ack: 4, dumpInterrupted: 0x10, dump: 0x300, capped: 0x100, ackTlvs: 0x200 } as const
/** Types of messages that every protocol has. */
export const NLMSG = { error: 2, done: 3 } as const
/** linux/rtnetlink.h */
export const RTM = {
  newLink: 16,
  getLink: 18,
  newAddr: 20,
  getAddr: 22,
  newRoute: 24,
  getRoute: 26,
  newNeigh: 28,
  deleteNeigh: 29,
  getNeigh: 30,
  newRule: 32,
  getRule: 34,
  newQdisc: 36,
  getQdisc: 38,
} as const

export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Buffer
}

/** The messages in what one or more reads returned. What is cut off in the middle is left out. */
export function* messages(bytes: Buffer): Generator<Message> {
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER || at + length > bytes.length) return
    yield {
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + HEADER, at + length),
    }
    at += (length + 3) & ~3
  }
}

/** What the kernel is asked to do. */
export interface Request {
  readonly type: number
  readonly flags: number
  readonly body: Uint8Array
}

/** A request as the kernel takes it. */
export function request(type: number, flags: number, sequence: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER + body.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags | NLM_F.request, 6)
  bytes.writeUInt32LE(sequence, 8)
  bytes.set(body, HEADER)
  return bytes
}

/** An attribute to send. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3)
  bytes.writeUInt16LE(4 + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  bytes.set(value, 4)
  return bytes
}

/** The value of an attribute of 32 bits. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Attributes by type; flags of nesting and byte order are cut off the type. */
export class Attributes {
  readonly #values = new Map<number, Buffer>()

  /** @param from length of the fixed part before them */
  constructor(bytes: Buffer | undefined, from = 0) {
    if (!bytes) return
    for (let at = from; at + 4 <= bytes.length;) {
      const length = bytes.readUInt16LE(at)
      if (length < 4) return
      this.#values.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length))
      at += (length + 3) & ~3
    }
  }

  has(type: number): boolean {
    return this.#values.has(type)
  }
  types(): number[] {
    return [...this.#values.keys()]
  }
  bytes(type: number): Buffer | undefined {
    return this.#values.get(type)
  }
  u8(type: number): number | undefined {
    return this.#values.get(type)?.readUInt8()
  }
  u16(type: number): number | undefined {
    return this.#values.get(type)?.readUInt16LE()
  }
  /** In network byte order. */
  be16(type: number): number | undefined {
    return this.#values.get(type)?.readUInt16BE()
  }
  u32(type: number): number | undefined {
    return this.#values.get(type)?.readUInt32LE()
  }
  i32(type: number): number | undefined {
    return this.#values.get(type)?.readInt32LE()
  }
  /** In network byte order. */
  be32(type: number): number | undefined {
    return this.#values.get(type)?.readUInt32BE()
  }
  /** Numbers of 64 bits that are times and sizes: exact up to 2^53. */
  u64(type: number): number | undefined {
    const value = this.#values.get(type)
    return value && Number(value.readBigUInt64LE())
  }
  text(type: number): string | undefined {
    return this.#values.get(type)?.toString('latin1').replace(/\0.*$/s, '')
  }
  nested(type: number): Attributes {
    return new Attributes(this.#values.get(type))
  }
}

/** NLMSGERR_ATTR_MSG */
const EXTENDED_ACK_WORDS = 1

/** Why the kernel refused a request: its own words, where it has some (extended acknowledgement), and the error number. */
export interface Refusal {
  readonly errno: number
  readonly words?: string
}

/** What an acknowledgement says; the number is 0 where all is well. */
export function refusal({ flags, body }: Message): Refusal {
  const errno = -body.readInt32LE(0)
  if (!(flags & NLM_F.ackTlvs)) return { errno }
  // The header of the request comes back, and its body unless it is capped.
  const echoed = flags & NLM_F.capped ? HEADER : (body.readUInt32LE(4) + 3) & ~3
  const words = new Attributes(body, 4 + echoed).text(EXTENDED_ACK_WORDS)
  return words ? { errno, words } : { errno }
}
