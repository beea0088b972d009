/** The one way out of a command that did not succeed. */
import { LibcMissing } from '../netns/libc.ts'
import { HelperEnded, MachineError, ProgramUnusable, systemErrorWords } from '../netns/failures.ts'
import { NETNS_DIR } from '../netns/paths.ts'
import { toolHint } from '../kernel/features/probe.ts'
import { StateError } from '../state/store.ts'
import { LabBusy } from '../state/lock.ts'
import { diagnosticsJson, formatDiagnostics } from '../report/formats/diagnostics.ts'
import { colorLevel, say, writeJson } from '../report/formats/terminal.ts'
import type { Diagnostic } from '../topology/diagnostics.ts'
import { Exit, Failure, failure } from './failure.ts'

interface CommanderError extends Error {
  readonly code: string
  readonly exitCode: number
}

const isCommander = (error: unknown): error is CommanderError =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')

/** What helps where the system refuses something, by its error. */
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'There is no room on the file system: df -h shows how full it is, df -i its inodes.',
  EDQUOT: 'A quota is used up.',
  EROFS: 'The file system is mounted read-only.',
  EMFILE: 'This process may not open more files: ulimit -n shows the limit and raises it.',
  ENFILE: 'The machine has too many open files: sysctl fs.file-max.',
  ENOMEM: 'The machine is out of memory.',
  EAGAIN: 'The machine cannot start more processes: ulimit -u, or the pids limit of the control group.',
  EACCES: 'Run it as root, and see who changed that path.',
  EPERM: 'Run it as root; in a container, netlab needs --privileged.',
}

const machine = (code: string, message: string, hint?: string): Failure => failure(Exit.Machine, code, message, hint)

/** The error itself, or the one that it was made of. */
const causeOf = (error: Error): Error => (error.cause instanceof Error ? error.cause : error)
const hintFor = (error: Error): string | undefined => SYSTEM_HINTS[(causeOf(error) as NodeJS.ErrnoException).code ?? '']

/** A file or system call that failed where netlab has no words of its own for it. */
function systemFailure(error: NodeJS.ErrnoException): Failure | undefined {
  const words = systemErrorWords(error)
  if (words === undefined) return undefined
  const { code, path, syscall } = error
  const ns = path?.startsWith(`${NETNS_DIR}/`) === true && code === 'ENOENT' ? path.slice(NETNS_DIR.length + 1) : undefined
  if (ns !== undefined)
    return failure(
      Exit.Broken,
      'namespace-gone',
      `the namespace ${ns} does not exist any more`,
      `netlab status ${ns.split('.')[0]} names what is missing.`,
    )
  return machine('system', `${[syscall, path].filter(Boolean).join(' ')}: ${words}`, hintFor(error))
}

/** What is known about an error that commands expect; undefined for bugs. */
export function asFailure(error: unknown): Failure | undefined {
  if (error instanceof Failure) return error
  if (!(error instanceof Error)) return undefined
  if (error instanceof LabBusy) return failure(Exit.Apply, 'lab-busy', error.message, 'Try again when it has finished.')
  if (error instanceof StateError) return machine('state', error.message, error.hint)
  if (error instanceof LibcMissing)
    return machine('koffi-missing', error.message, 'Install netlab with its dependencies: npm install --include=optional')
  if (error instanceof ProgramUnusable) return machine('tool-missing', error.message, toolHint(error.program, error.isThere))
  if (error instanceof HelperEnded)
    return machine('helper-ended', error.message, hintFor(error) ?? 'Is the machine out of memory? Try the same command again.')
  if (error instanceof MachineError) return machine('machine', error.message, hintFor(error))
  return systemFailure(error)
}

/** Prints why the command ended and returns its exit code. With `--json`, on standard output as data. */
export async function report(error: unknown, argv: readonly string[]): Promise<number> {
  // Everything after `--` belongs to another program's command line.
  const own = argv.slice(2, argv.includes('--') ? argv.indexOf('--') : undefined)
  const json = own.includes('--json')
  if (isCommander(error)) {
    if (error.exitCode === 0) return Exit.Done
    // commander has printed its message on standard error already.
    if (json)
      await writeJson(
        diagnosticsJson([
          { code: 'command-line', severity: 'error', message: error.message.replace(/^error: /, ''), hint: '--help shows how' },
        ]),
      )
    return Exit.Usage
  }
  const known = asFailure(error)
  if (!known) {
    const bug: Diagnostic = {
      code: 'bug',
      severity: 'error',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      hint: 'This is a bug in netlab. Please report it with the lines above.',
    }
    await print([bug], new Map(), json)
    return 70
  }
  await print(known.diagnostics, known.sources, json)
  return known.exit
}

async function print(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>, json: boolean): Promise<void> {
  if (json) await writeJson(diagnosticsJson(diagnostics))
  else if (diagnostics.length > 0) say(formatDiagnostics(diagnostics, sources, { color: colorLevel(process.stderr) > 0 }))
}
