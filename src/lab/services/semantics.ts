/**
 * What a Service, or a port of a host that leads to a pod, does with a client's packet, by the rules of Kubernetes alone
 * (https://kubernetes.io/docs/reference/networking/virtual-ips/,
 * https://kubernetes.io/docs/tutorials/services/source-ip/): which Service an address and a port lead to, on which host
 * the packet is translated, which endpoints the client may get, whether they see an address of that host in place of the
 * client's, and whether it is refused or dropped where there is none.
 *
 * `trace`, `test` and `policy explain` all ask here. It needs nothing but the lab, so it stands below the modules that
 * make it so (services/), and knows none of their chains.
 */
import { canonicalIp, contains, parseCidr, parseIp, type Family } from '../../topology/address.ts'
import { addressOf, blockOf, gatewayOf, type Host, type Lab } from '../lab.ts'
import type { Actor } from '../policy/verdict.ts'
import { localEndpoints } from './endpoints.ts'
import { hostPortsOf, hostPortsOn, hostPortText, type Hiding, type HostPort } from './host-ports.ts'
import type { Endpoint, Service, ServicePort } from './service.ts'

/** What a connection is for: a Service is found by it. */
export interface Flow {
  readonly protocol: 'icmp' | 'tcp' | 'udp' | 'sctp'
  /** Destination port; 0 for ICMP. */
  readonly port: number
}

/** One address and port of a Service, of one of its three kinds. */
export interface ServiceFrontend {
  readonly service: Service
  readonly port: ServicePort
  readonly kind: 'cluster' | 'external' | 'node'
  /** What a client connects to. */
  readonly address: string
  /** The host that translates it for a client; absent: no client is given, or none of the hosts does. */
  readonly host?: Host
}

/** A port of a host that leads to a pod. */
export interface HostPortFrontend {
  readonly kind: 'host'
  readonly hostPort: HostPort
  readonly port: ServicePort
  /** What a client connects to. */
  readonly address: string
  readonly host: Host
}

/** What a host gives packets for an address and a port another destination by. */
export type Frontend = ServiceFrontend | HostPortFrontend

/** What people call it: `Service shop/cart`, `host port 80/tcp of pod web`. */
export const frontendText = (f: Frontend): string =>
  f.kind === 'host' ? `host port ${hostPortText(f.hostPort)} of pod ${f.hostPort.pod.key}` : `Service ${f.service.key}`

/**
 * Where a client is, seen from the host that translates: a pod of this host, anywhere else in the pod network, that host
 * itself, or outside.
 */
export type Origin = 'neighbour' | 'pod' | 'host' | 'outside'

/** What a host makes of a new connection to a Service. */
export interface Choice {
  readonly endpoints: readonly Endpoint[]
  /** Endpoints see an address of the host in place of the client's. */
  readonly masquerade: boolean
  /** Why there is no endpoint: the Service has none at all, or its policy Local leaves this host none. */
  readonly without?: 'refused' | 'dropped'
}

export const isWithin = (cidr: string, ip: string): boolean => {
  const [network, address] = [parseCidr(cidr), parseIp(ip)]
  return network !== undefined && address !== undefined && contains(network, address)
}

/** Every address a host may have, and put in place of a client's: on the underlay, on its bridge, on a tunnel device. */
export function addressesOfHost(host: Host, family: Family): string[] {
  const block = blockOf(host, family)
  const own = addressOf(host, family)
  return [...(own === undefined ? [] : [own]), ...(block ? [block.network, block.gateway] : [])]
}

/** A client's own host, which meets its packets first. */
export function ownHost(lab: Lab, from: { readonly kind: string; readonly name: string; readonly host?: string }): Host | undefined {
  const name = from.kind === 'pod' ? from.host : from.kind === 'host' ? from.name : undefined
  return name === undefined ? undefined : lab.hosts.find((h) => h.name === name)
}

/** External addresses of a Service in a family. */
export const externalAddresses = (service: Service, family: Family): string[] =>
  service.externalIPs.filter((ip) => parseIp(ip)?.family === family)

/** Frontends of a lab by `address port/protocol`; node ports, which any address of a host may have, by `family port/protocol`. */
const indexes = new WeakMap<Lab, ReadonlyMap<string, ServiceFrontend>>()

