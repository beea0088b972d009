/** The difference between what was asked for and what the kernel holds, for people: `diff` says what to do about it. */
import { differences } from './kinds/differences.ts'
import { keyOf, kindOf } from './kinds/index.ts'
import type { KernelObject } from './objects.ts'

/** What drifted between what was asked for and what the kernel holds. */
export interface Drift {
  readonly missing: readonly KernelObject[]
  /** `fields` says what differs. */
  readonly changed: readonly { readonly object: KernelObject; readonly observed: KernelObject; readonly fields: readonly string[] }[]
  /** Held by the kernel although it was not asked for. */
  readonly unexpected: readonly KernelObject[]
}

export function drift(desired: readonly KernelObject[], observed: readonly KernelObject[]): Drift {
  const have = new Map(observed.map((o) => [keyOf(o), o]))
  const missing: KernelObject[] = []
  const changed: { object: KernelObject; observed: KernelObject; fields: string[] }[] = []
  for (const object of desired) {
    const key = keyOf(object)
    const now = have.get(key)
    have.delete(key)
    if (!now) missing.push(object)
    else {
      const fields = differences(now, object)
      if (fields.length > 0) changed.push({ object, observed: now, fields })
    }
  }
  const isMade = madeBy(desired)
  return { missing, changed, unexpected: [...have.values()].filter((o) => !isMade(o)) }
}

/** Whether an object that was not asked for is the doing of one that was: a daemon's route, or what is on its device. */
export function madeBy(desired: readonly KernelObject[]): (o: KernelObject) => boolean {
  const owners = new Map<string, KernelObject[]>()
  for (const o of desired) if (kindOf(o).owns) owners.set(o.ns, [...(owners.get(o.ns) ?? []), o])
  return (other) => owners.get(other.ns)?.some((o) => kindOf(o).owns!(o, other)) ?? false
}
