/** Values of options as they are written, checked. */
import { Exit, failure, type Failure } from './failure.ts'

export const usage = (code: string, message: string, hint?: string): Failure => failure(Exit.Usage, code, message, hint)

/** A whole number in a range. @throws Failure (exit 2) */
export function whole(text: string | undefined, name: string, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw usage('bad-option', `--${name} ${text}: expected a whole number from ${least} to ${most}`)
}

const UNITS = { ms: 1, s: 1000, m: 60_000 } as const

/** What a time may be, in milliseconds, and how that is said. */
export interface TimeRange {
  readonly least: number
  readonly most: number
  readonly units: readonly (keyof typeof UNITS)[]
  /** `a time up to a minute` */
  readonly expected: string
  readonly hint: string
  /** Between the option and its value in a message. */
  readonly separator?: '='
}

/** Milliseconds of a time: seconds, or with a unit, such as `500ms`, `10s`, `2m`. @throws Failure (exit 2) */
export function time(text: string, option: string, range: TimeRange): number {
  const { least, most, units, expected, hint } = range
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)([a-z]+)?$/.exec(text) ?? []
  const known = units.find((u) => u === unit)
  const value = Number(number) * (known ? UNITS[known] : Number.NaN)
  if (value >= least && value <= most) return value
  throw usage('bad-option', `--${option}${range.separator ?? ' '}${text}: expected ${expected}`, hint)
}
