/**
 * Where packets are counted, and how the count is read. A module that drops or refuses packets names the counter; what asks
 * whether a packet was dropped reads it without knowing what counts: an iptables rule, an nftables counter, a BPF map.
 */
import type { NamespacePool, Step, StepResult } from './namespace-pool.ts'

/** Reads all counters of one kind in one namespace at once. */
export interface CounterReader {
  /** Unique among readers. */
  readonly name: string
  readonly steps: readonly Step[]
  /** What the steps printed → packets by {@link Counter.id}. */
  parse(results: readonly StepResult[]): ReadonlyMap<string, number>
}

export interface Counter {
  readonly ns: string
  readonly reader: CounterReader
  /** Which of the reader's in this namespace. */
  readonly id: string
  /** What people know it by: which policy or Service it counts for. */
  readonly title: string
}

/** Where counters are read: one namespace by one reader. */
export type CounterPlace = Pick<Counter, 'ns' | 'reader'>

/** Packets by {@link counterKey}. */
export type Counts = ReadonlyMap<string, number>

export const placeKey = ({ ns, reader }: CounterPlace): string => `${ns} ${reader.name}`
export const counterKey = (c: Counter): string => `${placeKey(c)} ${c.id}`

/** Reads counters, each place once. @param unread gets the reason, by {@link placeKey}, where that fails */
export async function readCounters(
  places: readonly CounterPlace[],
  pool: Pick<NamespacePool, 'run'>,
  unread: Map<string, string>,
): Promise<Counts> {
  const counts = new Map<string, number>()
  const jobs = places.map(({ ns, reader }) => ({ ns, steps: reader.steps }))
  await pool.run(jobs, (index, results) => {
    const place = places[index]!
    const failed = results.find((r) => r.code !== 0)
    if (failed || results.length === 0) return void unread.set(placeKey(place), failed?.stderr.trim() ?? 'no answer')
    for (const [id, packets] of place.reader.parse(results)) counts.set(counterKey({ ...place, id, title: id }), packets)
  })
  return counts
}
