/**
 * One change of a lab at a time. The lock is flock(2) on a file that only root can open: the kernel releases it when
 * its holder ends, however it ends, so a file that was left behind locks nothing. It holds the holder's pid.
 */
import {
  closeSync,
  constants,
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
  onWait: (pid: string) => void = () => {},
  signal?: AbortSignal,
  dir: string = STATE_DIR,
): Promise<T> {
  // There is no such lab, and the word may be no file name.
  if (!isLabName(lab)) return work()
  const path = join(dir, `${lab}.lock`)
  const deadline = Date.now() + PATIENCE
  let fd = tryLock(path, dir)
  let pid: string | undefined
  while (fd === undefined && Date.now() < deadline) {
    if (pid === undefined) onWait((pid = holder(path) ?? 'unknown'))
    signal?.throwIfAborted()
    await sleep(50)
    fd = tryLock(path, dir)
  }
  if (fd === undefined) throw new LabBusy(`lab ${lab} is being changed by another netlab (pid ${pid})`)
  try {
    signal?.throwIfAborted()
    return await work()
  } finally {
    release(fd, path, dir)
  }
}
