/**
 * A stream of JSON values, as `kubectl get -o json` of several calls gives it: one after another, with nothing but white
 * space between them. YAML would want `---` there.
 */

/** Where a value begins and ends in its text. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The values of a stream of two or more objects; undefined where the text is anything else. In linear time. */
export function jsonValues(text: string): readonly Span[] | undefined {
  const spans: Span[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '"') {
      if (depth === 0) return undefined
      i = endOfString(text, i)
    } else if (c === '{' || c === '[') {
      if (depth++ === 0) start = i
    } else if (c === '}' || c === ']') {
      if (depth-- === 0) return undefined
      if (depth === 0) spans.push({ start, end: i + 1 })
    } else if (depth === 0 && !/\s/.test(c)) return undefined
  }
  return depth === 0 && spans.length > 1 ? spans : undefined
}

/** Where the string that begins at `from` has its last quotation mark. */
function endOfString(text: string, from: number): number {
  let i = from + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}
