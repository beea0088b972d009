/**
 * JSON, as `kubectl get -o json` prints it: one value, or several calls' values one after another with nothing but white space
 * between them, where YAML would want `---`. JSON is YAML, too, but JSON.parse takes a hundredth of the time and memory: a cluster's
 * dump of 16 MB is read so. What it would pass over (a key given twice) and what it refuses is left to the YAML parser, which says where.
 */
import type { Path, Position } from '../diagnostics.ts'
import type { Place, Positions } from './positions.ts'

/** Where a value begins and ends in its text. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A value of a stream. */
export interface JsonValue extends Span {
  /** Entries of all its objects, each as often as it is written. */
  readonly entries: number
  /** How deep objects and arrays are nested. */
  readonly depth: number
}

export interface JsonStream {
  readonly values: readonly JsonValue[]
  /** Commas and brackets: there are no more values than these. */
  readonly signs: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
const opens = (code: number): boolean => code === 0x7b || code === 0x5b
const closes = (code: number): boolean => code === 0x7d || code === 0x5d

/**
 * The objects and arrays of a stream; undefined where the text is anything else. In linear time.
 * @param most so many values and one more are found: the rest of the text is not looked at
 */
export function jsonValues(text: string, most: number): JsonStream | undefined {
  const values: JsonValue[] = []
  let signs = 0
  let depth = 0
  let open = { start: 0, entries: 0, depth: 0 }
  for (let i = 0; i < text.length && values.length <= most; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      if (depth === 0) return undefined
      i = endOfString(text, i)
    } else if (opens(code)) {
      if (depth++ === 0) open = { start: i, entries: 0, depth: 0 }
      signs++
      open.depth = Math.max(open.depth, depth)
    } else if (closes(code)) {
      if (depth-- === 0) return undefined
      if (depth === 0) values.push({ ...open, end: i + 1 })
    } else if (code === COLON) open.entries++
    else if (code === COMMA) signs++
    else if (depth === 0 && !isSpace(code)) return undefined
  }
  return depth === 0 && values.length > 0 ? { values, signs } : undefined
}

/** Where the string that begins at `from` has its last quotation mark. */
function endOfString(text: string, from: number): number {
  let i = from + 1
  for (let code = text.charCodeAt(i); i < text.length && code !== QUOTE; code = text.charCodeAt(i)) i += code === BACKSLASH ? 2 : 1
  return i
}

/** A value of a stream; undefined where the YAML parser has something to say about it. */
export function readJson(text: string, { start, end, entries }: JsonValue): { readonly value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text.slice(start, end))
    return entriesOf(value) === entries ? { value } : undefined
  } catch {
    return undefined
  }
}

/** Entries of all objects in a value. One that is called `__proto__` is none. */
function entriesOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inside = Object.values(value)
  let own = Array.isArray(value) ? 0 : inside.length - (Object.hasOwn(value, '__proto__') ? 1 : 0)
  for (const each of inside) own += entriesOf(each)
  return own
}

/** Where the keys and values of a JSON value are. */
export class JsonPositions implements Positions {
  readonly #text: string
  readonly #place: Place
  /** Where items of an array begin, by where it does itself: a list of thousands is asked for each of them. */
  readonly #items = new Map<number, readonly number[]>()

  /** @param place `from`: where the value begins */
  constructor(text: string, place: Place) {
    this.#text = text
    this.#place = place
  }

  key(path: Path): Position {
    return this.#at(this.#find(path).key)
  }

  value(path: Path): Position {
    return this.#at(this.#find(path).at)
  }

  written(path: Path): string | undefined {
    const { at } = this.#find(path)
    const code = this.#text.charCodeAt(at)
    if (opens(code)) return undefined
    const written = this.#text.slice(at, this.#endOf(at))
    return code === QUOTE ? (JSON.parse(written) as string) : written
  }

  /** The entry or item at a path, or at its nearest ancestor that the text has. */
  #find(path: Path): { readonly key: number; readonly at: number } {
    let found = { key: this.#place.from, at: this.#place.from }
    for (const part of path) {
      const inside = this.#inside(found.at, part)
      if (!inside) break
      found = inside
    }
    return found
  }

  #inside(at: number, part: string | number): { key: number; at: number } | undefined {
    switch (this.#text[at]) {
      case '[': {
        const item = this.#itemsOf(at)[part as number]
        return item === undefined ? undefined : { key: item, at: item }
      }
      case '{':
        for (const key of this.#parts(at)) {
          const end = endOfString(this.#text, key)
          if (JSON.parse(this.#text.slice(key, end + 1)) === String(part)) return { key, at: this.#skip(this.#skip(end + 1) + 1) }
        }
        return undefined
      default:
        return undefined
    }
  }

  #itemsOf(at: number): readonly number[] {
    let items = this.#items.get(at)
    if (!items) this.#items.set(at, (items = [...this.#parts(at)]))
    return items
  }

  /** Where entries of an object and items of an array begin. */
  *#parts(at: number): Generator<number> {
    const isObject = this.#text[at] === '{'
    for (let i = this.#skip(at + 1); !closes(this.#text.charCodeAt(i)); i = this.#skip(i)) {
      yield i
      const value = isObject ? this.#skip(this.#skip(endOfString(this.#text, i) + 1) + 1) : i
      i = this.#skip(this.#endOf(value))
      if (this.#text.charCodeAt(i) === COMMA) i++
    }
  }

  /** Behind the value that begins here. */
  #endOf(at: number): number {
    const text = this.#text
    if (text.charCodeAt(at) === QUOTE) return endOfString(text, at) + 1
    for (let i = at, depth = 0; ; i++) {
      const code = text.charCodeAt(i)
      if (depth === 0 && (i === text.length || code === COMMA || closes(code) || isSpace(code))) return i
      if (code === QUOTE) i = endOfString(text, i)
      else if (opens(code)) depth++
      else if (closes(code) && --depth === 0) return i + 1
    }
  }

  /** The next character that is no white space. */
  #skip(from: number): number {
    let i = from
    while (isSpace(this.#text.charCodeAt(i))) i++
    return i
  }

  #at(offset: number): Position {
    const { line, col } = this.#place.lines.linePos(offset)
    return { line, column: col }
  }
}
