/** What goes with what: objects stand on the namespaces and devices that others make. */
import { deviceOf, namespacesOf, providedBy, type KernelObject } from './kinds/index.ts'
import type { Place } from './kinds/kind.ts'

/** Adds the devices that stand on these places, and those that stand on them in turn. */
export function addStacked(places: Set<Place>, objects: Iterable<KernelObject>): void {
  const stacked = [...objects].filter((o) => deviceOf(o) !== undefined && providedBy(o).length > 0)
  for (let size = -1; size < places.size;) {
    size = places.size
    for (const o of stacked) if (places.has(deviceOf(o)!)) for (const place of providedBy(o)) places.add(place)
  }
}

/** Whether an object stands on one of these devices. */
export function isOn(places: ReadonlySet<Place>, o: KernelObject): boolean {
  const device = places.size === 0 ? undefined : deviceOf(o)
  return device !== undefined && places.has(device)
}

/** Whether an object is in one of these namespaces. */
export const isIn = (places: ReadonlySet<Place>, o: KernelObject): boolean =>
  places.size > 0 && namespacesOf(o).some((ns) => places.has(ns))
