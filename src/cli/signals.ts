/** The signals that end what would go on: Ctrl-C, SIGTERM, and SIGHUP when the terminal is closed. */
import { setMaxListeners } from 'node:events'
import { Exit, failure, type Failure } from './failure.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Calls `stop` when one of them comes. A second Ctrl-C or SIGTERM then ends netlab at once. SIGHUP comes
 * more than once, from the shell and from the kernel: it stays the same end, so nothing takes that back.
 * @returns takes the others back
 */
export function onEnding(stop: () => void): () => void {
  process.once('SIGINT', stop).once('SIGTERM', stop).on('SIGHUP', stop)
  return () => void process.off('SIGINT', stop).off('SIGTERM', stop)
}

/** A signal of its own that fires with the first of them, for as long as netlab runs; more of them change nothing. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const reason = interrupted()
  for (const signal of SIGNALS) process.on(signal, () => controller.abort(reason))
  // While Node takes itself apart it hands signals back to the kernel, which would end it by the signal: then what was done
  // and reported would look interrupted.
  process.once('beforeExit', () => process.exit())
  return controller.signal
}

/** How a command ends that changed nothing and was interrupted. */
export const interrupted = (): Failure => failure(Exit.Interrupted, 'interrupted', 'interrupted', 'Nothing was changed.')

/** Runs something that the first of them ends. @throws Failure (130) when it did */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  // Much may wait at once, and each of it listens for the end: Node warns of more than ten.
  setMaxListeners(0, stop.signal)
  const interrupt = (): void => stop.abort()
  for (const signal of SIGNALS) process.once(signal, interrupt)
  try {
    return await work(stop.signal)
  } catch (error) {
    if (stop.signal.aborted) throw interrupted()
    throw error
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt)
  }
}

/** Until the returned function is called, none of them ends netlab by itself. */
export function outlastSignals(): () => void {
  const stay = (): void => {}
  for (const signal of SIGNALS) process.on(signal, stay)
  return () => {
    for (const signal of SIGNALS) process.off(signal, stay)
  }
}
