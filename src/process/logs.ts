/**
 * What containers and daemons wrote.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, recordedProcess } from './records.ts'

export interface LogOptions {
  /** Go on until the process has ended. */
  readonly follow?: boolean
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal
}

/** How often a followed file is looked at, in milliseconds. */
const interval = 100
const chunkBytes = 64 * 1024
/** How much of a log a message holds. */
const tailBytes = 2000
const tailLines = 5

const logFile = (dir: string, id: string): string => join(dir, `${id}.log`)

/** Size of a log in bytes; 0 when there is none. */
export const logSize = (dir: string, id: string): number => statSync(logFile(dir, id), { throwIfNoEntry: false })?.size ?? 0

/** The last few lines of a log, for a message. @param from byte from which on it is read */
export function logTail(dir: string, id: string, from = 0): string[] {
  const size = logSize(dir, id)
  if (size <= from) return []
  const bytes = Buffer.alloc(Math.min(size - from, tailBytes))
  const fd = openSync(logFile(dir, id), 'r')
  try {
    readSync(fd, bytes, 0, bytes.length, size - bytes.length)
  } finally {
    closeSync(fd)
  }
  return bytes.toString().trimEnd().split('\n').slice(-tailLines)
}

/** What a container or daemon wrote to stdout and stderr, in pieces. Nothing when there is none of this id. */
export async function* readLog(dir: string, id: string, { follow = false, signal }: LogOptions = {}): AsyncGenerator<Buffer> {
  // What the supervisor has taken out of a log that grew too large comes first.
  for (const chunk of readFrom(`${logFile(dir, id)}.1`, 0)) yield chunk.bytes
  let offset = 0
  for (;;) {
    // Asked before reading: what it wrote last is then still read below.
    const recorded = follow ? recordedProcess(dir, id) : undefined
    const more = recorded !== undefined && isRunning(recorded)
    for (const chunk of readFrom(logFile(dir, id), offset)) {
      offset = chunk.end
      yield chunk.bytes
      if (signal?.aborted) return
    }
    if (!more || signal?.aborted) return
    await sleep(interval, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
  }
}

function* readFrom(path: string, from: number): Generator<{ bytes: Buffer; end: number }> {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return
  }
  try {
    // It was emptied meanwhile: begin again.
    let end = fstatSync(fd).size < from ? 0 : from
    for (;;) {
      const bytes = Buffer.allocUnsafe(chunkBytes)
      const length = readSync(fd, bytes, 0, chunkBytes, end)
      if (length === 0) return
      end += length
      yield { bytes: bytes.subarray(0, length), end }
    }
  } finally {
    closeSync(fd)
  }
}
