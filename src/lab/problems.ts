/** Collects what is wrong with a topology while it is resolved, located by path. */
import type { Diagnostic, Path, Position, Severity } from '../topology/diagnostics.ts'
import type { LoadedTopology } from '../topology/loaded.ts'

export class Problems {
  readonly diagnostics: Diagnostic[] = []
  readonly #loaded: LoadedTopology

  constructor(loaded: LoadedTopology) {
    this.#loaded = loaded
  }

  error(path: Path, code: string, message: string, hint?: string): void {
    this.#add('error', this.#loaded.source(path), code, message, hint)
  }

  /** For what has been resolved already and knows where it comes from. */
  errorAt(source: Position & { readonly file?: string }, code: string, message: string, hint?: string): void {
    this.#add('error', source, code, message, hint)
  }

  warningAt(source: Position & { readonly file?: string }, code: string, message: string, hint?: string): void {
    this.#add('warning', source, code, message, hint)
  }

  warning(path: Path, code: string, message: string, hint?: string): void {
    this.#add('warning', this.#loaded.source(path), code, message, hint)
  }

  #add(
    severity: Severity,
    { line, column, file = this.#loaded.file }: Position & { readonly file?: string },
    code: string,
    message: string,
    hint?: string,
  ): void {
    this.diagnostics.push({ code, severity, message, file, line, column, ...(hint === undefined ? {} : { hint }) })
  }
}
