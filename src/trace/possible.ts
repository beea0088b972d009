/** Where the probe can come by, what to ask there, and the way it should take. */
import type { Lab, Node } from '../model/lab.ts'
import { addressOf } from '../model/lab.ts'
import { parseCidr, parseIp, contains } from '../topology/address.ts'
import type { Knowledge, RouteQuestion } from './knowledge.ts'
import type { Places } from './places.ts'
import { Walk, type PredictedPath } from './predict.ts'
import type { Target } from './targets.ts'

export interface PossibleWay {
  /** Namespaces to listen in: both ends, every host, switch and router. */
  readonly listen: readonly string[]
  /** Those where it will be looked up and where rules are traced. */
  readonly core: readonly string[]
  questions(places: Places): Map<string, RouteQuestion[]>
}

const hostOf = (lab: Lab, node: Node | undefined): Node | undefined =>
  node?.kind === 'pod' ? lab.hosts.find((h) => h.name === node.host) : node?.kind === 'host' ? node : undefined

/** The host whose pod block an address lies in. */
const hostOfBlock = (lab: Lab, address: string): Node | undefined => {
  const ip = parseIp(address)
  return lab.hosts.find((h) => h.blocks.some((b) => contains(parseCidr(b.cidr)!, ip!)))
}

/** Addresses a Service's packets can end up at, in one family. More than these are not predicted: they are seen. */
function endpointsOf(lab: Lab, to: Target): { readonly ip: string; readonly node?: Node }[] {
  const service = lab.services.find((s) => s.name === to.service?.name && s.namespace === to.service.namespace)
  const all = service?.ports.flatMap((p) => p.endpoints).filter((e) => e.family === to.family) ?? []
  return [...new Set(all.map((e) => e.ip))].slice(0, MOST_ENDPOINTS).map((ip) => {
    const node = [...lab.pods, ...lab.hosts].find((n) => n.addresses.some((a) => a.ip === ip))
    return { ip, ...(node ? { node } : {}) }
  })
}

const MOST_ENDPOINTS = 16

export function possibleWay(lab: Lab, from: Node, to: Target): PossibleWay {
  const endpoints = endpointsOf(lab, to)
  const pods = endpoints.flatMap((e) => (e.node ? [e.node] : []))
  const ends = [from, ...(to.node ? [to.node] : []), ...pods]
  const destinationHost = hostOf(lab, to.node) ?? hostOfBlock(lab, to.address)
  const hosts = [hostOf(lab, from), destinationHost, ...pods.map((p) => hostOf(lab, p))].filter((n): n is Node => n !== undefined)
  const shared = [...lab.segments, ...(lab.router ? [lab.router] : [])]
  const unique = (nodes: readonly Node[]): string[] => [...new Set(nodes.map((n) => n.netns))]
  const core = unique([...ends, ...hosts, ...(lab.router ? [lab.router] : [])])
  return {
    listen: unique([...ends, ...lab.hosts, ...shared]),
    core,
    questions(places) {
      const source = ends[0]!
      const src = places.objects.find(
        (o) => o.kind === 'address' && o.ns === source.netns && o.address.includes(':') === to.address.includes(':') && o.dev !== 'lo',
      )
      const srcAddress = src?.kind === 'address' ? src.address.replace(/\/.*/, '') : undefined
      const map = new Map<string, RouteQuestion[]>(unique([...ends, ...hosts, ...shared]).map((ns) => [ns, []]))
      for (const [ns, list] of map) {
        const node = places.node(ns)
        if (node.kind === 'switch') continue
        if (ns === source.netns) list.push({ dst: to.address })
        if (srcAddress === undefined) continue
        if (ns === to.node?.netns) list.push({ dst: srcAddress, src: to.address })
        const here = new Set([source, to.node].flatMap((n) => (n?.kind === 'pod' ? [n.hostInterface] : [])))
        for (const iif of places.routedDevices(ns)) {
          // A routed host has a device a pod; only those of the two ends matter.
          if (node.kind === 'host' && places.nodes.get(places.peer(ns, iif)?.ns ?? '')?.kind === 'pod' && !here.has(iif)) continue
          list.push({ dst: to.address, src: srcAddress, iif }, { dst: srcAddress, src: to.address, iif })
        }
        for (const peer of hosts) {
          if (node.kind !== 'host' || peer === node || peer.kind !== 'host') continue
          list.push(
            { dst: addressOf(peer, 4)!, src: addressOf(node, 4)! },
            { dst: addressOf(node, 4)!, src: addressOf(peer, 4)!, iif: 'eth0' },
          )
        }
        if (node.kind === 'router') {
          for (const a of lab.hosts.filter((h) => hosts.includes(h))) {
            for (const b of lab.hosts.filter((h) => hosts.includes(h) && h !== a)) {
              for (const iif of places.routedDevices(ns)) list.push({ dst: addressOf(b, 4)!, src: addressOf(a, 4)!, iif })
            }
          }
        }
      }
      return map
    },
  }
}

