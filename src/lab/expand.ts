/** `worker: { replicas: 3 }` → worker-1, worker-2, worker-3. */
import type { Path } from '../topology/diagnostics.ts'
import { MAX_REPLICAS } from '../topology/schema/schema.ts'
import type { Problems } from './problems.ts'

export interface Entry<T> {
  /** Name of this one: `worker-2`, `shop/cart-2`. */
  readonly name: string
  readonly spec: T
  /** Where in the topology it comes from. */
  readonly path: Path
}

/** Every entry once, in file order. Reports two entries that end up with one name, and names that outgrow a DNS label. */
export function* expand<T extends { replicas?: number | undefined }>(
  map: Readonly<Record<string, T>>,
  at: Path,
  problems: Problems,
): Generator<Entry<T>> {
  const seen = new Map<string, string>()
  let total = 0
  for (const [key, spec] of Object.entries(map)) {
    const path = [...at, key]
    total += spec.replicas ?? 1
    if (total > MAX_REPLICAS) {
      problems.error(path, 'too-many', `more than ${MAX_REPLICAS} ${at.join('.')} in one lab`, 'Split the topology.')
      return
    }
    for (let n = 1; n <= (spec.replicas ?? 1); n++) {
      const name = spec.replicas === undefined ? key : `${key}-${n}`
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
      if (name.split('/').pop()!.length > 63) {
        problems.error(
          path,
          'name-too-long',
          `${name} has more than 63 characters`,
          'A name with its replica number must fit a DNS label (RFC 1123).',
        )
        break
      }
      seen.set(name, key)
      yield { name, spec, path }
    }
  }
}
