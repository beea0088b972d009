// Medians, ranges and ratios of measured values, and how they are written.

import { median, roundRatios, summarize, type Summary } from '../../src/bench/statistics.ts'

export { median, summarize, type Summary }

/**
 * How two series compare: medians by medians, and the range of what the rounds say one by one. In a round both
 * were measured right after each other, so whatever else the machine did then falls on both.
 */
export function ratio(a: readonly number[], b: readonly number[]): Summary {
  const rounds = roundRatios(a, b)
  return { median: median(a) / median(b), min: Math.min(...rounds), max: Math.max(...rounds), runs: rounds.length }
}

const digits = (value: number): number => (value >= 100 ? 0 : value >= 10 ? 1 : 2)

/** How a value of each unit is written. */
const WRITE = {
  s: (v: number) => `${v.toFixed(digits(v))} s`,
  ms: (v: number) => `${(v * 1000).toFixed(v >= 0.1 ? 0 : 1)} ms`,
  MB: (v: number) => `${(v / 1e6).toFixed(v < 1e7 ? 2 : 0)} MB`,
  'MB/s': (v: number) => `${(v / 1e6).toFixed(0)} MB/s`,
  '×': (v: number) => `${v.toFixed(digits(v))} ×`,
  '': (v: number) => Math.round(v).toLocaleString('en').replaceAll(',', ' '),
}

/** A unit in which values are written; values themselves are seconds, bytes, bytes a second, or numbers. */
export type Unit = keyof typeof WRITE

/** `2.91 s (2.80–3.10)` */
export function write({ median, min, max, runs }: Summary, unit: Unit): string {
  const text = WRITE[unit](median)
  if (runs === 1 || min === max) return text
  const bare = (v: number): string => WRITE[unit](v).replace(` ${unit}`, '')
  return `${text} (${bare(min)}–${bare(max)})`
}
