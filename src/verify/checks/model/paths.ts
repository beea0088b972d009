/**
 * The network model's paths: every pod and node reaches every other without NAT, over as many hops as it should be
 * (https://kubernetes.io/docs/concepts/services-networking/#the-kubernetes-network-model). Asked only of pairs that
 * policies allow: what they deny is for others to prove.
 */
import { attachOf } from '../../../attach/index.ts'
import { carriage, hostSource } from '../../../backends/index.ts'
import { addressOf, type Host, hostOf, type Lab, nodeName, type Pod } from '../../../lab/lab.ts'
import { verdict, type Actor } from '../../../lab/policy/verdict.ts'
import type { Family } from '../../../topology/address.ts'
import type { Cell, Check } from '../../check.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import type { Answer, Listening } from '../../probing/question.ts'
import { actorsOf } from '../../test-plan.ts'
import { withoutPort } from '../services/actors.ts'
import { answerText, portText, Tally, traceArguments, type Failing } from '../../evidence/tally.ts'

/** A question between two actors that must be answered. */
export interface Leg {
  readonly from: Actor
  readonly to: Actor
  readonly asked: Asked
}

/** UDP goes the way TCP goes: it is asked of one pair in so many. */
const UDP_SHARE = 10

/** Whether policies let a question pass. */
export const isAllowed = (lab: Lab, from: Actor, to: Actor, family: Family, kind: 'icmp' | 'tcp' | 'udp', port: number): boolean =>
  verdict(
    lab,
    {
      from,
      to,
      family,
      protocol: kind === 'icmp' ? 'ICMP' : kind === 'tcp' ? 'TCP' : 'UDP',
      ...(kind === 'icmp' ? {} : { port }),
    },
    hostSource,
  ).allowed

const known = new WeakMap<TestPlan, readonly Leg[]>()

/** Pods with pods, and pods with hosts both ways. */
export function legs(plan: TestPlan): readonly Leg[] {
  let list = known.get(plan)
  if (!list) known.set(plan, (list = [...allLegs(plan)]))
  return list
}

function* allLegs(plan: TestPlan): Generator<Leg> {
  const { lab, control } = plan
  const inside = [...lab.pods, ...lab.hosts]
  let count = 0
  for (const from of inside) {
    for (const to of inside) {
      if (from === to || (from.kind === 'host' && to.kind === 'host') || !plan.includes(from, to)) continue
      const withUdp = count++ % UDP_SHARE === 0
      for (const { family, ip } of to.addresses) {
        if (addressOf(from, family) === undefined || !lab.families.includes(family)) continue
        for (const kind of withUdp ? (['icmp', 'tcp', 'udp'] as const) : (['icmp', 'tcp'] as const)) {
          if (!isAllowed(lab, from, to, family, kind, control)) continue
          const asked: Asked = { netns: from.netns, kind, family, address: ip, port: kind === 'icmp' ? 0 : control, expected: ['ok'] }
          yield { from, to, asked }
        }
      }
    }
  }
}

/** Every node answers on the control port, and pods on their loopback addresses. */
export function controlListeners({ lab, control, loopback }: TestPlan): Listening[] {
  return actorsOf(lab).map((p) => ({
    netns: p.netns,
    name: nodeName(p),
    ports: [
      { protocol: 'tcp', port: control },
      { protocol: 'udp', port: control },
      ...(p.kind === 'pod' ? [{ protocol: 'tcp' as const, port: loopback, loopback: true as const }] : []),
    ],
  }))
}

/** What Linux sends with (net.ipv4.ip_default_ttl, net.ipv6.conf.all.hop_limit). */
const FIRST_TTL = 64

/** Of the reply, as the asker sees it: one less for every node it was routed by. A host does not route what it sends or takes itself. */
export function expectedTtl(lab: Lab, from: Pod | Host, to: Pod | Host): number {
  const [near, far] = [hostOf(lab, from), hostOf(lab, to)]
  if (near === far) return FIRST_TTL - (from.kind === 'pod' && to.kind === 'pod' ? attachOf(lab.attach).hops : 0)
  const { hops, hopsToHost } = carriage(lab, far, near)
  return FIRST_TTL - (from.kind === 'host' ? hopsToHost : to.kind === 'host' ? Math.max(0, hops - 1) : hops)
}

