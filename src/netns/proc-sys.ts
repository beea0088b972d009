/**
 * Files below /proc that show the namespace the thread is in: settings and counters.
 *
 * Settings are read in an instance of procfs of our own that is renewed now and then. The kernel keeps what was looked up
 * in /proc/sys/net in every namespace under one hash value, as in a list, and goes through all of it for a namespace
 * that it does not find: beyond a thousand namespaces most of the work. A new instance starts with an empty list; and below
 * that folder namespaces have lists of their own, so its folders are looked up once a visit. Kernels before 5.8 have one
 * instance for all, and without the right to mount, /proc serves as it is.
 */
import { closeSync, constants, readFileSync } from 'node:fs'
import { fixedBuffer, systemWords, tryLibc } from './libc.ts'

/** The same on every machine. */
const NUMBERS = { fsopen: 430, fsconfig: 431, fsmount: 432 } as const
const CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6
const AT_FDCWD = -100
const O_CLOEXEC = 0o2000000
const O_PATH = 0o10000000
const MODE = 0o644
/** Folders that are looked up in one instance: few namespaces' worth, but ending an instance waits for all processors (RCU). */
const RENEWAL = 128

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

const c = (text: string): Buffer => Buffer.from(`${text}\0`)

const SETTINGS = '/proc/sys/net/'
/** A setting rarely has more than a number; what has more is read again. */
const buffer = fixedBuffer(4096)
const NEWLINE = 10

/** One visit to the namespace the thread is in. */
class Visit {
  readonly #folders = new Map<string, number>()

  /** Descriptor of a folder in /proc/sys/net, or a negative error number. */
  #folder(name: string): number {
    let fd = this.#folders.get(name)
    if (fd === undefined) {
      if (opened++ % RENEWAL === 0) renew()
      fd = tryLibc('openat', instance < 0 ? AT_FDCWD : instance, c(`${instance < 0 ? '/proc/' : ''}sys/net/${name}`), O_PATH | O_CLOEXEC, 0)
      this.#folders.set(name, fd)
    }
    return fd
  }

  /** Descriptor of a file, named as in /proc of the main thread, or a negative error number. */
  open(path: string, flags: number): number {
    const slash = path.startsWith(SETTINGS) ? path.indexOf('/', SETTINGS.length) : -1
    if (slash >= 0) {
      const folder = this.#folder(path.slice(SETTINGS.length, slash))
      return folder < 0 ? folder : tryLibc('openat', folder, c(path.slice(slash + 1)), flags | O_CLOEXEC, MODE)
    }
    // /proc/net is that of the main thread, whichever asks.
    const here = path.startsWith('/proc/net/') ? `/proc/thread-self${path.slice('/proc'.length)}` : path
    return tryLibc('openat', AT_FDCWD, c(here), flags | O_CLOEXEC, MODE)
  }

  close(): void {
    for (const fd of this.#folders.values()) if (fd >= 0) tryLibc('close', fd)
  }
}

function visit<T>(work: (visit: Visit) => T): T {
  const here = new Visit()
  try {
    return work(here)
  } finally {
    here.close()
  }
}

/** What a file has, without the end of its line; what cannot be read is empty. */
function contentOf(fd: number): string {
  const length = tryLibc('read', fd, buffer, buffer.length)
  if (length < 0) return ''
  if (length < buffer.length) return buffer.toString('utf8', 0, length > 0 && buffer[length - 1] === NEWLINE ? length - 1 : length)
  return Buffer.concat([buffer, readFileSync(fd)])
    .toString()
    .replace(/\n$/, '')
}

/** The content of each file without the end of its line; undefined where there is none. What cannot be read is empty. */
export const readProc = (paths: readonly string[]): (string | undefined)[] =>
  visit((here) =>
    paths.map((path) => {
      const fd = here.open(path, constants.O_RDONLY)
      if (fd < 0) return undefined
      try {
        return contentOf(fd)
      } finally {
        tryLibc('close', fd)
      }
    }),
  )

/**
 * Writes values as lines, in their order.
 * @param before called before each
 * @throws Error that names the file, in the kernel's words
 */
export const writeProc = (
  values: readonly (readonly [path: string, value: string])[],
  before: (path: string, value: string) => void,
): void =>
  visit((here) => {
    for (const [path, value] of values) {
      before(path, value)
      const line = Buffer.from(`${value}\n`)
      const fd = here.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC)
      const result = fd < 0 ? fd : tryLibc('write', fd, line, line.length)
      if (fd >= 0) tryLibc('close', fd)
      if (result < 0) throw new Error(`${path}: ${systemWords(-result)}`)
    }
  })
