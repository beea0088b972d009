/**
 * What the lab's Services promise: who connects to a cluster address or a node port is answered by one of the
 * endpoints, seen as itself where the API says so; refused where nobody is behind it; left waiting where the Service is
 * Local and nobody is here, or where policies deny every endpoint.
 */
import { addressOf, type External, type Host, type Lab, type Pod } from '../../model/lab.ts'
import type { Party } from '../../model/verdict.ts'
import type { Family } from '../../topology/address.ts'
import { nodeName } from '../../trace/places.ts'
import type { Asked, Promises, Scene } from '../promises.ts'
import type { Listening } from '../ask/question.ts'
import { declaring } from '../evidence/idle.ts'
import { partyAt } from './parties.ts'
import { entrance, externalAddresses, fateOf, type Door, type Fate } from './fate.ts'
import { judgeServices } from './judge.ts'

/** Somebody who knocks, once or several times. */
export interface Knock {
  readonly from: Party
  readonly door: Door
  readonly family: Family
  readonly fate: Fate
  readonly questions: readonly Asked[]
}

/** One port of one Service in one family, at its cluster address, at its node ports, or at an external address. */
export interface Promise {
  readonly door: Omit<Door, 'host'>
  readonly family: Family
  readonly kind: 'cluster' | 'node' | 'external'
  readonly knocks: readonly Knock[]
  /** Enough tries that every endpoint must have been met. */
  readonly meetsAll: boolean
}

export interface ServiceQuestions {
  readonly promises: readonly Promise[]
  readonly untested: readonly string[]
}

/** Labs of up to so many pods ask from every pod; others from one of each host. */
const SMALL = 12
/** Node ports are asked on so many hosts of each Service port, dealt round. */
const MOST_HOSTS = 8
/** More tries than this to meet every endpoint are not worth it: from six endpoints on they are only counted. */
const MOST_TRIES = 100
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
function expected(from: Party, { without, allowed, denied, foreign }: Fate): Asked['expected'] {
  if (without === 'refused') return ['refused']
  // A host that may not send is told so by its own kernel.
  const silence: Asked['expected'] = from.kind === 'host' ? ['timeout', 'prohibited'] : ['timeout']
  if (without === 'dropped') return silence
  if (foreign.length > 0) return ['ok', 'refused', 'timeout', 'unreachable', 'prohibited']
  return [...(allowed.length > 0 ? (['ok'] as const) : []), ...(denied.length > 0 ? silence : [])]
}

function knock(lab: Lab, from: Party, door: Door, family: Family, times: number): Knock | undefined {
  const isNodePort = door.host !== undefined && door.external === undefined
  const own = isNodePort ? addressOf(door.host, family) : door.service.clusterIPs.find((a) => a.family === family)?.ip
  const address = door.external ?? own
  const port = isNodePort ? door.port.nodePort : door.port.port
  if (address === undefined || port === undefined || addressOf(from, family) === undefined) return undefined
  const fate = fateOf(lab, from, door, family)
  const question: Asked = {
    netns: from.netns,
    kind: door.port.protocol.toLowerCase() as Asked['kind'],
    family,
    address,
    port,
    expected: expected(from, fate),
  }
  // One try says all where chance has no part in it.
  const chance = fate.allowed.length + fate.denied.length > 1
  const count = chance ? times : 1
  return { from, door, family, fate, questions: Array.from({ length: count }, (_, nth) => ({ ...question, nth })) }
}

/** Pods that ask: all, or one a host. */
function askers(lab: Lab): Pod[] {
  if (lab.pods.length <= SMALL) return [...lab.pods]
  return lab.hosts.flatMap((h) => lab.pods.find((p) => p.host === h.name) ?? [])
}

/** Who asks a cluster address: those, one of its own endpoints, which may meet itself, and a host. */
function clients(lab: Lab, { port }: Omit<Door, 'host'>, family: Family): Party[] {
  const own = port.endpoints.find((e) => e.family === family && e.pod !== undefined)
  const pod = own && lab.pods.find((p) => p.key === own.pod)
  return [...new Set([...askers(lab), ...(pod ? [pod] : [])]), ...lab.hosts.slice(0, 1)]
}