/** A failing question as a line of a report. */
export function failing({ from, to, asked }: Leg, detail: string): Failing {
  const [a, b] = [nodeName(from), nodeName(to)]
  const reproduce = traceArguments(asked, a, b)
  return {
    from: a,
    to: b,
    port: portText(asked),
    detail: asked.family === 6 ? `IPv6: ${detail}` : detail,
    source: (from.kind === 'pod' ? from : to).source,
    ...(reproduce ? { reproduce } : {}),
  }
}

/** Who answered is who was asked; an echo answers for itself. */
export function reached({ to, asked }: Leg, answer: Answer | undefined): string | undefined {
  if (answer?.outcome !== 'ok') return answerText(answer)
  if (asked.kind === 'icmp' || answer.by === nodeName(to)) return undefined
  return answer.by === undefined ? `the answer was not from ${nodeName(to)}: ${answer.text ?? ''}` : `${answer.by} answered instead`
}

/** The address and port that the other side saw are the asker's own. */
export function untranslated({ from, asked }: Leg, answer: Answer): string | undefined {
  if (asked.kind !== 'icmp' && answer.seen !== answer.self)
    return `was seen under ${answer.seen ?? 'no address'}, though it sent from ${answer.self}`
  const own = from.addresses.map((a) => a.ip)
  if (from.kind === 'pod' && !own.includes(withoutPort(answer.self ?? ''))) return `sent from ${answer.self}, which is not its address`
  return undefined
}

const kindsOf = ({ from, to }: Leg): string => `${from.kind} ${to.kind}`

export function evaluatePaths(plan: TestPlan, evidence: Evidence): Check[] {
  const tallies = {
    'pod pod': new Tally('model', 'pods-reach-pods', 'pods reach pods: who is asked answers'),
    'host pod': new Tally('model', 'nodes-reach-pods', 'nodes reach all pods'),
    'pod host': new Tally('model', 'pods-reach-nodes', 'pods reach all nodes'),
  } as Readonly<Record<string, Tally>>
  const natless = new Tally('model', 'no-nat-inside', 'no NAT inside the cluster: own address and port = seen address and port')
  const hops = new Tally('model', 'path-length', 'packets take the declared path: TTL of the reply')
  for (const leg of legs(plan)) {
    const answer = evidence.answer(leg.asked)
    const why = reached(leg, answer)
    tallies[kindsOf(leg)]!.add(why === undefined ? undefined : failing(leg, why))
    if (why !== undefined || !answer) continue
    const nat = untranslated(leg, answer)
    natless.add(nat === undefined ? undefined : failing(leg, nat))
    if (leg.asked.kind !== 'icmp') continue
    const expected = expectedTtl(plan.lab, leg.from as Pod | Host, leg.to as Pod | Host)
    hops.add(answer.ttl === expected ? undefined : failing(leg, `TTL ${answer.ttl ?? '?'} instead of ${expected}`))
  }
  const nothing = noPairs(plan.lab, 'policies allow none of these pairs')
  return [
    ...Object.values(tallies).flatMap((t) => t.checks('question', nothing)),
    ...natless.checks('answer', 'nothing answered'),
    ...hops.checks('echo reply', 'no echo came back'),
  ]
}

/** Why no pair of pods was asked anything. */
export const noPairs = (lab: Lab, denied: string): string =>
  lab.pods.length === 0 ? 'there are no pods' : lab.pods.length === 1 ? 'there is one pod' : denied

/** Questions of {@link legs}, as they are asked. */
export const pathQuestions = (plan: TestPlan): Asked[] => legs(plan).map((l) => l.asked)

/** Who reached whom, for the matrix. UDP is asked of too few to fill one. */
export const pathCells = (plan: TestPlan, evidence: Evidence): Cell[] =>
  legs(plan).flatMap((leg): Cell[] => {
    const { from, to, asked } = leg
    const answer = evidence.answer(asked)
    if (!answer || asked.kind === 'udp') return []
    const measured = answer.outcome === 'ok' ? 'allow' : 'deny'
    const but = measured === 'allow' && reached(leg, answer) !== undefined ? ({ but: 'elsewhere' } as const) : {}
    return [{ from: nodeName(from), to: nodeName(to), port: portText(asked), family: asked.family, expected: 'allow', measured, ...but }]
  })
