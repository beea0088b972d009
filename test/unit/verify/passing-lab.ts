/** A lab that answers questions as promised, and what goes wrong in it when a test says so. */
import { nodeName } from '../../../src/lab/lab.ts'
import type { Check } from '../../../src/verify/check.ts'
import { questionKey, type Asked, type Evidence, type Findings, type CheckSource, type TestPlan } from '../../../src/verify/check-source.ts'
import type { Answer, Question } from '../../../src/verify/probing/question.ts'
import { frontendFor } from '../../../src/lab/services/semantics.ts'
import { expectedOutcomeOf } from '../../../src/verify/checks/services/expected-outcome.ts'
import { actorAt, actorIn } from '../../../src/verify/checks/services/actors.ts'
import { dropsOf } from '../../../src/verify/checks/policies/deny-counters.ts'
import type { Proof } from '../../../src/verify/evidence/proof.ts'
import type { Counter } from '../../../src/netns/counter.ts'
import { declaring } from '../../../src/verify/evidence/idle.ts'
import { lab } from '../lab/fixture.ts'

export const testPlanOf = (text: string, includes: TestPlan['includes'] = () => true): TestPlan => ({
  lab: lab(text),
  control: 9,
  closed: 7,
  loopback: 11,
  includes,
})

/** Answers by hand: undefined leaves it as promised. */
export type Trouble = (question: Asked, names: { readonly from: string; readonly to: string }) => Partial<Answer> | undefined

/** A counter by hand: nothing reads it. */
export const counterOf = (ns: string, title: string): Counter => ({
  ns,
  title,
  id: title,
  reader: { name: 'by hand', steps: [], parse: () => new Map() },
})

const withPort = (ip: string): string => (ip.includes(':') ? `[${ip}]:40000` : `${ip}:40000`)

/** What is captured where everything is as it should be. */
function asPromised({ lab: l }: TestPlan, q: Asked): Answer {
  const from = actorIn(l, q.netns)
  const own = from?.addresses.find((a) => a.family === q.family)?.ip
  const frontend = from && frontendFor(l, from, q.address, { protocol: q.kind, port: q.port })
  const outcome = q.expected[0]!
  if (outcome !== 'ok') return { outcome, ms: 1 }
  if (q.kind === 'icmp') return { outcome, ms: 1, ttl: 64 }
  if (frontend && from) {
    const { allowed } = expectedOutcomeOf(l, from, frontend, q.family)
    const turn = frontend.kind === 'host' || frontend.service.affinity === undefined ? (q.nth ?? 0) : 0
    const chosen = allowed[turn % Math.max(allowed.length, 1)]
    return chosen ? { outcome, ms: 1, by: chosen.name, seen: withPort(chosen.seen[0]!) } : { outcome: 'timeout', ms: 1 }
  }
  const to = actorAt(l, q.address)
  return { outcome, ms: 1, ...(to ? { by: nodeName(to) } : {}), ...(own === undefined ? {} : { seen: withPort(own) }) }
}

export interface World {
  readonly captured?: Evidence['captured']
  readonly trouble?: Trouble
  readonly readings?: Evidence['readings']
  readonly listener?: Evidence['listener']
  readonly proof?: (question: Question) => Proof | undefined
}

/** Containers listen where they declare it, the test elsewhere. */
function listens({ lab: l }: TestPlan, netns: string, protocol: 'tcp' | 'udp' | 'sctp', port: number): ReturnType<Evidence['listener']> {
  if (protocol === 'sctp') return { why: 'this kernel has no sockets for sctp' }
  const actor = actorIn(l, netns)
  return actor && declaring(l, actor, protocol, port) ? 'container' : 'ours'
}

/** What a source of promises finds in such a lab. */
export function findings(promises: CheckSource, plan: TestPlan, world: World = {}): Findings {
  const answers = new Map<string, Answer>()
  for (const q of [...promises.questions(plan), ...(promises.watched?.(plan) ?? [])]) {
    const names = { from: nodeName(actorIn(plan.lab, q.netns)!), to: nameAt(plan, q.address) }
    const wrong = world.trouble?.(q, names)
    answers.set(questionKey(q), wrong ? { outcome: 'ok', ms: 1, ...wrong } : asPromised(plan, q))
  }
  return promises.evaluate(plan, {
    answer: (q) => answers.get(questionKey(q)),
    first: () => undefined,
    ...(world.captured ? { captured: world.captured } : {}),
    ...(world.readings ? { readings: world.readings } : {}),
    listener: world.listener ?? ((...of) => listens(plan, ...of)),
    proof(q) {
      const counters = dropsOf(plan.lab, q)
      return world.proof?.(q) ?? (counters[0] ? { by: 'rule', counter: counters[0] } : { by: 'no-rule' })
    },
  })
}

const nameAt = ({ lab: l }: TestPlan, address: string): string => {
  const actor = actorAt(l, address)
  return actor ? nodeName(actor) : address
}

export const failed = (found: Findings): readonly Check[] => found.checks.filter((c) => c.status === 'failed')
export const withId = (found: Findings, id: string): Check => {
  const check = found.checks.find((c) => c.id === id)
  if (!check) throw new Error(`no check ${id} among ${found.checks.map((c) => c.id).join(', ')}`)
  return check
}
