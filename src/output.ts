/**
 * Standard output and standard error, made when something is first written or asked. Node's streams for them are made of a
 * dozen modules, which take longer to load than a short command runs. Where standard output is no terminal it is written
 * to as Node writes to files and pipes, at once, and without a stream.
 */
import { EventEmitter } from 'node:events'
import { fstatSync, writeSync } from 'node:fs'

type OnError = (error: NodeJS.ErrnoException) => void

const STDOUT = 1
/** Major number of /dev/null and its like (Documentation/admin-guide/devices.txt); terminals have others. */
const MEMORY_DEVICES = 1
/** Bytes, as Node's streams have it: who writes more at once waits for what becomes of it. */
const HIGH_WATER = 16_384
/** How long to wait for a reader before a pipe that does not block is tried again, milliseconds. */
const PAUSE = 1

function mayBeTerminal(fd: number): boolean {
  try {
    const stat = fstatSync(fd)
    return stat.isCharacterDevice() && stat.rdev >> 8 !== MEMORY_DEVICES
  } catch {
    // It is closed, and Node knows what to do.
    return true
  }
}

/**
 * What netlab uses of a stream of Node's. What is written has been written when `write` returns; after an error nothing more
 * is, and the process is about to end.
 */
class PlainOutput extends EventEmitter {
  readonly fd = STDOUT
  readonly writable = true
  readonly isTTY = false
  #failed = false

  write(chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    for (let at = 0; at < bytes.length && !this.#failed;) {
      try {
        at += writeSync(STDOUT, bytes, at)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
        else {
          this.#failed = true
          // As a stream has it: who is writing gets to say first how the command ends.
          process.nextTick(() => this.emit('error', error))
        }
      }
    }
    const done = rest.at(-1)
    if (typeof done === 'function' && !this.#failed) process.nextTick(() => done())
    return !this.#failed || bytes.length < HIGH_WATER
  }
}

/** Has a stream made, and its errors handled, when it is first asked for. */
function whenUsed(name: 'stdout' | 'stderr', make: () => NodeJS.WriteStream): void {
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = make()
      Object.defineProperty(process, name, { configurable: true, enumerable: true, value })
      return value
    },
  })
}

/** Prepares `process.stdout` and `process.stderr`. */
export function prepareOutput(onError: { readonly stdout: OnError; readonly stderr: OnError }): void {
  const { stdout, stderr } = Object.getOwnPropertyDescriptors(process)
  whenUsed('stdout', () => {
    const stream = mayBeTerminal(STDOUT) ? (stdout.get!.call(process) as NodeJS.WriteStream) : new PlainOutput()
    return stream.on('error', onError.stdout) as NodeJS.WriteStream
  })
  whenUsed('stderr', () => (stderr.get!.call(process) as NodeJS.WriteStream).on('error', onError.stderr))
}
