/**
 * Hooks are shared: Services, policies and masquerading all want to be called from the same built-in
 * chains, and the kernel has one of each. A module says what it wants there as a built-in `Chain` object with its
 * own jumps, as if it were alone; here those of one hook become one object, the jumps in the order of the modules.
 *
 * The order matters in `nat POSTROUTING`: what Services marked is masqueraded before the edge of the cluster looks at it.
 */
import type { Chain, KernelObject } from '../kernel/objects.ts'

/** One hook of one namespace. */
const hookOf = (o: Chain): string => `${o.ns} ${o.family} ${o.table} ${o.chain}`

/** The objects of all modules of one host, in the modules' order, with one object a hook: where the first one stood. */
export function joinHooks(objects: readonly KernelObject[]): KernelObject[] {
  const rules = new Map<string, string[]>()
  const first = new Map<string, Chain>()
  for (const o of objects) {
    if (o.kind !== 'chain' || !o.builtin) continue
    const key = hookOf(o)
    const known = rules.get(key)
    if (known) known.push(...o.rules)
    else {
      rules.set(key, [...o.rules])
      first.set(key, o)
    }
  }
  return objects.flatMap((o): KernelObject[] => {
    if (o.kind !== 'chain' || !o.builtin) return [o]
    const key = hookOf(o)
    const joined = rules.get(key)!
    // A hook without rules exists by itself and is never read back.
    return first.get(key) === o && joined.length > 0 ? [{ ...o, rules: joined }] : []
  })
}
