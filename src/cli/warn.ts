/** Warnings go to people, on standard error, whatever standard output carries. */
import { readFileSync } from 'node:fs'
import { formatDiagnostics } from '../report/formats/diagnostics.ts'
import { chalkFor, colorLevel } from '../report/formats/terminal.ts'
import type { Diagnostic } from '../topology/diagnostics.ts'

/** Not a mistake of the file: one line is enough. */
const isNote = (d: Diagnostic): boolean => d.code === 'not-acted-upon'

export function warn(warnings: readonly Diagnostic[], file: string): void {
  const chalk = chalkFor(process.stderr)
  for (const note of warnings.filter(isNote)) process.stderr.write(chalk.dim(`${note.file}:${note.line}: ${note.message}\n`))
  const mistakes = warnings.filter((d) => !isNote(d))
  if (mistakes.length === 0) return
  const sources = new Map<string, string>()
  for (const name of new Set([file, ...mistakes.flatMap((d) => d.file ?? [])])) {
    try {
      sources.set(name, readFileSync(name, 'utf8'))
    } catch {
      // Without the text there are no code frames; the positions are in the messages all the same.
    }
  }
  process.stderr.write(formatDiagnostics(mistakes, sources, { color: colorLevel(process.stderr) > 0 }))
}
