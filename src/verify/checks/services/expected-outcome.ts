/**
 * What must come of a connection to a Service: which of its endpoints may answer this client, as whom they see it,
 * and where the packet ends if none may. The rules are those of
 * https://kubernetes.io/docs/reference/networking/virtual-ips/ and, for addresses,
 * https://kubernetes.io/docs/tutorials/services/source-ip/; policies are asked after the translation, so they see
 * the pod that was chosen and its own port.
 */
import { localEndpoints } from '../../../lab/services/endpoints.ts'
import type { Endpoint } from '../../../lab/services/service.ts'
import { addressOf, blockOf, type External, type Host, type Lab, type Pod } from '../../../lab/lab.ts'
import type { Service, ServicePort } from '../../../lab/services/service.ts'
import { hostSource } from '../../../backends/index.ts'
import { verdict, type Actor, type Verdict } from '../../../lab/policy/verdict.ts'
import { contains, parseCidr, parseIp, type Family } from '../../../topology/address.ts'
import { nodeName } from '../../../trace/predict/places.ts'
import { actorAt } from './actors.ts'

/** Where a Service can be knocked at: its cluster address, its node port on a host, or one of its external addresses. */
export interface ServiceFrontend {
  readonly service: Service
  readonly port: ServicePort
  /** Whose node port it is; of an external address: who translates it for this client. Absent: the cluster address. */
  readonly host?: Host
  /** The external address. */
  readonly external?: string
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
  readonly to: Actor
  /** Who probes, as policies see it: behind a node port it may be the host. */
  readonly from: Actor
  readonly verdict: Verdict
}

export interface ExpectedOutcome {
  readonly allowed: readonly Allowed[]
  readonly denied: readonly Denied[]
  /** Endpoints that are no nodes of the lab, or have no way back: nobody knows what comes of them. */
  readonly foreign: readonly Endpoint[]
  /** `refused`: nobody is behind it. `dropped`: nobody here, and the Service is Local. Absent: an endpoint is chosen. */
  readonly without?: 'refused' | 'dropped'
}

const isLocal = ({ service, host }: ServiceFrontend): boolean =>
  (host ? service.externalTrafficPolicy : service.internalTrafficPolicy) === 'Local'

/** Every address a host may put in place of a client's: on the underlay, on the bridge, on a tunnel device. */
export function addressesOfHost(host: Host, family: Family): string[] {
  const block = blockOf(host, family)
  const own = addressOf(host, family)
  return [...(own === undefined ? [] : [own]), ...(block ? [block.network, block.gateway] : [])]
}

const hostOf = (lab: Lab, pod: Pod): Host => lab.hosts.find((h) => h.name === pod.host)!

/** Whether a host has a route to an address outside the cluster. */
function isRouted(lab: Lab, host: Host, ip: string, family: Family): boolean {
  const segment = lab.segments.find((s) => s.segment === host.segment)
  const onLink = segment?.cidrs.some((cidr) => contains(parseCidr(cidr)!, parseIp(ip)!)) ?? false
  return (
    addressOf(host, family) !== undefined && (onLink || (lab.router !== undefined && segment!.gateways.some((g) => g.family === family)))
  )
}

/**
 * The host that translates an external address for a client; undefined where nothing leads its packets to one. A pod's own host
 * does before it looks for a route, and a host needs some route first. Where there are no endpoints a host lets its own
 * packets go (`filter OUTPUT` refuses cluster addresses only), and refuses a pod's on the way out. Whoever is outside gets as
 * far as a host only if the address is one's own: no router of the lab knows others.
 */
export function entrance(lab: Lab, from: Actor, port: ServicePort, ip: string, family: Family): Host | undefined {
  if (from.kind === 'external') return lab.hosts.find((h) => h.addresses.some((a) => a.ip === ip))
  const host = from.kind === 'pod' ? hostOf(lab, from) : from
  const [some, routed] = [port.endpoints.some((e) => e.family === family), isRouted(lab, host, ip, family)]
  return (from.kind === 'pod' ? some || routed : some && routed) ? host : undefined
}

/** A host that probes at another one's node port does so from its underlay address, whatever tunnels there are. */
const asStranger = (host: Host): External => ({ ...host, kind: 'external', podRoutes: false })

/**
 * A pod at an external address that is not Local: its own host hides it, after its egress was judged. Who runs on that host too
 * is judged by the pod's address, who runs elsewhere by the host's.
 */
function hidden(lab: Lab, from: Pod, host: Host, endpoint: Endpoint, to: Actor, { port }: ServiceFrontend, family: Family): Pod | Host {
  if (endpoint.host === host.name) return from
  const own = verdict(lab, { from, to, port: endpoint.port, protocol: port.protocol, family }, hostSource)
  return own.egress.allowed ? host : from
}

