/** Settings that are not asked for and that a lab's namespaces have all the same: on record from when they are made, for `status` to compare with. */
import { MachineError } from '../../netns/failures.ts'
import { insideNew } from '../../netns/inside.ts'
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import { readProc } from '../../netns/proc-sys.ts'
import type { KernelObject } from '../objects.ts'
import { propagatedTo, INHERITED, settingsOf, type SysctlBaseline } from './sysctls.ts'

/**
 * What a new namespace has at this moment, read from one that is gone again.
 * @throws Error with the kernel's words when it cannot be made
 */
async function readBaseline(pool: NamespacePool): Promise<SysctlBaseline> {
  const paths = INHERITED.map((key) => `/proc/sys/${key}`)
  const [result] = await pool.one({ steps: [{ call: () => insideNew(() => readProc(paths)) }] })
  if (result?.code !== 0) throw new MachineError(`reading the settings of a new namespace: ${result?.stderr.trim()}`)
  const values = result.value as ReturnType<typeof readProc>
  return Object.fromEntries(INHERITED.flatMap((key, i) => (values[i] === undefined ? [] : [[key, [values[i]]]])))
}

/** Both records, each value once. */
function joinBaselines(first: SysctlBaseline, second: SysctlBaseline): SysctlBaseline {
  const keys = new Set([...Object.keys(first), ...Object.keys(second)])
  return Object.fromEntries([...keys].map((key) => [key, [...new Set([...(first[key] ?? []), ...(second[key] ?? [])])]]))
}

/** Settings stay as they were when they are no longer asked for in a namespace that stays: a host that became an external's. */
export function leftBehind(before: readonly KernelObject[], after: readonly KernelObject[]): SysctlBaseline {
  const stay = new Set(after.flatMap((o) => (o.kind === 'netns' ? [o.ns] : [])))
  const asked = new Set(after.flatMap((o) => (o.kind === 'sysctl' ? [`${o.ns} ${o.key}`] : [])))
  const left = before.filter((o) => o.kind === 'sysctl' && stay.has(o.ns) && !asked.has(`${o.ns} ${o.key}`))
  let baseline: SysctlBaseline = {}
  for (const o of left) {
    for (const [key, value] of settingsOf([o])) {
      for (const k of [key, propagatedTo(key) ?? key]) if (INHERITED.includes(k)) baseline = joinBaselines(baseline, { [k]: [value] })
    }
  }
  return baseline
}

/**
 * The baseline once `desired` is there. Undefined where a version that kept no record made part of the lab.
 * @param before what may be there of it
 * @param present namespaces there are
 */
export async function baselineOf(
  recorded: { readonly objects: readonly KernelObject[]; readonly baseline?: SysctlBaseline } | undefined,
  before: readonly KernelObject[],
  desired: readonly KernelObject[],
  present: ReadonlySet<string>,
  pool: NamespacePool,
): Promise<SysctlBaseline | undefined> {
  if (recorded && !recorded.baseline) return undefined
  const old = new Set(recorded?.objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : [])))
  const isNew = desired.some((o) => o.kind === 'netns' && !(old.has(o.ns) && present.has(o.ns)))
  const known = joinBaselines(recorded?.baseline ?? {}, leftBehind(before, desired))
  return isNew ? joinBaselines(known, await readBaseline(pool)) : known
}
