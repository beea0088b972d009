/** Warnings go to people, on standard error, whatever standard output carries. */
import { formatDiagnostics } from '../report/formats/diagnostics.ts'
import { chalkFor, colorLevel, say } from '../report/formats/terminal.ts'
import { readText } from '../topology/files.ts'
import { isMistake, type Diagnostic } from '../topology/diagnostics.ts'

export function warn(warnings: readonly Diagnostic[], file: string): void {
  if (warnings.length === 0) return
  const chalk = chalkFor(process.stderr)
  for (const note of warnings.filter((d) => !isMistake(d))) say(chalk.dim(`${note.file}:${note.line}: ${note.message}`))
  const mistakes = warnings.filter(isMistake)
  if (mistakes.length === 0) return
  const sources = new Map<string, string>()
  for (const name of new Set([file, ...mistakes.flatMap((d) => d.file ?? [])])) {
    // Without the text there are no code frames; the positions are in the messages all the same.
    const { value } = readText(name)
    if (value !== undefined) sources.set(name, value)
  }
  say(formatDiagnostics(mistakes, sources, { color: colorLevel(process.stderr) > 0 }))
}
