/**
 * zod's issues → diagnostics: located, ordered as in the file, in the author's words, and of a
 * union only what concerns the form the author chose.
 */
import * as z from 'zod'
import type { Diagnostic, Path } from './diagnostics.ts'
import type { Positions } from './positions.ts'
import { suggest } from './suggest.ts'
import { describeType, describeValue, formatPath, orList, quote } from './words.ts'
import { wording, type Wording } from './wording.ts'

type Issue = z.core.$ZodIssue

/** What only the schema behind an issue knows. The issue's `message` carries it as JSON from {@link errorMap} to {@link explain}. */
interface Known extends Wording {
  /** The keys a mapping may have. */
  readonly keys?: readonly string[]
  /** Keys that belong one level down: `podCIDR` → `network`. */
  readonly deeper?: Readonly<Record<string, string>>
  /** The bounds of a number. */
  readonly range?: readonly [number | null, number | null]
}

/** Give this to zod's `safeParse` (`{ error: errorMap }`) where the issues shall be explained. */
export const errorMap: z.core.$ZodErrorMap = (issue) => {
  const schema = (issue.schema ?? issue.inst) as z.core.$ZodType | undefined
  const known: Known = {
    ...(schema && wording.get(schema)),
    ...(issue.code === 'unrecognized_keys' && knownKeys(schema)),
    ...(schema instanceof z.ZodNumber && { range: [schema.minValue, schema.maxValue] }),
  }
  return JSON.stringify(known)
}

function knownKeys(schema: unknown): Known {
  if (!(schema instanceof z.ZodObject)) return {}
  const keys = Object.keys(schema.shape)
  const deeper: Record<string, string> = {}
  for (const key of keys) {
    let inner: unknown = schema.shape[key]
    while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) inner = inner.def.innerType
    if (inner instanceof z.ZodObject) for (const name of Object.keys(inner.shape)) deeper[name] ??= key
  }
  return { keys, deeper }
}

/** One complaint, before it is located. `text` does not name the path. */
interface Finding {
  readonly path: Path
  readonly at: 'key' | 'value'
  readonly code: string
  readonly text: string
  readonly hint?: string | undefined
}

/** The diagnostics for the issues zod raised about `value`, in the order of the file. */
export function explain(issues: readonly Issue[], value: unknown, positions: Positions, file: string): Diagnostic[] {
  const seen = new Set<string>()
  const diagnostics: (Diagnostic & { line: number; column: number })[] = []
  const found = issues.flatMap((issue) => findings(issue, [], value, positions))
  for (const [i, finding] of found.entries()) {
    if (isRepeatedBound(finding, found[i + 1])) continue
    const { path, at, code, text, hint } = finding
    const { line, column } = at === 'key' ? positions.key(path) : positions.value(path)
    // A mistake in an anchored value would otherwise be reported once for each alias.
    const identity = JSON.stringify([line, column, code, text, path.at(-1)])
    if (seen.has(identity)) continue
    seen.add(identity)
    const name = code === 'unknown-key' || code === 'missing-key' ? '' : formatPath(path)
    const message = name === '' ? text : `${name}: ${text}`
    diagnostics.push({ code, severity: 'error', message, file, line, column, ...(hint === undefined ? {} : { hint }) })
  }
  return diagnostics.sort((a, b) => a.line - b.line || a.column - b.column)
}

/** A number beyond every integer breaks two bounds: zod's own and, right after it, the format's, which is the one to tell. */
function isRepeatedBound(finding: Finding, next: Finding | undefined): boolean {
  return finding.code === 'out-of-range' && next?.code === finding.code && formatPath(next.path) === formatPath(finding.path)
}

function findings(issue: Issue, above: Path, root: unknown, positions: Positions): Finding[] {
  const path: Path = [...above, ...(issue.path as Path)]
  const input = lookUp(root, path)
  const known = knownFrom(issue)
  if (input === undefined && path.length > 0 && issue.code !== 'custom') return [missing(path, issue, known)]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], input, known))
    case 'invalid_key':
      return issue.issues.flatMap((inner) => findings(inner, path, root, positions)).map((finding) => ({ ...finding, path, at: 'key' }))
    case 'invalid_union':
      if (issue.discriminator !== undefined) return [unknownValue(path, input, discriminants(issue), known)]
      return (
        branch(issue.errors, input)?.flatMap((inner) => findings(inner, path, root, positions)) ?? [
          mixedType(path, input, issue.errors, known),
        ]
      )
    case 'invalid_value':
      return [unknownValue(path, input, issue.values, known)]
    case 'invalid_type':
      return [wrongType(path, input, issue.expected, known, positions)]
    case 'too_big':
    case 'too_small':
      return [outOfRange(path, input, issue, known)]
    case 'custom': {
      const { code = 'invalid-value', hint } = (issue.params ?? {}) as { code?: string; hint?: string }
      const text = code === 'missing-key' ? within(path, issue.message) : issue.message
      return [{ path, at: input === undefined ? 'key' : 'value', code, text, hint }]
    }
    default:
      return [{ path, at: 'value', code: 'invalid-value', text: `${describeValue(input)} is not valid here` }]
  }
}

/** The values the discriminator may have. zod's types name them for one kind of its union issues only. */
const discriminants = (issue: z.core.$ZodIssueInvalidUnion): readonly unknown[] => ('options' in issue && issue.options) || []

