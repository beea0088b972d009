/**
 * What the lab's Services promise: a client that connects to a cluster address or a node port is answered by one of the
 * endpoints, seen as itself where the API says so; refused where there is no endpoint; left waiting where the Service is
 * Local and none is here, or where policies deny every endpoint.
 */
import { addressOf, type External, type Host, type Lab, nodeName, type Pod } from '../../../lab/lab.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import {
  clusterFrontend,
  externalAddresses,
  translated,
  type Flow,
  type Frontend,
  type ServiceFrontend,
} from '../../../lab/services/semantics.ts'
import { isKeptOut } from '../../../lab/underlay/border.ts'
import type { ServicePort } from '../../../lab/services/service.ts'
import type { Family } from '../../../topology/address.ts'
import type { Asked, CheckSource, TestPlan } from '../../check-source.ts'
import type { Listening } from '../../probing/question.ts'
import { declaring } from '../../evidence/idle.ts'
import { actorAt } from './actors.ts'
import { expectedOutcomeOf, type ExpectedOutcome } from './expected-outcome.ts'
import type { FrontendProbe, ServiceExpectation, ServiceQuestions } from './expectation.ts'
import { evaluateServices } from './evaluate.ts'
import { plural } from '../../../plural.ts'

type Port = Pick<ServiceFrontend, 'service' | 'port'>

/** Labs of up to so many pods ask from every pod; others from one of each host. */
const SMALL = 12
/** Node ports are asked on so many hosts of each Service port, dealt round. */
const MAX_HOSTS = 8
/** More tries than this to meet every endpoint are not worth it: from six endpoints on they are only counted. */
const MAX_TRIES = 100
/** Questions about Services in one run, beyond which each asker tries once. */
const BUDGET = 4000
/** Times a client with session affinity comes back. */
const RETURNS = 4

/**
 * Tries after which one of `n` equally likely endpoints has not been met once in 10^9 runs:
 * n (1 - 1/n)^t < 10^-9.
 */
export const triesFor = (n: number): number => (n < 2 ? 1 : Math.ceil(Math.log(n * 1e9) / -Math.log(1 - 1 / n)))

/** Outcomes that keep the promise. */
function expected(from: Actor, { without, allowed, denied, foreign }: ExpectedOutcome): Asked['expected'] {
  if (without === 'refused') return ['refused']
  // A host that may not send is told so by its own kernel.
  const silence: Asked['expected'] = from.kind === 'host' ? ['timeout', 'prohibited'] : ['timeout']
  if (without === 'dropped') return silence
  if (foreign.length > 0) return ['ok', 'refused', 'timeout', 'unreachable', 'prohibited']
  return [...(allowed.length > 0 ? (['ok'] as const) : []), ...(denied.length > 0 ? silence : [])]
}

/** A client's questions to a frontend; undefined: it has no address of the family. */
export function probe<F extends Frontend>(lab: Lab, from: Actor, frontend: F, family: Family, times: number): FrontendProbe<F> | undefined {
  const port = frontend.kind === 'node' ? frontend.port.nodePort : frontend.port.port
  if (port === undefined || addressOf(from, family) === undefined) return undefined
  const expectedOutcome = expectedOutcomeOf(lab, from, frontend, family)
  const question: Asked = {
    netns: from.netns,
    kind: frontend.port.protocol.toLowerCase() as Asked['kind'],
    family,
    address: frontend.address,
    port,
    expected: expected(from, expectedOutcome),
  }
  // One try says all where chance has no part in it.
  const chance = expectedOutcome.allowed.length + expectedOutcome.denied.length > 1
  const count = chance ? times : 1
  return { from, frontend, family, expectedOutcome, questions: Array.from({ length: count }, (_, nth) => ({ ...question, nth })) }
}

/** Pods that ask: all, or one per host. */
function askers(lab: Lab): Pod[] {
  if (lab.pods.length <= SMALL) return [...lab.pods]
  return lab.hosts.flatMap((h) => lab.pods.find((p) => p.host === h.name) ?? [])
}

/** Who asks a cluster address: those, one of its own endpoints, which may meet itself, and a host. */
function clients(lab: Lab, port: ServicePort, family: Family): Actor[] {
  const own = port.endpoints.find((e) => e.family === family && e.pod !== undefined)
  const pod = own && lab.pods.find((p) => p.key === own.pod)
  return [...new Set([...askers(lab), ...(pod ? [pod] : [])]), ...lab.hosts.slice(0, 1)]
}

/** Whether every endpoint may answer every client: then each must be met. */
const isEven = (probes: readonly FrontendProbe[], n: number): boolean =>
  probes.every(
    (k) => k.expectedOutcome.allowed.length === n && k.expectedOutcome.denied.length === 0 && k.expectedOutcome.foreign.length === 0,
  )

