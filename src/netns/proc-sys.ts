/**
 * Files below /proc that show the namespace the thread is in: settings and counters.
 *
 * Settings are read in an instance of procfs of our own that is renewed now and then. The kernel keeps what was looked up
 * below /proc/sys/net in every namespace under one hash value, as in a list, and goes through all of it for a namespace
 * that it does not find: beyond a thousand namespaces most of the work. A new instance starts with an empty list. Kernels
 * before 5.8 have one instance for all, and without the right to mount, /proc serves as it is.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { systemWords, tryLibc } from './libc.ts'

/** The same on every machine. */
const NUMBERS = { fsopen: 430, fsconfig: 431, fsmount: 432 } as const
const CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6
/** Files that are opened in one instance: few namespaces' worth, but ending an instance waits for all processors (RCU). */
const RENEWAL = 256

/** A file system of its own, mounted nowhere: files are found below its descriptor. @returns a negative number where that cannot be */
export function detachedMount(type: string): number {
  const context = tryLibc('fsopen', NUMBERS.fsopen, Buffer.from(`${type}\0`), CLOEXEC)
  if (context < 0) return context
  const created = tryLibc('fsconfig', NUMBERS.fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0)
  const mounted = created < 0 ? created : tryLibc('fsmount', NUMBERS.fsmount, context, CLOEXEC, 0)
  closeSync(context)
  return mounted
}

let instance = -1
let opened = 0

function renew(): void {
  if (instance >= 0) closeSync(instance)
  instance = detachedMount('proc')
}

/** Where a file is found that is named as in /proc of the main thread. */
function place(path: string): string {
  // /proc/net is that of the main thread, whichever asks.
  if (path.startsWith('/proc/net/')) return `/proc/thread-self${path.slice('/proc'.length)}`
  if (!path.startsWith('/proc/sys/')) return path
  if (opened++ % RENEWAL === 0) renew()
  return instance < 0 ? path : `/proc/self/fd/${instance}${path.slice('/proc'.length)}`
}

/** The content of a file without the end of its line; undefined where there is none. What cannot be read is empty. */
export function readProc(path: string): string | undefined {
  try {
    return readFileSync(place(path), 'utf8').replace(/\n$/, '')
  } catch (error) {
    return (error as NodeJS.ErrnoException).syscall === 'read' ? '' : undefined
  }
}

/** Writes a value as a line. @throws Error that names the file, in the kernel's words */
export function writeProc(path: string, value: string): void {
  try {
    const fd = openSync(place(path), 'w')
    try {
      writeSync(fd, `${value}\n`)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    throw new Error(`${path}: ${errno === undefined ? (error as Error).message : systemWords(-errno)}`, { cause: error })
  }
}
