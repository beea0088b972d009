/**
 * What `netlab test --prove` asks: each policy is lifted in turn, and the pairs whose computed verdict changes by that
 * must be measured to change. A test that did not notice a missing policy would prove nothing.
 */
import { type Lab, nodeName } from '../../../lab/lab.ts'
import { policiesOf, type Policy } from '../../../lab/policy/policies.ts'
import { hostSource } from '../../../backends/index.ts'
import { verdict } from '../../../lab/policy/verdict.ts'
import type { Check } from '../../check.ts'
import { isFrom, outcomeText, reproduce } from './evaluate.ts'
import { squaresOf } from './policies.ts'
import type { Square } from './square.ts'
import { denial, sourceOf, why } from './titles.ts'
import type { Asked, TestPlan } from '../../check-source.ts'
import type { Answer } from '../../probing/question.ts'

/** A square that changes when a policy is lifted. */
export interface Flip {
  readonly square: Square
  /** The same question, and what is expected of it while the policy is lifted. */
  readonly lifted: Asked
}

export interface Lift {
  readonly policy: Policy
  /** The lab without it. */
  readonly lab: Lab
  readonly flips: readonly Flip[]
  /** Flips that are not measured: enough others are. */
  readonly left: number
  /** Why there is nothing to measure. */
  readonly skipped?: string
}

/** Flips measured of one policy. */
const MOST = 200

function without(lab: Lab, key: string): Lab {
  const { [key]: _lifted, ...policies } = lab.policies
  return { ...lab, policies }
}

/** So many of a list, spread over all of it. */
const spread = <T>(list: readonly T[], most: number): T[] =>
  list.length <= most ? [...list] : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]!)

function isAllowed(lab: Lab, { from, to, probe, question }: Square): ReturnType<typeof verdict> {
  return verdict(
    lab,
    {
      from,
      to,
      protocol: probe.protocol,
      family: question.family,
      ...(probe.port === undefined ? {} : { port: probe.port }),
    },
    hostSource,
  )
}

/** Why lifting a policy changes nothing. */
function idle(policy: Policy, lab: Lab, squares: readonly Square[]): string {
  if (policy.selected.pods.size === 0) return 'it selects no pod'
  if (squares.length === 0) return 'no pair that is asked meets it'
  const denied = squares.filter((s) => denial(s.verdict)?.policies.includes(policy))
  const others = new Set(denied.flatMap((s) => denial(isAllowed(lab, s))?.policies.map((p) => p.title) ?? []))
  if (others.size > 0)
    return `covered by ${others.size === 1 ? 'policy' : 'policies'} ${[...others].join(', ')}: what it denies is denied without it, and what it allows is allowed`
  return 'it denies nothing that is asked: its rules allow all of it'
}

/** What becomes of each policy's squares without it, in the lab's order. */
export function liftsOf(plan: TestPlan): Lift[] {
  const { squares } = squaresOf(plan)
  const meeting = new Map<Policy, Square[]>()
  for (const s of squares) {
    for (const p of new Set([...s.verdict.egress.isolating, ...s.verdict.ingress.isolating])) {
      const list = meeting.get(p)
      if (list) list.push(s)
      else meeting.set(p, [s])
    }
  }
  const keys = Object.keys(plan.lab.policies)
  return policiesOf(plan.lab).map((policy, i): Lift => {
    const lab = without(plan.lab, keys[i]!)
    const own = meeting.get(policy) ?? []
    const all = own.flatMap((square): Flip[] => {
      const { allowed } = isAllowed(lab, square)
      if (allowed === square.verdict.allowed) return []
      const expected: Asked['expected'] = allowed ? (square.question.kind === 'sctp' ? ['ok', 'refused'] : ['ok']) : ['timeout']
      return [{ square, lifted: { ...square.question, expected } }]
    })
    const flips = spread(all, MOST)
    return { policy, lab, flips, left: all.length - flips.length, ...(flips.length === 0 ? { skipped: idle(policy, lab, own) } : {}) }
  })
}

/** What a flip answered with the policy in force, and without it. */
export interface Measured {
  readonly before: Answer
  readonly lifted: Answer
}

function isReached(lab: Lab, { square: s }: Flip, answer: Answer): boolean {
  return isFrom(lab, answer, s.to) || (answer.outcome === 'refused' && s.question.kind === 'sctp')
}

/** The check of one policy that was lifted, or one for every pair that did not notice. */
export function evaluateLift({ policy, lab, flips, left, skipped }: Lift, measured: (flip: Flip) => Measured | undefined): Check[] {
  const source = sourceOf(policy)
  const common = {
    id: `prove:${policy.title}`,
    group: 'policy',
    title: `lifting policy ${policy.title} is noticed`,
    ...(source ? { source } : {}),
  } as const
  if (skipped !== undefined) return [{ ...common, status: 'skipped', detail: skipped, tested: 0 }]
  const failures: Check[] = []
  let opened = 0
  let closed = 0
  for (const flip of flips) {
    const { square: s } = flip
    const found = measured(flip)
    if (!found) continue
    const opens = !s.verdict.allowed
    const [was, is] = opens
      ? [found.before.outcome === 'timeout', isReached(lab, flip, found.lifted)]
      : [isReached(lab, flip, found.before), found.lifted.outcome === 'timeout']
    if (was && is) {
      if (opens) opened++
      else closed++
      continue
    }
    const [from, to] = [nodeName(s.from), nodeName(s.to)]
    const reason = opens ? 'something else than this policy keeps them apart' : 'something else than this policy lets it through'
    const detail = was
      ? `${outcomeText(found.lifted)} also without the policy: ${reason}`
      : `${outcomeText(found.before)} with the policy in force; ${why(s.from, s.to, s.verdict)}`
    failures.push({ ...common, status: 'failed', from, to, port: s.port, detail, tested: 2, ...reproduce(from, to, s.question) })
  }
  if (failures.length > 0) return failures
  if (opened + closed === 0) return [{ ...common, status: 'failed', detail: 'nothing that changes could be asked', tested: 0 }]
  const words = [
    ...(opened > 0 ? [`${opened} that it denied were answered`] : []),
    ...(closed > 0 ? [`${closed} that only it allowed fell silent`] : []),
    ...(left > 0 ? [`${left} more were not asked`] : []),
  ]
  return [{ ...common, status: 'passed', detail: `lifted: ${words.join(', ')}`, tested: 2 * (opened + closed) }]
}