/** The issues of the one branch of a union whose form the input has; undefined if it has the form of none. */
function branch(branches: readonly (readonly Issue[])[], input: unknown): readonly Issue[] | undefined {
  const isOtherForm = (issue: Issue) =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof input !== 'string'))
  return branches.find((issues) => !issues.some(isOtherForm))
}

function unknownKey(path: Path, owner: unknown, { keys = [], deeper = {}, surplus }: Known): Finding {
  const key = String(path.at(-1))
  const name = formatPath(path.slice(0, -1))
  const text = `unknown key ${quote(key)}${name === '' ? '' : ` in ${name}`}`
  const unused = keys.filter((other) => !Object.hasOwn(owner as object, other))
  const meant = Object.hasOwn(deeper, key) ? `${deeper[key]}.${key}` : suggest(key, unused)
  const allowed = keys.length > 0 ? `allowed here: ${keys.join(', ')}` : 'nothing is allowed here'
  const hint = meant ? `did you mean \`${meant}\`?` : (surplus ?? allowed)
  return { path, at: 'key', code: 'unknown-key', text, hint }
}

export const SHORTEST = 'the shortest file is two lines: `hosts: { node-1: {} }` and `pods: { pod-a: {} }`'

function missing(path: Path, issue: Issue, known: Known): Finding {
  const values = issue.code === 'invalid_value' ? issue.values : issue.code === 'invalid_union' ? discriminants(issue) : []
  const expected = values.length > 0 ? orList(values.map(String)) : known.expected
  const hint = path.length === 1 ? SHORTEST : `add \`${path.at(-1)}:\`${expected ? ` with ${expected}` : ''}`
  return { path, at: 'key', code: 'missing-key', text: within(path, `\`${path.at(-1)}\` is missing`), hint }
}

/** What is said of a key that is not there is said of the mapping that lacks it. */
function within(path: Path, text: string): string {
  const owner = formatPath(path.slice(0, -1))
  return owner === '' ? text : `${owner}: ${text}`
}

function unknownValue(path: Path, input: unknown, values: readonly unknown[], { noun, code }: Known): Finding {
  const names = values.map(String)
  if (typeof input !== 'string') {
    const hint = noun ? `one of: ${names.join(', ')}` : undefined
    return { path, at: 'value', code: 'wrong-type', text: `expected ${orList(names)}, found ${describeValue(input)}`, hint }
  }
  const meant = suggest(input, names)
  const text = noun ? `unknown ${noun} ${quote(input)}` : `${quote(input)} is not ${names.length > 1 ? 'one of ' : ''}${names.join(', ')}`
  const known = noun ? `known: ${names.join(', ')}` : `write ${orList(names)}`
  return {
    path,
    at: 'value',
    code: code ?? 'invalid-value',
    text,
    hint: meant ? `did you mean \`${meant}\`?${noun ? ` (${known})` : ''}` : known,
  }
}

function mixedType(path: Path, input: unknown, branches: readonly (readonly Issue[])[], known: Known): Finding {
  const types = branches.flat().flatMap((issue) => (issue.code === 'invalid_type' ? [describeType(issue.expected)] : []))
  return { path, at: 'value', code: 'wrong-type', text: `expected ${known.expected ?? orList(types)}, found ${describeValue(input)}` }
}

function wrongType(path: Path, input: unknown, expected: string, known: Known, positions: Positions): Finding {
  const text = `expected ${known.expected ?? describeType(expected)}, found ${describeValue(input)}`
  return { path, at: 'value', code: 'wrong-type', text, hint: typeHint(path, input, expected, known, positions) }
}

/** Where quoting makes a valid value of what YAML took for a number or a truth value. */
const QUOTABLE = new Set(['a name', 'text', 'a label key', 'the name of a port'])

function typeHint(path: Path, input: unknown, expected: string, known: Known, positions: Positions): string | undefined {
  if (input === null) {
    if (expected === 'object' || expected === 'record') return 'write `{}` for an empty one, or remove the key'
    return 'give a value, or remove the key'
  }
  const isText = typeof input === 'string'
  switch (expected) {
    case 'string':
      if (typeof input === 'object' || !QUOTABLE.has(known.expected ?? 'text')) return undefined
      return `quote it: "${positions.written(path) ?? String(input)}"`
    case 'int':
    case 'number':
      return isText && /^\d+$/.test(input) ? 'remove the quotes: they make it text' : undefined
    case 'boolean':
      if (!isText) return undefined
      if (/^(yes|on|true)$/i.test(input)) return 'write true, without quotes'
      return /^(no|off|false)$/i.test(input) ? 'write false, without quotes' : undefined
    case 'array':
      return 'a list is written [a, b], or one item a line after "- "'
    default:
      return Array.isArray(input) ? 'write `name: …` entries, without "- "' : 'a mapping is written `key: value`, or { key: value }'
  }
}

type RangeIssue = z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall

function outOfRange(path: Path, input: unknown, issue: RangeIssue, { range = [null, null] }: Known): Finding {
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

/** The value at a path, or undefined. */
function lookUp(root: unknown, path: Path): unknown {
  let value = root
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string | number, unknown>)[part]
  }
  return value
}

function knownFrom(issue: Issue): Known {
  return issue.code === 'custom' ? {} : (JSON.parse(issue.message) as Known)
}
