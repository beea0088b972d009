/** What answers say about `expect:` entries: one check each. */
import { familyName } from '../../../topology/address.ts'
import { type Lab, nodeName } from '../../../lab/lab.ts'
import { hostSource } from '../../../backends/index.ts'
import { frontendText, isWithin } from '../../../lab/services/semantics.ts'
import { isKeptOut, keptOutText } from '../../../lab/underlay/border.ts'
import { missText } from '../../../lab/policy/nearest.ts'
import { missOf, verdict, type Actor, type Question as PolicyQuestion, type Verdict } from '../../../lab/policy/verdict.ts'
import { unenforcedText } from '../../../policy/index.ts'
import type { Check } from '../../check.ts'
import { idleContainer, isNameOf } from '../../evidence/idle.ts'
import type { Case, Expectation, Expected } from './case.ts'
import { counting, outcomeText, reproduce, unproven } from '../policies/evaluate.ts'
import { why } from '../policies/titles.ts'
import { encapsulationMismatch } from './encapsulation.ts'
import type { Evidence, Findings, TestPlan } from '../../check-source.ts'
import type { Answer, Question } from '../../probing/question.ts'
import { expectedOutcomeOf } from '../services/expected-outcome.ts'
import { idleBehind } from '../services/evaluate.ts'
import { isLoopback, unknownActorAt } from '../services/actors.ts'
import { plural } from '../../../plural.ts'

/** Whether an entry held in one case, and what says so. */
interface Outcome {
  readonly held: boolean
  readonly text: string
}

const held = (text: string): Outcome => ({ held: true, text })
const broken = (text: string): Outcome => ({ held: false, text })

/** The far end as policies see it: for want of a node, the address alone. */
function peerOf(lab: Lab, { to, frontend, family, questions }: Case): Actor | undefined {
  const { address } = questions[0]!
  return to ?? (frontend || isLoopback(address) ? undefined : unknownActorAt(lab, address, family))
}

/** What policies are asked about a case. */
function policyQuestion(lab: Lab, c: Case): PolicyQuestion | undefined {
  const { from, family, questions } = c
  const to = peerOf(lab, c)
  const { address, kind, port } = questions[0]!
  const protocol = kind === 'icmp' ? 'ICMP' : (kind.toUpperCase() as 'TCP')
  return to && { from, to, toAddress: address, family, protocol, ...(kind === 'icmp' ? {} : { port }) }
}

function verdictOf(lab: Lab, c: Case): Verdict | undefined {
  const question = policyQuestion(lab, c)
  return question && verdict(lab, question, hostSource)
}

/** The rule that comes nearest to allowing it, and what differs; nothing where none does. */
function nearest(lab: Lab, question: PolicyQuestion | undefined, said: Verdict): string {
  const miss = question && missOf(lab, question, said)
  return miss ? `; nearest is ${missText(miss, said.egress.allowed ? 'ingress' : 'egress')}` : ''
}

/** Why there is no way between two nodes whatever policies say; undefined if there is one. */
function noWay(lab: Lab, { from, to, frontend, questions }: Case): string | undefined {
  if (frontend?.kind === 'cluster' && !frontend.host)
    return `${from.name} is outside the cluster, where nothing has a route to cluster addresses`
  // The address of a host's bridge lies where its pods' do.
  const isInside = to !== undefined && lab.podCIDRs.some((cidr) => isWithin(cidr, questions[0]!.address))
  if (from.kind === 'external' && isInside && !from.podRoutes) return `${from.name} has no route to pods`
  if (from.kind === 'pod' && to?.kind === 'external' && !to.podRoutes && !lab.masquerade)
    return `${to.name} has no route back to pods, and nothing is masqueraded`
  return undefined
}

/** Why the border ends it, if it does. */
const atBorder = (lab: Lab, { from }: Case, { address, kind, port }: Question): string | undefined =>
  isKeptOut(lab, from, { address, protocol: kind, port }) ? keptOutText(lab) : undefined

/** Whose the address is, where its node is known by another one: that of a host's bridge. */
const whose = ({ to }: Case, { address }: Question): string =>
  to === undefined || to.addresses.some((a) => a.ip === address) ? '' : ` from ${address}, an address of ${nodeName(to)}`

const isUnassigned = (c: Case, { address }: Question): boolean => !c.isOwned && !c.frontend && !isLoopback(address)