function clusterPromise(lab: Lab, { service, port }: Port, family: Family, turn: number, isThrifty: boolean): ServiceExpectation {
  const all = clients(lab, port, family)
  const n = port.endpoints.filter((e) => e.family === family).length
  const tries = triesFor(n)
  const wanted = isThrifty || tries > MAX_TRIES ? 1 : Math.ceil(tries / Math.max(all.length, 1))
  const times = service.affinity === undefined ? wanted : RETURNS
  // Linux rations refusals, six in a row for one client: they are dealt over those who ask.
  const from = n === 0 ? all.slice(turn % all.length).slice(0, 1) : all
  const probes = from.flatMap((p) => probe(lab, p, clusterFrontend(lab, p, service, port, family), family, times) ?? [])
  const asked = probes.reduce((sum, k) => sum + k.questions.length, 0)
  return {
    frontend: { service, port, kind: 'cluster', address: service.clusterIPs.find((a) => a.family === family)!.ip },
    family,
    probes,
    meetsAll: service.affinity === undefined && asked >= tries && isEven(probes, n),
  }
}

export const flowOf = (protocol: ServicePort['protocol'], port: number): Flow => ({
  protocol: protocol.toLowerCase() as Flow['protocol'],
  port,
})

/** Which node asks a host's own port: an external that the border lets in, else another host, else the host itself. */
export function outsider(lab: Lab, host: Host, family: Family, flow: Flow): External | Host {
  const address = addressOf(host, family)
  const isLetIn = (x: External): boolean => address === undefined || !isKeptOut(lab, x, { address, ...flow })
  return (
    lab.externals.find((x) => addressOf(x, family) !== undefined && isLetIn(x)) ??
    lab.hosts.find((h) => h !== host && addressOf(h, family)) ??
    host
  )
}

function nodePromise(lab: Lab, { service, port }: Port, family: Family, turn: number): ServiceExpectation {
  const n = lab.hosts.length
  const hosts = n <= MAX_HOSTS ? lab.hosts : Array.from({ length: MAX_HOSTS }, (_, i) => lab.hosts[(turn * MAX_HOSTS + i) % n]!)
  // The ration of refusals is one for all hosts' answers to one client, and none of them has an endpoint.
  const none = port.endpoints.every((e) => e.family !== family)
  const asked = none ? [hosts[turn % hosts.length]!] : hosts
  const times = service.affinity === undefined ? 2 : RETURNS
  const probes = asked.flatMap((host) => {
    const address = addressOf(host, family)
    const frontend = address && ({ service, port, kind: 'node', address, host } as const)
    return (frontend && probe(lab, outsider(lab, host, family, flowOf(port.protocol, port.nodePort!)), frontend, family, times)) || []
  })
  return { frontend: { service, port, kind: 'node', address: '' }, family, probes, meetsAll: false }
}

/** An external address, asked by the clients of the cluster address and by an external, as far as they have a way to a host. */
function externalPromise(lab: Lab, { service, port }: Port, address: string, family: Family, turn: number): ServiceExpectation {
  const frontend = { service, port, kind: 'external', address } as const
  const flow = flowOf(port.protocol, port.port)
  const outside = lab.externals.find((x) => addressOf(x, family) !== undefined && !isKeptOut(lab, x, { address, ...flow }))
  const all = [...clients(lab, port, family), ...(outside ? [outside] : [])]
  const ways = all.flatMap((from) => {
    const found = translated(lab, from, frontend)
    return found && addressOf(from, family) !== undefined ? [{ from, found }] : []
  })
  // The ration of refusals, again.
  const none = port.endpoints.every((e) => e.family !== family)
  const asked = none ? ways.slice(turn % Math.max(ways.length, 1)).slice(0, 1) : ways
  const times = service.affinity === undefined ? 2 : RETURNS
  const probes = asked.flatMap(({ from, found }) => probe(lab, from, found, family, times) ?? [])
  return { frontend, family, probes, meetsAll: false }
}

/** External addresses that some client has no way to, in sentences. */
function unrouted(lab: Lab): string[] {
  const all = lab.services.flatMap((service) =>
    service.clusterIPs.flatMap(({ family }) => externalAddresses(service, family).map((ip) => ({ service, ip, family }))),
  )
  const text = (list: typeof all): string => list.map(({ service, ip }) => `${ip} (${service.key})`).join(', ')
  const foreign = all.filter(({ ip }) => !lab.hosts.some((h) => h.addresses.some((a) => a.ip === ip)))
  const far = foreign.filter(({ service, ip, family }) =>
    service.ports.some(
      (p) =>
        p.endpoints.some((e) => e.family === family) &&
        lab.hosts.slice(0, 1).every((h) => !translated(lab, h, { service, port: p, kind: 'external', address: ip })),
    ),
  )
  return [
    ...(foreign.length > 0
      ? [`external addresses of Services from outside, where they are no host's: ${text(foreign)}; nothing in the lab routes them to one`]
      : []),
    ...(far.length > 0 ? [`external addresses of Services from hosts, which have no route to them: ${text(far)}`] : []),
  ]
}

