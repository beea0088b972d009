/** When promises are broken: what differs from what was asked for, and what is known to follow from it. */
import { nodeName, nodesOf, type Lab } from '../../../lab/lab.ts'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import { isBroken } from '../../../report/lab/status.ts'
import type { Applied } from '../../../state/store.ts'
import { traceKey, withCauses, type TracedCheck } from '../../../verify/causes.ts'
import type { Check, Difference, TestRun } from '../../../verify/check.ts'
import { readHealth } from '../lab/status-run.ts'
import { traceOf } from './trace-failures.ts'

/** A trace takes up to two seconds: a few show whether one difference is behind what failed. */
const MAX_TRACES = 3

/** One check of each pair that can be traced, or of each pair of hosts: of those with the most failures. */
function firstOfPairs(lab: Lab, checks: readonly Check[]): Check[] {
  const pairs = new Map<string, [first: Check, ...more: Check[]]>()
  for (const check of checks) {
    const key = check.reproduce?.[0] === 'trace' ? traceKey(lab, check) : undefined
    if (key === undefined) continue
    const same = pairs.get(key)
    if (same) same.push(check)
    else pairs.set(key, [check])
  }
  const frequent = [...pairs.values()].sort((x, y) => y.length - x.length)
  return frequent.slice(0, MAX_TRACES).map(([first]) => first)
}

/** What a trace of a failure says; undefined where it cannot be traced: the report does without. */
async function tried(applied: Applied, check: Check, signal: AbortSignal): Promise<TracedCheck['drop']> {
  try {
    return (await traceOf(applied, check, signal)).drop
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

/** A run with failures, with what `netlab status` finds, and which failures come of it. */
export async function explainFailures(applied: Applied, run: TestRun, signal: AbortSignal): Promise<TestRun> {
  const pool = new NamespacePool()
  try {
    // Links that were starting have had the time of the test.
    const { findings } = await readHealth(applied, pool, 0)
    const names = new Map(nodesOf(applied.lab).map((n) => [n.netns, nodeName(n)]))
    const drift = findings.filter(isBroken).map((f): Difference => {
      const node = names.get(f.netns ?? '')
      return node === undefined ? f : { ...f, node }
    })
    if (drift.length === 0) return { ...run, drift }
    const mayFollow = withCauses(applied.lab, run.checks, drift, [])
    const traced: TracedCheck[] = []
    for (const check of firstOfPairs(
      applied.lab,
      run.checks.filter((_, i) => mayFollow[i]!.cause),
    ))
      traced.push({ check, drop: await tried(applied, check, signal) })
    return { ...run, drift, checks: withCauses(applied.lab, run.checks, drift, traced) }
  } catch (error) {
    signal.throwIfAborted()
    return { ...run, untested: [...run.untested, `what has drifted: ${(error as Error).message}`] }
  } finally {
    pool.close()
  }
}
