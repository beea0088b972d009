/**
 * Runs a batch of lines in the namespace the thread is in: what is known over netlink, what is not by the program, in
 * the order of the lines. What comes out is what the program alone would have printed and returned.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { SystemError, systemWords } from '../libc.ts'
import type { Refusal } from '../netlink/message.ts'
import { NetlinkSocket } from '../netlink/socket.ts'
import { netnsFile } from '../paths.ts'
import { IFNAMSIZ } from '../sockets/socket.ts'
import { isInterpreted, netnsOf, requestOf, type LineTool } from './interpret.ts'
import { addNamespace, deleteNamespace } from './named.ts'
import { NoDevice, type Names, type Request } from './request.ts'
import { leave, NotInterpreted } from './words.ts'

export interface LineBatch {
  readonly tool: LineTool
  readonly lines: readonly string[]
  /** Go on after a line that failed: `-force`. */
  readonly force: boolean
}

export interface LineResult {
  /** 0, or what the program exits with when a line failed. */
  readonly code: number
  /** The kernel's words on each line that failed, and its number: `Command failed -:7`. */
  readonly stderr: string
}

/** The command that reads the lines of a batch on standard input. */
export function programArgv({ tool, force }: Pick<LineBatch, 'tool' | 'force'>): [string, ...string[]] {
  const [program, ...options] = tool.split(' ') as [string, ...string[]]
  return [program, ...options, ...(force ? ['-force'] : []), '-batch', '-']
}

/** Who runs a line. */
export type Executor = 'netlink' | 'program'

/** Index of the device of this name, if there is one. */
function deviceIndex(socket: NetlinkSocket, name: string): number | undefined {
  try {
    return socket.deviceIndex(name)
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENODEV') return undefined
    throw error
  }
}

/** What iproute2 prints of a refusal. */
function printed({ errno, words }: Refusal): string {
  return words === undefined ? `RTNETLINK answers: ${systemWords(errno)}` : `Error: ${words}${words.endsWith('.') ? '' : '.'}`
}

/** Numbers of devices by name, asked for once a batch, and descriptors of namespaces until its end. */
class KernelNames implements Names {
  readonly #socket: NetlinkSocket
  readonly #devices = new Map<string, number>()
  readonly #namespaces = new Map<string, number>()

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  device(name: string): number {
    let index = this.#devices.get(name)
    if (index === undefined) {
      // The kernel would take the beginning of it for the name.
      if (Buffer.byteLength(name) >= IFNAMSIZ) leave('no device has such a long name')
      index = deviceIndex(this.#socket, name)
      if (index === undefined) throw new NoDevice(name)
      this.#devices.set(name, index)
    }
    return index
  }

  netns(name: string): number {
    let fd = this.#namespaces.get(name)
    if (fd === undefined) {
      try {
        fd = openSync(netnsFile(name), 'r')
      } catch {
        leave('no such namespace')
      }
      this.#namespaces.set(name, fd)
    }
    return fd
  }

  /** A device was removed, renamed or moved. */
  forget(): void {
    this.#devices.clear()
  }

  close(): void {
    for (const fd of this.#namespaces.values()) closeSync(fd)
  }
}

/** One batch on its way. */
class Run {
  readonly #socket = new NetlinkSocket()
  readonly #names = new KernelNames(this.#socket)
  readonly #stderr: string[] = []
  code = 0

  constructor(
    readonly batch: LineBatch,
    readonly onLine: (line: string, by: Executor) => void,
  ) {}

  get stderr(): string {
    return this.#stderr.map((words) => `${words}\n`).join('')
  }

  get stopped(): boolean {
    return this.code !== 0 && !this.batch.force
  }

  close(): void {
    this.#socket.close()
    this.#names.close()
  }

  #failed(line: number, words: string): void {
    this.code = 1
    this.#stderr.push(words, `Command failed -:${line + 1}`)
  }

  /** The message for a line; undefined if it is left to the program, text if the line can be refused without the kernel. */
  #requestOf(line: string): Request | string | undefined {
    try {
      return requestOf(this.batch.tool, line, this.#names)
    } catch (error) {
      if (error instanceof NotInterpreted) return undefined
      if (error instanceof NoDevice) return `Cannot find device "${error.message}"`
      throw error
    }
  }

  /** @returns whether the line was one that is known */
  interpret(index: number): boolean {
    const line = this.batch.lines[index]!
    const netns = this.batch.tool === 'ip' ? netnsOf(line) : undefined
    const request = netns ? undefined : this.#requestOf(line)
    if (!netns && request === undefined) return false
    this.onLine(`${this.batch.tool} ${line}`, 'netlink')
    let words: string | undefined
    if (netns) words = netns.verb === 'add' ? addNamespace(netns.name) : deleteNamespace(netns.name)
    else if (typeof request === 'string') words = request
    else {
      const { type, flags, body, forgets } = request!
      const refused = this.#socket.act(type, flags, body)
      words = refused && printed(refused)
      if (forgets) this.#names.forget()
    }
    if (words !== undefined) this.#failed(index, words)
    return true
  }

  /** Lines from `start` up to `end` by the program. */
  delegate(start: number, end: number): void {
    const lines = this.batch.lines.slice(start, end)
    for (const line of lines) this.onLine(`${this.batch.tool} ${line}`, 'program')
    const [program, ...options] = programArgv(this.batch)
    const { status, stderr, error } = spawnSync(program, options, {
      input: `${lines.join('\n')}\n`,
      stdio: ['pipe', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
    this.#names.forget()
    if (error || status !== 0) {
      this.code = status ?? 1
      const words = error ? `${program}: ${error.message}` : stderr.trimEnd()
      this.#stderr.push(words.replaceAll(/(?<=^Command failed -:)\d+$/gm, (n) => String(Number(n) + start)))
      // Some failures end the program before it has named the line.
      if (lines.length === 1 && !/^Command failed/m.test(words)) this.#stderr.push(`Command failed -:${end}`)
    }
  }
}

/**
 * @param onLine called with every line before it is run
 * @throws SystemError where netlink itself cannot be used
 */
export function runLines(batch: LineBatch, onLine: (line: string, by: Executor) => void = () => {}): LineResult {
  const run = new Run(batch, onLine)
  try {
    for (let at = 0; at < batch.lines.length && !run.stopped;) {
      if (run.interpret(at)) at++
      else {
        // Neighbouring lines that are unknown too share one start of the program.
        let end = at + 1
        while (end < batch.lines.length && !isInterpreted(batch.tool, batch.lines[end]!)) end++
        run.delegate(at, end)
        at = end
      }
    }
    return { code: run.code, stderr: run.stderr }
  } finally {
    run.close()
  }
}
