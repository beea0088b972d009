/** The cluster's edge: what leaves gets its node's address, exactly where the lab says so, and nothing gets in unless it may. */
import { addressOf, edgeRouter, type External, type Host, type Pod } from '../../../lab/lab.ts'
import { addressAtBorder, isKeptOut, keptOutText } from '../../../lab/underlay/border.ts'
import type { Family } from '../../../topology/address.ts'
import type { Check } from '../../check.ts'
import { failing, isAllowed, reached, untranslated, type Leg } from './paths.ts'
import { unproven } from '../policies/evaluate.ts'
import type { Asked, Evidence, TestPlan } from '../../check-source.ts'
import type { Answer } from '../../probing/question.ts'
import { withoutPort } from '../services/actors.ts'
import { answerText, Tally } from '../../evidence/tally.ts'

type Crossing =
  /** Seen outside as its node. */
  | 'masqueraded'
  /** Seen outside as the border. */
  | 'translated'
  /** No way back: the answer is lost. */
  | 'unanswered'
  /** Seen as itself. */
  | 'itself'
  /** No way in. */
  | 'no way in'
  /** Dropped by the firewall at the border. */
  | 'kept out'

interface Edge extends Leg {
  readonly crossing: Crossing
}

type End = Pod | Host | External

/** What must come of a crossing. */
const EXPECTED: Readonly<Record<Crossing, Asked['expected']>> = {
  masqueraded: ['ok'],
  translated: ['ok'],
  itself: ['ok'],
  unanswered: ['timeout', 'unreachable', 'prohibited'],
  'no way in': ['timeout', 'unreachable', 'prohibited'],
  'kept out': ['timeout'],
}

function crossingOf({ lab, control }: TestPlan, from: End, to: End, family: Family, address: string): Crossing {
  if (from.kind === 'external') {
    if (to.kind === 'pod' && !from.podRoutes) return 'no way in'
    return isKeptOut(lab, from, { address, protocol: 'tcp', port: control }) ? 'kept out' : 'itself'
  }
  if (to.kind === 'external' && addressAtBorder(lab, to, family) !== undefined) return 'translated'
  if (from.kind === 'host' || (to.kind === 'external' && to.podRoutes)) return 'itself'
  return lab.masquerade ? 'masqueraded' : 'unanswered'
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
      const out = [inside, outside] as const
      // Where nothing is kept from hosts, ports of theirs that lead to pods are asked.
      const ways = inside.kind === 'pod' || lab.border?.firewall ? ([out, [outside, inside]] as const) : ([out] as const)
      for (const [from, to] of ways) {
        if (!plan.includes(from, to)) continue
        for (const { family, ip } of to.addresses) {
          const host = inside.kind === 'host' ? inside : lab.hosts.find((h) => h.name === inside.host)!
          // A host without an address of the family has no way out in it.
          if (addressOf(from, family) === undefined || addressOf(host, family) === undefined) continue
          if (!isAllowed(lab, from, to, family, 'tcp', control)) continue
          const crossing = crossingOf(plan, from, to, family, ip)
          const asked = { netns: from.netns, kind: 'tcp', family, address: ip, port: control, expected: EXPECTED[crossing] } as const
          yield { from, to, crossing, asked }
        }
      }
    }
  }
}

export const edgeQuestions = (plan: TestPlan): Asked[] => edges(plan).map((e) => e.asked)

/** Silence is kept out only if the firewall counted what was asked. */
function passedBorder({ lab }: TestPlan, asked: Asked, answer: Answer | undefined, evidence: Evidence): string | undefined {
  if (answer?.outcome !== 'timeout') return `${answerText(answer)}, though ${keptOutText(lab)}`
  return unproven(lab, evidence.proof?.(asked))
}

function evaluateAnswer(plan: TestPlan, edge: Edge, answer: Answer | undefined, evidence: Evidence): string | undefined {
  const { crossing, from, to, asked } = edge
  if (crossing === 'kept out') return passedBorder(plan, asked, answer, evidence)
  if (crossing === 'unanswered' || crossing === 'no way in')
    return answer && asked.expected.includes(answer.outcome) ? undefined : `${answerText(answer)}, though no route leads back`
  const why = reached(edge, answer)
  if (why !== undefined || !answer) return why
  if (crossing === 'itself') return untranslated(edge, answer)
  const { lab } = plan
  const node = crossing === 'translated' ? edgeRouter(lab)! : lab.hosts.find((h) => from.kind === 'pod' && h.name === from.host)!
  const expected = crossing === 'translated' ? addressAtBorder(lab, to as External, asked.family) : addressOf(node, asked.family)
  return withoutPort(answer.seen ?? '') === expected
    ? undefined
    : `was seen under ${answer.seen ?? 'no address'} instead of ${expected}, the address of ${node.name}`
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
    translated: new Tally('model', 'border-nat', 'beyond the border what is inside is seen as the border'),
    'kept out': new Tally('model', 'border-firewall', 'what no entry of the firewall allows is dropped at the border'),
  }
  for (const edge of edges(plan)) {
    const why = evaluateAnswer(plan, edge, evidence.answer(edge.asked), evidence)
    tallies[edge.crossing].add(why === undefined ? undefined : failing(edge, why))
  }
  /** Why there was nothing to ask; of what most labs do not have nothing is said. */
  const nothing: Readonly<Record<Crossing, string | undefined>> = {
    masqueraded: plan.lab.border?.nat
      ? 'the border translates'
      : plan.lab.masquerade
        ? 'there is no external, or policies let no pod out'
        : 'this lab does not masquerade',
    unanswered: plan.lab.masquerade ? 'this lab masquerades' : 'there is no external',
    itself: 'there is no external',
    'no way in': 'there is no external without routes to pods',
    translated: undefined,
    'kept out': undefined,
  }
  return Object.entries(tallies).flatMap(([key, tally]) => {
    const crossing = key as Crossing
    const why = nothing[crossing]
    return why === undefined && !edges(plan).some((e) => e.crossing === crossing) ? [] : tally.checks('question', why ?? '')
  })
}
