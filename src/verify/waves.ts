/**
 * Questions in waves that the machine's neighbour table can hold. Pods of one bridge learn each other, so a full mesh of
 * fifty makes 2 450 entries; the kernel keeps 1 024 for all namespaces together (`gc_thresh3`), and drops packets to
 * who does not fit in. Pods that are routed, and pods of different hosts, learn only their gateway.
 */
import type { Question } from './question.ts'

/** The two ends of a question on one link, in any order; undefined: what it makes the ends learn is of no account. */
export type LinkOf = (q: Question) => readonly [string, string] | undefined

/**
 * Splits positions of a list into waves of at most `most` pairs of ends that are new to each other; everything about
 * one pair is in one wave, and everything else in the first.
 */
export function waves(list: readonly Question[], linkOf: LinkOf, most: number): number[][] {
  const result: number[][] = [[]]
  const waveOf = new Map<string, number>()
  list.forEach((q, i) => {
    const ends = linkOf(q)
    let wave = 0
    if (ends) {
      const key = ends[0] < ends[1] ? `${ends[0]} ${ends[1]}` : `${ends[1]} ${ends[0]}`
      const known = waveOf.get(key)
      wave = known ?? Math.floor(waveOf.size / most)
      if (known === undefined) waveOf.set(key, wave)
    }
    ;(result[wave] ??= []).push(i)
  })
  return result.filter((w) => w.length > 0)
}