/** Whether every endpoint may answer everybody who asks: then each must be met. */
const isEven = (knocks: readonly Knock[], n: number): boolean =>
  knocks.every((k) => k.fate.allowed.length === n && k.fate.denied.length === 0 && k.fate.foreign.length === 0)

function clusterPromise(lab: Lab, door: Omit<Door, 'host'>, family: Family, turn: number, isThrifty: boolean): Promise {
  const everybody = clients(lab, door, family)
  const n = door.port.endpoints.filter((e) => e.family === family).length
  const tries = triesFor(n)
  const wanted = isThrifty || tries > MOST_TRIES ? 1 : Math.ceil(tries / Math.max(everybody.length, 1))
  const times = door.service.affinity === undefined ? wanted : RETURNS
  // Linux rations refusals, six in a row for one client: they are dealt over those who ask.
  const from = n === 0 ? everybody.slice(turn % everybody.length).slice(0, 1) : everybody
  const knocks = from.flatMap((p) => knock(lab, p, door, family, times) ?? [])
  const asked = knocks.reduce((sum, k) => sum + k.questions.length, 0)
  return { door, family, kind: 'cluster', knocks, meetsAll: door.service.affinity === undefined && asked >= tries && isEven(knocks, n) }
}

/** Who asks a host's node port: somebody outside, else another host, else the host itself. */
function outsider(lab: Lab, host: Host, family: Family): External | Host {
  return lab.externals.find((x) => addressOf(x, family) !== undefined) ?? lab.hosts.find((h) => h !== host && addressOf(h, family)) ?? host
}

function nodePromise(lab: Lab, door: Omit<Door, 'host'>, family: Family, turn: number): Promise {
  const n = lab.hosts.length
  const hosts = n <= MOST_HOSTS ? lab.hosts : Array.from({ length: MOST_HOSTS }, (_, i) => lab.hosts[(turn * MOST_HOSTS + i) % n]!)
  // The ration of refusals is one for all hosts' answers to one client, and nobody is behind any of them.
  const none = door.port.endpoints.every((e) => e.family !== family)
  const asked = none ? [hosts[turn % hosts.length]!] : hosts
  const times = door.service.affinity === undefined ? 2 : RETURNS
  const knocks = asked.flatMap((host) => knock(lab, outsider(lab, host, family), { ...door, host }, family, times) ?? [])
  return { door, family, kind: 'node', knocks, meetsAll: false }
}

/** An external address, asked by who asks the cluster address and by somebody outside, as far as they have a way to a host. */
function externalPromise(lab: Lab, door: Omit<Door, 'host'> & { readonly external: string }, family: Family, turn: number): Promise {
  const outside = lab.externals.find((x) => addressOf(x, family) !== undefined)
  const everybody = [...clients(lab, door, family), ...(outside ? [outside] : [])]
  const ways = everybody.flatMap((from) => {
    const host = entrance(lab, from, door.port, door.external, family)
    return host && addressOf(from, family) !== undefined ? [{ from, host }] : []
  })
  // The ration of refusals, again.
  const none = door.port.endpoints.every((e) => e.family !== family)
  const asked = none ? ways.slice(turn % Math.max(ways.length, 1)).slice(0, 1) : ways
  const times = door.service.affinity === undefined ? 2 : RETURNS
  const knocks = asked.flatMap(({ from, host }) => knock(lab, from, { ...door, host }, family, times) ?? [])
  return { door, family, kind: 'external', knocks, meetsAll: false }
}

