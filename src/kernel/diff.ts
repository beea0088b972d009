/**
 * The difference between two states as an ordered list of changes: deletes first, against the order of
 * dependency, then creates and replacements along it.
 */
import { withReaders } from './atomic.ts'
import { addStacked, isIn, isOn } from './dependency.ts'
import { differences } from './kinds/differences.ts'
import { keyOf, kindOf, namespacesOf, providedBy, stageOf, type Change, type KernelObject } from './kinds/index.ts'
import { Stage, type Place } from './kinds/kind.ts'
import { within, type Scope } from './scope.ts'

/**
 * Turns `current` into `desired`. Whatever lives in a namespace or on a device that goes away goes with
 * it, so it is neither deleted by name nor taken for existing.
 * @param scope the namespaces to look at; absent: all
 */
export function diff(current: readonly KernelObject[], desired: readonly KernelObject[], scope?: Scope): Change[] {
  if (scope) return diff(within(current, scope), within(desired, scope))
  if (current.length === 0) return order(desired.map((object) => ({ action: 'create', object })))
  const want = new Map(desired.map((o) => [keyOf(o), o]))
  const have = new Map(current.map((o) => [keyOf(o), o]))

  /** Fields in which each object is to change in place; undefined when it cannot stay. */
  const changing = new Map<string, readonly string[] | undefined>()
  const lost = new Set<Place>()
  for (const [key, o] of have) {
    const next = want.get(key)
    const fields = next?.kind === o.kind ? differences(o, next) : undefined
    const stays = fields && (fields.length === 0 || kindOf(o).replaceable(o, next!, fields))
    changing.set(key, stays ? fields : undefined)
    if (!stays) for (const place of providedBy(o)) lost.add(place)
  }
  // A pair goes with either of its namespaces, and takes both ends along.
  for (const o of have.values()) if (isIn(lost, o)) for (const place of providedBy(o)) lost.add(place)
  addStacked(lost, have.values())

  const stays = (key: string, o: KernelObject): boolean => changing.get(key) !== undefined && !isIn(lost, o) && !isOn(lost, o)
  /**
   * Goes without being named. The kernel tears a namespace down in its own time: a pair that reaches out of it goes at
   * once only by name, and the other end may have to make room for a new one.
   */
  const vanishes = (o: KernelObject): boolean =>
    lost.size > 0 && !kindOf(o).outlives && (namespacesOf(o).every((ns) => lost.has(ns)) || isOn(lost, o))

  const changes: Change[] = []
  for (const [key, object] of have) if (!stays(key, object) && !vanishes(object)) changes.push({ action: 'delete', object })
  for (const [key, object] of want) {
    const before = have.get(key)
    if (before === undefined || !stays(key, before)) changes.push({ action: 'create', object })
    else if (changing.get(key)!.length > 0) changes.push({ action: 'replace', object, before })
  }
  return order(withReaders(changes, want.values()))
}

function order(changes: readonly Change[]): Change[] {
  const deletes = changes
    .filter((c) => c.action === 'delete')
    .toReversed()
    .sort((a, b) => stageOf(b.object) - stageOf(a.object))
  const byStage: Change[][] = Array.from({ length: Stage.Processes + 1 }, () => [])
  for (const c of changes) if (c.action !== 'delete') byStage[stageOf(c.object)]!.push(c)
  return [...deletes, ...byStage.flat()]
}

/** `current` after `changes`: what diff promises. */
export function applyChanges(current: readonly KernelObject[], changes: readonly Change[]): KernelObject[] {
  const state = new Map(current.map((o) => [keyOf(o), o]))
  for (const change of changes) {
    if (change.action !== 'delete') {
      state.set(keyOf(change.object), change.object)
      continue
    }
    const gone = change.object
    state.delete(keyOf(gone))
    const lost = new Set(providedBy(gone))
    addStacked(lost, state.values())
    for (const [key, o] of state) if (isIn(lost, o) || isOn(lost, o)) state.delete(key)
  }
  return [...state.values()]
}