function indexOf(lab: Lab): ReadonlyMap<string, ServiceFrontend> {
  const known = indexes.get(lab)
  if (known) return known
  const made = new Map<string, ServiceFrontend>()
  const add = (at: string, number: number | undefined, frontend: ServiceFrontend): void => {
    const key = `${at} ${number}/${frontend.port.protocol.toLowerCase()}`
    if (number !== undefined && !made.has(key)) made.set(key, frontend)
  }
  const each = lab.services.flatMap((service) => service.ports.flatMap((port) => service.clusterIPs.map((a) => ({ service, port, ...a }))))
  for (const { service, port, ip } of each) add(ip, port.port, { service, port, kind: 'cluster', address: ip })
  for (const { service, port, family } of each) {
    for (const ip of externalAddresses(service, family)) add(canonicalIp(ip), port.port, { service, port, kind: 'external', address: ip })
    add(String(family), port.nodePort, { service, port, kind: 'node', address: '' })
  }
  indexes.set(lab, made)
  return made
}

/**
 * The frontend an address and a port lead to on a host, which has node ports at each of its addresses; `unassigned`: a
 * cluster address and port that no Service has.
 */
export function frontendOn(lab: Lab, host: Host, address: string, { protocol, port }: Flow): Frontend | 'unassigned' | undefined {
  const index = indexOf(lab)
  const at = canonicalIp(address)
  const found = index.get(`${at} ${port}/${protocol}`)
  if (found) return { ...found, host }
  const family = at.includes(':') ? 6 : 4
  const node = index.get(`${family} ${port}/${protocol}`)
  if (node && addressesOfHost(host, family).includes(at)) return { ...node, address, host }
  const hostPort = hostPortOn(lab, host, at, { protocol, port })
  if (hostPort) return hostPort
  const hasServices = lab.services.some((s) => s.clusterIPs.length > 0)
  return hasServices && lab.serviceCIDRs.some((c) => isWithin(c, at)) ? 'unassigned' : undefined
}

/** The frontend an address and a port are for a client, with the host that translates it; undefined: none, or no way to it. */
export function frontendFor(lab: Lab, from: Actor, address: string, { protocol, port }: Flow): Frontend | undefined {
  const index = indexOf(lab)
  const at = canonicalIp(address)
  const found = index.get(`${at} ${port}/${protocol}`)
  if (found) return translated(lab, from, found)
  const node = index.get(`${at.includes(':') ? 6 : 4} ${port}/${protocol}`)
  const host = node && lab.hosts.find((h) => h.addresses.some((a) => a.ip === at))
  if (host) return { ...node, address, host }
  if (hostPortsOf(lab).length === 0) return undefined
  const own = isLoopback4(at) ? lab.hosts.find((h) => h.netns === from.netns) : undefined
  const mapped = own ?? lab.hosts.find((h) => addressesOfHost(h, at.includes(':') ? 6 : 4).includes(at))
  return mapped && hostPortOn(lab, mapped, at, { protocol, port })
}

const isLoopback4 = (ip: string): boolean => ip.startsWith('127.')

/** The host port that an address and a port are on a host; there is none at ::1, where no packet would find its way back. */
function hostPortOn(lab: Lab, host: Host, address: string, { protocol, port }: Flow): HostPortFrontend | undefined {
  const family = address.includes(':') ? 6 : 4
  if (!isLoopback4(address) && !addressesOfHost(host, family).includes(address)) return undefined
  const found = hostPortsOn(lab, host.name).find(
    (p) =>
      hostPortText(p) === `${port}/${protocol}` &&
      (p.ip === undefined || p.ip === address) &&
      p.port.endpoints.some((e) => e.family === family),
  )
  return found && { kind: 'host', hostPort: found, port: found.port, address, host }
}

/** A cluster or external address with the host that translates it for a client; undefined: nothing leads its packets to one. */
export function translated(lab: Lab, from: Actor, frontend: ServiceFrontend): ServiceFrontend | undefined {
  const host = frontend.kind === 'external' ? translatorOf(lab, from, frontend) : ownHost(lab, from)
  if (host) return { ...frontend, host }
  return frontend.kind === 'external' ? undefined : frontend
}

