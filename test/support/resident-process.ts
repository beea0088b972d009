/** Runs netlab commands one after the other, as their parent asks: see resident.ts. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type * as Main from '../../src/main.ts'
import type { Answer } from './resident.ts'
import { bin, root } from './root.ts'

const { loadProgram } = createRequire(import.meta.url)(join(root, 'dist/main.cjs')) as typeof Main
const program = loadProgram('up')

/** What commands listen for on the process, until it ends. */
const EVENTS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGWINCH', 'beforeExit', 'exit', 'uncaughtException']
const standing = new Map(EVENTS.map((event) => [event, process.listeners(event as 'exit')]))

/** Takes back what a command listens for, and tells what waits for the end of the process that it has come. */
function forget(code: number): void {
  for (const [event, kept] of standing)
    for (const listener of process.listeners(event as 'exit').filter((l) => !kept.includes(l))) {
      process.off(event, listener)
      if (event === 'exit') listener(code)
    }
}

/** Milliseconds in which what a command started must have ended, after which a process of its own would have hung. */
const PATIENCE = 30_000
/** Exit code of a command that does not end, which netlab has for nothing else. */
const HANGS = 70
const active = (): number => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').length

const exit = process.exit
const codeOf = (code: number | string | null | undefined): number => Number(code ?? 0)
let out: string[] = []
let err: string[] = []

const keep =
  (pieces: string[]) =>
  (chunk: string | Uint8Array, ...more: unknown[]): boolean => {
    pieces.push(Buffer.from(chunk as string).toString())
    const done = more.at(-1)
    if (typeof done === 'function') process.nextTick(done)
    return true
  }

async function serve(args: readonly string[]): Promise<void> {
  out = []
  err = []
  process.stdout.write = keep(out)
  process.stderr.write = keep(err)
  process.exitCode = undefined
  process.argv = [process.execPath, bin, ...args]
  const before = active()
  await program.run(process.argv)
  // A process of its own would go on until nothing is left to wait for.
  for (const start = Date.now(); active() > before; await sleep(2))
    if (Date.now() - start > PATIENCE) {
      err.push(`netlab: still active after the command: ${process.getActiveResourcesInfo().join(', ')}\n`)
      process.exitCode = HANGS
      break
    }
  const code = codeOf(process.exitCode)
  forget(code)
  process.exitCode = undefined
  process.send!({ code, stdout: out.join(''), stderr: err.join(''), ended: false } satisfies Answer)
}

process.exit = (code) => {
  const ended = codeOf(code ?? process.exitCode)
  process.send!({ code: ended, stdout: out.join(''), stderr: err.join(''), ended: true } satisfies Answer, () => exit(ended))
  // Nothing after it happens.
  throw new Error('the process ends')
}
process.on('warning', ({ name, message }) => err.push(`(node:${process.pid}) ${name}: ${message}\n`))
process.on('message', (args: string[]) => void serve(args))
process.on('disconnect', () => exit(0))
