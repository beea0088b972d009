// How busy the machine is with other things: what makes times long and untrue.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { interruption } from './interrupt.ts'

/** Processor time of the whole machine since it started, in seconds. */
export function machineTime(): { used: number; total: number } {
  const [, ticks] = /^cpu +(.*)/.exec(readFileSync('/proc/stat', 'utf8'))!
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0] = ticks!.split(' ').map((n) => Number(n) / 100)
  const used = user + nice + system + irq + softirq
  return { used, total: used + idle + wait }
}

const WINDOW = 600
const LONGEST = 60_000

/** Waits until the processors are at least 85 % idle; goes on after a minute. */
export async function quiet(): Promise<void> {
  const deadline = Date.now() + LONGEST
  let before = machineTime()
  while (Date.now() < deadline) {
    await sleep(WINDOW, undefined, { signal: interruption })
    const now = machineTime()
    if ((now.used - before.used) / (now.total - before.total) <= 0.15) return
    before = now
  }
}
