/** Where the probe can come by, what to ask there, and the way it should take. */
import { addressOf, nodesOf, type Lab, type Node } from '../../lab/lab.ts'
import { hostPortsOf } from '../../lab/services/host-ports.ts'
import { endpointsBehind } from '../../lab/services/semantics.ts'
import { parseCidr, parseIp, contains } from '../../topology/address.ts'
import type { LiveState, RouteQuestion } from './live-state.ts'
import type { Places } from './places.ts'
import type { Identity } from '../diagnose/identity.ts'
import type { PredictedPath } from './path.ts'
import { Walk } from './predict.ts'
import type { Target } from './targets.ts'

export interface ProbeScope {
  /** Namespaces to listen in: both ends, every host, switch and router. */
  readonly listen: readonly string[]
  /** Those where it will be looked up and where rules are traced. */
  readonly core: readonly string[]
  /** Whether hosts may translate its addresses and ports: Services, masquerading, and whatever is not known. */
  readonly translated: boolean
  questions(places: Places): Map<string, RouteQuestion[]>
}

const hostOf = (lab: Lab, node: Node | undefined): Node | undefined =>
  node?.kind === 'pod' ? lab.hosts.find((h) => h.name === node.host) : node?.kind === 'host' ? node : undefined

/** The host whose pod block an address lies in. */
const hostOfBlock = (lab: Lab, address: string): Node | undefined => {
  const ip = parseIp(address)
  return lab.hosts.find((h) => h.blocks.some((b) => contains(parseCidr(b.cidr)!, ip!)))
}

/** Where a connection to a Service or a port of a host can end, in one family. */
function endpointsOf(lab: Lab, from: Node, to: Target): { readonly ip: string; readonly node?: Node }[] {
  if (!to.flow) return []
  const owners = new Map(nodesOf(lab).flatMap((n) => ('addresses' in n ? n.addresses.map((a) => [a.ip, n] as const) : [])))
  return endpointsBehind(lab, to.address, to.flow, from.netns).map(({ ip }) => {
    const node = owners.get(ip)
    return { ip, ...(node ? { node } : {}) }
  })
}

/** So many are predicted beforehand; another one when it was seen. */
const MAX_ENDPOINTS = 16
/** Of so many the route lookups are asked for beforehand; the others' when they come up. */
const MAX_ASKED = 4

export function probeScope(lab: Lab, from: Node, to: Target): ProbeScope {
  const endpoints = endpointsOf(lab, from, to)
  const pods = endpoints.flatMap((e) => (e.node ? [e.node] : []))
  const ends = [from, ...(to.node ? [to.node] : []), ...pods.slice(0, MAX_ENDPOINTS)]
  const destinationHost = hostOf(lab, to.node) ?? hostOfBlock(lab, to.address)
  const hosts = [hostOf(lab, from), destinationHost, ...pods.map((p) => hostOf(lab, p))].filter((n): n is Node => n !== undefined)
  const shared = [...lab.segments, ...lab.routers]
  const unique = (nodes: readonly Node[]): string[] => [...new Set(nodes.map((n) => n.netns))]
  const core = unique([...ends, ...hosts, ...lab.routers])
  return {
    listen: unique([...ends, ...pods, ...lab.hosts, ...shared]),
    core,
    translated: !(
      (to.node?.kind === 'pod' || (to.node?.kind === 'host' && lab.services.length + hostPortsOf(lab).length === 0)) &&
      to.service === undefined
    ),
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
          for (const { ip } of endpoints.slice(0, MAX_ASKED))
            list.push({ dst: ip, src: srcAddress, iif }, { dst: srcAddress, src: ip, iif })
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
  /** Of a Service's endpoints, the one this is about. */
  readonly endpoint?: string
  /** Where there are several: the same for each; the one that is seen counts. */
  readonly endpoints?: readonly (Expectation & { readonly endpoint: string })[]
}

/** What a walk is about. */
export interface Scene {
  readonly places: Places
  readonly liveState: LiveState
  readonly from: Target & { readonly node: Node }
  readonly to: Target
  readonly identity: Pick<Identity, 'protocol'>
}

/** By namespace: devices that the packet was seen to leave by, there and back. */
export interface Taken {
  readonly forward: ReadonlyMap<string, ReadonlySet<string>>
  readonly back: ReadonlyMap<string, ReadonlySet<string>>
}

/** Walks there and back. */
export async function expectation(scene: Scene): Promise<Expectation> {
  const { places, liveState, from, to } = scene
  const { lab } = places
  const start = await liveState.route(from.node.netns, { dst: to.address })
  const source = start.src ?? from.address
  const each: Expectation[] = []
  const endpoints = endpointsOf(lab, from.node, to).slice(0, MAX_ENDPOINTS)
  for (const endpoint of endpoints.length > 0 ? endpoints.map((e) => e.ip) : [undefined])
    each.push(await thereAndBack(scene, source, endpoint))
  // Not every host lets a client have every endpoint.
  const likely = each.find((e) => e.forward.end === 'delivered') ?? each[0]!
  if (each.length < 2) return likely
  return { ...likely, endpoints: each.filter((e): e is Expectation & { readonly endpoint: string } => e.endpoint !== undefined) }
}

/** The same for an endpoint that was not among those predicted beforehand, but is where the probe went; undefined: it was, or is none. */
export async function expectationOf(
  scene: Scene & { readonly expected: Expectation },
  seen: ReadonlySet<string>,
): Promise<Expectation | undefined> {
  const { places, from, to, expected } = scene
  const { endpoints } = expected
  if (!endpoints || endpoints.some((e) => seen.has(e.endpoint))) return undefined
  const chosen = endpointsOf(places.lab, from.node, to).find((e) => seen.has(e.ip))
  return chosen && { ...(await thereAndBack(scene, expected.source, chosen.ip)), endpoints }
}

/** The same by the paths that the probe and the answer took, where nodes had several of equal cost; undefined: there were none. */
export async function expectationAlong(scene: Scene & { readonly expected: Expectation }, taken: Taken): Promise<Expectation | undefined> {
  const { source, endpoint, endpoints, forward, back } = scene.expected
  if (forward.branches.length + (back?.branches.length ?? 0) === 0) return undefined
  const walked = await thereAndBack(scene, source, endpoint, taken)
  const along = endpoint === undefined ? walked : { ...walked, endpoint }
  if (!endpoints) return along
  return { ...along, endpoints: endpoints.map((e) => (e.endpoint === endpoint ? { ...e, ...along, endpoint } : e)) }
}

/** There, and from where it got back to whom it came from: hosts that translated on the way there undo it. */
async function thereAndBack(scene: Scene, source: string, endpoint: string | undefined, taken?: Taken): Promise<Expectation> {
  const { places, liveState, from, to } = scene
  const isIcmp = scene.identity.protocol === 'icmp'
  const walk = new Walk(places, liveState, {
    ...(to.flow ? { flow: to.flow } : {}),
    endpoint,
    isIcmp,
    ...(taken ? { taken: taken.forward } : {}),
  })
  const forward = await walk.run(from.node.netns, source, to.address)
  const expected = { forward, source, ...(endpoint === undefined ? {} : { endpoint }) }
  if (forward.end !== 'delivered') return expected
  const { src, dst } = walk.packet
  const way = { back: walk.masqueraded, isIcmp, ...(taken ? { taken: taken.back } : {}) }
  const back = await new Walk(places, liveState, way).run(forward.at, dst, src, dst)
  return { ...expected, back }
}