/** Refusals one host gives one client at once: Linux rations them (`net.ipv4.icmp_ratelimit`), six in a row, and others ask too. */
const RATION = 4

/** Leaves out Services without endpoints that no client would be refused by any more. */
function rationed(expectations: readonly ServiceExpectation[]): ServiceExpectation[] {
  const given = new Map<string, number>()
  return expectations.filter(({ probes }) => {
    const [probe] = probes
    if (probe?.expectedOutcome.without !== 'refused') return true
    const key = `${probe.frontend.host?.name} ${probe.from.netns}`
    given.set(key, (given.get(key) ?? 0) + 1)
    return given.get(key)! <= RATION
  })
}

const made = new WeakMap<TestPlan, ServiceQuestions>()

/** Every question about Services. */
export function serviceQuestions(plan: TestPlan): ServiceQuestions {
  let found = made.get(plan)
  if (found) return found
  const { lab } = plan
  const untested: string[] = []
  const build = (isThrifty: boolean): ServiceExpectation[] => {
    let turn = 0
    return lab.services.flatMap((service) =>
      service.ports.flatMap((port) =>
        service.clusterIPs.flatMap(({ family }) => [
          clusterPromise(lab, { service, port }, family, turn++, isThrifty),
          ...(port.nodePort === undefined ? [] : [nodePromise(lab, { service, port }, family, turn)]),
          ...externalAddresses(service, family).map((ip) => externalPromise(lab, { service, port }, ip, family, turn)),
        ]),
      ),
    )
  }
  const size = (expectations: readonly ServiceExpectation[]): number =>
    expectations.reduce((n, p) => n + p.probes.reduce((m, k) => m + k.questions.length, 0), 0)
  let expectations = build(false)
  if (size(expectations) > BUDGET) {
    expectations = build(true)
    untested.push('that every endpoint of a Service is met: there are too many Services to ask each that often')
  }
  if (expectations.length > 0 && lab.pods.length > SMALL)
    untested.push(`Services from ${plural(lab.pods.length - askers(lab).length, 'pod')}: one pod of each host asks, and one endpoint`)
  if (expectations.some((p) => p.frontend.kind === 'node') && lab.hosts.length > MAX_HOSTS)
    untested.push(`node ports on every host: each Service is asked on ${MAX_HOSTS} of ${lab.hosts.length}`)
  untested.push(...unrouted(lab))
  const asked = rationed(expectations)
  if (asked.length < expectations.length)
    untested.push(
      `${expectations.length - asked.length} ports of Services without endpoints: Linux rations refusals, and more at once would look like silence`,
    )
  made.set(plan, (found = { expectations: asked, untested }))
  return found
}

/** Endpoints answer as who they are where no container of theirs declares the port: one that does must listen itself. */
export function listenersBehind(lab: Lab, frontends: readonly Pick<Frontend, 'port'>[]): Listening[] {
  const nodes = new Map<Actor, Map<string, Listening['ports'][number]>>()
  for (const frontend of frontends) {
    const protocol = frontend.port.protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp'
    for (const e of [...frontend.port.endpoints, ...(frontend.port.draining ?? [])]) {
      const node = actorAt(lab, e.ip)
      // Who declares SCTP may have no sockets for it on this kernel.
      if (!node || (protocol !== 'sctp' && declaring(lab, node, protocol, e.port))) continue
      let ports = nodes.get(node)
      if (!ports) nodes.set(node, (ports = new Map()))
      ports.set(`${e.port}/${protocol}`, { protocol, port: e.port })
    }
  }
  return [...nodes].map(([node, ports]) => ({ netns: node.netns, name: nodeName(node), ports: [...ports.values()] }))
}

export const services: CheckSource = {
  group: 'service',
  listening: (plan) =>
    listenersBehind(
      plan.lab,
      serviceQuestions(plan).expectations.map((p) => p.frontend),
    ),
  questions: (plan) => serviceQuestions(plan).expectations.flatMap((p) => p.probes.flatMap((k) => k.questions)),
  evaluate: (plan, evidence) => evaluateServices(plan, serviceQuestions(plan), evidence),
}
