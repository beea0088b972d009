/**
 * `ip netns add` and `ip netns delete` (ip/ipnetns.c): a namespace has a name as long as it is mounted on a file.
 */
import { closeSync, constants, mkdirSync, openSync, unlinkSync } from 'node:fs'
import { insideNew } from '../inside.ts'
import { libc, SystemError, systemWords, tryLibc } from '../libc.ts'
import { NETNS_DIR, netnsFile } from '../paths.ts'

/** sys/mount.h, sys/file.h */
const MS_BIND = 0x1000
const MS_REC = 0x4000
const MS_SHARED = 1 << 20
const MNT_DETACH = 2
const LOCK_EX = 2
const EINVAL = 22

const c = (text: string): Buffer => Buffer.from(`${text}\0`)
const mount = (source: string, target: string, flags: number): number => tryLibc('mount', c(source), c(target), c('none'), flags, c(''))

let shared = false

/**
 * Mounts are to be seen by, and go away with, those of other mount namespaces, so the directory must be a shared mount
 * of its own. Two that make it one at the same time would mount it twice.
 */
function shareDirectory(): void {
  if (shared) return
  mkdirSync(NETNS_DIR, { recursive: true, mode: 0o755 })
  const lock = openSync(NETNS_DIR, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    libc('flock', lock, LOCK_EX)
    let result = mount('', NETNS_DIR, MS_SHARED | MS_REC)
    if (result === -EINVAL) {
      result = mount(NETNS_DIR, NETNS_DIR, MS_BIND | MS_REC)
      if (result === 0) result = mount('', NETNS_DIR, MS_SHARED | MS_REC)
    }
    if (result < 0) throw new SystemError('mount', -result)
    shared = true
  } finally {
    closeSync(lock)
  }
}

/** @returns what `ip` would print if it failed */
export function addNamespace(name: string): string | undefined {
  shareDirectory()
  const file = netnsFile(name)
  try {
    closeSync(openSync(file, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0))
  } catch (error) {
    return `Cannot create namespace file "${file}": ${systemWords(-(error as { errno: number }).errno)}`
  }
  let result: number
  try {
    // A new namespace may take settings from the one it is made in (net.core.devconf_inherit_init_net).
    result = insideNew(() => mount('/proc/thread-self/ns/net', file, MS_BIND))
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    result = -error.errno
  }
  if (result >= 0) return undefined
  unlinkSync(file)
  return `Failed to create a new network namespace "${name}": ${systemWords(-result)}`
}

/** @returns what `ip` would print if it failed */
export function deleteNamespace(name: string): string | undefined {
  const file = netnsFile(name)
  // It may not be mounted: then there is only the file.
  tryLibc('umount2', c(file), MNT_DETACH)
  try {
    unlinkSync(file)
    return undefined
  } catch (error) {
    return `Cannot remove namespace file "${file}": ${systemWords(-(error as { errno: number }).errno)}`
  }
}
