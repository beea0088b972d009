/** "Did you mean …?": the known word a mistyped one most likely stands for. */

/** Longer words are pasted text, not typing mistakes; comparing them would only cost time. */
const LONGEST = 64

/** The candidate closest to `word` (letter case is ignored), or the only one that begins with it; undefined when none can be meant. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > LONGEST) return undefined
  const wanted = word.toLowerCase()
  let limit = wanted.length < 3 ? 1 : Math.min(3, Math.ceil(wanted.length / 3))
  let best: string | undefined
  const begun: string[] = []
  for (const candidate of candidates) {
    if (wanted.length > 2 && candidate.toLowerCase().startsWith(wanted)) begun.push(candidate)
    const distance = distanceWithin(wanted, candidate.toLowerCase(), limit)
    if (distance === undefined || distance >= Math.max(wanted.length, candidate.length)) continue
    best = candidate
    if (distance === 0) break
    limit = distance - 1 // a later candidate must be strictly better: ties go to the first
  }
  return best ?? (begun.length === 1 ? begun[0] : undefined)
}

/**
 * Edit distance (insert, delete, replace, swap of neighbours), or undefined above `limit`.
 * Gives up on the first row that is wholly above the limit: with thousands of candidates nearly all are far away.
 */
function distanceWithin(a: string, b: string, limit: number): number | undefined {
  if (limit < 0 || Math.abs(a.length - b.length) > limit) return undefined
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
    }
    if (Math.min(...row) > limit) return undefined
    beforeLast = last
    last = row
  }
  const distance = last[b.length]!
  return distance <= limit ? distance : undefined
}
