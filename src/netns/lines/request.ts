/**
 * What a line asks the kernel for: one netlink message without its header, written from front to back. Devices and
 * namespaces are named in lines and numbered in messages; who writes a message supplies the numbers. Pure.
 */

/** A message for NETLINK_ROUTE. */
export interface Request {
  readonly type: number
  /** Besides NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags: number
  readonly body: Buffer
  /** Devices that were known by name may be gone, or have another name, afterwards. */
  readonly forgets?: true
}

/** Thrown for a device that is not there, with its name. */
export class NoDevice extends Error {}

/** Numbers of what lines name. */
export interface Names {
  /** Index of a device of the namespace the line is for. @throws NoDevice */
  device(name: string): number
  /** An open descriptor of a named namespace. */
  netns(name: string): number
}

/** Message types (linux/rtnetlink.h). */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  NEWROUTE: 24,
  DELROUTE: 25,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  NEWRULE: 32,
  DELRULE: 33,
} as const

const NLM_F_REPLACE = 0x100
const NLM_F_EXCL = 0x200
const NLM_F_CREATE = 0x400
const NLM_F_APPEND = 0x800

/** Flags of the verbs that all families of lines share (linux/netlink.h). */
export const VERBS: Readonly<Record<string, number>> = {
  add: NLM_F_CREATE | NLM_F_EXCL,
  append: NLM_F_CREATE | NLM_F_APPEND,
  replace: NLM_F_CREATE | NLM_F_REPLACE,
  change: NLM_F_REPLACE,
  delete: 0,
  del: 0,
}
export const isDelete = (verb: string): boolean => verb === 'delete' || verb === 'del'

const NLA_F_NESTED = 0x8000

/** Writes the body of a message: a fixed part, then attributes. Numbers are little-endian, as on every machine netlab runs on. */
export class Body {
  #bytes = Buffer.alloc(256)
  #length = 0

  /** @param head the fixed part of the message, all zeroes so far */
  constructor(readonly head: number) {
    this.#length = head
  }

  #grow(more: number): number {
    const at = this.#length
    this.#length += more
    if (this.#length > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * this.#length)
    return at
  }

  /** Sets bytes already written: fields of the fixed part. */
  set8(at: number, value: number): void {
    this.#bytes.writeUInt8(value, at)
  }
  set32(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at)
  }

  get length(): number {
    return this.#length
  }

  /** Appends a fixed part in the middle of a message, such as the header of a veth pair's other end. */
  raw(length: number): number {
    return this.#grow(length)
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#grow(4 + ((value.length + 3) & ~3))
    this.#bytes.writeUInt16LE(4 + value.length, at)
    this.#bytes.writeUInt16LE(type, at + 2)
    this.#bytes.set(value, at + 4)
    return this
  }
  flag(type: number): this {
    return this.bytes(type, new Uint8Array())
  }
  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value))
  }
  u16(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value & 0xff, value >>> 8))
  }
  /** In network byte order. */
  be16(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value >>> 8, value & 0xff))
  }
  u32(type: number, value: number): this {
    const b = Buffer.alloc(4)
    b.writeUInt32LE(value)
    return this.bytes(type, b)
  }
  /** In network byte order. */
  be32(type: number, value: number): this {
    const b = Buffer.alloc(4)
    b.writeUInt32BE(value)
    return this.bytes(type, b)
  }
  /** With the zero that ends it, or without: iproute2 does both. */
  text(type: number, value: string, end = '\0'): this {
    return this.bytes(type, Buffer.from(value + end, 'latin1'))
  }

  /** An attribute made of attributes. */
  nest(type: number, write: () => void, marked = false): this {
    const at = this.#grow(4)
    write()
    this.#bytes.writeUInt16LE(this.#length - at, at)
    this.#bytes.writeUInt16LE(type | (marked ? NLA_F_NESTED : 0), at + 2)
    return this
  }

  /** Writes over a length field, as of a next hop, from `at` to here. */
  close16(at: number): void {
    this.#bytes.writeUInt16LE(this.#length - at, at)
  }

  /** The bytes written. Padding is zero: buffers are zeroed and written once. */
  end(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }
}