/** Who an endpoint's policies are asked about, and the addresses it may see. */
function clientFor(
  lab: Lab,
  from: Actor,
  to: Actor,
  frontend: ServiceFrontend,
  endpoint: Endpoint,
  family: Family,
): { readonly from: Actor; readonly seen: readonly string[] } {
  const own = addressOf(from, family)
  const itself = own === undefined ? [] : [own]
  if (!frontend.host) return { from, seen: from.kind === 'host' ? addressesOfHost(from, family) : itself }
  if (frontend.external !== undefined && from.kind === 'pod')
    return isLocal(frontend)
      ? { from, seen: itself }
      : { from: hidden(lab, from, frontend.host, endpoint, to, frontend, family), seen: addressesOfHost(frontend.host, family) }
  const isSameHost = from.kind === 'host' && from.name === frontend.host.name
  if (isSameHost) return { from, seen: addressesOfHost(frontend.host, family) }
  const stranger = from.kind === 'host' ? asStranger(from) : from
  if (isLocal(frontend)) return { from: stranger, seen: itself }
  // SNAT comes last: an endpoint on the host that was asked is judged by the client's address, any other by the host's.
  return { from: endpoint.host === frontend.host.name ? stranger : frontend.host, seen: addressesOfHost(frontend.host, family) }
}

/**
 * What must come of it.
 * @param from for a cluster address a pod or a host; for a node port a host or an external; for an external address anybody
 */
export function expectedOutcomeOf(lab: Lab, from: Actor, frontend: ServiceFrontend, family: Family): ExpectedOutcome {
  const all = frontend.port.endpoints.filter((e) => e.family === family)
  const none = { allowed: [], denied: [], foreign: [] }
  if (all.length === 0) return { ...none, without: 'refused' }
  const node = frontend.host?.name ?? (from.kind === 'pod' ? from.host : from.name)
  // A host at its own node port counts as inside, and so do pods at an external address.
  const isInside =
    (frontend.host !== undefined && from.kind === 'host' && from.name === frontend.host.name) ||
    (frontend.external !== undefined && from.kind === 'pod')
  const here = isLocal(frontend) && !isInside ? localEndpoints(frontend.port, node, family) : all
  if (here.length === 0) return { ...none, without: 'dropped' }

  const allowed: Allowed[] = []
  const denied: Denied[] = []
  const foreign: Endpoint[] = []
  for (const endpoint of here) {
    const to = actorAt(lab, endpoint.ip)
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
    const client = clientFor(lab, from, to, frontend, endpoint, family)
    const said = verdict(lab, { from: client.from, to, port: endpoint.port, protocol: frontend.port.protocol, family }, hostSource)
    if (!said.allowed) denied.push({ endpoint, to, from: client.from, verdict: said })
    else if (to.kind === 'pod') allowed.push({ endpoint, name, seen: client.seen })
    else if (from.kind === 'pod' && !frontend.host && lab.masquerade && to.kind === 'external')
      allowed.push({ endpoint, name, seen: to.podRoutes ? client.seen : addressesOfHost(hostOf(lab, from), family) })
    else foreign.push(endpoint)
  }
  return { allowed, denied, foreign }
}

/** Doors of a lab by `address port/protocol`. */
const frontends = new WeakMap<Lab, ReadonlyMap<string, ServiceFrontend>>()

function doorsOf(lab: Lab): Map<string, ServiceFrontend> {
  const made = new Map<string, ServiceFrontend>()
  const outside = new Map<string, ServiceFrontend>()
  for (const service of lab.services) {
    for (const port of service.ports) {
      for (const { ip, family } of service.clusterIPs) {
        made.set(`${ip} ${port.port}/${port.protocol}`, { service, port })
        for (const external of externalAddresses(service, family)) {
          const key = `${external} ${port.port}/${port.protocol}`
          if (!outside.has(key)) outside.set(key, { service, port, external })
        }
        if (port.nodePort === undefined) continue
        for (const host of lab.hosts) {
          const own = addressOf(host, family)
          if (own !== undefined) made.set(`${own} ${port.nodePort}/${port.protocol}`, { service, port, host })
        }
      }
    }
  }
  // Node ports come last in the rules.
  for (const [key, frontend] of outside) made.set(key, frontend)
  return made
}

/** External addresses of a Service in a family. */
export const externalAddresses = (service: Service, family: Family): string[] =>
  service.externalIPs.filter((ip) => parseIp(ip)?.family === family)

/** The Service port behind an address and a port for this client, if there is one. */
export function frontendAt(
  lab: Lab,
  from: Actor,
  address: string,
  port: number,
  protocol: ServicePort['protocol'],
): ServiceFrontend | undefined {
  let found = frontends.get(lab)
  if (!found) frontends.set(lab, (found = doorsOf(lab)))
  const frontend = found.get(`${address} ${port}/${protocol}`)
  if (frontend?.external === undefined) return frontend
  const host = entrance(lab, from, frontend.port, frontend.external, parseIp(address)!.family)
  return host && { ...frontend, host }
}