/** External addresses that somebody has no way to, in sentences. */
function unrouted(lab: Lab): string[] {
  const all = lab.services.flatMap((service) =>
    service.clusterIPs.flatMap(({ family }) => externalAddresses(service, family).map((ip) => ({ service, ip, family }))),
  )
  const text = (list: typeof all): string => list.map(({ service, ip }) => `${ip} (${service.key})`).join(', ')
  const foreign = all.filter(({ ip }) => !lab.hosts.some((h) => h.addresses.some((a) => a.ip === ip)))
  const far = foreign.filter(({ service, ip, family }) =>
    service.ports.some(
      (p) => p.endpoints.some((e) => e.family === family) && lab.hosts.slice(0, 1).every((h) => !entrance(lab, h, p, ip, family)),
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

/** Leaves out Services without endpoints that nobody would be refused by any more. */
function rationed(promises: readonly Promise[]): Promise[] {
  const given = new Map<string, number>()
  return promises.filter(({ knocks }) => {
    const [knock] = knocks
    if (knock?.fate.without !== 'refused') return true
    const host = knock.door.host?.name ?? (knock.from.kind === 'pod' ? knock.from.host : knock.from.name)
    const key = `${host} ${knock.from.netns}`
    given.set(key, (given.get(key) ?? 0) + 1)
    return given.get(key)! <= RATION
  })
}

const made = new WeakMap<Scene, ServiceQuestions>()

/** Every question about Services. */
export function serviceQuestions(scene: Scene): ServiceQuestions {
  let found = made.get(scene)
  if (found) return found
  const { lab } = scene
  const untested: string[] = []
  const build = (isThrifty: boolean): Promise[] => {
    let turn = 0
    return lab.services.flatMap((service) =>
      service.ports.flatMap((port) =>
        service.clusterIPs.flatMap(({ family }) => [
          clusterPromise(lab, { service, port }, family, turn++, isThrifty),
          ...(port.nodePort === undefined ? [] : [nodePromise(lab, { service, port }, family, turn)]),
          ...externalAddresses(service, family).map((external) => externalPromise(lab, { service, port, external }, family, turn)),
        ]),
      ),
    )
  }
  const size = (promises: readonly Promise[]): number =>
    promises.reduce((n, p) => n + p.knocks.reduce((m, k) => m + k.questions.length, 0), 0)
  let promises = build(false)
  if (size(promises) > BUDGET) {
    promises = build(true)
    untested.push('that every endpoint of a Service is met: there are too many Services to ask each that often')
  }
  if (promises.length > 0 && lab.pods.length > SMALL)
    untested.push(`Services from ${lab.pods.length - askers(lab).length} pods: one pod of each host asks, and one endpoint`)
  if (promises.some((p) => p.kind === 'node') && lab.hosts.length > MOST_HOSTS)
    untested.push(`node ports on every host: each Service is asked on ${MOST_HOSTS} of ${lab.hosts.length}`)
  untested.push(...unrouted(lab))
  const asked = rationed(promises)
  if (asked.length < promises.length)
    untested.push(
      `${promises.length - asked.length} ports of Services without endpoints: Linux rations refusals, and more at once would look like silence`,
    )
  made.set(scene, (found = { promises: asked, untested }))
  return found
}

/** Endpoints answer as who they are where no container of theirs declares the port: one that does must listen itself. */
export function listenersBehind(lab: Lab, doors: readonly Door[]): Listening[] {
  const nodes = new Map<Party, Map<string, Listening['ports'][number]>>()
  for (const door of doors) {
    const protocol = door.port.protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp'
    for (const e of [...door.port.endpoints, ...(door.port.draining ?? [])]) {
      const node = partyAt(lab, e.ip)
      // Who declares SCTP may have no sockets for it on this kernel.
      if (!node || (protocol !== 'sctp' && declaring(node, protocol, e.port))) continue
      let ports = nodes.get(node)
      if (!ports) nodes.set(node, (ports = new Map()))
      ports.set(`${e.port}/${protocol}`, { protocol, port: e.port })
    }
  }
  return [...nodes].map(([node, ports]) => ({ netns: node.netns, name: nodeName(node), ports: [...ports.values()] }))
}

export const services: Promises = {
  group: 'service',
  listening: (scene) =>
    listenersBehind(
      scene.lab,
      serviceQuestions(scene).promises.map((p) => p.door),
    ),
  questions: (scene) => serviceQuestions(scene).promises.flatMap((p) => p.knocks.flatMap((k) => k.questions)),
  judge: (scene, evidence) => judgeServices(scene, serviceQuestions(scene), evidence),
}
