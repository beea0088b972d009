/** What `explain` says of each kind of issue: codes, texts and hints. */
import type * as z from 'zod'
import type { Path } from '../diagnostics.ts'
import { suggest } from '../suggest.ts'
import { describeType, describeValue, formatPath, orList, quote } from './format.ts'
import type { Wording } from './messages.ts'

/** What only the schema behind an issue knows. The issue's `message` carries it as JSON from the error map to `explain`. */
export interface Known extends Wording {
  /** The keys a mapping may have. */
  readonly keys?: readonly string[]
  /** Keys that belong one level down: `podCIDR` → `network`. */
  readonly deeper?: Readonly<Record<string, string>>
  /** The bounds of a number. */
  readonly range?: readonly [number | null, number | null]
}

/** One complaint, before it is located. `text` does not name the path. */
export interface Finding {
  readonly path: Path
  readonly at: 'key' | 'value'
  readonly code: string
  readonly text: string
  readonly hint?: string | undefined
}

/** A key the mapping may not have. */
export function unknownKey(path: Path, owner: unknown, { keys = [], deeper = {}, surplus }: Known): Finding {
  const key = String(path.at(-1))
  const name = formatPath(path.slice(0, -1))
  const text = `unknown key ${quote(key)}${name === '' ? '' : ` in ${name}`}`
  const unused = keys.filter((other) => !Object.hasOwn(owner as object, other))
  const meant = Object.hasOwn(deeper, key) ? `${deeper[key]}.${key}` : suggest(key, unused)
  const allowed = keys.length > 0 ? `allowed here: ${keys.join(', ')}` : 'nothing is allowed here'
  const hint = meant ? `did you mean \`${meant}\`?` : (surplus ?? allowed)
  return { path, at: 'key', code: 'unknown-key', text, hint }
}

/** The hint for a file that is empty, or nearly. */
export const SHORTEST = 'the shortest file is two lines: `hosts: { node-1: {} }` and `pods: { pod-a: {} }`'

/** A key that must be there. `values` are those it may have, if they are few. */
export function missing(path: Path, values: readonly unknown[], known: Known): Finding {
  const expected = values.length > 0 ? orList(values.map(String)) : known.expected
  const hint = path.length === 1 ? SHORTEST : `add \`${path.at(-1)}:\`${expected ? ` with ${expected}` : ''}`
  return { path, at: 'key', code: 'missing-key', text: within(path, `\`${path.at(-1)}\` is missing`), hint }
}

/** What is said of a key that is not there is said of the mapping that lacks it. */
export function within(path: Path, text: string): string {
  const owner = formatPath(path.slice(0, -1))
  return owner === '' ? text : `${owner}: ${text}`
}

/** A value that is none of the possible ones. */
export function unknownValue(path: Path, input: unknown, values: readonly unknown[], { noun, code, waiting }: Known): Finding {
  const names = values.map(String)
  if (typeof input !== 'string') {
    const hint = noun ? `one of: ${names.join(', ')}` : undefined
    return { path, at: 'value', code: 'wrong-type', text: `expected ${orList(names)}, found ${describeValue(input)}`, hint }
  }
  const known = noun ? `known: ${names.join(', ')}` : `write ${orList(names)}`
  if (noun && waiting && Object.hasOwn(waiting, input))
    return {
      path,
      at: 'value',
      code: code ?? 'invalid-value',
      text: `${noun} ${quote(input)} is not built: ${waiting[input]}`,
      hint: known,
    }
  const meant = suggest(input, names)
  const text = noun ? `unknown ${noun} ${quote(input)}` : `${quote(input)} is not ${names.length > 1 ? 'one of ' : ''}${names.join(', ')}`
  return {
    path,
    at: 'value',
    code: code ?? 'invalid-value',
    text,
    hint: meant ? `did you mean \`${meant}\`?${noun ? ` (${known})` : ''}` : known,
  }
}

/** A value of another type. Several are `expected` where there is a short form. `written` is the value as it stands in the file. */
export function wrongType(path: Path, input: unknown, expected: readonly string[], known: Known, written?: string): Finding {
  const text = `expected ${known.expected ?? orList(expected.map(describeType))}, found ${describeValue(input)}`
  return { path, at: 'value', code: 'wrong-type', text, hint: typeHint(input, expected, known, written) }
}

/** Where quoting makes a valid value of what YAML took for a number or a truth value. */
const QUOTABLE = new Set(['a name', 'text', 'a label key', 'the name of a port'])

function typeHint(input: unknown, expected: readonly string[], known: Known, written?: string): string | undefined {
  if (input === null) {
    if (expected.every((type) => type === 'object' || type === 'record')) return 'write `{}` for an empty one, or remove the key'
    return 'give a value, or remove the key'
  }
  const isText = typeof input === 'string'
  if (isText && expected.includes('boolean')) {
    if (/^(yes|on|true)$/i.test(input)) return 'write true, without quotes'
    return /^(no|off|false)$/i.test(input) ? 'write false, without quotes' : undefined
  }
  if (expected.length > 1) return undefined // what is expected says it
  switch (expected[0]) {
    case 'string':
      if ((typeof input !== 'number' && typeof input !== 'boolean') || !QUOTABLE.has(known.expected ?? 'text')) return undefined
      return `quote it: "${written ?? input}"`
    case 'int':
    case 'number':
      return isText && /^\d+$/.test(input) ? 'remove the quotes: they make it text' : undefined
    case 'boolean':
      return undefined
    case 'array':
      return 'a list is written [a, b], or one item a line after "- "'
    default:
      return Array.isArray(input) ? 'write `name: …` entries, without "- "' : 'a mapping is written `key: value`, or { key: value }'
  }
}

/** What {@link outOfRange} needs of zod's issue. */
type RangeIssue = z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall

/** A number, or a length, beyond its bounds. */
export function outOfRange(path: Path, input: unknown, issue: RangeIssue, { range = [null, null] }: Known): Finding {
  const isBig = issue.code === 'too_big'
  const limit = Number(isBig ? issue.maximum : issue.minimum)
  const bound = `${isBig ? 'at most' : 'at least'} ${limit}`
  if (typeof input === 'number') {
    const text = isBig ? `${input} is more than the maximum, ${limit}` : `${input} is less than the minimum, ${limit}`
    const hint = range.includes(null) ? undefined : `a whole number from ${range[0]} to ${range[1]}`
    return { path, at: 'value', code: 'out-of-range', text, hint }
  }
  const what = typeof input === 'string' ? 'character' : Array.isArray(input) ? 'item' : 'entry'
  const start = input === '' ? 'the text is empty: ' : Array.isArray(input) && input.length === 0 ? 'the list is empty: ' : ''
  return { path, at: 'value', code: 'out-of-range', text: `${start}expected ${bound} ${what}${limit === 1 ? '' : 's'}` }
}
