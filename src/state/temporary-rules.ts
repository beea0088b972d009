/**
 * Tries other rules in a running lab and puts it back: for a moment its hosts hold the chains and sets of another
 * compilation. What may be there is on record before it is made (attempt.json), as for every change, so that a run that
 * is killed is put back by the next `up`, and `status` says meanwhile that a change is under way.
 */
import { upCommand } from './up-command.ts'
import { diff } from '../kernel/diff.ts'
import { describe, keyOf } from '../kernel/kinds/index.ts'
import { drift, type Drift } from '../kernel/drift.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import { endAttempt, hasAttempt, writeAttempt, type Applied } from './store.ts'
import { ownedOf, union } from './ownership.ts'
import { Session } from './converge.ts'

export type Lifted =
  /** Everything was tried, and the kernel holds again what it held before. */
  | { readonly outcome: 'restored' }
  /** Nothing was tried: an earlier change is unfinished, or the rules are not those that were asked for. */
  | { readonly outcome: 'refused'; readonly why: string; readonly drift?: Drift }
  /** A variant was refused by the kernel, or the lab could not be put back. `restored`: it is as it was before all the same. */
  | { readonly outcome: 'failed'; readonly why: string; readonly restored: boolean }

const isRules = (o: KernelObject): boolean => o.kind === 'chain' || o.kind === 'ipset'

/** Namespaces whose rules differ in some variant. @throws when anything but rules differs */
function touched(base: readonly KernelObject[], variants: readonly (readonly KernelObject[])[]): Set<string> {
  const changes = variants.flatMap((v) => diff(base, v))
  const other = changes.find((c) => !isRules(c.object))
  if (other) throw new Error(`cannot try out a change of ${describe(other.object)}`)
  return new Set(changes.map((c) => c.object.ns))
}

const trouble = (result: object): string => {
  if ('failure' in result) return (result as { failure: { stderr: string } }).failure.stderr
  const { missing, changed, unexpected } = (result as { drift: Drift }).drift
  const object = missing[0] ?? changed[0]?.object ?? unexpected[0]
  return object ? `the kernel does not hold ${describe(object)} as asked for` : 'the kernel does not hold what was asked for'
}

/**
 * Gives the lab one variant of its rules after the other, and its own at the end, however `visit` ends. The caller
 * holds the lab's lock.
 * @param variants kernel objects of the lab that differ from its own in chains and sets alone
 * @throws what `visit` throws, and the signal's reason, once the lab is as it was
 */
export async function withTemporaryRules(
  applied: Applied,
  variants: readonly (readonly KernelObject[])[],
  pool: NamespacePool,
  visit: (index: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<Lifted> {
  const name = applied.lab.name
  if (hasAttempt(name))
    return {
      outcome: 'refused',
      why: `a change of this lab is under way or was interrupted: ${upCommand(applied.lab)} puts it back`,
    }
  const places = touched(applied.objects, variants)
  const part = (objects: readonly KernelObject[]): KernelObject[] => objects.filter((o) => isRules(o) && places.has(o.ns))
  const base = part(applied.objects)
  const parts = variants.map(part)
  const all = parts.reduce<KernelObject[]>((sum, p) => union(sum, p), base)
  const session = new Session(name, pool, {})

  const now = drift(base, await session.observe(base))
  const known = new Set(base.map(keyOf))
  const foreign = now.unexpected.filter((o) => isRules(o) && !known.has(keyOf(o)))
  if (now.missing.length + now.changed.length + foreign.length > 0)
    return {
      outcome: 'refused',
      why: `the rules are not those that were asked for: ${trouble({ drift: { ...now, unexpected: foreign } })}`,
      drift: now,
    }

  signal?.throwIfAborted()
  writeAttempt({ version: 1, lab: name, objects: union(applied.objects, all) })
  let failure: string | undefined
  let thrown: { readonly error: unknown } | undefined
  try {
    let current = base
    for (const [index, desired] of parts.entries()) {
      const result = await session.converge(current, all, desired, signal)
      if (!('changes' in result)) {
        failure = trouble(result)
        break
      }
      current = desired
      await visit(index)
      signal?.throwIfAborted()
    }
  } catch (error) {
    thrown = { error }
  }
  const restored = await restore(session, base, all)
  if (restored) endAttempt(name)
  // What ended it matters less than that the lab is not as it was.
  if (thrown && restored) throw thrown.error
  if (thrown) return { outcome: 'failed', why: signal?.aborted ? 'interrupted' : (thrown.error as Error).message, restored }
  if (failure !== undefined) return { outcome: 'failed', why: failure, restored }
  return restored ? { outcome: 'restored' } : { outcome: 'failed', why: 'the lab could not be put back as it was', restored }
}

/** Puts the rules back; true when the kernel holds them again. */
async function restore(session: Session, base: readonly KernelObject[], all: readonly KernelObject[]): Promise<boolean> {
  try {
    const owned = ownedOf(await session.observe([...base, ...all]), all)
    return 'changes' in (await session.converge(owned, all, base))
  } catch {
    // What went wrong before matters more; status names what is left, and up puts it back.
    return false
  }
}
