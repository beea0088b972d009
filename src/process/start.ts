/**
 * Containers and daemons: processes in the network namespaces of nodes.
 *
 * `startProcesses` hands all of them to one supervisor, which outlives netlab, starts them, and records pids, exits and
 * output in a directory. Everything else here reads that directory. A container runs when its program does; a daemon
 * also has files, and runs when it is ready.
 */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { writeFiles } from './daemon.ts'
import { logSize } from './logs.ts'
import { isRunning, recordedProcesses, recordedStops, writeSpec } from './records.ts'
import { complaint, launchOf, type ProcessSpec, type StartFailure } from './spec.ts'
import { unsupervised } from './states.ts'
import { stopProcesses, stopUnrecorded } from './stop.ts'
import { supervise } from './supervisor.ts'
import { untilReady, type WaitOptions } from './wait.ts'

/**
 * Starts containers and daemons and resolves when each either runs (a responder: listens; a daemon: is ready) or is in
 * the result with the reason why it does not. Those that run stay when others fail: a caller that wants all or none calls
 * `stopProcesses`.
 *
 * @param dir where pids, exits, logs and daemons' files are kept; made if missing
 * @param options.signal when it fires, what this call started is ended again, and the promise rejects with its reason
 * @throws Error when the supervisor cannot do its work at all (no perl, no permission)
 */
export async function startProcesses(dir: string, specs: readonly ProcessSpec[], options: WaitOptions = {}): Promise<StartFailure[]> {
  const { signal } = options
  signal?.throwIfAborted()
  const path = resolve(dir)
  const failures: StartFailure[] = []
  const [stops, adrift] = [recordedStops(path), new Set(unsupervised(path))]
  const running = new Set(
    recordedProcesses(path)
      .filter((each) => isRunning(each) && !adrift.has(each.id) && !stops.has(each.id))
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
  const daemons = accepted.filter((spec) => spec.kind === 'daemon')
  mkdirSync(path, { recursive: true })
  try {
    await clear(path, ids, new Set(daemons.flatMap(({ id, keeps }) => (keeps === undefined ? [] : [id]))))
    // Before there is a process: what runs can then always be told from what a changed file asks for.
    for (const spec of accepted) writeSpec(path, spec)
    for (const daemon of daemons) writeFiles(path, daemon)
    const logged = new Map(daemons.map(({ id }) => [id, logSize(path, id)]))
    const launches = accepted.map((spec) => launchOf(spec, path, process.env))
    const reported = await supervise(path, launches, signal)
    signal?.throwIfAborted()
    for (const id of ids) {
      const message = reported.get(id) ?? 'stopped before it was started'
      if (message !== '') failures.push({ id, message })
    }
    const started = daemons.filter(({ id }) => reported.get(id) === '')
    const late = await untilReady(path, started, logged, options)
    signal?.throwIfAborted()
    return [...failures, ...late]
  } catch (error) {
    await stopProcesses(path, [...ids])
    signal?.throwIfAborted()
    throw error
  }
}

/**
 * What died, was being stopped, lost its supervisor or its record may have left children and files: they must not meet the new
 * one.
 * @param kept ids of those that need what they had written
 */
async function clear(dir: string, ids: ReadonlySet<string>, kept: ReadonlySet<string>): Promise<void> {
  const left = [...recordedProcesses(dir).map(({ id }) => id), ...recordedStops(dir)].filter((id) => ids.has(id))
  if (left.length > 0) await stopProcesses(dir, left, kept)
  await stopUnrecorded(dir)
}
