/**
 * One change of a lab at a time. The lock is flock(2) on a file that only root can open: the kernel releases it when
 * its holder ends, however it ends, so a file that was left behind locks nothing. It holds the holder's pid.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { constants as system } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { libc, SystemError, tryLibc } from '../netns/libc.ts'
import { isLabName } from './store.ts'
import { STATE_DIR } from '../netns/paths.ts'

/** sys/file.h */
const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8

/** Longest wait for another holder, milliseconds. */
const PATIENCE = 10_000

/** The error code of a file operation. */
const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Opens the file of a lock; undefined when its directory was removed in between, which a release does. */
function openLock(path: string, dir: string): number | undefined {
  mkdirSync(dir, { recursive: true, mode: 0o755 })
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** @returns the descriptor that holds the lock; undefined while another one does */
function tryLock(path: string, dir: string): number | undefined {
  for (;;) {
    const fd = openLock(path, dir)
    if (fd === undefined) continue
    const result = tryLibc('flock', fd, LOCK_EX | LOCK_NB)
    if (result < 0) {
      closeSync(fd)
      if (-result === system.errno.EWOULDBLOCK) return undefined
      throw new SystemError('flock', -result)
    }
    // Its former holder removes the file: a lock on one that is gone excludes no other.
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) {
      try {
        ftruncateSync(fd)
        writeSync(fd, `${process.pid}`)
      } catch {
        // A full file system: the lock holds without its holder's name, and `down` needs no more room than this.
      }
      return fd
    }
    closeSync(fd)
  }
}

function release(fd: number, path: string, dir: string): void {
  rmSync(path, { force: true })
  // A child that was just started may still have a copy of the descriptor, so closing alone is not enough.
  libc('flock', fd, LOCK_UN)
  closeSync(fd)
  try {
    rmdirSync(dir)
  } catch {
    // Labs are in it.
  }
}

/** The pid of the process that holds the lock, as far as it has written it. */
function holder(path: string): string | undefined {
  try {
    const pid = readFileSync(path, 'latin1')
    return /^\d{1,10}$/.test(pid) ? pid : undefined
  } catch {
    return undefined
  }
}

/** The lab is being changed by another netlab, which did not finish in time. */
export class LabBusy extends Error {}

/** What a lock is about, and for how long another holder is waited for. */
interface Locking {
  /** Called once, with the holder's pid, when another process has it. */
  readonly onWait?: ((pid: string) => void) | undefined
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds. */
  readonly patience: number
  readonly busy: (pid: string) => string
}

async function holding<T>(path: string, dir: string, work: () => Promise<T>, { onWait, signal, patience, busy }: Locking): Promise<T> {
  const deadline = Date.now() + patience
  let fd = tryLock(path, dir)
  let pid: string | undefined
  while (fd === undefined && Date.now() < deadline) {
    if (pid === undefined) {
      pid = holder(path) ?? 'unknown'
      onWait?.(pid)
    }
    signal?.throwIfAborted()
    await sleep(50)
    fd = tryLock(path, dir)
  }
  if (fd === undefined) throw new LabBusy(busy(pid ?? 'unknown'))
  try {
    signal?.throwIfAborted()
    return await work()
  } finally {
    release(fd, path, dir)
  }
}

/**
 * Runs `work` while holding the lab's lock.
 * @param onWait called once, with the holder's pid, when another process has it
 * @param signal ends the waiting
 * @param dir where locks are kept
 * @throws LabBusy after ten seconds; the signal's reason
 */
export async function withLock<T>(
  lab: string,
  work: () => Promise<T>,
  onWait?: (pid: string) => void,
  signal?: AbortSignal,
  dir: string = STATE_DIR,
): Promise<T> {
  // There is no such lab, and the word may be no file name.
  if (!isLabName(lab)) return work()
  const busy = (pid: string): string => `lab ${lab} is being changed by another netlab (pid ${pid})`
  return holding(join(dir, `${lab}.lock`), dir, work, { onWait, signal, patience: PATIENCE, busy })
}

/**
 * Runs `work` while no other `netlab ci` tries a lab of this name; others may read and change it all the same.
 * @param onWait called once, with the holder's pid, when another process does
 * @throws the signal's reason, which ends the waiting
 */
export async function withTrial<T>(lab: string, work: () => Promise<T>, onWait: (pid: string) => void, signal: AbortSignal): Promise<T> {
  const busy = (pid: string): string => `lab ${lab} is being tried by another netlab ci (pid ${pid})`
  return holding(trialLock(lab), STATE_DIR, work, { onWait, signal, patience: Infinity, busy })
}

const trialLock = (lab: string): string => join(STATE_DIR, `.${lab}.trial`)

/** Takes away the file that a `netlab ci` left which was killed, unless another one holds it. */
export function forgetTrial(lab: string): void {
  if (!isLabName(lab) || !existsSync(trialLock(lab))) return
  const fd = tryLock(trialLock(lab), STATE_DIR)
  if (fd !== undefined) release(fd, trialLock(lab), STATE_DIR)
}
