/**
 * What the user expects: each entry of `expect:` is one check. `allow` means that the network lets it through: where
 * a port of a node has no listener the test listens there itself. `deny` means that something in the lab denies it, and
 * what did is named: silence alone is none.
 */
import { type Lab, nodeName } from '../../../lab/lab.ts'
import { frontendFor } from '../../../lab/services/semantics.ts'
import { parseIp, type Family } from '../../../topology/address.ts'
import { resolveTargets, TargetError } from '../../../trace/predict/targets.ts'
import type { Case, Expectation, Expected } from './case.ts'
import { evaluateExpectations } from './evaluate.ts'
import { watchedOf } from './encapsulation.ts'
import type { Asked, CheckSource, TestPlan } from '../../check-source.ts'
import type { Listening } from '../../probing/question.ts'
import { listenersBehind, triesFor } from '../services/services.ts'
import { holderOf, actorAt, actorIn } from '../services/actors.ts'

/** Tries behind a Service are many only while its endpoints are few. */
const MAX_TRIES = 31

function caseOf(lab: Lab, entry: Expectation, family: Family): Case | undefined {
  const { from, to } = resolveTargets(lab, entry.from, entry.to, family)
  const sender = actorIn(lab, from.node.netns)
  if (!sender) throw new TargetError('no-actor', `${entry.from} is a ${from.node.kind}: pods, hosts and externals are asked`)
  const [number, protocol] = entry.port === 'icmp' ? ['0', 'icmp'] : (entry.port.split('/') as [string, string])
  const kind = protocol as Asked['kind']
  const frontend = frontendFor(lab, sender, to.address, { protocol: kind, port: Number(number) })
  const question: Asked = {
    netns: from.node.netns,
    kind,
    family,
    address: to.address,
    port: Number(number),
    expected: entry.result === 'allow' ? ['ok'] : ['timeout', 'refused', 'unreachable', 'prohibited'],
  }
  const node = frontend ? undefined : actorAt(lab, to.address)
  const endpoints = frontend?.port.endpoints.filter((e) => e.family === family).length ?? 0
  const tries = Math.min(triesFor(endpoints), MAX_TRIES)
  return {
    family,
    from: sender,
    ...(node ? { to: node } : {}),
    isOwned: to.node !== undefined || holderOf(lab, to.address) !== undefined,
    ...(frontend ? { frontend } : {}),
    // One connection says nothing about the other endpoints.
    questions: frontend && endpoints > 1 ? Array.from({ length: tries }, (_, nth) => ({ ...question, nth })) : [question],
  }
}

function expectedOf(lab: Lab, entry: Expectation, index: number): Expected {
  const source = lab.expectSources?.[index]
  const common = { id: `expect-${index + 1}`, entry, ...(source ? { source } : {}) }
  const families: readonly Family[] = parseIp(entry.to) ? [parseIp(entry.to)!.family] : [4, 6]
  const cases: Case[] = []
  let problem: string | undefined
  for (const family of families) {
    try {
      const found = caseOf(lab, entry, family)
      if (found) cases.push(found)
    } catch (error) {
      if (!(error instanceof TargetError)) throw error
      // Two nodes may well have only one family in common.
      if (error.code !== 'no-common-family' || problem === undefined) problem = error.message
    }
  }
  return { ...common, cases, ...(cases.length === 0 ? { problem: problem ?? 'there is nothing to ask' } : {}) }
}

const made = new WeakMap<TestPlan, readonly Expected[]>()

export function expectedIn(plan: TestPlan): readonly Expected[] {
  let found = made.get(plan)
  if (!found) made.set(plan, (found = plan.lab.expect.map((e, i) => expectedOf(plan.lab, e, i))))
  return found
}

function listeners(plan: TestPlan): Listening[] {
  return expectedIn(plan).flatMap(({ cases }) =>
    cases.flatMap(({ to, frontend, questions }): Listening[] => {
      if (frontend) return listenersBehind(plan.lab, [frontend])
      const { kind, port } = questions[0]!
      return to && kind !== 'icmp' ? [{ netns: to.netns, name: nodeName(to), ports: [{ protocol: kind, port }] }] : []
    }),
  )
}

export const expectations: CheckSource = {
  group: 'expect',
  listening: listeners,
  questions: (plan) => expectedIn(plan).flatMap((e) => e.cases.flatMap((c) => c.questions)),
  watched: (plan) => expectedIn(plan).flatMap(({ entry, cases }) => (entry.wire ? cases.map(watchedOf) : [])),
  evaluate: (plan, evidence) => evaluateExpectations(plan, expectedIn(plan), evidence),
}
