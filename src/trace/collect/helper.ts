/** A helper process: lines out, lines in, and it leaves when its standard input ends, even if we are killed. */
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HelperEnded } from '../../netns/failures.ts'
import { startHelper, unstartable, type HelperProcess } from '../../netns/helper-process.ts'

/** Longest wait for a helper's last words, milliseconds: it may have to drain and to clean up on a busy machine. */
const PATIENCE = 3000

const how = (code: number | null, signal: string | null): string => (signal === null ? `with code ${code}` : `by signal ${signal}`)

export class Helper {
  readonly #child: HelperProcess
  readonly #broken: Promise<never>
  #rest = ''
  #stderr = ''
  #last: string | undefined
  #ended = false
  readonly #closed: Promise<void>

  constructor(script: URL, args: readonly string[], onLine: (line: string) => void) {
    this.#child = startHelper('perl', [fileURLToPath(script), ...args])
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.stdout.setEncoding('latin1')
    this.#child.stdout.on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n')
      this.#rest = lines.pop()!
      for (const line of lines) {
        if (line.startsWith('END ')) this.#last = line.slice(4)
        else onLine(line)
      }
    })
    this.#closed = new Promise((resolve) => this.#child.stdout.on('close', resolve))
    this.#broken = new Promise((_, reject) => {
      this.#child.on('error', (error) => reject(unstartable('perl', error)))
      this.#child.on('exit', (code, signal) => {
        if (!this.#ended)
          reject(new HelperEnded(`the helper ${basename(script.pathname)} ended ${how(code, signal)}: ${this.#stderr.trim()}`))
      })
    })
    this.#broken.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  write(text: string): void {
    this.#child.stdin.write(text)
  }

  /** The promise, or an error if the helper ends before it is kept. */
  orBroken<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#broken])
  }

  /** Asks it to finish and waits for its last line, not for its exit: closing sockets takes the kernel a while. */
  async end(): Promise<string | undefined> {
    this.#ended = true
    this.#child.stdin.end('END\n')
    let timer: NodeJS.Timeout | undefined
    await Promise.race([this.#closed, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)))])
    clearTimeout(timer)
    this.#forget()
    return this.#last
  }

  /** Lets it end by itself, without waiting for it: nothing it could still say is of interest. */
  leave(): void {
    this.#ended = true
    this.#child.stdin.end()
    this.#forget()
  }

  #forget(): void {
    this.#child.unref()
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr])
      (stream as unknown as { unref?: () => void }).unref?.()
  }
}
