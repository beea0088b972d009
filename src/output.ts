/**
 * Standard output and standard error, made when something is first written or asked. Node's streams for them are made of a
 * dozen modules, which take longer to load than a short command runs. Where standard output is a file or a pipe it is written
 * to as Node does, at once, and without a stream.
 */
import { EventEmitter } from 'node:events'
import { constants, fstatSync, openSync, writeSync } from 'node:fs'

type OnError = (error: NodeJS.ErrnoException) => void

const STDOUT = 1
/** Major number of /dev/null and its like (Documentation/admin-guide/devices.txt); terminals have others. */
const MEMORY_DEVICES = 1
/** Bytes, as Node's streams have it: who writes more at once waits for what becomes of it. */
const HIGH_WATER = 16_384
/** How often and how long to wait for a reader before what it has not taken is left to a stream, milliseconds. */
const PAUSES = 50
const PAUSE = 1

/**
 * A descriptor that takes what is written to standard output at once, or fails. Undefined where only a stream of Node's will do:
 * for a terminal, a socket, and where nothing can be opened.
 */
function plainDescriptor(): number | undefined {
  try {
    const stat = fstatSync(STDOUT)
    if (stat.isFile() || (stat.isCharacterDevice() && stat.rdev >> 8 === MEMORY_DEVICES)) return STDOUT
    // Another description of the same pipe: not to block is then not asked of others that hold it, and Ctrl-C still ends a
    // command whose reader has stalled.
    return stat.isFIFO() ? openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NONBLOCK) : undefined
  } catch {
    // It is closed or has no reader, and Node knows what to do.
    return undefined
  }
}

/**
 * What netlab uses of a stream of Node's. What is written has been written when `write` returns, but for a reader that does not
 * read: what it has not taken is left to a stream. After an error nothing more is written, and the process is about to end.
 */
class PlainOutput extends EventEmitter {
  readonly fd = STDOUT
  readonly writable = true
  readonly isTTY = false
  readonly #plain: number
  readonly #make: () => NodeJS.WriteStream
  #stream: NodeJS.WriteStream | undefined
  #failed = false

  constructor(plain: number, make: () => NodeJS.WriteStream) {
    super()
    this.#plain = plain
    this.#make = make
  }

  write(chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    const done = rest.at(-1)
    const onDone = typeof done === 'function' ? (): void => done() : undefined
    if (this.#stream) return this.#stream.write(bytes, onDone)
    let pauses = 0
    for (let at = 0; at < bytes.length && !this.#failed;) {
      try {
        at += writeSync(this.#plain, bytes, at)
        pauses = 0
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
          this.#failed = true
          // As a stream has it: who is writing gets to say first how the command ends.
          process.nextTick(() => this.emit('error', error))
        } else if (pauses++ < PAUSES) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
        else return this.#handOver().write(bytes.subarray(at), onDone)
      }
    }
    if (onDone && !this.#failed) process.nextTick(onDone)
    return !this.#failed || bytes.length < HIGH_WATER
  }

  #handOver(): NodeJS.WriteStream {
    this.#stream = this.#make()
    this.#stream.on('error', (error) => this.emit('error', error)).on('drain', () => this.emit('drain'))
    return this.#stream
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
    const make = (): NodeJS.WriteStream => stdout.get!.call(process)
    const plain = plainDescriptor()
    const stream = plain === undefined ? make() : new PlainOutput(plain, make)
    return stream.on('error', onError.stdout) as NodeJS.WriteStream
  })
  whenUsed('stderr', () => (stderr.get!.call(process) as NodeJS.WriteStream).on('error', onError.stderr))
}
