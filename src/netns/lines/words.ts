/**
 * A line of `ip -batch` or `bridge -batch` as words, and the values they spell. What is not spelled in the plain way
 * (an abbreviated keyword, an octal number, `10.1/16`) is left to the program, which knows every other way. Pure.
 */

/** Thrown on a line that is left to the program: unknown here, or wrong, and then the program says what is wrong. */
export class NotInterpreted extends Error {}

/** @throws NotInterpreted */
export function leave(why: string): never {
  throw new NotInterpreted(why)
}

/** Words of a line. Quotes, comments and continued lines are left to the program. */
export function wordsOf(line: string): string[] {
  if (/["'\\#]/.test(line)) leave('quoted')
  return line.split(/[ \t]+/).filter(Boolean)
}

/** The words of one line, read from the left. */
export class Words {
  #at = 0

  constructor(readonly words: readonly string[]) {}

  get done(): boolean {
    return this.#at >= this.words.length
  }

  /** The next word, which must be there. */
  next(): string {
    return this.words[this.#at++] ?? leave('incomplete')
  }

  peek(): string | undefined {
    return this.words[this.#at]
  }

  /** Takes the next word if it is this one. */
  accept(word: string): boolean {
    if (this.peek() !== word) return false
    this.#at++
    return true
  }

  /** The next word, looked up in a table of keywords. */
  oneOf<T>(table: Readonly<Record<string, T>>): T {
    return valueIn(table, this.next())
  }

  /** The next word as a number from 0 to `max`. */
  number(max = 0xffff_ffff): number {
    return numberOf(this.next(), max)
  }

  /** `on` as 1, `off` as 0. */
  switch(): number {
    return this.oneOf({ on: 1, off: 0 })
  }
}

/** The value a table gives a word. */
export function valueIn<T>(table: Readonly<Record<string, T>>, word: string): T {
  return Object.hasOwn(table, word) ? table[word]! : leave(`unknown word ${word}`)
}

export function numberOf(word: string, max = 0xffff_ffff): number {
  const n = /^(0|[1-9]\d*|0x[\da-f]+)$/.test(word) ? Number(word) : Number.NaN
  return n <= max ? n : leave(`not a number: ${word}`)
}

/** Address families as the kernel numbers them. */
export const AF_UNSPEC = 0
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_BRIDGE = 7

export interface Ip {
  readonly family: typeof AF_INET | typeof AF_INET6
  readonly bytes: Buffer
}

const MAC = /^([\da-f]{2}:){5}[\da-f]{2}$/i

export const macOf = (word: string): Buffer => (MAC.test(word) ? Buffer.from(word.replaceAll(':', ''), 'hex') : leave(`not a MAC: ${word}`))

/** A link-layer address: of Ethernet, or of an IP tunnel, where it is the far end's address. */
export const lladdrOf = (word: string): Buffer => (word.includes('.') ? ipv4(word) : macOf(word))

function ipv4(word: string): Buffer {
  const parts = word.split('.')
  if (parts.length !== 4) leave(`not an address: ${word}`)
  return Buffer.from(parts.map((p) => (/^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256 ? Number(p) : leave(`not an address: ${word}`))))
}

function ipv6(word: string): Buffer {
  const halves = word.split('::')
  if (halves.length > 2) leave(`not an address: ${word}`)
  const groups = (text: string): number[] => {
    if (text === '') return []
    return text.split(':').map((g) => (/^[\da-f]{1,4}$/i.test(g) ? Number.parseInt(g, 16) : leave(`not an address: ${word}`)))
  }
  const [head, tail] = [groups(halves[0]!), groups(halves[1] ?? '')]
  const gap = 8 - head.length - tail.length
  if (halves.length === 2 ? gap < 1 : gap !== 0) leave(`not an address: ${word}`)
  const bytes = Buffer.alloc(16)
  for (const [i, g] of head.entries()) bytes.writeUInt16BE(g, 2 * i)
  for (const [i, g] of tail.entries()) bytes.writeUInt16BE(g, 2 * (8 - tail.length + i))
  return bytes
}

export function ipOf(word: string): Ip {
  return word.includes(':') ? { family: AF_INET6, bytes: ipv6(word) } : { family: AF_INET, bytes: ipv4(word) }
}

/** An address of this family, in the kernel's byte order. */
export function ip4Of(word: string): Buffer {
  const { family, bytes } = ipOf(word)
  return family === AF_INET ? bytes : leave(`not IPv4: ${word}`)
}

export interface Prefix extends Ip {
  readonly length: number
}

/** `10.1.2.3/24`, or an address alone: all of its bits. Bits beyond the prefix are kept. */
export function prefixOf(word: string): Prefix {
  const [address = '', length] = word.split('/', 2)
  if (word.split('/').length > 2) leave(`not a prefix: ${word}`)
  const ip = ipOf(address)
  const bits = ip.bytes.length * 8
  return { ...ip, length: length === undefined ? bits : numberOf(length, bits) }
}