function allowed(lab: Lab, c: Case, question: Question, answer: Answer, evidence: Evidence): Outcome {
  const got = outcomeText(answer)
  if (answer.outcome !== 'ok') {
    const said = verdictOf(lab, c)
    const unassigned = said?.allowed === true && isUnassigned(c, question) ? `no node of the lab has ${question.address}` : undefined
    const reason =
      noWay(lab, c) ??
      atBorder(lab, c, question) ??
      unassigned ??
      (said ? `${why(c.from, peerOf(lab, c)!, said)}${nearest(lab, policyQuestion(lab, c), said)}` : serviceReason(lab, c, evidence))
    return broken([`${got}${whose(c, question)}`, reason].filter(Boolean).join('; '))
  }
  const idle = idleContainer(lab, c.to, question, evidence, true)
  if (idle) return broken(idle)
  if (c.to && answer.by !== undefined && !isNameOf(lab, c.to, answer.by)) return broken(`${got} instead of ${nodeName(c.to)}`)
  if (c.frontend && answer.by !== undefined) {
    const expectedOutcome = expectedOutcomeOf(lab, c.from, c.frontend, c.family)
    const names = [
      ...expectedOutcome.allowed.flatMap((a) => [a.name, a.alias ?? a.name]),
      ...expectedOutcome.denied.map((d) => nodeName(d.to)),
    ]
    if (expectedOutcome.foreign.length === 0 && !names.includes(answer.by))
      return broken(`${got}, which is no endpoint of ${frontendText(c.frontend)}`)
    const behind = expectedOutcome.allowed.filter((a) => a.name === answer.by || a.alias === answer.by)
    const [played] = idleBehind(lab, c.frontend, behind, evidence, true)
    if (played !== undefined) return broken(played)
  }
  return held(got)
}

function serviceReason(lab: Lab, { from, frontend, family }: Case, evidence: Evidence): string | undefined {
  if (!frontend) return undefined
  const { without, denied, allowed } = expectedOutcomeOf(lab, from, frontend, family)
  if (without === 'refused') return `${frontendText(frontend)} has no endpoint ready`
  if (without === 'dropped') return `${frontendText(frontend)} is Local and has no endpoint here`
  const first = denied[0]
  if (first && allowed.length === 0) {
    const { ip: toAddress, port } = first.endpoint
    const question = { from: first.from, to: first.to, toAddress, port, protocol: frontend.port.protocol, family }
    return `${why(first.from, first.to, first.verdict)}${nearest(lab, question, first.verdict)}`
  }
  return idleBehind(lab, frontend, allowed, evidence, false).join('; ') || undefined
}

/** Who refused, and whether that denies anything. */
function refused(lab: Lab, c: Case, question: Question, answer: Answer): Outcome {
  const { address, kind, port, family } = question
  if (c.frontend) {
    const expectedOutcome = expectedOutcomeOf(lab, c.from, c.frontend, c.family)
    if (expectedOutcome.without === 'refused') return held(`refused: ${frontendText(c.frontend)} has no endpoint ready`)
    return broken(
      `${outcomeText(answer)}, though ${frontendText(c.frontend)} ${c.frontend.kind === 'host' ? 'leads to it' : 'has endpoints'}`,
    )
  }
  if (isLoopback(address)) return held(`refused: nothing listens on ${nodeName(c.from)}'s own loopback`)
  if (lab.serviceCIDRs.some((cidr) => isWithin(cidr, address)))
    return held(`refused: no Service has ${family === 6 ? `[${address}]` : address}:${port}/${kind}`)
  // The address was reached: a router has no listeners of the test.
  const who = c.to ? nodeName(c.to) : address
  return broken(`refused${whose(c, question)}: ${who} was reached, but nothing listens on ${port}/${kind}; nothing in the lab denies it`)
}

function silent(lab: Lab, c: Case, question: Question, evidence: Evidence): Outcome {
  const none = noWay(lab, c)
  const noneText = `silence, and no refusal came back: ${none}, as the topology has it`
  // It never gets to a host: what a rule there counted was another one's.
  if (none !== undefined && c.from.kind === 'external') return held(noneText)
  const proof = evidence.proof?.(question)
  if (proof?.by === 'rule') {
    const { ns, title } = proof.counter
    return held(`dropped on ${counting(lab, ns)} by the rule "${title}", which counted it`)
  }
  if (isUnassigned(c, question)) return held(`silence: no node of the lab has ${question.address}`)
  const lost = unproven(lab, proof)
  if (lost !== undefined) return broken(lost)
  if (none !== undefined) return held(noneText)
  if (c.frontend && expectedOutcomeOf(lab, c.from, c.frontend, c.family).without === 'dropped')
    return held(`silence: ${frontendText(c.frontend)} is Local and has no endpoint here`)
  return broken(`silence${whose(c, question)}, but nothing in the lab denies it: it got lost`)
}

