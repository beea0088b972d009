/**
 * What is on record of containers and daemons; supervisor.pl describes the files. A record is believed only as far as
 * the kernel agrees.
 */
import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProcess } from './proc.ts'
import type { ProcessSpec } from './spec.ts'

/** A process on record. It may have ended, and its pid may belong to another by now: compare `start`. */
export interface Recorded {
  readonly id: string
  readonly pid: number
  /** Clock ticks since boot. */
  readonly start: number
  /** Inode of the network namespace; 0 for a supervisor. */
  readonly netns: number
}

const supervisorFile = /^\.supervisor-\d+$/
const listed = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : [])

function readRecord(dir: string, file: string, id: string): Recorded | undefined {
  try {
    const [pid = 0, start = 0, netns = 0] = readFileSync(join(dir, file), 'latin1').split(/\s+/).map(Number)
    // Empty: the supervisor was killed between making the file and writing it, and the child's gate never opened.
    return pid > 1 && start > 0 ? { id, pid, start, netns } : undefined
  } catch {
    return undefined
  }
}

/** One container or daemon, if it is on record. */
export const recordedProcess = (dir: string, id: string): Recorded | undefined => readRecord(dir, `${id}.pid`, id)

/** Every container and daemon on record in `dir`; none when there is no such directory. */
export function recordedProcesses(dir: string): Recorded[] {
  const files = listed(dir).filter((file) => file.endsWith('.pid') && !file.startsWith('.'))
  return files.flatMap((file) => readRecord(dir, file, file.slice(0, -4)) ?? [])
}

/** Every supervisor on record: one for each `up` that had something to start. */
export function recordedSupervisors(dir: string): Recorded[] {
  return listed(dir)
    .filter((file) => supervisorFile.test(file))
    .flatMap((file) => readRecord(dir, file, file) ?? [])
}

/** Whether the process on record still runs: pid and start time are the kernel's. */
export function isRunning(recorded: Recorded): boolean {
  return findProcess(recorded.pid)?.start === recorded.start
}

const specFile = (dir: string, id: string): string => join(dir, `${id}.spec`)

/** What a container or daemon was started as, if that can still be read. */
export function readSpec(dir: string, id: string): ProcessSpec | undefined {
  try {
    return JSON.parse(readFileSync(specFile(dir, id), 'utf8')) as ProcessSpec
  } catch {
    return undefined
  }
}

/** Puts it on record, whole or not at all. A daemon's files may hold secrets. */
export function writeSpec(dir: string, spec: ProcessSpec): void {
  const path = specFile(dir, spec.id)
  writeFileSync(`${path}.new`, JSON.stringify(spec), { mode: spec.kind === 'daemon' ? 0o600 : 0o644 })
  renameSync(`${path}.new`, path)
}
