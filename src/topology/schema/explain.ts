/**
 * zod's issues → diagnostics: located, in the author's words, and of a
 * union only what concerns the form the author chose.
 */
import * as z from 'zod'
import type { Diagnostic, Path } from '../diagnostics.ts'
import type { Positions } from '../yaml/positions.ts'
import { missing, outOfRange, unknownKey, unknownValue, within, wrongType, type Finding, type Known } from './errors.ts'
import { describeValue, formatPath } from './format.ts'
import { wording } from './messages.ts'

type Issue = z.core.$ZodIssue

/** Give this to zod's `safeParse` (`{ error: errorMap }`) where the issues shall be explained. */
export const errorMap: z.core.$ZodErrorMap = (issue) => {
  const schema = (issue.schema ?? issue.inst) as z.core.$ZodType | undefined
  const known: Known = {
    ...(schema && wording.get(schema)),
    ...(issue.code === 'unrecognized_keys' && knownKeys(schema)),
    ...(schema instanceof z.ZodNumber && { range: [schema.minValue, schema.maxValue] }),
  }
  return MARK + JSON.stringify(known)
}

/** Tells what {@link errorMap} wrote from a message that a schema brings itself (`.regex(…, 'expected …')`). */
const MARK = '\0'

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

/** No reader gets further, and finding out what each of a million keys could have meant takes its time. */
const MAX_ISSUES = 10_000

/** The located diagnostics for the issues zod raised about `value`, in zod's order. */
export function explain(issues: readonly Issue[], value: unknown, positions: Positions, file: string): Diagnostic[] {
  const seen = new Set<string>()
  const diagnostics: Diagnostic[] = []
  const found = issues.slice(0, MAX_ISSUES).flatMap((issue) => findings(issue, [], value, positions))
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
  return diagnostics
}

/** A number beyond every integer breaks two bounds: zod's own and, right after it, the format's, which is the one to tell. */
function isRepeatedBound(finding: Finding, next: Finding | undefined): boolean {
  return finding.code === 'out-of-range' && next?.code === finding.code && formatPath(next.path) === formatPath(finding.path)
}

function findings(issue: Issue, above: Path, root: unknown, positions: Positions): Finding[] {
  const path: Path = [...above, ...(issue.path as Path)]
  const input = lookUp(root, path)
  const known = knownFrom(issue)
  if (input === undefined && path.length > 0 && issue.code !== 'custom') return [missing(path, possible(issue), known)]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.slice(0, MAX_ISSUES).map((key) => unknownKey([...path, key], input, known))
    case 'invalid_key':
      return issue.issues.flatMap((inner) => findings(inner, path, root, positions)).map((finding) => ({ ...finding, path, at: 'key' }))
    case 'invalid_union': {
      if (issue.discriminator !== undefined) return [unknownValue(path, input, possible(issue), known)]
      const fitting = branch(issue.errors, input)
      if (fitting) return fitting.flatMap((inner) => findings(inner, path, root, positions))
      const types = issue.errors.flat().flatMap((inner) => (inner.code === 'invalid_type' ? [inner.expected] : []))
      return [wrongType(path, input, types, known)]
    }
    case 'invalid_value':
      return [unknownValue(path, input, possible(issue), known)]
    case 'invalid_type':
      return [wrongType(path, input, [issue.expected], known, positions.written(path))]
    case 'too_big':
    case 'too_small':
      return [outOfRange(path, input, issue, known)]
    case 'custom': {
      const { code = 'invalid-value', hint } = (issue.params ?? {}) as { code?: string; hint?: string }
      const text = code === 'missing-key' ? within(path, issue.message) : issue.message
      return [{ path, at: input === undefined ? 'key' : 'value', code, text, hint }]
    }
    default: {
      const rule = issue.message.startsWith(MARK) ? 'not valid here' : issue.message
      return [{ path, at: 'value', code: 'invalid-value', text: `${describeValue(input)}: ${rule}` }]
    }
  }
}

/** The values that would do, where they are few. zod's types name `options` for one kind of its union issues only. */
function possible(issue: Issue): readonly unknown[] {
  if (issue.code === 'invalid_value') return issue.values
  return (issue.code === 'invalid_union' && 'options' in issue && issue.options) || []
}

/** The issues of the one branch of a union whose form the input has; undefined if it has the form of none. */
function branch(branches: readonly (readonly Issue[])[], input: unknown): readonly Issue[] | undefined {
  const isOtherForm = (issue: Issue) =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof input !== 'string'))
  return branches.find((issues) => !issues.some(isOtherForm))
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

function knownFrom({ message }: Issue): Known {
  return message.startsWith(MARK) ? (JSON.parse(message.slice(MARK.length)) as Known) : {}
}
