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

const hostOf = (lab: Lab, node: Node | undefined): Node | undefined => (node?.kind === 'pod' ? lab.hosts.find((h) => h.name === node.host) : node?.kind === 'host' ? node : undefined)

/** The host whose pod block an address lies in. */
const hostOfBlock = (lab: Lab, address: string): Node | undefined => {
  const ip = parseIp(address)
  return lab.hosts.find((h) => h.blocks.some((b) => contains(parseCidr(b.cidr)!, ip!)))
}

export function possibleWay(lab: Lab, from: Node, to: Target): PossibleWay {
  const ends = [from, ...(to.node ? [to.node] : [])]
  const destinationHost = hostOf(lab, to.node) ?? hostOfBlock(lab, to.address)
  const hosts = [hostOf(lab, from), destinationHost].filter((n): n is Node => n !== undefined)
  // A Service's endpoint can be anywhere.
  const candidates = to.node || destinationHost ? hosts : lab.hosts
  const shared = [...lab.segments, ...(lab.router ? [lab.router] : [])]
  const unique = (nodes: readonly Node[]): string[] => [...new Set(nodes.map((n) => n.netns))]
  const core = unique([...ends, ...candidates, ...hosts, ...(lab.router ? [lab.router] : [])])
  return {
    listen: unique([...ends, ...lab.hosts, ...shared, ...(to.service ? lab.pods : [])]),
    core,
    questions(places) {
      const source = ends[0]!
      const src = places.objects.find((o) => o.kind === 'address' && o.ns === source.netns && o.address.includes(':') === to.address.includes(':') && o.dev !== 'lo')
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
          list.push({ dst: addressOf(peer, 4)!, src: addressOf(node, 4)! }, { dst: addressOf(node, 4)!, src: addressOf(peer, 4)!, iif: 'eth0' })
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
}

/** Walks there and back. */
export async function expectation(places: Places, knowledge: Knowledge, from: Target & { readonly node: Node }, to: Target): Promise<Expectation> {
  const { lab } = places
  const start = await knowledge.route(from.node.netns, { dst: to.address })
  const source = start.src ?? from.address
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

/** The host that masquerades what this pod sends there, if any. */
function translatorOf(lab: Lab, from: Node, to: Target) {
  if (!lab.masquerade || from.kind !== 'pod') return undefined
  const outside = to.node?.kind === 'router' || (to.node?.kind === 'external' && !to.node.podRoutes)
  return outside ? lab.hosts.find((h) => h.name === from.host) : undefined
}
