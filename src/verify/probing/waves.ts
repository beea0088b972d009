/**
 * Questions in waves that the machine's neighbour table can hold. Who sends to whom on a link learns it, and the
 * kernel keeps 1 024 such entries for all namespaces together (`gc_thresh3`); packets to who does not fit in are dropped.
 * Pods of one link learn each other, so a full mesh of fifty makes 2 450 entries; any pod and its host learn each
 * other, so a thousand pods make 2 000.
 */
import { attachOf } from '../../attach/index.ts'
import { carriage } from '../../backends/index.ts'
import { hostOf, type Lab, type Pod } from '../../lab/lab.ts'
import type { Question } from './question.ts'

/** The entries a question makes, each named by who learns whom, and the pods that it is about. */
export interface Learned {
  readonly entries: readonly string[]
  /** Positions in the lab's list of pods. */
  readonly pods: readonly number[]
}

/** What a question makes nodes of this lab learn. Of hosts and externals among themselves there are too few to count. */
export function learnedBy(lab: Lab): (q: Question) => Learned {
  const at = new Map(lab.pods.map((p, i) => [p, i]))
  const byAddress = new Map(lab.pods.flatMap((p) => p.addresses.map((a) => [a.ip, p] as const)))
  const byNetns = new Map(lab.pods.map((p) => [p.netns, p]))
  const { sharesL2 } = attachOf(lab.attach)
  const areNeighbours = (a: Pod, b: Pod): boolean => (a.host === b.host ? sharesL2 : carriage(lab, hostOf(lab, a), hostOf(lab, b)).sharesL2)
  const nothing = { entries: [], pods: [] }
  return (q) => {
    const [from, to] = [byNetns.get(q.netns), byAddress.get(q.address)]
    if (from === to) return nothing
    const pods = [from, to].filter((p): p is Pod => p !== undefined)
    const isNeighbour = pods.length === 2 && areNeighbours(from!, to!)
    const entries = isNeighbour
      ? [`${q.family} ${from!.netns} ${to!.netns}`, `${q.family} ${to!.netns} ${from!.netns}`]
      : pods.flatMap((p) => [`${q.family} ${p.netns} gateway`, `${q.family} host ${p.netns}`])
    return { entries, pods: pods.map((p) => at.get(p)!) }
  }
}

/**
 * Splits positions of a list into waves that make at most `most` entries each (a pair alone may make more). Where
 * one wave will not do, pods are taken in blocks, and each wave is about two of them.
 */
export function waves(list: readonly Question[], learned: (q: Question) => Learned, most: number): number[][] {
  if (list.length === 0) return []
  const each = list.map(learned)
  const order = list.map((_, i) => i)
  if (new Set(each.flatMap((l) => l.entries)).size <= most) return [order]
  // Two blocks of pods, each pod with two entries.
  const size = Math.max(1, Math.floor(most / 4))
  const blocks = each.map(({ pods }) => {
    const [a = -1, b = a] = pods.map((p) => Math.floor(p / size))
    return [Math.min(a, b), Math.max(a, b)] as const
  })
  order.sort((i, j) => blocks[i]![0] - blocks[j]![0] || blocks[i]![1] - blocks[j]![1] || i - j)
  const result: number[][] = []
  let entries = new Set<string>()
  for (const i of order) {
    const more = each[i]!.entries.filter((e) => !entries.has(e))
    if (result.length === 0 || (more.length > 0 && entries.size + more.length > most)) {
      result.push([])
      entries = new Set()
    }
    result.at(-1)!.push(i)
    for (const e of each[i]!.entries) entries.add(e)
  }
  return result
}
