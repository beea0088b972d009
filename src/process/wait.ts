/** Waits until daemons that were started are ready. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Daemon } from '../kernel/objects.ts'
import { runBeside } from './daemon.ts'
import { logTail } from './logs.ts'
import { looksReady, readinessText } from './readiness.ts'
import { isRunning, recordedProcess } from './records.ts'
import type { StartFailure } from './spec.ts'
import { endingText, processStates } from './states.ts'
import { now } from '../clock.ts'

/** How long a daemon may take until it is ready, milliseconds, and how often it is looked at. */
const patience = 15_000
const every = 25

/**
 * How long a daemon must look ready, milliseconds: BIRD opens its control socket before it reads its configuration, and
 * ends when that is wrong (main() of its sysdep/unix/main.c).
 */
const steady = 100

export interface WaitOptions {
  readonly signal?: AbortSignal
  /** Called with the share of daemons that are ready, 0 to 1. */
  readonly onProgress?: (share: number) => void
  /** Longest wait, milliseconds. */
  readonly patience?: number
}

/** Waits until daemons that were started are ready; names those that are not, with the words they said since `logged` (bytes). */
export async function untilReady(
  dir: string,
  daemons: readonly Daemon[],
  logged: ReadonlyMap<string, number>,
  options: WaitOptions = {},
): Promise<StartFailure[]> {
  let done = 0
  const each = daemons.map(async (daemon): Promise<StartFailure[]> => {
    const message = await wait(dir, daemon, options)
    options.onProgress?.(++done / daemons.length)
    return message === undefined
      ? []
      : [{ id: daemon.id, message: [message, ...logTail(dir, daemon.id, logged.get(daemon.id))].join('\n') }]
  })
  return (await Promise.all(each)).flat()
}

async function wait(dir: string, daemon: Daemon, { signal, patience: limit = patience }: WaitOptions): Promise<string | undefined> {
  const { id, ready } = daemon
  const isSo = async (pid: number): Promise<boolean> =>
    looksReady(dir, daemon, pid) ?? ('command' in ready && (await runBeside(dir, daemon, ready.command, signal)).code === 0)
  let readySince: number | undefined
  for (const end = now() + limit; ;) {
    const recorded = recordedProcess(dir, id)
    if (!recorded || !isRunning(recorded)) return ended(dir, id)
    if (await isSo(recorded.pid)) {
      readySince ??= now()
      if (now() - readySince >= steady) return undefined
    } else readySince = undefined
    if (readySince === undefined && now() > end) return `is not ready after ${Math.round(limit / 1000)} s: ${readinessText(ready)}`
    await sleep(every, undefined, { signal })
  }
}

/** How it ended. Its supervisor writes that down a moment after. */
async function ended(dir: string, id: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    const state = processStates(dir).find((each) => each.id === id)
    if (!state || state.exitedAt !== undefined || tries === 40) return endingText(state ?? {})
    await sleep(every)
  }
}
