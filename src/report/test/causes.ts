/** What all reports of a test say about drift: which differences were found, and the failed checks that come of each. */
import type { Check, Difference, TestRun } from '../../verify/check.ts'
import { plural } from '../../plural.ts'
import { visible } from '../formats/visible.ts'
import { failuresOf } from './test-failures.ts'

export interface Attributed {
  /** Every difference, with the checks that are known to follow from it. */
  readonly drift: readonly { readonly id: string; readonly difference: Difference; readonly follows: readonly Check[] }[]
  /** Failures that drift may be the cause of. */
  readonly possible: readonly Check[]
  /** Failures that have nothing to do with drift, as far as is known. */
  readonly rest: readonly Check[]
}

/** What a difference is called in JSON. @param at its position */
export const differenceId = (at: number): string => `drift-${at + 1}`

export function attributed(run: TestRun): Attributed {
  const failures = failuresOf(run)
  const drift = (run.drift ?? []).map((difference, at) => ({
    id: differenceId(at),
    difference,
    follows: failures.filter((c) => c.cause?.isKnown && c.cause.differences[0] === at),
  }))
  return {
    // What is known to have broken something comes first.
    drift: drift.toSorted((a, b) => b.follows.length - a.follows.length),
    possible: failures.filter((c) => c.cause && !c.cause.isKnown),
    rest: failures.filter((c) => !c.cause),
  }
}

/** The fields of a check's JSON that name the differences behind it. */
export function causeFields({ cause }: Check): { followsFrom?: string; mayFollowFrom?: string[] } {
  if (!cause) return {}
  const ids = cause.differences.map(differenceId)
  return cause.isKnown ? { followsFrom: ids[0]! } : { mayFollowFrom: ids }
}

/** `missing FDB entry 02:… on vxlan1 in demo.node-1`, on one line. */
export const differenceText = ({ state, object }: Difference): string => visible(`${state} ${object}`)

/** Why a check failed, as far as drift tells; undefined: it tells nothing. */
export function causeText({ cause }: Check, { drift = [] }: TestRun): string | undefined {
  if (!cause) return undefined
  const [first, ...more] = cause.differences.map((at) => differenceText(drift[at]!))
  if (cause.isKnown) return `follows from drift: ${first}`
  return `drift found; may be the cause: ${first}${more.length > 0 ? ` and ${plural(more.length, 'more difference')}` : ''}`
}

/** The first few of a list, and how many more. */
const few = (list: readonly string[], most: number): string =>
  list.length > most ? `${list.slice(0, most).join(', ')} and ${list.length - most} more` : list.join(', ')

const MAX_IDS = 5
const MAX_PAIRS = 4

/** Failed checks in two short texts: `pods-reach-pods (5), no-loss (2)` and `pod-a → pod-b, pod-b → pod-a`. */
export function consequences(checks: readonly Check[]): { readonly checks: string; readonly pairs: string } {
  const counts = new Map<string, number>()
  for (const { id } of checks) counts.set(id, (counts.get(id) ?? 0) + 1)
  const ids = [...counts].sort(([, a], [, b]) => b - a).map(([id, n]) => `${id} (${n})`)
  const pairs = new Set(checks.flatMap(({ from, to }) => (from === undefined || to === undefined ? [] : [`${from} → ${to}`])))
  return { checks: visible(few(ids, MAX_IDS)), pairs: visible(few([...pairs], MAX_PAIRS)) }
}
