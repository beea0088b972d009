/**
 * Silence proves nothing: a broken path is silent too. The rules that deny count what they drop, so every question
 * that policies silence must show up at the very rule that its pod's policies end in. What was asked and what was
 * counted are compared rule by rule; a deny whose packet no rule counted is none.
 *
 * A counter can be too high (other traffic, retransmissions), never too low: one that is short is certain to
 * have missed a packet. Which one it was is found by asking parts of them again (see vacuity-proof.ts).
 */
import type { Lab } from '../../../lab/lab.ts'
import { hostSource } from '../../../backends/index.ts'
import { frontendFor, type ServiceFrontend } from '../../../lab/services/semantics.ts'
import { verdict, type Actor } from '../../../lab/policy/verdict.ts'
import { policyModuleOf } from '../../../policy/index.ts'
import type { DenyRule } from '../../../policy/policy.ts'
import { servicesOf } from '../../../services/index.ts'
import { isLoopback, actorAt, actorIn, unknownActorAt } from '../services/actors.ts'
import { expectedOutcomeOf } from '../services/expected-outcome.ts'
import type { Question } from '../../probing/question.ts'

/** Packets by {@link ruleKey}. */
export type Counts = ReadonlyMap<string, number>

export const ruleKey = (r: DenyRule): string => `${r.ns} ${r.family} ${r.chain} ${r.rule}`

/** Where policies end a packet between two actors, or nowhere. */
function policyDrop(
  lab: Lab,
  from: Actor,
  to: Actor,
  { kind, port, family, address }: Pick<Question, 'kind' | 'port' | 'family'> & { readonly address?: string },
): DenyRule[] {
  const protocol = kind === 'icmp' ? 'ICMP' : (kind.toUpperCase() as 'TCP' | 'UDP' | 'SCTP')
  const asked = address === undefined ? {} : { toAddress: address }
  const said = verdict(lab, { from, to, ...asked, protocol, family, ...(kind === 'icmp' ? {} : { port }) }, hostSource)
  if (said.allowed) return []
  // Egress comes first, on the sender's host; what it drops never reaches the receiver's.
  const [pod, way] = said.egress.allowed ? ([to, 'ingress'] as const) : ([from, 'egress'] as const)
  const rule = pod.kind === 'pod' ? policyModuleOf(lab).denies(pod, way, family, lab) : undefined
  return rule ? [rule] : []
}

/** The rule of Services that drops what is Local and has nobody here. */
function serviceDrop(lab: Lab, { port, host, kind: type, address }: ServiceFrontend, { kind, family }: Question): DenyRule[] {
  if (!host) return []
  const isNodePort = type === 'node'
  const where = isNodePort ? `--dst-type LOCAL -m ${kind} --dport ${port.nodePort} ` : `-d ${address}/${family === 4 ? 32 : 128} `
  const chain = type !== 'cluster' ? 'KUBE-EXTERNAL-SERVICES' : 'KUBE-SERVICES'
  for (const o of servicesOf(lab).plan(lab)(host)) {
    if (o.kind !== 'chain' || o.table !== 'filter' || o.family !== family || o.chain !== chain) continue
    const rule = o.rules.find(
      (r) => r.endsWith('-j DROP') && r.includes(where) && r.includes(`-p ${kind} `) && (isNodePort || r.includes(`--dport ${port.port} `)),
    )
    return rule === undefined ? [] : [{ ns: host.netns, family, table: 'filter', chain, rule }]
  }
  return []
}

/** Rules one of which must have ended the packet of a question that stayed silent; none: nothing in the lab denies it. */
export function dropsOf(lab: Lab, question: Question): readonly DenyRule[] {
  const from = actorIn(lab, question.netns)
  if (!from) return []
  const frontend = frontendFor(lab, from, question.address, { protocol: question.kind, port: question.port })
  if (frontend) {
    const expectedOutcome = expectedOutcomeOf(lab, from, frontend, question.family)
    if (expectedOutcome.without === 'dropped') return serviceDrop(lab, frontend, question)
    const rules = expectedOutcome.denied.flatMap((d) =>
      policyDrop(lab, d.from, d.to, { kind: question.kind, port: d.endpoint.port, family: question.family }),
    )
    return [...new Map(rules.map((r) => [ruleKey(r), r])).values()]
  }
  if (isLoopback(question.address)) return []
  return policyDrop(lab, from, actorAt(lab, question.address) ?? unknownActorAt(lab, question.address, question.family), question)
}

/** Questions that can only be told apart together: they may end at the same rules. */
export interface Bucket {
  readonly rules: readonly DenyRule[]
  readonly questions: readonly Question[]
}

/** Sorts silent questions by the rules that must have silenced them; those that nothing denies are left out. */
export function buckets(lab: Lab, silent: readonly Question[]): Bucket[] {
  let found: { rules: Map<string, DenyRule>; questions: Question[] }[] = []
  const at = new Map<string, (typeof found)[number]>()
  for (const question of silent) {
    const rules = dropsOf(lab, question)
    if (rules.length === 0) continue
    const near = [...new Set(rules.flatMap((r) => at.get(ruleKey(r)) ?? []))]
    const bucket = near[0] ?? { rules: new Map<string, DenyRule>(), questions: [] }
    if (near.length === 0) found.push(bucket)
    for (const other of near.slice(1)) {
      for (const [key, r] of other.rules) bucket.rules.set(key, r)
      bucket.questions.push(...other.questions)
      found = found.filter((b) => b !== other)
    }
    for (const r of rules) bucket.rules.set(ruleKey(r), r)
    for (const key of bucket.rules.keys()) at.set(key, bucket)
    bucket.questions.push(question)
  }
  return found.map((b) => ({ rules: [...b.rules.values()], questions: b.questions }))
}

/** What the rules of a bucket counted between two readings. */
export const counted = ({ rules }: Bucket, before: Counts, after: Counts): number =>
  rules.reduce((sum, r) => sum + (after.get(ruleKey(r)) ?? 0) - (before.get(ruleKey(r)) ?? 0), 0)

/** Counters of `iptables-save -c`: rules of the filter table in one namespace and family. */
export function readCounts(ns: string, family: 4 | 6, save: string, into: Map<string, number>): void {
  let table = ''
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim()
    const m = table === 'filter' ? /^\[(\d+):\d+\] -A (\S+) (.*)$/.exec(line) : null
    if (!m) continue
    const key = ruleKey({ ns, family, table: 'filter', chain: m[2]!, rule: m[3]!.trimEnd() })
    into.set(key, (into.get(key) ?? 0) + Number(m[1]))
  }
}
