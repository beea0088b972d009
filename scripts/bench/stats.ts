// Medians, ranges and ratios of measured values, and how they are written.

/** What is said of a series of values. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
}

/** The value in the middle of a series that is not empty. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The median and the range of a series. */
export const summarize = (values: readonly number[]): Summary => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
  runs: values.length,
})

/**
 * How two series compare: medians by medians, and the range of what the rounds say one by one. In a round both
 * were measured right after each other, so whatever else the machine did then falls on both.
 */
export function ratio(a: readonly number[], b: readonly number[]): Summary {
  const rounds = a.flatMap((value, i) => (i < b.length ? [value / b[i]!] : []))
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
