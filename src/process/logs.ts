/**
 * What containers wrote.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, recordedProcesses } from './states.ts'

export interface LogOptions {
  /** Go on until the container has ended. */
  readonly follow?: boolean
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal
}

/** How often a followed file is looked at, in milliseconds. */
const interval = 100
const chunkBytes = 64 * 1024

/** What a container wrote to stdout and stderr, in pieces. Nothing when there is no such container. */
export async function* readLog(dir: string, id: string, { follow = false, signal }: LogOptions = {}): AsyncGenerator<Buffer> {
  let offset = 0
  for (;;) {
    // Asked before reading: what it wrote last is then still read below.
    const more = follow && recordedProcesses(dir).some((recorded) => recorded.id === id && isRunning(recorded))
    for await (const chunk of readFrom(join(dir, `${id}.log`), offset)) {
      offset = chunk.end
      yield chunk.bytes
      if (signal?.aborted) return
    }
    if (!more || signal?.aborted) return
    await sleep(interval, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
  }
}

async function* readFrom(path: string, from: number): AsyncGenerator<{ bytes: Buffer; end: number }> {
  let file: FileHandle
  try {
    file = await open(path)
  } catch {
    return
  }
  try {
    // Somebody emptied it: begin again.
    let end = (await file.stat()).size < from ? 0 : from
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, end)
      if (bytesRead === 0) return
      end += bytesRead
      yield { bytes: buffer.subarray(0, bytesRead), end }
    }
  } finally {
    await file.close()
  }
}
