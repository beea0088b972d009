/**
 * What must come of a connection to a Service: which of its endpoints may answer this client, as whom they see it,
 * and where the packet ends if none may. The rules are those of
 * https://kubernetes.io/docs/reference/networking/virtual-ips/ and, for addresses,
 * https://kubernetes.io/docs/tutorials/services/source-ip/; policies are asked after the translation, so they see
 * the pod that was chosen and its own port.
 */
import { localEndpoints, type Endpoint } from '../../model/endpoints.ts'
import { addressOf, blockOf, type External, type Host, type Lab, type Pod } from '../../model/lab.ts'
import type { Service, ServicePort } from '../../model/services.ts'
import { verdict, type Party, type Verdict } from '../../model/verdict.ts'
import type { Family } from '../../topology/address.ts'
import { nodeName } from '../../trace/places.ts'
import { partyAt } from './parties.ts'

/** Where a Service can be knocked at: its cluster address, or its node port on a host. */
export interface Door {
  readonly service: Service
  readonly port: ServicePort
  /** Whose node port it is; absent: the cluster address. */
  readonly host?: Host
}

/** An endpoint that may answer. */
export interface Allowed {
  readonly endpoint: Endpoint
  /** How it is called, and calls itself. */
  readonly name: string
  /** As whom it may see the client. */
  readonly seen: readonly string[]
}

/** An endpoint that policies keep from this client. */
export interface Denied {
  readonly endpoint: Endpoint
  readonly to: Party
  /** Who knocks, as policies see it: behind a node port it may be the host. */
  readonly from: Party
  readonly verdict: Verdict
}

export interface Fate {
  readonly allowed: readonly Allowed[]
  readonly denied: readonly Denied[]
  /** Endpoints that are no nodes of the lab, or have no way back: nobody knows what comes of them. */
  readonly foreign: readonly Endpoint[]
  /** `refused`: nobody is behind it. `dropped`: nobody here, and the Service is Local. Absent: an endpoint is chosen. */
  readonly without?: 'refused' | 'dropped'
}

const isLocal = ({ service, host }: Door): boolean => (host ? service.externalTrafficPolicy : service.internalTrafficPolicy) === 'Local'

/** Every address a host may put in place of a client's: on the underlay, on the bridge, on a tunnel device. */
export function addressesOfHost(host: Host, family: Family): string[] {
  const block = blockOf(host, family)
  const own = addressOf(host, family)
  return [...(own === undefined ? [] : [own]), ...(block ? [block.network, block.gateway] : [])]
}

/** A host that knocks at another one's node port does so from its underlay address, whatever tunnels there are. */
const asStranger = (host: Host): External => ({ ...host, kind: 'external', podRoutes: false })

/** Who an endpoint's policies are asked about, and the addresses it may see. */
function clientFor(
  from: Party,
  door: Door,
  endpoint: Endpoint,
  family: Family,
): { readonly from: Party; readonly seen: readonly string[] } {
  const own = addressOf(from, family)
  const itself = own === undefined ? [] : [own]
  if (!door.host) return { from, seen: from.kind === 'host' ? addressesOfHost(from, family) : itself }
  const isSameHost = from.kind === 'host' && from.name === door.host.name
  if (isSameHost) return { from, seen: addressesOfHost(door.host, family) }
  const stranger = from.kind === 'host' ? asStranger(from) : from
  if (isLocal(door)) return { from: stranger, seen: itself }
  // SNAT comes last: an endpoint on the host that was asked is judged by the client's address, any other by the host's.
  return { from: endpoint.host === door.host.name ? stranger : door.host, seen: addressesOfHost(door.host, family) }
}

const hostOf = (lab: Lab, pod: Pod): Host => lab.hosts.find((h) => h.name === pod.host)!

/**
 * What must come of it.
 * @param from for a cluster address a pod or a host; for a node port a host or an external
 */
export function fateOf(lab: Lab, from: Party, door: Door, family: Family): Fate {
  const all = door.port.endpoints.filter((e) => e.family === family)
  const none = { allowed: [], denied: [], foreign: [] }
  if (all.length === 0) return { ...none, without: 'refused' }
  const node = door.host?.name ?? (from.kind === 'pod' ? from.host : from.name)
  // A host at its own node port counts as inside.
  const isInside = door.host !== undefined && from.kind === 'host' && from.name === door.host.name
  const here = isLocal(door) && !isInside ? localEndpoints(door.port, node, family) : all
  if (here.length === 0) return { ...none, without: 'dropped' }

  const allowed: Allowed[] = []
  const denied: Denied[] = []
  const foreign: Endpoint[] = []
  for (const endpoint of here) {
    const to = partyAt(lab, endpoint.ip)
    if (!to) {
      foreign.push(endpoint)
      continue
    }
    const name = nodeName(to)
    // A pod that meets itself is seen as its host: hairpin.
    if (to === from && to.kind === 'pod') {
      allowed.push({ endpoint, name, seen: addressesOfHost(hostOf(lab, to), family) })
      continue
    }
    const client = clientFor(from, door, endpoint, family)
    const said = verdict(lab, { from: client.from, to, port: endpoint.port, protocol: door.port.protocol, family })
    if (!said.allowed) denied.push({ endpoint, to, from: client.from, verdict: said })
    else if (to.kind === 'pod') allowed.push({ endpoint, name, seen: client.seen })
    else if (from.kind === 'pod' && !door.host && lab.masquerade && to.kind === 'external')
      allowed.push({ endpoint, name, seen: to.podRoutes ? client.seen : addressesOfHost(hostOf(lab, from), family) })
    else foreign.push(endpoint)
  }
  return { allowed, denied, foreign }
}

/** Doors of a lab by `address port/protocol`. */
const doors = new WeakMap<Lab, ReadonlyMap<string, Door>>()

/** The Service port behind an address and a port, if there is one. */
export function doorAt(lab: Lab, address: string, port: number, protocol: ServicePort['protocol']): Door | undefined {
  let found = doors.get(lab)
  if (!found) {
    const made = new Map<string, Door>()
    for (const service of lab.services) {
      for (const p of service.ports) {
        for (const { ip, family } of service.clusterIPs) {
          made.set(`${ip} ${p.port}/${p.protocol}`, { service, port: p })
          if (p.nodePort === undefined) continue
          for (const host of lab.hosts) {
            const own = addressOf(host, family)
            if (own !== undefined) made.set(`${own} ${p.nodePort}/${p.protocol}`, { service, port: p, host })
          }
        }
      }
    }
    doors.set(lab, (found = made))
  }
  return found.get(`${address} ${port}/${protocol}`)
}
