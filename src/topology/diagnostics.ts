/**
 * What a user did wrong, as data. Diagnostics are collected over the whole file and
 * shown together; only bugs are thrown.
 */

/** A place in a file. Both count from 1, as editors do. */
export interface Position {
  readonly line: number
  readonly column: number
}

export type Severity = 'error' | 'warning'

/** One finding about the topology file, the machine or the command line. */
export interface Diagnostic {
  /** Stable, machine-readable, kebab-case: `unknown-key`, `address-taken`, … */
  readonly code: string
  readonly severity: Severity
  readonly message: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  /** What to do next, in one sentence. */
  readonly hint?: string
}

/** Either a value, or at least one diagnostic of severity `error`. Warnings may come with a value. */
export interface Outcome<T> {
  readonly value?: T
  readonly diagnostics: readonly Diagnostic[]
}

/** A path into the topology: `['hosts', 'node-1', 'segment']`. */
export type Path = readonly (string | number)[]

/** Where in the topology something was asked for. Kernel objects carry one, so that an error can name the line. */
export interface Source extends Position {
  /** Dotted, for people: `pods.shop/cart.ip`. */
  readonly path: string
  /** The file, if it is another than the topology: a manifest. */
  readonly file?: string
}

export const hasErrors = (diagnostics: readonly Diagnostic[]): boolean => diagnostics.some((d) => d.severity === 'error')

/** Orders diagnostics of one file as a reader meets them. */
export const byPosition = (a: Diagnostic, b: Diagnostic): number => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)

/** What is said of a file without a mistake in it: one line is enough. */
const NOTES = new Set(['not-acted-upon', 'merged-object', 'address-not-kept'])

/** Whether a warning is about what is most likely wrong: `--strict` takes it for an error. */
export const isMistake = (d: Diagnostic): boolean => !NOTES.has(d.code)
