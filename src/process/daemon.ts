/**
 * What daemons have beyond containers: a directory with files of their own, programs that are run beside them, and
 * files that are changed while they run.
 */
import { spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Daemon, DaemonFile } from '../kernel/objects.ts'
import { writeWhole } from '../netns/failures.ts'
import { netnsFile } from '../netns/paths.ts'
import { findProcess, signalProcess } from './proc.ts'
import { complaint, daemonDirectory, environment, type StartFailure } from './spec.ts'
import { readSpec, recordedProcess, writeSpec } from './records.ts'

/** A program run beside a daemon that takes longer than this is ended, milliseconds. */
const patience = 5000

const modeOf = (file: DaemonFile): number => Number.parseInt(file.mode ?? '600', 8)

/** Writes a daemon's files, each whole or not at all. Only root gets into the directory. */
export function writeFiles(dir: string, { id, files }: Daemon): void {
  const directory = daemonDirectory(dir, id)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const file of files) {
    const path = join(directory, file.path)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeWhole(path, file.content, modeOf(file))
  }
}

/** The files of a daemon as they now are: without those that are gone, with what was written into them by hand. */
export function readFiles(dir: string, { id, files }: Daemon): DaemonFile[] {
  return files.flatMap((file): DaemonFile[] => {
    let fd: number | undefined
    try {
      fd = openSync(join(daemonDirectory(dir, id), file.path), 'r')
      const mode = fstatSync(fd).mode & 0o7777
      const content = readFileSync(fd, 'utf8')
      return [{ ...file, content, ...(mode === modeOf(file) ? {} : { mode: mode.toString(8).padStart(4, '0') }) }]
    } catch {
      return []
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  })
}

/** What a program that was run beside a daemon came to. */
export interface Outcome {
  /** Absent: it could not be started, or took too long. */
  readonly code?: number
  /** What it printed on both streams, or why it did not run. */
  readonly output: string
}

/** Runs a program in a daemon's namespace and directory, with its environment. */
export function runBeside(dir: string, daemon: Daemon, command: readonly string[], signal?: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn('nsenter', [`--net=${netnsFile(daemon.ns)}`, '--', ...command], {
      cwd: daemonDirectory(dir, daemon.id),
      env: environment(daemon, process.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: patience,
      killSignal: 'SIGKILL',
      ...(signal ? { signal } : {}),
    })
    let output = ''
    const read = (chunk: Buffer): void => void (output += chunk.toString())
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('error', (error) => resolve({ output: error.message }))
    child.on('close', (code) => resolve({ ...(code === null ? {} : { code }), output: output.trim() }))
  })
}

/** Has each daemon take in what is otherwise now than when it was started, in place: it keeps running. */
export async function reloadDaemons(dir: string, daemons: readonly Daemon[], signal?: AbortSignal): Promise<StartFailure[]> {
  const results = await Promise.all(daemons.map(async (daemon) => [daemon.id, await reload(dir, daemon, signal)] as const))
  signal?.throwIfAborted()
  return results.flatMap(([id, message]) => (message === undefined ? [] : [{ id, message }]))
}

/** Why a daemon did not take its files, if so. */
async function reload(dir: string, daemon: Daemon, signal?: AbortSignal): Promise<string | undefined> {
  const wrong = complaint(daemon)
  if (wrong !== undefined) return wrong
  const before = readSpec(dir, daemon.id) as Daemon | undefined
  // Should netlab be killed from here on, what is on record differs from what any file asks for.
  writeSpec(dir, { ...daemon, pending: true } satisfies Daemon)
  writeFiles(dir, daemon)
  const kept = new Set(daemon.files.map(({ path }) => path))
  for (const { path } of before?.files ?? []) if (!kept.has(path)) rmSync(join(daemonDirectory(dir, daemon.id), path), { force: true })
  const message = await tell(dir, daemon, signal)
  if (message === undefined) writeSpec(dir, daemon)
  return message
}

async function tell(dir: string, daemon: Daemon, signal?: AbortSignal): Promise<string | undefined> {
  if (daemon.reload === undefined) return undefined
  if ('signal' in daemon.reload) {
    const recorded = recordedProcess(dir, daemon.id)
    const proc = recorded && findProcess(recorded.pid)
    const isIt = proc !== undefined && proc.start === recorded?.start
    return isIt && signalProcess(proc, daemon.reload.signal) ? undefined : 'it ended meanwhile'
  }
  const { code, output } = await runBeside(dir, daemon, daemon.reload.command, signal)
  if (code === 0) return undefined
  const how = code === undefined ? 'could not be run' : `ended with exit code ${code}`
  return [`${daemon.reload.command.join(' ')} ${how}`, ...(output ? [output] : [])].join('\n')
}
