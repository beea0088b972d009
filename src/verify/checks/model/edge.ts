/** The cluster's edge: what leaves gets its node's address, exactly where the lab says so, and nothing gets in unless it may. */
import { addressOf, type External, type Host, type Pod } from '../../../lab/lab.ts'
import type { Check } from '../../check.ts'
import { failing, isAllowed, reached, untranslated, type Leg } from './paths.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import type { Answer } from '../../probing/question.ts'
import { withoutPort } from '../services/actors.ts'
import { answerText, Tally } from '../../evidence/tally.ts'

type Crossing =
  /** Seen outside as its node. */
  | 'masqueraded'
  /** No way back: the answer is lost. */
  | 'unanswered'
  /** Seen as itself. */
  | 'itself'
  /** No way in. */
  | 'no way in'

interface Edge extends Leg {
  readonly crossing: Crossing
}

const SILENT: Asked['expected'] = ['timeout', 'unreachable', 'prohibited']

const crossingOf = (from: Pod | Host | External, to: Pod | Host | External, masquerade: boolean): Crossing => {
  if (from.kind === 'external') return from.podRoutes ? 'itself' : 'no way in'
  if (from.kind === 'host' || (to.kind === 'external' && to.podRoutes)) return 'itself'
  return masquerade ? 'masqueraded' : 'unanswered'
}

const known = new WeakMap<TestPlan, readonly Edge[]>()

function edges(plan: TestPlan): readonly Edge[] {
  let list = known.get(plan)
  if (!list) known.set(plan, (list = [...allEdges(plan)]))
  return list
}

function* allEdges(plan: TestPlan): Generator<Edge> {
  const { lab, control } = plan
  for (const outside of lab.externals) {
    for (const inside of [...lab.pods, ...lab.hosts]) {
      const ways =
        inside.kind === 'pod'
          ? ([
              [inside, outside],
              [outside, inside],
            ] as const)
          : ([[inside, outside]] as const)
      for (const [from, to] of ways) {
        if (!plan.includes(from, to)) continue
        for (const { family, ip } of to.addresses) {
          const host = inside.kind === 'host' ? inside : lab.hosts.find((h) => h.name === inside.host)!
          // A host without an address of the family has no way out in it.
          if (addressOf(from, family) === undefined || addressOf(host, family) === undefined) continue
          if (!isAllowed(lab, from, to, family, 'tcp', control)) continue
          const crossing = crossingOf(from, to, lab.masquerade)
          const expected: Asked['expected'] = crossing === 'unanswered' || crossing === 'no way in' ? SILENT : ['ok']
          yield { from, to, crossing, asked: { netns: from.netns, kind: 'tcp', family, address: ip, port: control, expected } }
        }
      }
    }
  }
}

export const edgeQuestions = (plan: TestPlan): Asked[] => edges(plan).map((e) => e.asked)

function evaluateAnswer(plan: TestPlan, edge: Edge, answer: Answer | undefined): string | undefined {
  const { crossing, from, asked } = edge
  if (crossing === 'unanswered' || crossing === 'no way in')
    return answer && asked.expected.includes(answer.outcome) ? undefined : `${answerText(answer)}, though no route leads back`
  const why = reached(edge, answer)
  if (why !== undefined || !answer) return why
  if (crossing === 'itself') return untranslated(edge, answer)
  const host = plan.lab.hosts.find((h) => from.kind === 'pod' && h.name === from.host)!
  const expected = addressOf(host, asked.family)
  return withoutPort(answer.seen ?? '') === expected
    ? undefined
    : `was seen under ${answer.seen ?? 'no address'} instead of ${expected}, the address of ${host.name}`
}

export function evaluateEdge(plan: TestPlan, evidence: Evidence): Check[] {
  const tallies: Readonly<Record<Crossing, Tally>> = {
    masqueraded: new Tally('model', 'egress-masqueraded', 'outside the cluster a pod is seen as its node'),
    unanswered: new Tally('model', 'no-way-back', 'without masquerading no answer from outside reaches a pod'),
    itself: new Tally(
      'model',
      'edge-untranslated',
      'nodes are seen outside under their own address, and pods by externals with routes to them',
    ),
    'no way in': new Tally('model', 'no-way-in', 'externals without pod routes reach no pod'),
  }
  for (const edge of edges(plan)) {
    const why = evaluateAnswer(plan, edge, evidence.answer(edge.asked))
    tallies[edge.crossing].add(why === undefined ? undefined : failing(edge, why))
  }
  const nothing: Readonly<Record<Crossing, string>> = {
    masqueraded: plan.lab.masquerade ? 'there is no external, or policies let no pod out' : 'this lab does not masquerade',
    unanswered: plan.lab.masquerade ? 'this lab masquerades' : 'there is no external',
    itself: 'there is no external',
    'no way in': 'there is no external without routes to pods',
  }
  return Object.entries(tallies).flatMap(([crossing, tally]) => tally.checks('question', nothing[crossing as Crossing]))
}
