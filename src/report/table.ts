/** Aligned columns without borders, as `kubectl` and `docker` print them. */

/** Control characters of names and messages must not reach a terminal. */
// oxlint-disable-next-line no-control-regex
const ANSI = /\u001b\[[0-9;]*m/g

/** Columns a text takes on a terminal, colours not counted. */
export const width = (text: string): number => Array.from(text.replace(ANSI, '')).length

/**
 * @param head column titles
 * @param rows cells, coloured or not
 * @param title colours the titles
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[], title: (text: string) => string = (t) => t): string {
  const widths = head.map((h, i) => Math.max(width(h), ...rows.map((r) => width(r[i] ?? ''))))
  const line = (cells: readonly string[]): string => cells.map((c, i) => (i === cells.length - 1 ? c : c + ' '.repeat(widths[i]! - width(c)))).join('  ').trimEnd()
  return `${[line(head.map((h) => title(h.toUpperCase()))), ...rows.map(line)].join('\n')}\n`
}
