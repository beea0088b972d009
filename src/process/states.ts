/**
 * Reads back what the supervisor recorded, and believes none of it without asking the kernel.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Daemon } from '../kernel/objects.ts'
import { readFiles } from './daemon.ts'
import { logTail } from './logs.ts'
import { looksReady } from './readiness.ts'
import { findProcess, namedNamespace, residentKiB } from './proc.ts'
import { isRunning, readSpec, recordedProcess, recordedProcesses, recordedStops, recordedSupervisors, type Recorded } from './records.ts'
import type { ProcessSpec } from './spec.ts'

/** How a container or daemon is doing. */
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

/** How a container or daemon ended, as a verb: `exited with code 3`, `was ended by signal 9`. */
export function endingText({ exitCode, signal }: Pick<ProcessState, 'exitCode' | 'signal'>): string {
  if (exitCode !== undefined) return `exited with code ${exitCode}`
  return signal === undefined ? 'is gone, exit status unknown' : `was ended by signal ${signal}`
}

/** How a container or daemon ended, and what it wrote last. */
export function lastWords(dir: string, id: string): string[] {
  return [endingText(processStates(dir).find((state) => state.id === id) ?? {}), ...logTail(dir, id)]
}

/** How a container or daemon came to be. */
export interface Started {
  /** What it was started as, if that can still be read; of a daemon, with its files as they are now. */
  readonly spec?: ProcessSpec
  /** It was started in a namespace that has been deleted since, even if another has its name now. */
  readonly inDeletedNamespace: boolean
}

/** Answers for one container or daemon; undefined when it was never started. */
type StartedAs = (process: { readonly kind?: 'process' | 'daemon'; readonly id: string; readonly ns: string }) => Started | undefined

/**
 * Tells what each container or daemon was started as. A daemon that has ended counts as never started, and so does what
 * netlab was about to end when it was killed itself. A container that ended by itself was started all the same.
 */
export function startedIn(dir: string): StartedAs {
  const stops = recordedStops(dir)
  return ({ kind, id, ns }) => {
    const recorded = recordedProcess(dir, id)
    if (recorded === undefined || stops.has(id) || (kind === 'daemon' && !isRunning(recorded))) return undefined
    const spec = readSpec(dir, id)
    return {
      ...(spec && { spec: spec.kind === 'daemon' ? asItIs(dir, spec, recorded.pid) : spec }),
      inDeletedNamespace: recorded.netns !== namedNamespace(ns),
    }
  }
}

/**
 * The same for who starts again what should run: only those count that run and are supervised, and containers that ended with
 * exit code 0. Waits a moment for ends that supervisors have not written down yet.
 */
export async function runningIn(dir: string): Promise<StartedAs> {
  const started = startedIn(dir)
  for (let tries = 0; tries < 20 && recordedProcesses(dir).some((each) => !isRunning(each) && !hasExit(dir, each)); tries++) {
    if (!recordedSupervisors(dir).some(isRunning)) break
    await sleep(50)
  }
  const states = new Map(processStates(dir).map((state) => [state.id, state]))
  const adrift = new Set(unsupervised(dir))
  return (process) => {
    const state = states.get(process.id)
    const counts = state?.state === 'running' ? !adrift.has(process.id) : state?.exitCode === 0
    return counts ? started(process) : undefined
  }
}

const hasExit = (dir: string, recorded: Recorded): boolean => readExit(dir, recorded).exitedAt !== undefined

function asItIs(dir: string, spec: Daemon, pid: number): Daemon {
  return { ...spec, files: readFiles(dir, spec), ...(looksReady(dir, spec, pid) === false ? { unready: true } : {}) }
}

/** The state of every container and daemon that was started in `dir`. */
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

/** Containers and daemons that run although the supervisor that started them has ended: how they end will not be recorded. */
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
