/** What answers say about policies: squares → checks. A policy that holds is one check, a pair that does not is one each. */
import { type Lab, nodeName } from '../../../lab/lab.ts'
import { policiesOf, type Policy } from '../../../lab/policy/policies.ts'
import { familyName, type Family } from '../../../topology/address.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import type { Cell, Check } from '../../check.ts'
import type { Square, Squares } from './square.ts'
import { denial, sourceOf, why } from './titles.ts'
import type { Evidence, Findings, TestPlan } from '../../check-source.ts'
import { isNameOf } from '../../evidence/idle.ts'
import type { Answer, Question } from '../../probing/question.ts'
import { traceArguments } from '../../evidence/tally.ts'
import type { Proof } from '../../evidence/proof.ts'
import { plural } from '../../../plural.ts'

/** What a square came to: `undefined` is what was expected of it. */
interface Failure {
  readonly id: 'policy-denies' | 'policy-allows' | 'deny-unproven'
  readonly text: string
}

/** An answer in words. */
export function outcomeText({ outcome, by, text }: Answer): string {
  switch (outcome) {
    case 'ok':
      return by === undefined ? 'answered' : `answered by ${by}`
    case 'refused':
      return `refused${text ? ` (${text})` : ''}`
    case 'timeout':
      return 'silence'
    default:
      return text ? `${outcome}: ${text}` : outcome
  }
}

/** The node whose rule counts. */
export const counting = (lab: Lab, ns: string): string => [...lab.hosts, ...lab.routers].find((n) => n.netns === ns)?.name ?? ns

/** Why a silence is no deny; undefined if it is one. */
export function unproven(lab: Lab, proof: Proof | undefined): string | undefined {
  if (proof?.by === 'answer') return `silent, but ${outcomeText(proof.answer)} when it was asked again: no policy drops it`
  if (proof?.by === 'unread') return `silent, but whether a policy dropped it is not known: ${proof.why}`
  if (proof?.by !== 'nothing') return undefined
  const rules = proof.counters.map((c) => `"${c.title}" on ${counting(lab, c.ns)}`).join(' and ')
  return `silent, but no policy dropped it: the rule ${rules} counted ${proof.among > 1 ? `fewer packets than came from ${proof.among} such probes, this one among them` : 'no packet of it'}`
}

/** Whether an answer came from the node that was asked, or from a process that does not name its node. */
export const isFrom = (lab: Lab, answer: Answer, node: Actor): boolean =>
  answer.outcome === 'ok' && (answer.by === undefined || isNameOf(lab, node, answer.by))

function couldNotListen({ to, question }: Square, evidence: Evidence): boolean {
  if (question.kind === 'icmp') return false
  return evidence.listener(to.netns, question.kind, question.port) !== 'ours'
}

function failureOf(lab: Lab, s: Square, answer: Answer, evidence: Evidence): Failure | undefined {
  const reason = why(s.from, s.to, s.verdict)
  if (!s.verdict.allowed) {
    if (answer.outcome !== 'timeout') {
      const what =
        answer.outcome === 'ok' ? outcomeText(answer) : `${outcomeText(answer)}, and what policies deny is dropped without a word`
      return { id: 'policy-denies', text: `${what}; ${reason}` }
    }
    const text = unproven(lab, evidence.proof?.(s.question))
    return text === undefined ? undefined : { id: 'deny-unproven', text: `${text}; ${reason}` }
  }
  if (isFrom(lab, answer, s.to) || (answer.outcome === 'refused' && couldNotListen(s, evidence))) return undefined
  const instead = answer.outcome === 'ok' ? `${outcomeText(answer)} instead` : outcomeText(answer)
  return { id: 'policy-allows', text: `${instead}; ${reason}` }
}

/** The trace that shows a question, for a check. */
export function reproduce(from: string, to: string, question: Pick<Question, 'kind' | 'port' | 'family'>): Pick<Check, 'reproduce'> {
  const words = traceArguments(question, from, to)
  return words ? { reproduce: words } : {}
}

const TITLES: Readonly<Record<Failure['id'], string>> = {
  'policy-denies': 'what policies deny is dropped',
  'policy-allows': 'what policies allow is answered',
  'deny-unproven': 'what is denied is dropped by a policy, not lost on the way',
}

/** Families in which a pair fails the same way, as one check. */
function failureChecks(failures: readonly { readonly square: Square; readonly failure: Failure }[], both: number): Check[] {
  const merged = new Map<string, { square: Square; failure: Failure; families: Family[] }>()
  for (const { square, failure } of failures) {
    const key = [failure.id, nodeName(square.from), nodeName(square.to), square.port, failure.text].join(' ')
    const known = merged.get(key)
    if (known) known.families.push(square.question.family)
    else merged.set(key, { square, failure, families: [square.question.family] })
  }
  return [...merged.values()].map(({ square: s, failure, families }): Check => {
    const [from, to] = [nodeName(s.from), nodeName(s.to)]
    const only = families.length < both ? `${families.map(familyName).join(' and ')}: ` : ''
    const policy = denial(s.verdict)?.policies[0] ?? s.verdict.ingress.allowing[0]?.policy ?? s.verdict.egress.allowing[0]?.policy
    const source = sourceOf(policy)
    return {
      id: failure.id,
      group: 'policy',
      title: TITLES[failure.id],
      status: 'failed',
      from,
      to,
      port: s.port,
      detail: `${only}${failure.text}`,
      ...(source ? { source } : {}),
      tested: families.length,
      ...reproduce(from, to, s.question),
    }
  })
}

