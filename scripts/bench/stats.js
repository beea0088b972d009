// Medians, ranges and ratios of measured values, and how they are written.
const sorted = (values) => values.toSorted((a, b) => a - b)

export function median(values) {
  const s = sorted(values)
  const middle = s.length >> 1
  return s.length % 2 === 1 ? s[middle] : (s[middle - 1] + s[middle]) / 2
}

/** @returns {{ median: number, min: number, max: number, runs: number }} */
export const summarize = (values) => ({ median: median(values), min: Math.min(...values), max: Math.max(...values), runs: values.length })

/**
 * How two series compare: medians by medians, and the range of what the rounds say one by one. In a round both
 * were measured right after each other, so whatever else the machine did then falls on both.
 */
export function ratio(a, b) {
  const rounds = a.flatMap((value, i) => (i < b.length ? [value / b[i]] : []))
  return { median: median(a) / median(b), min: Math.min(...rounds), max: Math.max(...rounds), runs: rounds.length }
}

const digits = (value) => (value >= 100 ? 0 : value >= 10 ? 1 : 2)

/** How a value of each unit is written. */
const WRITE = {
  s: (v) => `${v.toFixed(digits(v))} s`,
  ms: (v) => `${(v * 1000).toFixed(v >= 0.1 ? 0 : 1)} ms`,
  MB: (v) => `${(v / 1e6).toFixed(v < 1e7 ? 2 : 0)} MB`,
  'MB/s': (v) => `${(v / 1e6).toFixed(0)} MB/s`,
  '×': (v) => `${v.toFixed(digits(v))} ×`,
  '': (v) => Math.round(v).toLocaleString('en').replaceAll(',', ' '),
}

/** `2.91 s (2.80–3.10)` */
export function write({ median, min, max, runs }, unit) {
  const text = WRITE[unit](median)
  if (runs === 1 || min === max) return text
  const bare = (v) => WRITE[unit](v).replace(` ${unit}`, '')
  return `${text} (${bare(min)}–${bare(max)})`
}
