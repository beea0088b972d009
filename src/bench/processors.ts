/** What the processors of the whole machine did, from /proc/stat (proc_stat(5)). */
import { readFileSync } from 'node:fs'

/** Processor time since the machine was started, seconds, of all processors together. */
export interface ProcessorTime {
  /** In user space, in the kernel, and in interrupts: softirq, where packets are forwarded, is in it. */
  readonly busy: number
  /** Interrupts alone, part of `busy`. */
  readonly interrupts: number
  /** Taken by other guests of the same hypervisor while something here wanted to run. */
  readonly stolen: number
  /** Busy, idle and stolen. */
  readonly total: number
}

/** Seconds of a tick of /proc/stat (USER_HZ), the same on every architecture that netlab runs on. */
export const TICK = 0.01

/** @param text of /proc/stat */
export function parseProcessorTime(text: string): ProcessorTime {
  const ticks = (/^cpu +(.*)/m.exec(text)?.[1] ?? '').split(' ').map((n) => Number(n) * TICK)
  // Time of guests is in that of the user already.
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, stolen = 0] = ticks
  const interrupts = irq + softirq
  const busy = user + nice + system + interrupts
  return { busy, interrupts, stolen, total: busy + idle + wait + stolen }
}

export const readProcessorTime = (): ProcessorTime => parseProcessorTime(readFileSync('/proc/stat', 'utf8'))

/** What lies between two readings. */
export const between = (before: ProcessorTime, after: ProcessorTime): ProcessorTime => ({
  busy: after.busy - before.busy,
  interrupts: after.interrupts - before.interrupts,
  stolen: after.stolen - before.stolen,
  total: after.total - before.total,
})
