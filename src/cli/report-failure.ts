/** The one way out of a command that did not succeed. */
import { LibcMissing } from '../netns/libc.ts'
import { WorkerGone } from '../netns/namespace-pool.ts'
import { TOOL_PACKAGES } from '../kernel/features/probe.ts'
import { StateError } from '../state/store.ts'
import { LabBusy } from '../state/lock.ts'
import { diagnosticsJson, formatDiagnostics } from '../report/formats/diagnostics.ts'
import { colorLevel } from '../report/formats/terminal.ts'
import type { Diagnostic } from '../topology/diagnostics.ts'
import { Exit, Failure, failure } from './failure.ts'

interface CommanderError extends Error {
  readonly code: string
  readonly exitCode: number
}

const isCommander = (error: unknown): error is CommanderError =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')

/** A program of netlab's own that is not there: how perl and Node.js say that it cannot be started. */
function missingTool(error: unknown): string | undefined {
  const said = error instanceof Error ? /Can't exec "([\w-]+)": No such file|\bspawn ([\w-]+) ENOENT/.exec(error.message) : null
  const tool = said?.[1] ?? said?.[2]
  return tool !== undefined && tool in TOOL_PACKAGES ? tool : undefined
}

/** What is known about an error that commands expect; undefined for bugs. */
export function asFailure(error: unknown): Failure | undefined {
  if (error instanceof Failure) return error
  if (error instanceof LabBusy) return failure(Exit.Apply, 'lab-busy', error.message, 'Try again when it has finished.')
  if (error instanceof StateError) return failure(Exit.Machine, 'state', error.message, error.hint)
  if (error instanceof LibcMissing)
    return failure(Exit.Machine, 'koffi-missing', error.message, 'Install netlab with its dependencies: npm install --include=optional')
  const tool = missingTool(error)
  if (tool !== undefined)
    return failure(Exit.Machine, 'tool-missing', `the program ${tool} is not installed`, `sudo apt-get install ${TOOL_PACKAGES[tool]!}`)
  if (error instanceof WorkerGone)
    return failure(
      Exit.Apply,
      'worker-gone',
      error.message,
      'Is the machine out of memory? netlab ls shows what is up; try the same command again.',
    )
  return undefined
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
      console.log(
        JSON.stringify(
          diagnosticsJson([
            { code: 'command-line', severity: 'error', message: error.message.replace(/^error: /, ''), hint: '--help shows how' },
          ]),
          null,
          2,
        ),
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
    print([bug], new Map(), json)
    return 70
  }
  print(known.diagnostics, known.sources, json)
  return known.exit
}

function print(diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>, json: boolean): void {
  if (json) console.log(JSON.stringify(diagnosticsJson(diagnostics), null, 2))
  else if (diagnostics.length > 0) process.stderr.write(formatDiagnostics(diagnostics, sources, { color: colorLevel(process.stderr) > 0 }))
}
