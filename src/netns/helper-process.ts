/** Processes of netlab's own that it talks with: they start, or it is known why not. */
import { spawn, type ChildProcessWithoutNullStreams, type SpawnOptionsWithoutStdio } from 'node:child_process'
import { HelperEnded, MachineError, ProgramUnusable, systemErrorWords } from './failures.ts'

export type HelperProcess = ChildProcessWithoutNullStreams

/**
 * Starts a program with pipes for its input and output, in a process group of its own: Ctrl-C is for netlab, which then still
 * needs it to clean up. That the program cannot be run is told by the event `error`; see {@link unstartable}.
 * @throws MachineError when there are no descriptors left for the pipes: then Node gives a process without streams
 */
export function startHelper(program: string, args: readonly string[], options: SpawnOptionsWithoutStdio = {}): HelperProcess {
  const child = spawn(program, args, { ...options, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  if ((child.stdin as unknown) !== undefined) {
    // It died: its end says why.
    child.stdin.on('error', () => {})
    return child
  }
  child.on('error', () => {})
  throw new MachineError(`cannot start ${program}: too many open files`)
}

/** Why a program could not be started, from the error of its start. */
export function unstartable(program: string, cause: Error): MachineError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') return new ProgramUnusable(program, false)
  if (code === 'EACCES') return new ProgramUnusable(program, true)
  return new HelperEnded(`cannot start ${program}: ${systemErrorWords(cause) ?? cause.message}`, { cause })
}
