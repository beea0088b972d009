/** What answers say about Services, and about ports of hosts: probes → checks. */
import { type Lab, nodeName } from '../../../lab/lab.ts'
import type { Frontend } from '../../../lab/services/semantics.ts'
import type { Check } from '../../check.ts'
import { idleContainer } from '../../evidence/idle.ts'
import { outcomeText, reproduce, unproven } from '../policies/evaluate.ts'
import { why } from '../policies/titles.ts'
import type { Evidence, Findings, TestPlan } from '../../check-source.ts'
import type { Answer, Question } from '../../probing/question.ts'
import { actorAt, withoutPort } from './actors.ts'
import type { Allowed } from './expected-outcome.ts'
import type { FrontendProbe, ServiceExpectation, ServiceQuestions } from './expectation.ts'
import { plural } from '../../../plural.ts'

interface Failure {
  readonly id: keyof typeof TITLES
  readonly text: string
}

const TITLES = {
  'service-answers': 'a Service is answered by its endpoints',
  'service-source': 'endpoints see who the client is',
  'service-refuses': 'a Service without endpoints refuses',
  'service-local': 'a Local Service drops what has no endpoint here',
  'service-policy': 'policies are asked about the pod behind a Service',
  'service-affinity': 'a client with session affinity stays with its endpoint',
  'host-port-answers': 'a port of a host leads to its pod',
  'host-port-source': 'a pod behind a port of its host sees who the client is',
  'deny-unproven': 'what is denied is dropped by a policy, not lost on the way',
} as const

/** Containers of these endpoints that do not listen on their port, or leave it to the test. Some kernels have no sockets for SCTP. */
export function idleBehind(
  lab: Lab,
  { port }: Pick<Frontend, 'port'>,
  behind: readonly Allowed[],
  evidence: Evidence,
  answered: boolean,
): string[] {
  if (port.protocol === 'SCTP') return []
  const kind = port.protocol.toLowerCase() as 'tcp' | 'udp'
  return behind.flatMap((a) => idleContainer(lab, actorAt(lab, a.endpoint.ip), { kind, port: a.endpoint.port }, evidence, answered) ?? [])
}

/** The endpoint that an answer is from. */
const answering = (allowed: readonly Allowed[], by: string): Allowed | undefined => allowed.find((a) => a.name === by || a.alias === by)

/** What one answer breaks; nothing if it keeps the expectation. */
function failureOf(
  lab: Lab,
  { from, frontend, expectedOutcome }: FrontendProbe,
  question: Question,
  answer: Answer,
  evidence: Evidence,
): Failure | undefined {
  const { without, allowed, denied, foreign } = expectedOutcome
  const got = outcomeText(answer)
  const isHost = frontend.kind === 'host'
  const answers = isHost ? 'host-port-answers' : 'service-answers'
  if (without === 'refused')
    return answer.outcome === 'refused' ? undefined : { id: 'service-refuses', text: `${got}, though it has no endpoint` }
  const isSilent = answer.outcome === 'timeout' || (from.kind === 'host' && answer.outcome === 'prohibited')
  const lost = (): Failure | undefined => {
    const text = answer.outcome === 'timeout' ? unproven(lab, evidence.proof?.(question)) : undefined
    return text === undefined ? undefined : { id: 'deny-unproven', text }
  }
  if (without === 'dropped') {
    const node = frontend.host?.name ?? nodeName(from)
    return isSilent ? lost() : { id: 'service-local', text: `${got}, though ${node} has no endpoint and the Service is Local` }
  }
  if (answer.outcome !== 'ok') {
    if (foreign.length > 0) return undefined
    if (isSilent && denied.length > 0) return lost()
    if (allowed.length === 0) return { id: 'service-policy', text: `${got}, and what policies deny is dropped without a word` }
    const idle = idleBehind(lab, frontend, allowed, evidence, false)
    return { id: answers, text: [`${got}; behind it: ${allowed.map((a) => a.name).join(', ')}`, ...idle].join('; ') }
  }
  if (answer.by === undefined) {
    if (allowed.length + foreign.length > 0) return undefined
    return { id: 'service-policy', text: `answered; ${why(denied[0]!.from, denied[0]!.to, denied[0]!.verdict)}` }
  }
  const mine = answering(allowed, answer.by)
  if (!mine) {
    const kept = denied.find((d) => nodeName(d.to) === answer.by)
    if (kept) return { id: 'service-policy', text: `${got}; ${why(kept.from, kept.to, kept.verdict)}` }
    if (foreign.length > 0) return undefined
    return {
      id: answers,
      text: `${got}, which is ${isHost ? 'not where it leads' : 'no endpoint of it'}; behind it: ${allowed.map((a) => a.name).join(', ') || 'none this client may reach'}`,
    }
  }
  const [idle] = idleBehind(lab, frontend, [mine], evidence, true)
  if (idle !== undefined) return { id: answers, text: idle }
  const seen = answer.seen === undefined ? undefined : withoutPort(answer.seen)
  if (seen === undefined || mine.seen.includes(seen)) return undefined
  return { id: isHost ? 'host-port-source' : 'service-source', text: `${answer.by} sees ${seen} instead of ${mine.seen.join(' or ')}` }
}

/** How a command line names what was asked. */
function frontendName(f: Frontend): string {
  if (f.kind === 'host') return f.host.addresses.some((a) => a.ip === f.address) ? f.host.name : f.address
  if (f.kind === 'external') return f.address
  return f.kind === 'node' && f.host ? f.host.name : `svc/${f.service.key}`
}

