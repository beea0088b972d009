/**
 * netlab commands in a process that stays: what is loaded and compiled for the first command serves the next. Starting
 * netlab takes longer than most of what tests ask of it, and in an emulated machine ten times as long. The commands are
 * the built ones; what only a new process shows, such as signals, descriptors and start-up, is tested with
 * {@link run} by the tests of the command line.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.ts'
import type { Run } from './run.ts'

/** What such a process is asked, and what it answers. */
export interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The command ended its process, so that there will be no other answer. */
  readonly ended: boolean
}

/** Commands that neither hand their own input and output to other programs nor go on until they are interrupted. */
const SERVED: ReadonlySet<string | undefined> = new Set(['up', 'down', 'status', 'test', 'trace', 'inspect', 'plan', 'policy'])

let isWanted = false

/** To be called at the beginning of a test file: its plain netlab commands share processes, one for each that runs at a time. */
export function oneProcess(): void {
  isWanted = process.env['NETLAB_TEST_COLD'] === undefined
}

/** Whether a command can be given to such a process. */
export const isServed = (args: readonly string[]): boolean => isWanted && SERVED.has(args[0]) && !args.includes('--watch')

const idle: ChildProcess[] = []

function start(): ChildProcess {
  const child = fork(join(root, 'build/test/support/resident-process.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  // The tests' process ends when its tests have; then the channel closes and the child ends.
  child.unref()
  child.channel!.unref()
  return child
}

/** Runs a netlab command. */
export function serve(args: readonly string[]): Promise<Run> {
  const child = idle.pop() ?? start()
  child.ref()
  child.channel!.ref()
  return new Promise((resolve) => {
    const onExit = (code: number | null, signal: NodeJS.Signals | null): void =>
      resolve({ code, signal, stdout: '', stderr: 'the process that ran this command, and others before, ended without an answer' })
    child.once('exit', onExit)
    child.once('message', ({ ended, ...answer }: Answer) => {
      child.off('exit', onExit)
      child.unref()
      child.channel?.unref()
      if (!ended) idle.push(child)
      resolve({ ...answer, signal: null })
    })
    child.send(args)
  })
}
