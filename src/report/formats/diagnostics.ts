/** Diagnostics for people (located, with a code frame) and for programs (JSON). */
import { Chalk, type ChalkInstance } from 'chalk'
import type { Diagnostic, Severity } from '../../topology/diagnostics.ts'
import { plural } from '../../plural.ts'
import { visible } from './visible.ts'
import { width } from './width.ts'

/** The first mistakes explain the rest more often than not. */
const MAX_SHOWN = 20
const LINES_BEFORE = 2
/** Columns of a source line that are shown; of a longer one, the part around the caret. */
const FRAME_WIDTH = 120

export interface FormatOptions {
  readonly color: boolean
}

/**
 * The diagnostics as text, each with the lines it is about, ending in a count.
 * @param sources texts of the files, by the name the diagnostics give
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  { color }: FormatOptions,
): string {
  if (diagnostics.length === 0) return ''
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const texts = new Map<string, Lines>()
  const linesOf = (file: string): Lines | undefined => {
    const text = sources.get(file)
    if (text !== undefined && !texts.has(file)) texts.set(file, new Lines(text))
    return texts.get(file)
  }
  // Where not all are shown, none that stops the command is left out for a warning.
  const ordered = diagnostics.length > MAX_SHOWN ? diagnostics.toSorted((a, b) => rankOf(a.severity) - rankOf(b.severity)) : diagnostics
  const blocks = ordered.slice(0, MAX_SHOWN).map((diagnostic) => {
    const frame = diagnostic.file === undefined ? [] : codeFrame(linesOf(diagnostic.file), diagnostic, chalk)
    return [heading(diagnostic, chalk), ...frame, ...hintLines(diagnostic, chalk)].join('\n')
  })
  const hidden = diagnostics.length - MAX_SHOWN
  return [...blocks, ...(hidden > 0 ? [`… and ${hidden} more`] : []), chalk.bold(summary(diagnostics))].join('\n\n') + '\n'
}

const rankOf = (severity: Severity): number => (severity === 'error' ? 0 : 1)

/** What the JSON output holds for one diagnostic: every key is always there. */
export interface JsonDiagnostic {
  readonly code: string
  readonly message: string
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  readonly hint: string | null
}

/** The `--json` document: all errors, and the warnings if there are any. */
export function diagnosticsJson(diagnostics: readonly Diagnostic[]): { errors: JsonDiagnostic[]; warnings?: JsonDiagnostic[] } {
  const of = (severity: Severity) =>
    diagnostics
      .filter((diagnostic) => diagnostic.severity === severity)
      .map(({ code, message, file = null, line = null, column = null, hint = null }) => ({ code, message, file, line, column, hint }))
  const warnings = of('warning')
  return { errors: of('error'), ...(warnings.length > 0 ? { warnings } : {}) }
}

function heading({ severity, code, message, file, line, column }: Diagnostic, chalk: ChalkInstance): string {
  const place = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':')
  const label = severity === 'error' ? chalk.red.bold('error') : chalk.yellow.bold('warning')
  return [...(place ? [chalk.cyan(visible(place))] : []), label, chalk.bold(shown(message)), chalk.dim(`[${visible(code)}]`)].join('  ')
}

function hintLines({ hint }: Diagnostic, chalk: ChalkInstance): string[] {
  return hint === undefined ? [] : [`  ${chalk.green('hint:')} ${shown(hint)}`]
}

function summary(diagnostics: readonly Diagnostic[]): string {
  const of = (severity: Severity) => diagnostics.filter((diagnostic) => diagnostic.severity === severity).length
  const counted = (n: number, noun: string) => (n === 0 ? [] : [plural(n, noun)])
  return [...counted(of('error'), 'error'), ...counted(of('warning'), 'warning')].join(', ')
}

/** Lines of a text, found as far as they are asked for: a hostile file has millions, and three are shown. */
class Lines {
  readonly #text: string
  /** Where lines begin. */
  readonly #starts = [0]

  constructor(text: string) {
    this.#text = text.replace(/^\uFEFF/, '')
  }

  /** @param n from 1 */
  at(n: number): string | undefined {
    while (this.#starts.length <= n) {
      const end = this.#text.indexOf('\n', this.#starts.at(-1))
      if (end === -1) break
      this.#starts.push(end + 1)
    }
    const [start, next] = [this.#starts[n - 1], this.#starts[n]]
    return start === undefined ? undefined : this.#text.slice(start, next === undefined ? undefined : next - 1)
  }
}

/** The line in question, the two before it, and a caret under the column. Empty if the file does not have that line. */
function codeFrame(lines: Lines | undefined, { line, column = 1 }: Diagnostic, chalk: ChalkInstance): string[] {
  const last = line === undefined ? undefined : lines?.at(line)
  if (line === undefined || last === undefined) return []
  const from = Math.max(1, line - LINES_BEFORE)
  const gutter = String(line).length
  // All lines are cut alike, or their columns would not match.
  const cut = column > FRAME_WIDTH - 20 ? column - FRAME_WIDTH / 2 : 0
  const frame: string[] = []
  for (let n = from; n <= line; n++) {
    const number = `${n === line ? '>' : ' '} ${String(n).padStart(gutter)} |`
    const text = visible(window(lines!.at(n)!.replace(/\r$/, ''), cut))
    frame.push(`  ${n === line ? chalk.bold(number) : chalk.dim(number)} ${text}`.trimEnd())
  }
  const before = (cut > 0 ? '…' : '') + last.slice(cut, column - 1)
  frame.push(`    ${' '.repeat(gutter)} ${chalk.dim('|')} ${' '.repeat(width(visible(before)))}${chalk.red.bold('^')}`)
  return frame
}

function window(text: string, cut: number): string {
  const part = text.slice(cut, cut + FRAME_WIDTH)
  return (cut > 0 && text.length > 0 ? '…' : '') + part + (text.length > cut + FRAME_WIDTH ? '…' : '')
}

/** A text of several lines, such as a tool's own words, keeps them, set off from what is not part of it. */
const shown = (text: string): string => text.trimEnd().split('\n').map(visible).join('\n    ')