export interface Expectation {
  readonly forward: PredictedPath
  /** Absent when the request is not expected to arrive anywhere. */
  readonly back?: PredictedPath
  /** The address the source will use. */
  readonly source: string
  /** To a Service: the same for each endpoint; the one that is seen counts. */
  readonly endpoints?: readonly (Expectation & { readonly endpoint: string })[]
}

/** Walks there and back. */
export async function expectation(
  places: Places,
  knowledge: Knowledge,
  from: Target & { readonly node: Node },
  to: Target,
): Promise<Expectation> {
  const { lab } = places
  const start = await knowledge.route(from.node.netns, { dst: to.address })
  const source = start.src ?? from.address
  const endpoints = endpointsOf(lab, to)
  if (endpoints.length > 0) {
    const each: (Expectation & { readonly endpoint: string })[] = []
    for (const { ip } of endpoints) each.push({ ...(await throughService(places, knowledge, from, to, source, ip)), endpoint: ip })
    return { ...each[0]!, endpoints: each }
  }
  const forward = await new Walk(places, knowledge).run(from.node.netns, source, to.address)
  if (forward.end !== 'delivered') return { forward, source }
  const translator = translatorOf(lab, from.node, to)
  if (!translator) return { forward, source, back: await new Walk(places, knowledge).run(forward.at, to.address, source, to.address) }
  // Masqueraded: the answer goes to the host, which sends it on to the pod.
  const address = addressOf(translator, from.family)
  if (address === undefined) return { forward, source }
  const walk = new Walk(places, knowledge)
  const back = await walk.run(forward.at, to.address, address, to.address)
  const last = walk.steps.at(-1)
  if (back.end !== 'delivered' || back.at !== translator.netns || !last) return { forward, source, back }
  walk.steps.pop()
  return { forward, source, back: await walk.resume({ ns: last.ns, device: last.device }, to.address, source) }
}

/** There by way of the Service's address, back from the endpoint: hosts undo the translation without changing the way. */
async function throughService(
  places: Places,
  knowledge: Knowledge,
  from: Target & { readonly node: Node },
  to: Target,
  source: string,
  endpoint: string,
): Promise<Expectation> {
  const forward = await new Walk(places, knowledge, { address: to.address, endpoint }).run(from.node.netns, source, to.address)
  // A pod that reaches itself is masqueraded, and so is a host: where the answer goes then is seen, not predicted.
  if (forward.end !== 'delivered' || forward.at === from.node.netns || from.node.kind !== 'pod') return { forward, source }
  return { forward, source, back: await new Walk(places, knowledge).run(forward.at, endpoint, source, endpoint) }
}

/** The host that masquerades what this pod sends there, if any. */
function translatorOf(lab: Lab, from: Node, to: Target) {
  if (!lab.masquerade || from.kind !== 'pod') return undefined
  const outside = to.node?.kind === 'router' || (to.node?.kind === 'external' && !to.node.podRoutes)
  return outside ? lab.hosts.find((h) => h.name === from.host) : undefined
}
