/**
 * Containers: processes that share the network namespace of their pod.
 *
 * `startProcesses` hands all of them to one supervisor (supervisor.pl), which outlives netlab, starts them,
 * and records pids, exits and output in a directory. Everything else here reads that directory.
 *
 * The supervisor is Perl because perl-base is on every Debian and Ubuntu, can call setns(2), and a forked child
 * shares its parent's memory: a pod's responder then costs a few hundred KiB.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { complaint, fieldReader, frame, type ProcessSpec, type StartFailure } from './spec.ts'
import { isRunning, recordedProcesses } from './states.ts'
import { stopProcesses } from './stop.ts'

export type { ProcessSpec, StartFailure } from './spec.ts'
export { processStates } from './states.ts'
export { endProcesses, pidsInNamespaces, stopProcesses } from './stop.ts'

/** Paths of the two Perl programs, which lie beside this file, bundled or not. */
export const programs = {
  supervisor: fileURLToPath(new URL('./supervisor.pl', import.meta.url)),
  responder: fileURLToPath(new URL('./responder.pl', import.meta.url)),
}

/**
 * Starts containers and resolves when each either runs (a responder: listens) or is in the result with the reason
 * why it does not. Those that run stay when others fail: whoever wants all or nothing calls `stopProcesses`.
 *
 * @param dir where pids, exits and logs are kept; made if missing
 * @param signal when it fires, what this call started is ended again, and the promise rejects with its reason
 * @throws Error when the supervisor cannot do its work at all (no perl, no permission)
 */
export async function startProcesses(dir: string, specs: readonly ProcessSpec[], signal?: AbortSignal): Promise<StartFailure[]> {
  signal?.throwIfAborted()
  const path = resolve(dir)
  const failures: StartFailure[] = []
  const running = new Set(
    recordedProcesses(path)
      .filter(isRunning)
      .map(({ id }) => id),
  )
  const accepted = specs.filter((spec) => {
    const message = complaint(spec) ?? (running.has(spec.id) ? 'it is already running' : undefined)
    if (message !== undefined) failures.push({ id: spec.id, message })
    return message === undefined
  })
  const ids = new Set(accepted.map(({ id }) => id))
  if (ids.size < accepted.length) throw new TypeError('two processes with one id')
  if (ids.size === 0) return failures
  mkdirSync(path, { recursive: true })
  // Before there is a process: what runs can then always be told from what a changed file asks for.
  for (const spec of accepted) writeFileSync(join(path, `${spec.id}.spec`), JSON.stringify(spec))
  try {
    const reported = await supervise(path, accepted, signal)
    signal?.throwIfAborted()
    return [
      ...failures,
      ...[...ids].flatMap((id) => {
        const message = reported.get(id) ?? 'stopped before it was started'
        return message === '' ? [] : [{ id, message }]
      }),
    ]
  } catch (error) {
    await stopProcesses(path, [...ids])
    signal?.throwIfAborted()
    throw error
  }
}

/** Runs the supervisor until everything is started. Resolves with one message an id, empty for success. */
async function supervise(dir: string, specs: readonly ProcessSpec[], signal?: AbortSignal): Promise<Map<string, string>> {
  const child = spawn('perl', [programs.supervisor, dir, programs.responder], {
    cwd: '/',
    // Nothing of ours reaches Perl (PERL5OPT and the like); containers get theirs with their spec.
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // Told to end, it starts nothing more and says that it is done.
  const abort = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', abort)
  try {
    return await new Promise((resolvePromise, reject) => {
      const reported = new Map<string, string>()
      let errors = ''
      let id: string | undefined
      const readFields = fieldReader((field) => {
        if (id === undefined) {
          id = field
          return
        }
        if (id !== '') reported.set(id, field)
        else if (field === 'ready') child.stdin.end(frame(specs, process.env))
        else resolvePromise(reported)
        id = undefined
      })
      child.stdout.on('data', readFields)
      child.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString()
      })
      child.stdin.on('error', () => undefined) // it died: "close" says why
      child.on('error', (cause) => reject(new Error(`cannot start perl, which runs the containers: ${cause.message}`, { cause })))
      child.on('close', (code) => reject(new Error(errors.trim() || `the supervisor of the containers ended early (exit code ${code})`)))
    })
  } finally {
    signal?.removeEventListener('abort', abort)
    // It stays, we may leave.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
    child.unref()
  }
}