/** The cluster address of a Service port, in a family it has, for a client. */
export function clusterFrontend(lab: Lab, from: Actor, service: Service, port: ServicePort, family: Family): ServiceFrontend {
  const host = ownHost(lab, from)
  const address = service.clusterIPs.find((a) => a.family === family)!.ip
  return { service, port, kind: 'cluster', address, ...(host ? { host } : {}) }
}

/** Whether a host has a route to an address outside the cluster. */
function isRouted(lab: Lab, host: Host, ip: string, family: Family): boolean {
  const segment = lab.segments.find((s) => s.segment === host.segment)
  const onLink = segment?.cidrs.some((cidr) => isWithin(cidr, ip)) ?? false
  return (
    addressOf(host, family) !== undefined &&
    (onLink || (gatewayOf(lab, host.segment) !== undefined && segment!.gateways.some((g) => g.family === family)))
  )
}

/**
 * The host that translates an external address for a client. A pod's own host does before it looks for a route; a host
 * needs some route first. Where there are no endpoints a host lets its own packets go, and refuses a pod's on the way
 * out. A client outside gets as far as a host only if the address is one's own: no router of the lab knows others.
 */
function translatorOf(lab: Lab, from: Actor, { port, address }: ServiceFrontend): Host | undefined {
  const { family } = parseIp(address)!
  const host = ownHost(lab, from)
  if (!host) return lab.hosts.find((h) => h.addresses.some((a) => a.ip === address))
  const [some, routed] = [port.endpoints.some((e) => e.family === family), isRouted(lab, host, address, family)]
  return (from.kind === 'pod' ? some || routed : some && routed) ? host : undefined
}

/** Where a packet's source address is, for the host that translates it: a tunnel's own address counts as the pod network. */
export function originOf(lab: Lab, host: Host, src: string): Origin {
  if (host.blocks.some((b) => isWithin(b.cidr, src))) return 'neighbour'
  if (lab.podCIDRs.some((c) => isWithin(c, src))) return 'pod'
  return isLoopback4(src) || addressesOfHost(host, src.includes(':') ? 6 : 4).includes(canonicalIp(src)) ? 'host' : 'outside'
}

/**
 * What the translating host makes of a new connection. A client of the cluster address keeps its own if it is a pod's.
 * One of a node port or an external address does where externalTrafficPolicy is Local; pods and the host itself count as
 * inside then, and get any endpoint. A port of a host leads to its one pod.
 */
export function choiceOf(frontend: Frontend, origin: Origin, family: Family, hiding: Hiding): Choice {
  if (frontend.kind === 'host') {
    const { port, address } = frontend
    const isHidden = origin === 'neighbour' ? hiding.neighbours : origin === 'host' && (hiding.host || isLoopback4(address))
    return { endpoints: port.endpoints.filter((e) => e.family === family), masquerade: isHidden }
  }
  const { service, port, kind, host } = frontend
  const policy = kind === 'cluster' ? service.internalTrafficPolicy : service.externalTrafficPolicy
  const all = port.endpoints.filter((e) => e.family === family)
  const isAny = policy === 'Cluster' || (kind !== 'cluster' && origin !== 'outside')
  const endpoints = isAny ? all : host ? localEndpoints(port, host.name, family) : []
  const isPod = origin === 'pod' || origin === 'neighbour'
  const masquerade = kind === 'cluster' ? !isPod : policy === 'Cluster' || origin === 'host'
  return {
    endpoints,
    masquerade,
    ...(endpoints.length > 0 ? {} : { without: all.length > 0 ? ('dropped' as const) : ('refused' as const) }),
  }
}

/**
 * Endpoints that a connection to this address can end up at, on any host; each address once.
 * @param netns where it is made: a loopback address is that node's own
 */
export function endpointsBehind(lab: Lab, address: string, flow: Flow, netns?: string): readonly Endpoint[] {
  const hosts = isLoopback4(address) ? lab.hosts.filter((h) => h.netns === netns) : lab.hosts
  const found = hosts.map((h) => frontendOn(lab, h, address, flow)).find((f): f is Frontend => typeof f === 'object')
  // Hosts without a ready one of their own may turn to those about to end.
  const all = [...(found?.port.endpoints ?? []), ...(found?.port.draining ?? [])].filter((e) => (e.family === 6) === address.includes(':'))
  return all.filter((e, i) => all.findIndex((o) => o.ip === e.ip) === i)
}
