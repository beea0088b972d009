/**
 * Silence proves nothing: a broken path is silent too. Modules count what they deny, so every question that policies
 * silence must show up at the very counter that its pod's policies end in. What was asked and what was counted are
 * compared counter by counter; a deny whose packet none counted is none.
 *
 * A counter can be too high (other traffic, retransmissions), never too low: one that is short is certain to
 * have missed a packet. Which one it was is found by asking parts of them again (see deny-proof.ts).
 */
import { borderDrops } from '../../../compile/border.ts'
import type { Lab } from '../../../lab/lab.ts'
import { isKeptOut } from '../../../lab/underlay/border.ts'
import { hostSource } from '../../../backends/index.ts'
import { frontendFor } from '../../../lab/services/semantics.ts'
import type { Protocol } from '../../../lab/policy/policies.ts'
import { verdict } from '../../../lab/policy/verdict.ts'
import { counterKey, type Counter, type Counts } from '../../../netns/counter.ts'
import { policyModuleOf } from '../../../policy/index.ts'
import { servicesOf } from '../../../services/index.ts'
import type { Family } from '../../../topology/address.ts'
import { isLoopback, actorAt, actorIn, unknownActorAt } from '../services/actors.ts'
import { expectedOutcomeOf, type Denied } from '../services/expected-outcome.ts'
import type { Question } from '../../probing/question.ts'

/** Where a packet between two actors is counted that policies deny; nowhere: they allow it. */
function counterOf(lab: Lab, { from, to, verdict: said }: Pick<Denied, 'from' | 'to' | 'verdict'>, family: Family): Counter[] {
  if (said.allowed) return []
  // Egress comes first, on the sender's host; what it drops never reaches the receiver's.
  const [pod, way] = said.egress.allowed ? ([to, 'ingress'] as const) : ([from, 'egress'] as const)
  const counter = pod.kind === 'pod' ? policyModuleOf(lab).denies(pod, way, family, lab) : undefined
  return counter ? [counter] : []
}

/** Counters one of which must have counted the packet of a question that stayed silent; none: nothing in the lab denies it. */
export function dropsOf(lab: Lab, { netns, kind, address, port, family }: Question): readonly Counter[] {
  const from = actorIn(lab, netns)
  if (!from) return []
  // What comes from outside meets the border first.
  if (isKeptOut(lab, from, { address, protocol: kind, port })) return [borderDrops(lab, family)]
  const frontend = frontendFor(lab, from, address, { protocol: kind, port })
  // No packet from outside gets as far as a host.
  if (frontend?.kind === 'cluster' && !frontend.host) return []
  if (frontend) {
    const { without, denied } = expectedOutcomeOf(lab, from, frontend, family)
    const refusal = without === 'dropped' && frontend.kind !== 'host' ? servicesOf(lab).refusal(lab, frontend) : undefined
    const counters = [...(refusal ? [refusal] : []), ...denied.flatMap((d) => counterOf(lab, d, family))]
    return [...new Map(counters.map((c) => [counterKey(c), c])).values()]
  }
  if (isLoopback(address)) return []
  const to = actorAt(lab, address) ?? unknownActorAt(lab, address, family)
  const [protocol, number] = kind === 'icmp' ? (['ICMP', {}] as const) : ([kind.toUpperCase() as Protocol, { port }] as const)
  const said = verdict(lab, { from, to, toAddress: address, protocol, family, ...number }, hostSource)
  return counterOf(lab, { from, to, verdict: said }, family)
}

/** Questions that can only be told apart together: the same counters may count them. */
export interface Bucket {
  readonly counters: readonly Counter[]
  readonly questions: readonly Question[]
}

/** Sorts silent questions by the counters that must have counted them; those that nothing denies are left out. */
export function buckets(lab: Lab, silent: readonly Question[]): Bucket[] {
  let found: { counters: Map<string, Counter>; questions: Question[] }[] = []
  const at = new Map<string, (typeof found)[number]>()
  for (const question of silent) {
    const counters = dropsOf(lab, question)
    if (counters.length === 0) continue
    const near = [...new Set(counters.flatMap((c) => at.get(counterKey(c)) ?? []))]
    const bucket = near[0] ?? { counters: new Map<string, Counter>(), questions: [] }
    if (near.length === 0) found.push(bucket)
    for (const other of near.slice(1)) {
      for (const [key, c] of other.counters) bucket.counters.set(key, c)
      bucket.questions.push(...other.questions)
      found = found.filter((b) => b !== other)
    }
    for (const c of counters) bucket.counters.set(counterKey(c), c)
    for (const key of bucket.counters.keys()) at.set(key, bucket)
    bucket.questions.push(question)
  }
  return found.map((b) => ({ counters: [...b.counters.values()], questions: b.questions }))
}

/** What the counters of a bucket counted between two readings. */
export const counted = ({ counters }: Bucket, before: Counts, after: Counts): number =>
  counters.reduce((sum, c) => sum + (after.get(counterKey(c)) ?? 0) - (before.get(counterKey(c)) ?? 0), 0)