/** A probe's answers, in words that count. */
interface Result {
  readonly failures: readonly Failure[]
  readonly by: readonly string[]
  readonly asked: number
  readonly silent: number
}

export function evaluateProbe(lab: Lab, probe: FrontendProbe, evidence: Evidence): Result {
  const failures: Failure[] = []
  const by: string[] = []
  let asked = 0
  let silent = 0
  for (const question of probe.questions) {
    const answer = evidence.answer(question)
    if (!answer) continue
    asked++
    if (answer.outcome === 'ok' && answer.by !== undefined) by.push(answering(probe.expectedOutcome.allowed, answer.by)?.name ?? answer.by)
    if (answer.outcome === 'timeout') silent++
    const failure = failureOf(lab, probe, question, answer, evidence)
    if (failure) failures.push(failure)
  }
  if (probe.frontend.kind !== 'host' && probe.frontend.service.affinity !== undefined && new Set(by).size > 1)
    failures.push({ id: 'service-affinity', text: `answered by ${[...new Set(by)].join(' and ')} in turn` })
  return { failures, by, asked, silent }
}

export function failed(probe: FrontendProbe, failures: readonly Failure[], tested: number): Check[] {
  const texts = new Map<string, { failure: Failure; times: number }>()
  for (const failure of failures) {
    const key = `${failure.id} ${failure.text}`
    texts.set(key, { failure, times: (texts.get(key)?.times ?? 0) + 1 })
  }
  const { kind, port, family } = probe.questions[0]!
  const [from, to] = [nodeName(probe.from), frontendName(probe.frontend)]
  return [...texts.values()].map(({ failure, times }) => ({
    id: failure.id,
    group: 'service',
    title: TITLES[failure.id],
    status: 'failed',
    from,
    to,
    port: `${port}/${kind}`,
    detail: `${times < tested && failure.id !== 'service-affinity' ? `${times} of ${plural(tested, 'time')}: ` : ''}${failure.text}`,
    source: probe.frontend.kind === 'host' ? probe.frontend.hostPort.pod.source : probe.frontend.service.source,
    tested,
    ...reproduce(from, to, { kind, port, family }),
  }))
}

export const tally = (names: readonly string[]): string => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, n]) => `${name} (${n})`).join(', ')
}

function evaluatePromise(lab: Lab, expectation: ServiceExpectation, evidence: Evidence): Check[] {
  const { frontend, family, probes, meetsAll } = expectation
  const results = probes.map((k) => ({ probe: k, ...evaluateProbe(lab, k, evidence) }))
  const failures = results.flatMap((r) => failed(r.probe, r.failures, r.asked))
  const tested = results.reduce((n, r) => n + r.asked, 0)
  const { service, port, kind, address } = frontend
  const l4 = port.protocol.toLowerCase()
  const number = kind === 'node' ? port.nodePort : port.port
  const both = service.clusterIPs.length > 1 ? ` over IPv${family}` : ''
  const common = {
    id: `service:${service.key}:${number}/${l4}${kind === 'external' ? `:${address}` : service.clusterIPs.length > 1 ? `:ipv${family}` : ''}`,
    group: 'service',
    title:
      kind === 'node'
        ? `node port ${number}/${l4} of Service ${service.key} answers as it should${both}`
        : kind === 'external'
          ? `external address ${address} of Service ${service.key} answers as it should on port ${number}/${l4}`
          : `Service ${service.key} port ${number}/${l4} answers as it should${both}`,
    source: service.source,
    tested,
  } as const
  if (failures.length > 0) return failures
  if (tested === 0) return [{ ...common, status: 'skipped', detail: 'no node in the lab can ask it' }]
  const by = results.flatMap((r) => r.by)
  const endpoints = [...new Set(port.endpoints.filter((e) => e.family === family).flatMap((e) => e.pod ?? []))]
  const unmet = endpoints.filter((e) => !by.includes(e))
  // Who does not say who it is cannot be missed.
  if (meetsAll && by.length === tested && unmet.length > 0)
    return [
      {
        ...common,
        id: 'service-spreads',
        title: 'every endpoint of a Service gets connections',
        status: 'failed',
        detail: `${unmet.join(', ')} got none of ${tested}: ${tally(by)}`,
      },
    ]
  const foreign = probes.some((k) => k.expectedOutcome.foreign.length > 0)
  if (foreign && by.length === 0)
    return [
      {
        ...common,
        status: 'skipped',
        detail: `its endpoints are no pods of the lab: ${results.map((r) => `${nodeName(r.probe.from)} got ${r.silent === r.asked ? 'silence' : 'an answer'}`).join(', ')}`,
      },
    ]
  const silent = results.reduce((n, r) => n + r.silent, 0)
  const without = probes.find((k) => k.expectedOutcome.without === 'refused') ? 'refused: no endpoint is ready' : undefined
  const words =
    without ??
    [by.length > 0 ? `answered by ${tally(by)}` : '', silent > 0 ? `${silent} dropped, as computed` : ''].filter(Boolean).join('; ')
  return [{ ...common, status: 'passed', detail: words || 'answered' }]
}

export function evaluateServices({ lab }: TestPlan, { expectations, untested }: ServiceQuestions, evidence: Evidence): Findings {
  return { checks: expectations.flatMap((p) => evaluatePromise(lab, p, evidence)), untested }
}
