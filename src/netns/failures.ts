/** What can go wrong on any machine, and is no mistake of netlab's. Commands end with exit code 3 and these words. */
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'

/** This machine did not do what netlab needs of it: a file cannot be written, a namespace cannot be read. */
export class MachineError extends Error {}

/** A process of netlab's own that ended although it was not told to: killed, out of memory, or it could not start. */
export class HelperEnded extends MachineError {}

/** A program that netlab runs could not be started. */
export class ProgramUnusable extends MachineError {
  constructor(
    readonly program: string,
    readonly isThere: boolean,
  ) {
    super(isThere ? `the program ${program} is not executable` : `the program ${program} is not installed`)
  }
}

/** The system's words for the error of a file or system call; undefined for errors that are none. */
export function systemErrorWords(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  const { code } = error as NodeJS.ErrnoException
  return [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1]
}

/**
 * Writes a file whole or not at all, even if the machine stops in between; what was there stays until then.
 * @throws MachineError
 */
export function writeWhole(path: string, text: string, mode: number): void {
  const next = `${path}.new`
  try {
    rmSync(next, { force: true })
    writeFileSync(next, text, { mode: mode & 0o600, flag: 'wx' })
    // The umask is for files of the user's.
    chmodSync(next, mode)
    renameSync(next, path)
  } catch (error) {
    try {
      rmSync(next, { force: true })
    } catch {
      // Why it could not be written says more.
    }
    throw new MachineError(`cannot write ${path}: ${systemErrorWords(error) ?? (error as Error).message}`, { cause: error })
  }
}
