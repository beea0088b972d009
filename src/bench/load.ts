/**
 * Programs that make load inside a lab's namespaces: both ends of {@link load.pl}, each started in its namespace, where it stays. All
 * end with netlab, however that ends: the kernel sees to it (PR_SET_PDEATHSIG).
 *
 * No load generator of Debian fits. iperf3 and qperf measure for whole seconds; and when iperf3 is given a number of bytes instead, its
 * client is done once they are in its buffers, however few have arrived. sockperf spends half a second on each run, and counts no
 * connections. netperf, which does what is needed here, is not free.
 */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { inside } from '../netns/inside.ts'
import { startHelper, unstartable, type HelperProcess } from '../netns/helper-process.ts'
import type { Family } from '../topology/address.ts'
import { PORT } from './paths.ts'
import { between, parseProcessorTime, type ProcessorTime } from './processors.ts'

const PERL = fileURLToPath(new URL('./load.pl', import.meta.url))

/** The program of util-linux that has the kernel end what makes load. */
export const LOAD_TOOL = 'setpriv'

/** A program that makes load failed, in its own words. */
export class LoadFailed extends Error {}

/** A client's end of a path. */
export interface Target {
  /** Namespace of the client. */
  readonly client: string
  readonly address: string
}

/** Streams at once: bytes a second that the server received, and what the processors did meanwhile. */
export interface StreamResult {
  readonly rate: number
  readonly bytes: number
  readonly processors: ProcessorTime
}

/** How often something was done. */
export interface CountResult {
  readonly count: number
  readonly seconds: number
}

function start(ns: string, words: readonly string[]): HelperProcess {
  const env = { ...process.env, LC_ALL: 'C' }
  const child = inside(ns, () => startHelper(LOAD_TOOL, ['--pdeathsig', 'KILL', 'perl', PERL, ...words], { cwd: '/', env }))
  child.stdin.end()
  return child
}

/** What a client printed. @throws LoadFailed when it failed, or took longer than `patience` milliseconds; the signal's reason */
async function run(ns: string, words: readonly string[], patience: number, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  const child = start(ns, words)
  let [out, error] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (error += bytes.toString()))
  let isLate = false
  const end = (): void => void child.kill('SIGKILL')
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, patience)
  signal.addEventListener('abort', end, { once: true })
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('close', resolve)
      child.once('error', (cause) => reject(unstartable(LOAD_TOOL, cause)))
    })
    signal.throwIfAborted()
    if (code === 0) return out
    if (isLate) throw new LoadFailed(`no end within ${Math.round(patience / 1000)} s`)
    throw new LoadFailed(error.trim().split('\n').at(-1) || 'load.pl failed without a word')
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

/** The programs that clients connect to. */
export class Servers {
  readonly #children: HelperProcess[] = []

  /** Starts that of a namespace, and returns when it listens. @throws LoadFailed when the port is taken; the signal's reason */
  async start(ns: string, family: Family, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const child = start(ns, ['serve', family === 6 ? '::' : '0.0.0.0', `${PORT}`])
    this.#children.push(child)
    let error = ''
    child.stderr.on('data', (bytes: Buffer) => (error += bytes.toString()))
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve())
      child.once('error', (cause) => reject(unstartable(LOAD_TOOL, cause)))
      child.once('close', () => reject(new LoadFailed(error.trim() || 'load.pl does not listen')))
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  }

  /** Ends all of them, and returns when they are gone. */
  async end(): Promise<void> {
    const alive = this.#children.splice(0).filter((c) => c.pid !== undefined && c.exitCode === null && c.signalCode === null)
    await Promise.all(
      alive.map((child) => {
        const gone = once(child, 'exit')
        child.kill('SIGKILL')
        return gone
      }),
    )
  }
}

/** Milliseconds that a client may take beyond what it was asked for. */
const SLACK = 15_000

const millisecondsOf = (seconds: number): number => Math.max(1, Math.round(seconds * 1000))

/** Sends as much as it can over so many connections at once, for so many seconds. @throws LoadFailed */
export async function stream(to: Target, streams: number, seconds: number, signal: AbortSignal): Promise<StreamResult> {
  const time = millisecondsOf(seconds)
  return parseStream(await run(to.client, ['stream', to.address, `${PORT}`, `${time}`, `${streams}`], time + SLACK, signal))
}

/** @param text what load.pl printed: the processors before and after, then a line for each connection @throws LoadFailed */
export function parseStream(text: string): StreamResult {
  const [before = '', after = '', ...lines] = text.trim().split('\n')
  const counts = lines.map(parseCount)
  return {
    rate: counts.reduce((sum, { count, seconds }) => sum + count / seconds, 0),
    bytes: counts.reduce((sum, { count }) => sum + count, 0),
    processors: between(parseProcessorTime(before), parseProcessorTime(after)),
  }
}

/** Does something that is counted, for so many seconds. @throws LoadFailed */
export async function counted(to: Target, what: 'trips' | 'connections', seconds: number, signal: AbortSignal): Promise<CountResult> {
  const time = millisecondsOf(seconds)
  return parseCount(await run(to.client, [what, to.address, `${PORT}`, `${time}`], time + SLACK, signal))
}

/** @param text what load.pl printed: `COUNT NANOSECONDS` @throws LoadFailed */
export function parseCount(text: string): CountResult {
  const [count, nanoseconds] = text.trim().split(' ').map(Number)
  if (!count || !nanoseconds || !(count > 0) || !(nanoseconds > 0)) throw new LoadFailed(`nothing was counted: ${text.trim()}`)
  return { count, seconds: nanoseconds / 1e9 }
}
