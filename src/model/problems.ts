/** Collects what is wrong with a topology while it is resolved, located by path. */
import type { Diagnostic, Path, Severity } from '../topology/diagnostics.ts'
import type { LoadedTopology } from '../topology/load.ts'

export class Problems {
  readonly diagnostics: Diagnostic[] = []
  readonly #loaded: LoadedTopology

  constructor(loaded: LoadedTopology) {
    this.#loaded = loaded
  }

  error(path: Path, code: string, message: string, hint?: string): void {
    this.#add('error', path, code, message, hint)
  }

  warning(path: Path, code: string, message: string, hint?: string): void {
    this.#add('warning', path, code, message, hint)
  }

  #add(severity: Severity, path: Path, code: string, message: string, hint?: string): void {
    const { line, column } = this.#loaded.source(path)
    this.diagnostics.push({ code, severity, message, file: this.#loaded.file, line, column, ...(hint === undefined ? {} : { hint }) })
  }
}
