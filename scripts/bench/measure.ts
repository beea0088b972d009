// Runs commands and measures them, one at a time; see measure.pl for what the numbers are.
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { machineTime } from './busy.ts'
import { interruption } from './interrupt.ts'

const WRAPPER = fileURLToPath(new URL('./measure.pl', import.meta.url))

/** Processor time that went elsewhere while something was measured, and all there was, in seconds. */
const elsewhere = { used: 0, total: 0 }

/** Share of the processors that others used while something was measured, 0 to 1; the kernel's own threads included. */
export const othersShare = (): number => elsewhere.used / (elsewhere.total || 1)

/** Above this share of others, a patient benchmark measures again. */
const DISTURBED = 0.15
const ATTEMPTS = 8

/**
 * Does something that measures; if others disturbed it, does it again, and in the end takes the least disturbed.
 * @param how `prepare` comes before each attempt
 */
export async function undisturbed<T>(
  { patient, prepare }: { readonly patient: boolean; readonly prepare: () => Promise<void> },
  turn: () => Promise<T>,
): Promise<T> {
  const before = { ...elsewhere }
  let best: { share: number; result: T; used: number; total: number } | undefined
  for (let attempt = 0; attempt < (patient ? ATTEMPTS : 1); attempt++) {
    await prepare()
    Object.assign(elsewhere, { used: 0, total: 0 })
    const result = await turn()
    const share = othersShare()
    if (!best || share < best.share) best = { share, result, ...elsewhere }
    if (share <= DISTURBED) break
  }
  elsewhere.used = before.used + best!.used
  elsewhere.total = before.total + best!.total
  return best!.result
}

/** What a command cost. */
export interface Sample {
  /** Seconds. */
  readonly wall: number
  /** Seconds of user and system time, of the command and all it waited for. */
  readonly cpu: number
  /** Peak memory of its largest process, bytes. */
  readonly rss: number
  /** Empty unless asked for. */
  readonly stdout: string
}

/**
 * Runs a command to its end.
 * @param options `stdout`: keep what it prints; `codes`: exit codes that are fine
 */
export async function measure(
  argv: readonly string[],
  {
    stdout = false,
    codes = [0],
    onStart,
  }: { readonly stdout?: boolean; readonly codes?: readonly number[]; readonly onStart?: (pid: number) => void } = {},
): Promise<Sample> {
  interruption.throwIfAborted()
  const before = machineTime()
  // A process group of its own: Ctrl-C reaches the benchmark alone, which then ends the group once, in order.
  const child = execa('perl', [WRAPPER, ...argv], {
    detached: true,
    cleanup: false,
    reject: false,
    maxBuffer: 1e9,
    stdio: ['ignore', stdout ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const stop = (): void => {
    try {
      process.kill(-child.pid!, 'SIGTERM')
    } catch {
      // It has just ended.
    }
  }
  interruption.addEventListener('abort', stop)
  if (child.pid !== undefined) onStart?.(child.pid)
  const result = await child
  interruption.removeEventListener('abort', stop)
  interruption.throwIfAborted()
  const [wall, user, system, peak, code] = result.stdio[3].split(' ').map(Number) as [number, number, number, number, number]
  if (!codes.includes(code)) {
    const last = result.stderr.trim().split('\n').slice(-12).join('\n')
    throw new Error(`${argv.join(' ')} ended with exit code ${code}:\n${last || result.message}`)
  }
  const after = machineTime()
  elsewhere.total += after.total - before.total
  elsewhere.used += Math.max(0, after.used - before.used - user - system)
  return { wall, cpu: user + system, rss: peak * 1024, stdout: stdout ? String(result.stdout) : '' }
}

/** Runs something whose cost is of no interest. */
export const run = (argv: readonly string[]): Promise<Sample> => measure(argv, { stdout: true })
