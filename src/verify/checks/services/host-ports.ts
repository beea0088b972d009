/**
 * What ports of hosts promise: a client that connects to one is answered by the pod it leads to, whoever the client is: outside,
 * the host itself at its address and at 127.0.0.1, a pod of another host, one of the same, and the pod itself.
 */
import { nodeName, type Host, type Lab } from '../../../lab/lab.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import { hostPortAddress, hostPortsOf, hostPortText, type HostPort } from '../../../lab/services/host-ports.ts'
import type { HostPortFrontend } from '../../../lab/services/semantics.ts'
import type { Family } from '../../../topology/address.ts'
import type { Check } from '../../check.ts'
import type { CheckSource, Evidence, TestPlan } from '../../check-source.ts'
import { evaluateProbe, failed, tally } from './evaluate.ts'
import type { FrontendProbe } from './expectation.ts'
import { flowOf, listenersBehind, outsider, probe } from './services.ts'

interface HostPortExpectation {
  readonly hostPort: HostPort
  readonly family: Family
  readonly probes: readonly FrontendProbe<HostPortFrontend>[]
}

const LOOPBACK = '127.0.0.1'

/** Who asks, and at which address. */
function clientsOf(lab: Lab, hostPort: HostPort, host: Host, family: Family): (readonly [from: Actor, address: string])[] {
  const { pod, ip } = hostPort
  const address = hostPortAddress(hostPort, host, family)
  const isHeld = ip === undefined || host.addresses.some((a) => a.ip === ip)
  const neighbour = lab.pods.find((p) => p.host === host.name && p !== pod)
  const far = lab.pods.find((p) => p.host !== host.name)
  const clients: readonly Actor[] = [
    outsider(lab, host, family, flowOf(hostPort.port.protocol, hostPort.port.port)),
    ...lab.hosts.filter((h) => h === host),
    pod,
    ...(neighbour ? [neighbour] : []),
    ...(far ? [far] : []),
  ]
  return [
    ...(address === undefined || !isHeld ? [] : [...new Set(clients)].map((from) => [from, address] as const)),
    ...(family === 4 && (ip === undefined || ip === LOOPBACK) ? [[host, LOOPBACK] as const] : []),
  ]
}

const made = new WeakMap<TestPlan, readonly HostPortExpectation[]>()

function expectationsOf(plan: TestPlan): readonly HostPortExpectation[] {
  let found = made.get(plan)
  if (found) return found
  const { lab } = plan
  found = hostPortsOf(lab).flatMap((hostPort) => {
    const host = lab.hosts.find((h) => h.name === hostPort.host)!
    const { port } = hostPort
    return [...new Set(port.endpoints.map((e) => e.family))].map((family) => ({
      hostPort,
      family,
      probes: clientsOf(lab, hostPort, host, family).flatMap(
        ([from, address]) => probe(lab, from, { kind: 'host', hostPort, port, address, host }, family, 1) ?? [],
      ),
    }))
  })
  made.set(plan, found)
  return found
}

function evaluate(lab: Lab, { hostPort, family, probes }: HostPortExpectation, evidence: Evidence): Check[] {
  const { pod, host, port, ip } = hostPort
  const results = probes.map((p) => ({ p, ...evaluateProbe(lab, p, evidence) }))
  const failures = results.flatMap((r) => failed(r.p, r.failures, r.asked))
  if (failures.length > 0) return failures
  const tested = results.reduce((n, r) => n + r.asked, 0)
  const isBoth = new Set(port.endpoints.map((e) => e.family)).size > 1
  const text = hostPortText(hostPort)
  const common = {
    id: `host-port:${host}:${text}${ip === undefined ? '' : `:${ip}`}${isBoth ? `:ipv${family}` : ''}`,
    group: 'service',
    title: `port ${text} of ${host}${ip === undefined ? '' : ` at ${ip}`} leads to pod ${nodeName(pod)}${isBoth ? ` over IPv${family}` : ''}`,
    source: pod.source,
    tested,
  } as const
  if (tested === 0) return [{ ...common, status: 'skipped', detail: 'no node in the lab can ask it' }]
  const by = results.flatMap((r) => r.by)
  const silent = results.reduce((n, r) => n + r.silent, 0)
  const words = [by.length > 0 ? `answered by ${tally(by)}` : '', silent > 0 ? `${silent} dropped, as computed` : '']
    .filter(Boolean)
    .join('; ')
  return [{ ...common, status: 'passed', detail: words || 'answered' }]
}

export const hostPorts: CheckSource = {
  group: 'service',
  listening: (plan) =>
    listenersBehind(
      plan.lab,
      expectationsOf(plan).map((e) => e.hostPort),
    ),
  questions: (plan) => expectationsOf(plan).flatMap((e) => e.probes.flatMap((p) => p.questions)),
  evaluate: (plan, evidence) => ({ checks: expectationsOf(plan).flatMap((e) => evaluate(plan.lab, e, evidence)) }),
}
