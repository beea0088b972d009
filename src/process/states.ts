/**
 * Reads back what the supervisor recorded, and believes none of it without asking the kernel.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { findProcess, namedNamespace, residentKiB } from './proc.ts'

/** How a container is doing. */
export interface ProcessState {
  readonly id: string
  readonly pid: number
  readonly state: 'running' | 'exited'
  /** Set when it ended by itself. Neither this nor `signal` is known when the supervisor ended first. */
  readonly exitCode?: number
  /** Number of the signal that ended it. */
  readonly signal?: number
  /** Unix time in seconds. */
  readonly exitedAt?: number
  /** It is there but does nothing: SIGSTOP, or a debugger. */
  readonly stopped?: true
  /** Resident memory in KiB; the responders share most of theirs. */
  readonly rssKiB?: number
}

/** How a container ended, as a verb: `exited with code 3`, `was ended by signal 9`. */
export function endingText({ exitCode, signal }: Pick<ProcessState, 'exitCode' | 'signal'>): string {
  if (exitCode !== undefined) return `exited with code ${exitCode}`
  return signal === undefined ? 'is gone, and nobody saw how' : `was ended by signal ${signal}`
}

/** A process on record. It may have ended, and its pid may be somebody else's by now: compare `start`. */
export interface Recorded {
  readonly id: string
  readonly pid: number
  /** Clock ticks since boot. */
  readonly start: number
  /** Inode of the network namespace; 0 for a supervisor. */
  readonly netns: number
}

const supervisorFile = /^\.supervisor-\d+$/

function readRecord(dir: string, file: string, id: string): Recorded[] {
  try {
    const [pid = 0, start = 0, netns = 0] = readFileSync(join(dir, file), 'latin1').split(/\s+/).map(Number)
    // Empty: the supervisor was killed between making the file and writing it, and the child's gate never opened.
    return pid > 1 && start > 0 ? [{ id, pid, start, netns }] : []
  } catch {
    return []
  }
}

/** Every container on record in `dir`; none when there is no such directory. */
export function recordedProcesses(dir: string): Recorded[] {
  const files = existsSync(dir) ? readdirSync(dir) : []
  return files.filter((file) => file.endsWith('.pid') && !file.startsWith('.')).flatMap((file) => readRecord(dir, file, file.slice(0, -4)))
}

/** Every supervisor on record: one for each `up` that had something to start. */
export function recordedSupervisors(dir: string): Recorded[] {
  const files = existsSync(dir) ? readdirSync(dir) : []
  return files.filter((file) => supervisorFile.test(file)).flatMap((file) => readRecord(dir, file, file))
}

/** Whether the process on record still runs: pid and start time are the kernel's. */
export function isRunning(recorded: Recorded): boolean {
  return findProcess(recorded.pid)?.start === recorded.start
}

/** How a container came to be. */
export interface Started {
  /** What it was started as, if that can still be read. */
  readonly spec?: unknown
  /** It was started in a namespace that has been deleted since, whoever has its name now. */
  readonly inDeletedNamespace: boolean
}

/** Tells of each container what it was started as; undefined when it was never started. */
export function startedIn(dir: string): (process: { readonly id: string; readonly ns: string }) => Started | undefined {
  const recorded = new Map(recordedProcesses(dir).map((each) => [each.id, each]))
  return ({ id, ns }) => {
    const found = recorded.get(id)
    return found && { ...readSpec(dir, id), inDeletedNamespace: found.netns !== namedNamespace(ns) }
  }
}

function readSpec(dir: string, id: string): { spec?: unknown } {
  try {
    return { spec: JSON.parse(readFileSync(join(dir, `${id}.spec`), 'utf8')) }
  } catch {
    return {}
  }
}

/** The state of every container that was started in `dir`. */
export function processStates(dir: string): ProcessState[] {
  return recordedProcesses(dir).map((recorded) => {
    const { id, pid } = recorded
    const proc = findProcess(pid)
    if (proc?.start !== recorded.start) return { id, pid, state: 'exited', ...readExit(dir, recorded) }
    const rssKiB = residentKiB(pid)
    const stopped = proc.state === 'T' || proc.state === 't'
    return { id, pid, state: 'running', ...(stopped ? { stopped } : {}), ...(rssKiB === undefined ? {} : { rssKiB }) }
  })
}

/** Containers that run although the supervisor that started them has ended: nobody will see how they end. */
export function unsupervised(dir: string): string[] {
  const supervisors = new Set(recordedSupervisors(dir).flatMap((s) => (isRunning(s) ? [s.pid] : [])))
  return recordedProcesses(dir).flatMap((recorded) => {
    const proc = findProcess(recorded.pid)
    return proc?.start === recorded.start && !supervisors.has(proc.parent) ? [recorded.id] : []
  })
}

function readExit(dir: string, recorded: Recorded): Pick<ProcessState, 'exitCode' | 'signal' | 'exitedAt'> {
  try {
    const [pid, how, number, at] = readFileSync(join(dir, `${recorded.id}.exit`), 'latin1').split(/\s+/)
    // A supervisor may bury, late, one that was stopped and started anew.
    if (Number(pid) !== recorded.pid) return {}
    return { [how === 'signal' ? 'signal' : 'exitCode']: Number(number), exitedAt: Number(at) }
  } catch {
    return {}
  }
}
