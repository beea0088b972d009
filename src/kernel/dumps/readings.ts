/**
 * How the namespaces of a lab read when they held what was asked for and nothing else: a digest of each. A namespace that
 * reads the same again holds the same, so what it holds need not be made sense of once more. Everything is read from the
 * kernel all the same; only rules of iptables are not, where nftables' generation says that nothing has changed them.
 */
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import type { Digested } from '../../netns/own-steps.ts'
import type { DumpReader } from '../../netns/netlink/reader.ts'
import { digestOnceSettled } from '../../netns/netlink/stable.ts'
import { VERSION } from '../../version.ts'
import { LEGACY_TABLES } from './content.ts'
import type { Reading } from './take.ts'

/** On record with a lab. */
export interface Readings {
  /** Of the netlab that read: another may know of more that can go wrong. */
  readonly version: string
  /** What was read, each way once. */
  readonly ways: readonly Digested[]
  /** By namespace: in which of these ways, and the digest. */
  readonly digests: Readonly<Record<string, readonly [way: number, digest: string]>>
}

/** Collects readings while a lab is read. */
export class ReadingRecorder {
  readonly #ways = new Map<Reading['steps'], Digested>()
  readonly #digests = new Map<string, { readonly way: Digested; readonly digest: string }>()

  /** @param before what still holds of namespaces that are not read, @param spaces those that are; absent: all */
  constructor(before?: Readings, spaces: ReadonlySet<string> = new Set()) {
    for (const [ns, [way, digest]] of Object.entries(before?.version === VERSION ? before.digests : {}))
      if (!spaces.has(ns)) this.#digests.set(ns, { way: before!.ways[way]!, digest })
  }

  /** What was read of a namespace that holds what was asked for, as far as it alone can tell. */
  add(ns: string, reading: Reading): void {
    this.#digests.delete(ns)
    const way = this.#wayOf(reading.steps)
    const digest = way && digestOf(reading)
    if (digest !== undefined) this.#digests.set(ns, { way: way!, digest })
  }

  /** It holds something else. */
  drop(ns: string): void {
    this.#digests.delete(ns)
  }

  /** @param spaces those of the lab */
  readings(spaces: readonly string[]): Readings {
    const ways: Digested[] = []
    const numbers = new Map<Digested, number>()
    const digests: Record<string, readonly [number, string]> = {}
    for (const ns of spaces) {
      const found = this.#digests.get(ns)
      if (!found) continue
      let number = numbers.get(found.way)
      if (number === undefined) numbers.set(found.way, (number = ways.push(found.way) - 1))
      digests[ns] = [number, found.digest]
    }
    return { version: VERSION, ways, digests }
  }

  #wayOf(steps: Reading['steps']): Digested | undefined {
    let way = this.#ways.get(steps)
    if (!way) {
      way = wayOf(steps)
      if (way) this.#ways.set(steps, way)
    }
    return way
  }
}

/** What was read; undefined where a program read what has no generation. */
function wayOf(steps: Reading['steps']): Digested | undefined {
  if (steps.some(({ part }) => part === 'ipsets')) return undefined
  const [dump, get] = [
    steps.flatMap(({ step }) => ('dump' in step ? step.dump : [])),
    steps.flatMap(({ step }) => ('get' in step ? step.get : [])),
  ]
  return dump.includes('identity') ? { dump, get } : undefined
}

/** Undefined where the kernel cannot tell that a reading is the same, or where it may become another. */
function digestOf({ steps, results }: Reading): string | undefined {
  const reader = results[steps.findIndex(({ part }) => part === 'netlink')]?.value as DumpReader
  const files = steps.findIndex(({ part }) => part === 'files')
  const hasRules = steps.some(({ part }) => part === 'chains4' || part === 'chains6')
  if (!reader.has('identity') || (hasRules && !reader.has('generation'))) return undefined
  const text = results[files]?.stdout ?? ''
  // The older iptables has no generation.
  if (hasRules && files >= 0) {
    const found = steps[files]!.decode(results[files]!).files!
    if (Object.values(LEGACY_TABLES).some((path) => found.get(path))) return undefined
  }
  return digestOnceSettled(reader.bytes, text)
}

/**
 * Reads namespaces again.
 * @param spaces those of the lab
 * @returns those that do not read as on record; undefined where nothing usable is on record
 */
export async function changedSince(
  readings: Readings | undefined,
  spaces: readonly string[],
  pool: NamespacePool,
  onProgress?: (share: number) => void,
): Promise<ReadonlySet<string> | undefined> {
  if (readings?.version !== VERSION || Object.keys(readings.digests).length === 0) return undefined
  const { ways, digests } = readings
  const known = spaces.filter((ns) => Object.hasOwn(digests, ns))
  const changed = new Set(spaces.filter((ns) => !Object.hasOwn(digests, ns)))
  const jobs = known.map((ns) => ({ ns, steps: [{ digest: ways[digests[ns]![0]]! }] }))
  let done = 0
  await pool.run(jobs, (index, [result]) => {
    const ns = known[index]!
    // One that cannot be read is looked at by those that say why.
    if (result?.code !== 0 || result.stdout !== digests[ns]![1]) changed.add(ns)
    onProgress?.(++done / jobs.length)
  })
  return changed
}
