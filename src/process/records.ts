/**
 * What is on record of containers and daemons; supervisor.pl describes the files. A record is believed only as far as
 * the kernel agrees.
 */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Daemon } from '../kernel/objects.ts'
import { writeWhole } from '../netns/failures.ts'
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

function listed(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

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

/**
 * Puts on record, before anything is signalled, that netlab is about to end it. Should netlab be killed meanwhile, the
 * end of such a process is not its own: it is started again, whatever its exit code says.
 */
export const recordStop = (dir: string, id: string): void => writeFileSync(join(dir, `${id}.stop`), '', { mode: 0o600 })

/** Ids of those that netlab was about to end. */
export const recordedStops = (dir: string): ReadonlySet<string> =>
  new Set(listed(dir).flatMap((file) => (file.endsWith('.stop') ? [file.slice(0, -'.stop'.length)] : [])))

/** What is on record of one, apart from its log; the stop last, because it says what the others are worth. */
const ENDINGS = ['exit', 'spec', 'spec.new', 'd', 'pid', 'stop'] as const

/**
 * Forgets those that have ended, or all when `ids` is absent, and the supervisors with them. Logs stay.
 * @param kept ids of those whose directories stay
 */
export function forgetProcesses(dir: string, ids?: ReadonlySet<string>, kept?: ReadonlySet<string>): void {
  const files = listed(dir)
  const isForgotten = (id: string, ending: string): boolean => (ids?.has(id) ?? true) && !(ending === 'd' && kept?.has(id))
  for (const ending of ENDINGS)
    // By name, not by what is on record: a supervisor that is killed may leave half a record.
    for (const file of files)
      if (file.endsWith(`.${ending}`) && isForgotten(file.slice(0, -ending.length - 1), ending))
        rmSync(join(dir, file), { recursive: true, force: true })
  if (!ids) for (const file of files) if (supervisorFile.test(file)) rmSync(join(dir, file), { force: true })
}

const specFile = (dir: string, id: string): string => join(dir, `${id}.spec`)

const isDaemon = ({ files, command, ready }: Partial<Daemon>): boolean =>
  Array.isArray(files) && Array.isArray(command) && typeof ready === 'object' && ready !== null

/** What a container or daemon was started as, if that can still be read. */
export function readSpec(dir: string, id: string): ProcessSpec | undefined {
  try {
    const spec = JSON.parse(readFileSync(specFile(dir, id), 'utf8')) as ProcessSpec
    return spec.id === id && typeof spec.ns === 'string' && (spec.kind !== 'daemon' || isDaemon(spec)) ? spec : undefined
  } catch {
    return undefined
  }
}

/** Puts it on record, for root alone: a daemon's files may hold secrets. @throws MachineError */
export const writeSpec = (dir: string, spec: ProcessSpec): void => writeWhole(specFile(dir, spec.id), JSON.stringify(spec), 0o600)
