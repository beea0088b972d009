/** Waiting for what daemons must bring about: routes that they learn. */
import { setTimeout as sleep } from 'node:timers/promises'
import { drift, madeBy, type Drift } from '../kernel/drift.ts'
import { keyOf, kindOf } from '../kernel/kinds/index.ts'
import { originOf } from '../kernel/kinds/learned.ts'
import type { KernelObject } from '../kernel/objects.ts'
import { now } from '../clock.ts'

/** How often the kernel is asked, milliseconds. */
const every = 200

const isAwaited = (o: KernelObject): boolean => kindOf(o).awaited?.(o) === true
const wrong = ({ missing, changed }: Drift): KernelObject[] => [...missing, ...changed.map((c) => c.object)]

/** What is still to be learned, provided that everything else is as it was asked for. */
export function stillToLearn(now: Drift): readonly KernelObject[] {
  const list = wrong(now)
  return list.every(isAwaited) ? list : []
}

/** A comparison without what daemons bring about. */
export const withoutLearned = ({ missing, changed, unexpected }: Drift): Drift => ({
  missing: missing.filter((o) => !isAwaited(o)),
  changed: changed.filter((c) => !isAwaited(c.object)),
  unexpected,
})

/**
 * What is there and must be brought to `desired`: without what daemons that run take back by themselves. Unless `left`, without what
 * daemons that are about to end take along.
 */
export function withoutTakenBack(current: readonly KernelObject[], desired: readonly KernelObject[], left: boolean): KernelObject[] {
  const wanted = new Set(desired.filter(isAwaited).map(keyOf))
  const isMade = madeBy(desired)
  return current.filter((o) => !isAwaited(o) || wanted.has(keyOf(o)) || (left && !isMade(o)))
}

export interface LearningOptions {
  readonly observe: (hints: readonly KernelObject[]) => Promise<readonly KernelObject[]>
  /** Longest wait, milliseconds. */
  readonly patience: number
  readonly signal?: AbortSignal
  /** Called with the share that was learned, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/** Waits until all of it was learned, a daemon behind it has ended, or the time is over. */
export async function untilLearned(
  wanted: readonly KernelObject[],
  desired: readonly KernelObject[],
  { observe, patience, signal, onProgress }: LearningOptions,
): Promise<void> {
  const behind = new Set(
    wanted.flatMap((o) => {
      if (o.kind === 'session') return o.ends.map((end) => end.daemon)
      const { daemon, lease } = originOf(o) ?? {}
      return [...(daemon === undefined ? [] : [daemon]), ...(lease ? [lease.store, lease.writer] : [])]
    }),
  )
  const daemons = desired.filter((o) => o.kind === 'daemon' && behind.has(o.id))
  let late = wanted
  for (const end = now() + patience; now() < end;) {
    const hints = [...late, ...daemons]
    const now = drift(hints, await observe(hints))
    if (now.missing.some((o) => o.kind === 'daemon')) return
    late = wrong(now).filter(isAwaited)
    onProgress?.(1 - late.length / wanted.length)
    if (late.length === 0) return
    await sleep(every, undefined, signal === undefined ? {} : { signal })
  }
}
