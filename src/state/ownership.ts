/** Whose what is found in a lab's namespaces is: the lab's, asked for now or before, or what others added there. */
import { drift, type Drift } from '../kernel/drift.ts'
import type { ReadingRecorder } from '../kernel/dumps/readings.ts'
import { keyOf, kindOf, namespacesOf } from '../kernel/kinds/index.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { UnmanagedObject } from '../kernel/unmanaged/findings.ts'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import { readAttempt, type Applied } from './store.ts'

/**
 * Compares, and counts as unexpected only what the lab itself asked for before; when it is reset, all that can be taken away.
 * What others added is left alone, but how its namespace reads is no measure for what was asked for.
 */
export function compare(
  applied: readonly KernelObject[],
  desired: readonly KernelObject[],
  observed: readonly KernelObject[],
  { recorder, resets = false }: { readonly recorder?: ReadingRecorder | undefined; readonly resets?: boolean },
): Drift {
  const now = drift(desired, observed)
  const unexpected = now.unexpected.filter((o) => !kindOf(o).builtin?.(o))
  if (recorder) for (const o of unexpected) for (const ns of namespacesOf(o)) recorder.drop(ns)
  const known = new Set(applied.map(keyOf))
  return { ...now, unexpected: unexpected.filter((o) => resets || known.has(keyOf(o))) }
}

/** What others made: neither asked for, nor there by itself, nor a daemon's doing. */
export function addedByOthers(
  observed: readonly KernelObject[],
  before: readonly KernelObject[],
  desired: readonly KernelObject[],
): KernelObject[] {
  const known = new Set(before.map(keyOf))
  return drift(desired, observed).unexpected.filter((o) => !known.has(keyOf(o)) && !kindOf(o).builtin?.(o))
}

/** What a reset may change: the lab's own and what others added. */
export const resettable = (
  observed: readonly KernelObject[],
  before: readonly KernelObject[],
  desired: readonly KernelObject[],
): KernelObject[] => [...ownedOf(observed, before, desired), ...addedByOthers(observed, before, desired)]

/** Undoes what was found, each by itself: what is gone with a device need not be taken off it, and what is refused shows when it is looked for again. */
export async function undo(found: readonly UnmanagedObject[], pool: NamespacePool): Promise<void> {
  await pool.run(
    found.flatMap(({ ns, undo: steps = [] }) => steps.map((step) => ({ ns, steps: [step] }))),
    () => {},
  )
}

/** What of the observed state is this lab's business: declared now or by the file before. */
export function ownedOf(observed: readonly KernelObject[], ...declared: readonly (readonly KernelObject[])[]): KernelObject[] {
  const keys = new Set(declared.flatMap((list) => list.map(keyOf)))
  return observed.filter((o) => keys.has(keyOf(o)))
}

/** Both lists, each object once. */
export function union(first: readonly KernelObject[], second: readonly KernelObject[]): KernelObject[] {
  const keys = new Set(first.map(keyOf))
  return [...first, ...second.filter((o) => !keys.has(keyOf(o)))]
}

/** What may be there of a lab: also what a change asked for that was killed before it was finished or put back. */
export function withAttempt(applied: Applied): readonly KernelObject[] {
  const attempt = readAttempt(applied.lab.name)
  return attempt ? union(applied.objects, attempt.objects) : applied.objects
}