interface Tally {
  denied: number
  allowed: number
  failed: number
  /** Denied, and both ends answer otherwise. */
  twins: number
}

const isolators = ({ verdict: v }: Square): Set<Policy> => new Set([...v.egress.isolating, ...v.ingress.isolating])

function policyCheck(policy: Policy, t: Tally, isSampled: boolean): Check {
  const common = { id: `policy:${policy.title}`, group: 'policy', title: `policy ${policy.title} does what it says` } as const
  const source = sourceOf(policy)
  const place = source ? { source } : {}
  if (t.denied + t.allowed === 0) {
    const why = policy.selected.pods.size === 0 ? 'it selects no pod' : isSampled ? 'no pair of it is in the sample' : 'no pair meets it'
    return { ...common, status: 'skipped', detail: why, ...place, tested: 0 }
  }
  const alone = t.denied - t.twins
  const proven =
    t.denied > 0 ? `, each deny counted by the rule that made it${alone > 0 ? ` (${alone} of them without an allowed twin)` : ''}` : ''
  return {
    ...common,
    status: 'passed',
    detail: `${t.denied} denied, ${t.allowed} allowed, as computed${proven}`,
    ...place,
    tested: t.denied + t.allowed,
  }
}

/** @param squares what was asked */
export function evaluatePolicies({ lab }: TestPlan, { squares, left }: Squares, evidence: Evidence): Findings {
  const policies = policiesOf(lab)
  const cells: Cell[] = []
  const failures: { square: Square; failure: Failure }[] = []
  const held: Square[] = []
  const untested = new Set<string>()
  let unanswered = 0
  for (const s of squares) {
    const answer = evidence.answer(s.question)
    if (!answer) {
      unanswered++
      continue
    }
    const { kind, port, family } = s.question
    const listener = kind === 'icmp' ? undefined : evidence.listener(s.to.netns, kind, port)
    if (typeof listener === 'object' && s.verdict.allowed && answer.outcome === 'refused')
      untested.add(
        `whether ${s.port} is answered at ${nodeName(s.to)}: no listener is possible there (${listener.why}), so a refusal counts as reached`,
      )
    const failure = failureOf(lab, s, answer, evidence)
    if (failure) failures.push({ square: s, failure })
    else held.push(s)
    const expected = s.verdict.allowed ? 'allow' : 'deny'
    const measured = answer.outcome === 'ok' || answer.outcome === 'refused' ? 'allow' : 'deny'
    const but = failure && expected === measured ? ({ but: measured === 'deny' ? 'unproven' : 'elsewhere' } as const) : {}
    cells.push({ from: nodeName(s.from), to: nodeName(s.to), port: s.port, family, expected, measured, ...but })
  }

  const end = (s: Square, which: 'from' | 'to'): string =>
    `${which} ${s[which].netns} ${s.question.family}${which === 'to' ? ` ${s.port}` : ''}`
  const reached = new Set(held.flatMap((s) => (s.verdict.allowed ? [end(s, 'from'), end(s, 'to')] : [])))
  const tallies = new Map(policies.map((p): [Policy, Tally] => [p, { denied: 0, allowed: 0, failed: 0, twins: 0 }]))
  let free = 0
  for (const s of held) {
    const by = isolators(s)
    if (by.size === 0) free++
    // A deny is that of the direction that makes it; the other one has no say in it.
    for (const p of s.verdict.allowed ? by : denial(s.verdict)!.policies) {
      const t = tallies.get(p)!
      if (s.verdict.allowed) t.allowed++
      else {
        t.denied++
        if (reached.has(end(s, 'from')) && reached.has(end(s, 'to'))) t.twins++
      }
    }
  }
  for (const { square } of failures) for (const p of isolators(square)) tallies.get(p)!.failed++

  return {
    checks: [
      ...failureChecks(failures, lab.families.length),
      ...policies.filter((p) => tallies.get(p)!.failed === 0).map((p) => policyCheck(p, tallies.get(p)!, left > 0)),
      ...(free > 0
        ? [
            {
              id: 'policies-leave-alone',
              group: 'policy',
              title: 'what no policy isolates is not stopped',
              status: 'passed',
              detail: `${free} allowed, as computed`,
              tested: free,
            } as const,
          ]
        : []),
    ],
    cells,
    untested: [
      ...untested,
      ...(left > 0 ? [`${plural(left, 'pair')} that policies do not tell apart from others that were asked`] : []),
      ...(unanswered > 0 ? [`${plural(unanswered, 'question')} about policies that could not be asked`] : []),
    ],
  }
}
