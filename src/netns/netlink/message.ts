/** Netlink messages and their attributes (linux/netlink.h), as bytes and as what they say. Pure. */

/** Length of a header: length, type, flags, sequence number, port. */
export const HEADER = 16
export const NLM_F = { request: 1, ack: 4, dumpInterrupted: 0x10, dump: 0x300, capped: 0x100, ackTlvs: 0x200 } as const
/** Types of messages that every protocol has. */
export const NLMSG = { error: 2, done: 3 } as const
/** A message of netlab's own, NLMSG_NOOP to all others: which namespace the rest is of, as the kernel numbers them (SO_NETNS_COOKIE). */
export const IDENTITY = { message: 1, length: 8 } as const
/** linux/rtnetlink.h */
export const RTM = {
  newLink: 16,
  getLink: 18,
  newAddr: 20,
  getAddr: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeigh: 28,
  deleteNeigh: 29,
  getNeigh: 30,
  newRule: 32,
  getRule: 34,
  newQdisc: 36,
  getQdisc: 38,
  newNetconf: 80,
  getNetconf: 82,
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
  readonly #bytes: Buffer | undefined
  /** Where the value of each type begins; holes are types that are not there. A value's length is in the two bytes four before it. */
  readonly #at: number[] = []

  /** @param from length of the fixed part before them */
  constructor(bytes: Buffer | undefined, from = 0) {
    this.#bytes = bytes
    if (!bytes) return
    for (let at = from; at + 4 <= bytes.length;) {
      const length = bytes[at]! | (bytes[at + 1]! << 8)
      if (length < 4 || at + length > bytes.length) return
      this.#at[(bytes[at + 2]! | (bytes[at + 3]! << 8)) & 0x3fff] = at + 4
      at += (length + 3) & ~3
    }
  }

  has(type: number): boolean {
    return this.#at[type] !== undefined
  }
  types(): number[] {
    return Object.keys(this.#at).map(Number)
  }
  bytes(type: number): Buffer | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes!.subarray(at, at - 4 + this.#bytes!.readUInt16LE(at - 4))
  }
  u8(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes![at]
  }
  u16(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes!.readUInt16LE(at)
  }
  /** In network byte order. */
  be16(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes!.readUInt16BE(at)
  }
  u32(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes!.readUInt32LE(at)
  }
  i32(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes!.readInt32LE(at)
  }
  /** In network byte order. */
  be32(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : this.#bytes!.readUInt32BE(at)
  }
  /** Numbers of 64 bits that are times and sizes: exact up to 2^53. */
  u64(type: number): number | undefined {
    const at = this.#at[type]
    return at === undefined ? undefined : Number(this.#bytes!.readBigUInt64LE(at))
  }
  /** Up to the zero that ends it. */
  text(type: number): string | undefined {
    const at = this.#at[type]
    if (at === undefined) return undefined
    const end = at - 4 + this.#bytes!.readUInt16LE(at - 4)
    const zero = this.#bytes!.indexOf(0, at)
    return this.#bytes!.toString('latin1', at, zero < 0 || zero > end ? end : zero)
  }
  nested(type: number): Attributes {
    return new Attributes(this.bytes(type))
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
