/** Aligned columns without borders, as `kubectl` and `docker` print them. */

import { visible } from './visible.ts'
import { width } from './width.ts'

/**
 * @param head column titles
 * @param rows cells, coloured or not
 * @param title colours the titles
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[], title: (text: string) => string = (t) => t): string {
  // Not Math.max(...): a lab has more rows than a call takes arguments.
  const widths = head.map((h, i) => rows.reduce((most, r) => Math.max(most, width(r[i] ?? '')), width(h)))
  // A cell is one line, whatever is in it.
  const line = (cells: readonly string[]): string =>
    cells
      .map((c) => c.replaceAll('\n', visible))
      .map((c, i) => (i === cells.length - 1 ? c : c + ' '.repeat(widths[i]! - width(c))))
      .join('  ')
      .trimEnd()
  return `${[line(head.map((h) => title(h.toUpperCase()))), ...rows.map(line)].join('\n')}\n`
}
