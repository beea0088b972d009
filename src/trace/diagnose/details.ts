/** What is read once the probe was dropped, to name what did it: rules that are not traced, queues and filters of a device, sessions of daemons. */
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import { describe } from '../../kernel/kinds/index.ts'
import { originOf } from '../../kernel/kinds/learned.ts'
import { obstacles } from '../../process/sessions.ts'
import { processDir } from '../../state/store.ts'
import { untracedRules, type LegacyCounters } from '../collect/counters.ts'
import { diagnose } from './diagnose.ts'
import type { TraceEvidence } from './evidence.ts'

/** Fills in `evidence.details` as far as the verdict needs them. */
export async function readDetails(evidence: TraceEvidence, legacy: LegacyCounters, pool: NamespacePool): Promise<void> {
  evidence.details = { ...evidence.details, counted: await legacy.moved() }
  const { drop } = diagnose(evidence)
  const ns = [...evidence.parts.places.nodes].find(([netns]) => evidence.parts.places.name(netns) === drop?.node)?.[0]
  if (!drop || ns === undefined) return
  const { places } = evidence.parts
  const unlearned = places.objects.filter((o) => originOf(o) && describe(o) === drop.object)
  if (unlearned.length > 0)
    evidence.details = {
      ...evidence.details,
      obstacles: await obstacles(processDir(places.lab.name), places.objects, { missing: unlearned, changed: [] }),
    }
  if (drop.kernelReason === 'NETFILTER_DROP' && drop.rule === undefined) {
    const [result] = await pool.one({ ns, steps: [{ run: ['nft', '-a', 'list', 'ruleset'] }] })
    evidence.details = { ...evidence.details, native: new Map([[ns, untracedRules(result?.stdout ?? '')]]) }
  }
  if (drop.cause === 'traffic-control') {
    const text = await queuesOf(pool, ns, drop.device, drop.kernelReason)
    evidence.details = { ...evidence.details, queues: new Map([[`${ns} ${drop.device}`, text]]) }
  }
}

/** Filters for a drop by a filter, else the queueing disciplines. Nothing where there is no `tc`. */
async function queuesOf(pool: NamespacePool, ns: string, device: string, reason = ''): Promise<string> {
  const hook = reason === 'TC_EGRESS' ? 'egress' : 'ingress'
  const argv = reason.startsWith('TC_') ? ['tc', 'filter', 'show', 'dev', device, hook] : ['tc', 'qdisc', 'show', 'dev', device]
  const [result] = await pool.one({ ns, steps: [{ run: argv }] })
  return (result?.stdout ?? '').replaceAll(/\s+/g, ' ').trim()
}
