/** Closed ports refuse at once instead of staying silent, loopback is private, and containers of a pod share it. */
import { addressOf, type Host, type Lab, nodeName, type Pod } from '../../../lab/lab.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import type { Check } from '../../check.ts'
import { failing, isAllowed, noPairs, type Leg } from './paths.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import type { Readings } from '../../evidence/readings.ts'
import { answerText, Tally } from '../../evidence/tally.ts'

type Topic = 'closed' | 'private' | 'shared'
interface Topical extends Leg {
  readonly topic: Topic
}

const LOCAL = '127.0.0.1'
/** "Port unreachable" is rationed (icmp(7), `icmp_msgs_per_sec`): UDP is asked of so many pods. */
const UDP_PODS = 20

const known = new WeakMap<TestPlan, readonly Topical[]>()

function topical(plan: TestPlan): readonly Topical[] {
  let list = known.get(plan)
  if (!list) known.set(plan, (list = [...all(plan)]))
  return list
}

const ask = (topic: Topic, from: Actor, to: Actor, asked: Omit<Asked, 'netns' | 'expected'>): Topical => ({
  topic,
  from,
  to,
  asked: { ...asked, netns: from.netns, expected: [topic === 'shared' ? 'ok' : 'refused'] },
})

/** The next pod that policies let ask on a port. */
function neighbour(lab: Lab, index: number, port: number): Pod | undefined {
  const to = lab.pods[index]!
  for (let step = 1; step < Math.min(lab.pods.length, 10); step++) {
    const from = lab.pods[(index + step) % lab.pods.length]!
    if (to.addresses.every((a) => isAllowed(lab, from, to, a.family, 'tcp', port))) return from
  }
  return undefined
}

function* all({ lab, closed, loopback }: TestPlan): Generator<Topical> {
  const hosts = new Map<string, Host>(lab.hosts.map((h) => [h.name, h]))
  for (const [i, pod] of lab.pods.entries()) {
    const node = hosts.get(pod.host)!
    for (const [topic, port] of [
      ['closed', closed],
      ['private', loopback],
    ] as const) {
      const other = neighbour(lab, i, port)
      for (const { family, ip } of pod.addresses) {
        const tcp = { kind: 'tcp', family, address: ip, port } as const
        if (addressOf(node, family) !== undefined || family === 4) yield ask(topic, node, pod, tcp)
        if (other) yield ask(topic, other, pod, tcp)
        if (topic === 'closed' && i < UDP_PODS) yield ask(topic, node, pod, { ...tcp, kind: 'udp' })
      }
    }
    const here = { kind: 'tcp', family: 4, address: LOCAL } as const
    yield ask('shared', pod, pod, { ...here, port: loopback })
    for (const c of pod.containers) {
      if (c.command) continue
      for (const p of c.ports) if (p.protocol === 'TCP') yield ask('shared', pod, pod, { ...here, port: p.containerPort })
    }
  }
  // What a pod has on its loopback is not on its node's.
  for (const host of lab.hosts) yield ask('private', host, host, { kind: 'tcp', family: 4, address: LOCAL, port: loopback })
}

export const closedQuestions = (plan: TestPlan): Asked[] => topical(plan).map((t) => t.asked)

export function evaluateClosed(plan: TestPlan, evidence: Evidence, readings: Readings): Check[] {
  const tallies: Readonly<Record<Topic, Tally>> = {
    closed: new Tally('model', 'closed-ports-refuse', 'a port without a listener refuses, and is not silent'),
    private: new Tally('model', 'loopback-private', 'what listens on a loopback address is reached from its own pod alone'),
    shared: new Tally('model', 'containers-share-loopback', 'inside a pod its containers are reached on 127.0.0.1'),
  }
  for (const t of topical(plan)) {
    const answer = evidence.answer(t.asked)
    const isRight = answer !== undefined && answer.outcome === t.asked.expected[0] && (t.topic !== 'shared' || answer.by === nodeName(t.to))
    tallies[t.topic].add(isRight ? undefined : failing(t, `${t.asked.address === LOCAL ? `${LOCAL}: ` : ''}${answerText(answer)}`))
  }
  const spaces = new Tally('model', 'containers-share-namespace', 'every container is in the network namespace of its pod or external')
  for (const { id, owner, isInPlace } of readings.containers) {
    spaces.add(isInPlace ? undefined : { from: owner.key, detail: `container ${id} runs in another one`, source: owner.source })
  }
  return [
    ...tallies.closed.checks('question', noPairs(plan.lab, 'policies allow none')),
    ...tallies.private.checks('question', noPairs(plan.lab, 'policies allow none')),
    ...tallies.shared.checks('listener', 'there are no pods'),
    ...spaces.checks('container', 'no container is running'),
  ]
}
