/** Runs programs as a user does: netlab by its command line, anything else in a node's namespace. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { isServed, serve } from './resident.ts'
import { bin } from './root.ts'

export interface Run {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string
  /** Added to the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Gets the child as soon as it runs, to signal it. */
  readonly onStart?: (child: ChildProcess) => void
  /** Milliseconds after which it is killed. */
  readonly patience?: number
}

/** Later than this something hangs, even in an emulated machine. */
const PATIENCE = 300_000

export function run(argv: readonly string[], { input, env, cwd, onStart, patience = PATIENCE }: RunOptions = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => {})
    child.on('error', reject)
    // What it started may live on and hold the pipes open.
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.stdout.destroy()
      child.stderr.destroy()
    }, patience)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() })
    })
    child.stdin.end(input ?? '')
    onStart?.(child)
  })
}

/** Runs a netlab command: in a process of its own, unless the test file has asked for {@link oneProcess} and it is a plain one. */
export async function netlab(args: readonly string[], options?: RunOptions): Promise<Run> {
  const result = await (options === undefined && isServed(args) ? serve(args) : run([process.execPath, bin, ...args], options))
  // Of too many listeners, of what is deprecated.
  assert.doesNotMatch(result.stderr, /^\(node:\d+\) .*Warning: /m, `Node warns of netlab ${args.join(' ')}`)
  return result
}

/** Command line that runs something in the network namespace `ns` (full name). */
export const inside = (ns: string, argv: readonly string[]): string[] => ['nsenter', `--net=/run/netns/${ns}`, '--', ...argv]

/** What a program wrote, or an error with everything it said. */
export async function output(argv: readonly string[], options?: RunOptions): Promise<string> {
  const result = await run(argv, options)
  if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${told(result)}`)
  return result.stdout
}

export const sh = (script: string, ...args: string[]): Promise<string> => output(['sh', '-c', script, 'sh', ...args])

/** A result as one text, for messages. */
export function told({ code, signal, stdout, stderr }: Run): string {
  return `${signal ?? `exit code ${code}`}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`
}

/** A netlab command that must succeed. */
export async function netlabOk(args: readonly string[], options?: RunOptions): Promise<Run> {
  const result = await netlab(args, options)
  assert.equal(result.code, 0, told(result))
  return result
}

/** The one document that a command which must succeed prints with `--json`. */
export const netlabJson = async <T>(args: readonly string[]): Promise<T> => JSON.parse((await netlabOk([...args, '--json'])).stdout) as T

/** A netlab command that must end with this code and these words, without a stack trace. */
export async function refusal(args: readonly string[], code: number, words: RegExp): Promise<void> {
  const result = await netlab(args)
  assert.equal(result.code, code, told(result))
  assert.match(result.stderr, words)
  assert.doesNotMatch(result.stderr, /\n {4}at /)
}
