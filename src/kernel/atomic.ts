/**
 * Changes that packets must see at once. One set changes at once by a swap, and the chains of a family by one commit; but
 * what rules decide may hang on several sets, and on chains too. Where more than one of them changes, their readers are
 * led to stand-ins in the commit that changes the readers, and back once everything is as it should be.
 */
import { keyOf, kindOf, type Change, type KernelObject } from './kinds/index.ts'

/** Whether a change is seen by itself: what is only read is not, before something reads it. */
const counts = ({ action, object: o }: Change): boolean => {
  const atomic = kindOf(o).atomic
  return atomic !== undefined && (action === 'replace' || atomic.reads !== undefined)
}

/** Replacements of objects that change together with others learn who reads them. @param desired everything there will be */
export function withReaders(changes: readonly Change[], desired: Iterable<KernelObject>): readonly Change[] {
  const group = (o: KernelObject): string => kindOf(o).atomic!.group(o)
  const moved = new Map<string, number>()
  const replaced = new Set<string>()
  for (const change of changes) {
    const { action, object: o } = change
    if (!counts(change)) continue
    moved.set(group(o), (moved.get(group(o)) ?? 0) + 1)
    if (action === 'replace' && kindOf(o).atomic!.standIn) replaced.add(keyOf(o))
  }
  if (replaced.size === 0) return changes
  const readers = new Map<string, KernelObject[]>()
  for (const o of desired) {
    for (const key of kindOf(o).atomic?.reads?.(o) ?? []) if (replaced.has(key)) readers.set(key, [...(readers.get(key) ?? []), o])
  }
  return changes.map((c) => {
    const key = keyOf(c.object)
    return c.action === 'replace' && replaced.has(key) && moved.get(group(c.object))! > 1 ? { ...c, readers: readers.get(key) ?? [] } : c
  })
}

/** Readers of objects that change now: first led to the stand-ins, then back. */
export function detours(changes: readonly Change[]): { readonly changes: readonly Change[]; readonly back: readonly KernelObject[] } {
  const standIns = new Map<string, string>()
  const readers = new Map<string, KernelObject>()
  for (const c of changes) {
    if (c.action !== 'replace' || !c.readers) continue
    standIns.set(keyOf(c.object), kindOf(c.object).atomic!.standIn!(c.object))
    for (const reader of c.readers as readonly KernelObject[]) readers.set(keyOf(reader), reader)
  }
  if (standIns.size === 0) return { changes, back: [] }
  const led = (o: KernelObject): KernelObject => kindOf(o).atomic!.redirect!(o, standIns)
  const own = new Set<string>()
  const result = changes.map((c): Change => {
    const key = keyOf(c.object)
    if (!readers.has(key)) return c
    own.add(key)
    return { ...c, object: led(c.object) }
  })
  const others = [...readers].flatMap(([key, o]): Change[] => (own.has(key) ? [] : [{ action: 'replace', object: led(o), before: o }]))
  return { changes: [...result, ...others], back: [...readers.values()] }
}
