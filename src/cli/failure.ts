/** How a command ends when it does not succeed. */
import type { Diagnostic } from '../topology/diagnostics.ts'

/** Exit codes mean the same in every command. */
export enum Exit {
  Done = 0,
  /** The lab does not keep a promise: drift, a failed test, an undelivered packet. */
  Broken = 1,
  /** The command line or the topology is wrong. */
  Usage = 2,
  /** This machine lacks something. */
  Machine = 3,
  /** Applying failed and was rolled back. */
  Apply = 4,
  Interrupted = 130,
}

/** Ends the command with an exit code and what to tell the user, as text or, with `--json`, as data. */
export class Failure extends Error {
  constructor(
    readonly exit: Exit,
    readonly diagnostics: readonly Diagnostic[],
    /** Texts of the files that diagnostics point into, for code frames. */
    readonly sources: ReadonlyMap<string, string> = new Map(),
  ) {
    super(diagnostics.map((d) => d.message).join('; '))
  }
}

/** A failure with one message and what to do about it. */
export function failure(exit: Exit, code: string, message: string, hint?: string): Failure {
  return new Failure(exit, [{ code, severity: 'error', message, ...(hint === undefined ? {} : { hint }) }])
}
