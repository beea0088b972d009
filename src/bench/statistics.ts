/** Medians, ranges and ratios of measured values. */

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
 * How two series compare, round by round: in a round both were measured right after each other, so whatever else the machine
 * did then falls on both.
 */
export const roundRatios = (a: readonly number[], b: readonly number[]): number[] =>
  a.flatMap((value, i) => (i < b.length ? [value / b[i]!] : []))