function denied(lab: Lab, c: Case, question: Question, answer: Answer, evidence: Evidence): Outcome {
  const got = outcomeText(answer)
  const said = verdictOf(lab, c)
  switch (answer.outcome) {
    case 'ok': {
      if (
        isLoopback(question.address) &&
        question.kind !== 'icmp' &&
        evidence.listener(question.netns, question.kind, question.port) === 'ours'
      )
        return held("nothing but the test itself listens on that node's loopback")
      const border = atBorder(lab, c, question)
      if (border !== undefined) return broken(`${got}, though ${border}`)
      return broken(said ? `${got}; ${why(c.from, peerOf(lab, c)!, said)}` : got)
    }
    case 'refused':
      return refused(lab, c, question, answer)
    case 'timeout':
      return silent(lab, c, question, evidence)
    case 'unreachable':
    case 'prohibited': {
      const none = noWay(lab, c)
      if (none !== undefined) return held(`${got}: ${none}`)
      if (!c.isOwned && !c.frontend) return held(got)
      return broken(`${got}, but nothing in the lab denies it in this way: the path is broken`)
    }
    default:
      return broken(got)
  }
}

/** Answers of all tries, the same said once. */
function evaluateCase(
  lab: Lab,
  entry: Expectation,
  c: Case,
  evidence: Evidence,
): { readonly outcomes: readonly Outcome[]; readonly tested: number } {
  const outcomes = c.questions.flatMap((q): Outcome[] => {
    const answer = evidence.answer(q)
    if (!answer) return []
    return [entry.result === 'allow' ? allowed(lab, c, q, answer, evidence) : denied(lab, c, q, answer, evidence)]
  })
  return { outcomes, tested: outcomes.length }
}

function titleOf({ from, to, port, result, wire }: Expectation): string {
  const on = port === 'icmp' ? '' : ` on ${port}`
  const inside =
    wire === undefined ? '' : wire.length === 0 ? ', without encapsulation on the underlay' : `, inside ${wire.join(', ')} on the underlay`
  return `${from} ${result === 'allow' ? 'reaches' : 'does not reach'} ${to}${on}${inside}`
}

const seenInside = (wire: readonly string[]): string =>
  `seen on the underlay ${wire.length === 0 ? 'without encapsulation' : `inside ${wire.join(', ')}`}`

/** Whether policies that nothing enforces would deny a case. */
function isWished(lab: Lab, c: Case): boolean {
  if (!c.frontend) return verdictOf(lab, c)?.allowed === false
  const { allowed, denied, foreign } = expectedOutcomeOf(lab, c.from, c.frontend, c.family)
  return allowed.length + foreign.length === 0 && denied.length > 0
}

function check({ lab, unenforced }: TestPlan, { id, entry, source, cases, problem }: Expected, evidence: Evidence): Check {
  const { from, to, port } = entry
  const common = { id, group: 'expect', title: titleOf(entry), from, to, port, ...(source ? { source } : {}) } as const
  if (problem !== undefined) return { ...common, status: 'failed', detail: problem, tested: 0 }
  const results = cases.map((c) => ({ c, ...evaluateCase(lab, entry, c, evidence) }))
  const tested = results.reduce((n, r) => n + r.tested, 0)
  if (tested === 0) return { ...common, status: 'failed', detail: 'it could not be asked', tested }
  const bad = results.find((r) => r.outcomes.some((o) => !o.held))
  const over = (c: Case): string => (cases.length > 1 ? `${familyName(c.family)}: ` : '')
  if (bad) {
    const wrong = bad.outcomes.filter((o) => !o.held)
    const often = wrong.length < bad.outcomes.length ? `${wrong.length} of ${plural(bad.outcomes.length, 'time')}: ` : ''
    const detail = `${over(bad.c)}${often}${wrong[0]!.text}`
    const isReached = bad.c.questions.every((q) => ['ok', 'refused'].includes(evidence.answer(q)?.outcome ?? 'ok'))
    if (unenforced && entry.result === 'deny' && isReached && isWished(unenforced, bad.c))
      return { ...common, status: 'skipped', detail: `policies deny it, but ${unenforcedText(unenforced)}`, tested }
    return { ...common, status: 'failed', detail, tested, ...reproduce(from, to, bad.c.questions[0]!) }
  }
  const encapsulation =
    entry.wire === undefined ? [] : cases.flatMap((c) => ({ c, wrong: encapsulationMismatch(lab, c, entry.wire!, evidence) }))
  const mismatch = encapsulation.find((w) => w.wrong)
  if (mismatch?.wrong) {
    const detail = `${over(mismatch.c)}${mismatch.wrong.text}`
    if (mismatch.wrong.isUnknown) return { ...common, status: 'skipped', detail, tested }
    return { ...common, status: 'failed', detail, tested, ...reproduce(from, to, mismatch.c.questions[0]!) }
  }
  const texts = [...new Set(results.flatMap((r) => r.outcomes.map((o) => o.text)))]
  return {
    ...common,
    status: 'passed',
    detail: [...texts, ...(encapsulation.length > 0 ? [seenInside(entry.wire!)] : [])].join('; '),
    tested,
  }
}

export function evaluateExpectations(plan: TestPlan, expected: readonly Expected[], evidence: Evidence): Findings {
  return { checks: expected.map((e) => check(plan, e, evidence)) }
}
