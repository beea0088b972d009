// Runs commands and measures them, one at a time; see measure.pl for what the numbers are.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { machineTime } from './busy.js'
import { interruption } from './interrupt.js'

const WRAPPER = fileURLToPath(new URL('./measure.pl', import.meta.url))

/** Processor time that went elsewhere while something was measured, and all there was, in seconds. */
const elsewhere = { used: 0, total: 0 }

/** Share of the processors that others used while something was measured, 0 to 1; the kernel's own threads included. */
export const othersShare = () => elsewhere.used / (elsewhere.total || 1)

/** Above this share of others, a patient benchmark measures again. */
const DISTURBED = 0.15
const ATTEMPTS = 8

/**
 * Does something that measures; if others disturbed it, does it again, and in the end takes the least disturbed.
 * @template T
 * @param {{ patient: boolean, prepare: () => Promise<void> }} how `prepare` comes before each attempt
 * @param {() => Promise<T>} turn
 * @returns {Promise<T>}
 */
export async function undisturbed({ patient, prepare }, turn) {
  const before = { ...elsewhere }
  let best
  for (let attempt = 0; attempt < (patient ? ATTEMPTS : 1); attempt++) {
    await prepare()
    Object.assign(elsewhere, { used: 0, total: 0 })
    const result = await turn()
    const share = othersShare()
    if (!best || share < best.share) best = { share, result, ...elsewhere }
    if (share <= DISTURBED) break
  }
  elsewhere.used = before.used + best.used
  elsewhere.total = before.total + best.total
  return best.result
}

/**
 * @typedef {object} Sample
 * @property {number} wall seconds
 * @property {number} cpu seconds of user and system time, of the command and all it waited for
 * @property {number} rss peak memory of its largest process, bytes
 * @property {string} stdout empty unless asked for
 */

/**
 * Runs a command to its end.
 * @param {readonly string[]} argv
 * @param {{ stdout?: boolean, codes?: readonly number[], onStart?: (pid: number) => void }} [options]
 *   `stdout`: keep what it prints; `codes`: exit codes that are fine
 * @returns {Promise<Sample>}
 */
export function measure(argv, { stdout = false, codes = [0], onStart } = {}) {
  interruption.throwIfAborted()
  const before = machineTime()
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C reaches the benchmark alone, which then ends the group once, in order.
    const child = spawn('perl', [WRAPPER, ...argv], { detached: true, stdio: ['ignore', stdout ? 'pipe' : 'ignore', 'pipe', 'pipe'] })
    const text = { out: '', err: '', report: '' }
    const keep = (name) => (chunk) => void (text[name] += chunk)
    child.stdout?.setEncoding('utf8').on('data', keep('out'))
    child.stderr.setEncoding('utf8').on('data', keep('err'))
    child.stdio[3].setEncoding('utf8').on('data', keep('report'))
    const stop = () => {
      try {
        process.kill(-child.pid, 'SIGTERM')
      } catch {
        // It has just ended.
      }
    }
    interruption.addEventListener('abort', stop)
    child.on('error', reject)
    child.on('spawn', () => onStart?.(child.pid))
    child.on('close', () => {
      interruption.removeEventListener('abort', stop)
      if (interruption.aborted) return reject(interruption.reason)
      const [wall, user, system, peak, code] = text.report.split(' ').map(Number)
      if (!codes.includes(code))
        return reject(new Error(`${argv.join(' ')} ended with exit code ${code}:\n${text.err.trim().split('\n').slice(-12).join('\n')}`))
      const after = machineTime()
      elsewhere.total += after.total - before.total
      elsewhere.used += Math.max(0, after.used - before.used - user - system)
      resolve({ wall, cpu: user + system, rss: peak * 1024, stdout: text.out })
    })
  })
}

/** Runs something whose cost is of no interest. */
export const run = (argv) => measure(argv, { stdout: true })
