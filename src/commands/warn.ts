/** Warnings go to people, on standard error, whatever standard output carries. */
import { readFileSync } from 'node:fs'
import { formatDiagnostics } from '../report/diagnostics.ts'
import { colorLevel } from '../report/terminal.ts'
import type { Diagnostic } from '../topology/diagnostics.ts'

export function warn(warnings: readonly Diagnostic[], file: string): void {
  if (warnings.length === 0) return
  const sources = new Map<string, string>()
  try {
    sources.set(file, readFileSync(file, 'utf8'))
  } catch {
    // Without the text there are no code frames; the positions are in the messages all the same.
  }
  process.stderr.write(formatDiagnostics(warnings, sources, { color: colorLevel(process.stderr) > 0 }))
}
