/** Part of a lab: some of its namespaces, so that a change of few nodes need not read and compare all. */
import { addStacked, isIn, isOn } from './dependency.ts'
import { namespacesOf, providedBy, type KernelObject } from './kinds/index.ts'

/** Names of namespaces. */
export type Scope = ReadonlySet<string>

/**
 * The objects in these namespaces, and what stands on the far ends of pairs that reach out of them: it goes with such a
 * pair, and comes back with it.
 */
export function within(objects: readonly KernelObject[], scope: Scope): KernelObject[] {
  const inside = new Set(objects.filter((o) => isIn(scope, o)))
  const devices = new Set([...inside].flatMap((o) => providedBy(o)))
  addStacked(devices, objects)
  return objects.filter((o) => inside.has(o) || isOn(devices, o))
}

/** These namespaces, and those that pairs from there reach into: what became of a pair shows only at both of its ends. */
export function withFarEnds(objects: readonly KernelObject[], scope: Scope): Scope {
  const all = new Set(scope)
  for (const o of objects) if (isIn(scope, o)) for (const ns of namespacesOf(o)) all.add(ns)
  return all
}
