/** Reading the files that a topology is made of: text of reasonable size, and never something that does not end. */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync, constants, type Stats } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Outcome } from './diagnostics.ts'
import { suggest } from './suggest.ts'

/** Far above the largest lab: a bigger file is not a topology. */
const MAX_BYTES = 16 * 1024 * 1024
/** PATH_MAX of Linux, less the terminating NUL. */
const MAX_PATH = 4095

/** Why there is nothing to read at a path, and what to do. */
export interface PathProblem {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

const problem = (code: string, message: string, hint?: string): PathProblem => ({ code, message, ...(hint === undefined ? {} : { hint }) })

/** What the system says of a path that leads nowhere. */
function refusal(error: unknown, file: string): PathProblem {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return problem('file-not-found', 'there is no such file', similarFile(file))
  if (code === 'ELOOP') return problem('file-unreadable', 'its symbolic links lead in a circle')
  if (code === 'ENAMETOOLONG') return problem('file-unreadable', 'this name is too long for a file')
  if (code === 'EACCES' || code === 'EPERM') return problem('file-unreadable', 'no permission to read this file', 'ls -l shows who may')
  return problem('file-unreadable', `cannot read this file: ${message}`)
}

/** What is at a path: a directory or a file that ends; undefined where there is nothing; or why it cannot be read. */
export function lookAt(path: string): 'directory' | 'file' | undefined | PathProblem {
  if (path.includes('\0')) return problem('file-unreadable', 'a NUL cannot be in the name of a file')
  if (path.length > MAX_PATH) return problem('file-unreadable', 'this name is too long for a file')
  let stats: Stats
  try {
    stats = statSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : refusal(error, path)
  }
  if (stats.isDirectory()) return 'directory'
  return endless(stats, path) ?? 'file'
}

/** A shell's `<(…)` and standard input are pipes, too, and end. */
const isStream = (path: string): boolean => /^\/(dev\/(fd\/\d+|stdin)|proc\/(self|\d+)\/fd\/\d+)$/.test(path)

function endless(stats: Stats, path: string): PathProblem | undefined {
  if (stats.isFile() || isStream(path)) return undefined
  const what = stats.isFIFO() ? 'a pipe' : stats.isSocket() ? 'a socket' : 'a device'
  return problem('file-unreadable', `this is ${what}, not a file`, 'name a file of text')
}

/** The text of a UTF-8 file of reasonable size, or why there is none. */
export function readText(file: string): Outcome<string> {
  const failed = (found: PathProblem): Outcome<string> => ({ diagnostics: [{ ...found, severity: 'error', file }] })
  const found = lookAt(file)
  if (typeof found === 'object') return failed(found)
  if (found === 'directory')
    return failed(problem('file-unreadable', 'this is a directory, not a topology file', 'name the file inside it'))
  let bytes: Buffer | PathProblem
  try {
    bytes = readBytes(file)
  } catch (error) {
    return failed(refusal(error, file))
  }
  if (!Buffer.isBuffer(bytes)) return failed(bytes)
  if (bytes.includes(0)) return failed(problem('file-not-text', 'this is a binary file, not YAML text', 'if it is text, save it as UTF-8'))
  try {
    return { value: new TextDecoder('utf-8', { fatal: true }).decode(bytes), diagnostics: [] }
  } catch {
    return failed(problem('file-not-text', 'this file is not UTF-8 text', 'save it as UTF-8'))
  }
}

/** Reads to the end, not to the size `stat` tells: a pipe (`netlab up <(make-topology)`) has none. */
function readBytes(file: string): Buffer | PathProblem {
  // It may have become a pipe without a writer since it was looked at: opening must not wait for one.
  const fd = openSync(file, isStream(file) ? 'r' : constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = endless(fstatSync(fd), file)
    if (found) return found
    const chunks: Buffer[] = []
    let total = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024)
      const length = readSync(fd, chunk)
      if (length === 0) return Buffer.concat(chunks)
      total += length
      if (total > MAX_BYTES) return problem('file-too-large', 'this file is larger than 16 MiB: it cannot be a topology')
      chunks.push(chunk.subarray(0, length))
    }
  } finally {
    closeSync(fd)
  }
}

function similarFile(file: string): string | undefined {
  try {
    const similar = suggest(basename(file), readdirSync(dirname(file)))
    return similar && `did you mean \`${similar}\`?`
  } catch {
    return undefined
  }
}
