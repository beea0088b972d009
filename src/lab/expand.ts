/** `worker: { replicas: 3 }` → worker-1, worker-2, worker-3. */
import type { Path } from '../topology/diagnostics.ts'
import type { LoadedTopology, PodNames } from '../topology/loaded.ts'
import { MAX_REPLICAS } from '../topology/schema/rules.ts'
import type { Problems } from './problems.ts'

export interface Entry<T> {
  /** Name of this one: `worker-2`, `shop/cart-2`. */
  readonly name: string
  readonly spec: T
  /** Where in the topology it comes from. */
  readonly path: Path
}

const NO_NAMES: PodNames = { bases: new Map(), fixed: new Set() }

/**
 * Entries of a section of the topology in the order of its file, which an object of JavaScript does not keep for keys that
 * look like integers. What manifests bring comes after the topology's own.
 */
export function inFileOrder<T>({ source }: LoadedTopology, section: string, map: Readonly<Record<string, T>>): [string, T][] {
  const entries = Object.entries(map)
  if (!entries.some(([key]) => /^(0|[1-9]\d*)$/.test(key))) return entries
  const placed = entries.map((entry, index) => ({ entry, index, place: source([section, entry[0]]) }))
  const own = placed.filter(({ place }) => place.file === undefined)
  own.sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
  return [...own, ...placed.filter(({ place }) => place.file !== undefined)].map(({ entry }) => entry)
}

/** Every entry once, in file order. Reports two entries that end up with one name, and names that outgrow a DNS subdomain. */
export function* expand<T extends { replicas?: number | undefined }>(
  entries: readonly (readonly [string, T])[],
  at: Path,
  problems: Problems,
  { bases, fixed }: PodNames = NO_NAMES,
): Generator<Entry<T>> {
  const seen = new Map<string, string>()
  let total = 0
  for (const [key, spec] of entries) {
    const path = [...at, key]
    total += spec.replicas ?? 1
    if (total > MAX_REPLICAS) {
      problems.error(path, 'too-many', `more than ${MAX_REPLICAS} ${at.join('.')} in one lab`, 'Split the topology.')
      return
    }
    const base = bases.get(key)
    for (let n = 1, number = 1; n <= (spec.replicas ?? 1); n++, number++) {
      if (base !== undefined) while (fixed.has(`${base}${number}`) || bases.has(seen.get(`${base}${number}`) ?? '')) number++
      const name = spec.replicas === undefined ? key : `${base ?? `${key}-`}${number}`
      const before = seen.get(name)
      if (before !== undefined) {
        problems.error(
          path,
          'name-taken',
          `${name} exists twice: from "${before}" and from "${key}"`,
          'Replicas are called name-1, name-2, …',
        )
        break
      }
      if (name.split('/').pop()!.length > 253) {
        problems.error(
          path,
          'name-too-long',
          `${name} has more than 253 characters`,
          'A name with its replica number must fit a DNS subdomain (RFC 1123).',
        )
        break
      }
      seen.set(name, key)
      yield { name, spec, path }
    }
  }
}
