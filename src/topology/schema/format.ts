/** How diagnostics name paths and values: in the words of YAML, not of its parser. */
import type { Path } from '../diagnostics.ts'

const LONGEST_QUOTE = 60

/** `pods.shop/cart.containers[0].name`; a key that holds a dot is quoted: `labels."app.kubernetes.io/name"`. */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += (text === '' ? '' : '.') + (/^[\w/-]+$/.test(part) ? part : quote(part))
  }
  return text
}

/** A text in double quotes on one line, cut short when it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text)
}

/** `the number 7`, `a list`: what was found where something else was expected. */
export function describeValue(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return `the text ${quote(value)}`
  if (typeof value === 'number') return `the number ${value}`
  if (typeof value === 'boolean') return `the truth value ${value}`
  return 'a mapping'
}

/** zod's names of types, for people. */
export function describeType(expected: string): string {
  return TYPES[expected] ?? expected
}

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a whole number', // the format has no other numbers
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

/** `a, b or c`. */
export function orList(items: readonly string[]): string {
  const unique = [...new Set(items)]
  return unique.length < 2 ? (unique[0] ?? '') : `${unique.slice(0, -1).join(', ')} or ${unique.at(-1)}`
}
