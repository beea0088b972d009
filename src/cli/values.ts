/** Options as they are written, checked. */
import { Exit, failure, type Failure } from './failure.ts'

export const usage = (code: string, message: string, hint?: string): Failure => failure(Exit.Usage, code, message, hint)

/** A whole number in a range. @throws Failure (exit 2) */
export function whole(text: string | undefined, name: string, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw usage('bad-option', `--${name} ${text}: expected a whole number from ${least} to ${most}`)
}
