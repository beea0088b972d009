/**
 * What hosts do to the addresses of a connection's first packet, from the model: kube-proxy's chains (services/port.ts)
 * and the masquerade at the cluster's edge (compile/masquerade.ts), in words of addresses instead of rules. Pure.
 */
import { localEndpoints } from '../../lab/services/endpoints.ts'
import type { Endpoint } from '../../lab/services/service.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import type { Service, ServicePort } from '../../lab/services/service.ts'
import { contains, parseCidr, parseIp } from '../../topology/address.ts'

/** What a connection is for: a Service is found by it. */
export interface Flow {
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  /** Destination port; 0 for ICMP. */
  readonly port: number
}

/** A port of a Service, and by which of its addresses it was met. */
export interface Portal {
  readonly service: Service
  readonly port: ServicePort
  readonly by: 'cluster address' | 'external address' | 'node port'
}

const within = (cidr: string, ip: string): boolean => {
  const [network, address] = [parseCidr(cidr), parseIp(ip)]
  return network !== undefined && address !== undefined && contains(network, address)
}
const sameIp = (a: string, b: string): boolean => {
  const [x, y] = [parseIp(a), parseIp(b)]
  return x !== undefined && x.family === y?.family && x.value === y.value
}

/** Addresses a host takes for its own: the underlay's, and those of its bridge and tunnel. */
const isLocal = (host: Host, ip: string): boolean =>
  host.addresses.some((a) => sameIp(a.ip, ip)) || host.blocks.some((b) => sameIp(b.gateway, ip) || sameIp(b.network, ip))

const hasRules = (lab: Lab): boolean => lab.services.some((s) => s.clusterIPs.length > 0)

/** The Service port an address and a port lead to in the rules of this host; `nobody`: a cluster address that none has. */
export function portalAt(lab: Lab, host: Host, dst: string, { protocol, port }: Flow): Portal | 'nobody' | undefined {
  if (!hasRules(lab)) return undefined
  const ports = lab.services.flatMap((service) =>
    service.ports.filter((p) => p.protocol.toLowerCase() === protocol).map((p) => ({ service, port: p })),
  )
  const families = (service: Service): boolean => service.clusterIPs.some((a) => (a.family === 6) === dst.includes(':'))
  const open = ports.filter((p) => p.port.port === port)
  const cluster = open.find((p) => p.service.clusterIPs.some((a) => sameIp(a.ip, dst)))
  if (cluster) return { ...cluster, by: 'cluster address' }
  const external = open.find((p) => p.service.externalIPs.some((ip) => sameIp(ip, dst)))
  if (external) return { ...external, by: 'external address' }
  const node = isLocal(host, dst) && ports.find((p) => p.port.nodePort === port && families(p.service))
  if (node) return { ...node, by: 'node port' }
  return lab.serviceCIDRs.some((c) => within(c, dst)) ? 'nobody' : undefined
}

/** Which endpoints a host lets a client have, and whether they see an address of the host instead of the client's. */
export function choiceAt(
  lab: Lab,
  host: Host,
  { service, port, by }: Portal,
  src: string,
): { readonly endpoints: readonly Endpoint[]; readonly masquerade: boolean } {
  const family = src.includes(':') ? 6 : 4
  const all = port.endpoints.filter((e) => e.family === family)
  const here = localEndpoints(port, host.name, family)
  const isPod = lab.podCIDRs.some((c) => within(c, src))
  // A tunnel's own address lies in the pod network, too: kube-proxy goes by the network.
  if (by === 'cluster address') return { endpoints: service.internalTrafficPolicy === 'Local' ? here : all, masquerade: !isPod }
  if (service.externalTrafficPolicy === 'Cluster') return { endpoints: all, masquerade: true }
  if (isPod) return { endpoints: all, masquerade: false }
  return isLocal(host, src) ? { endpoints: all, masquerade: true } : { endpoints: here, masquerade: false }
}

/** Whether what a pod sends there leaves the cluster, and so under its host's address. */
export function leavesCluster(lab: Lab, src: string, dst: string): boolean {
  if (!lab.masquerade || !lab.podCIDRs.some((c) => within(c, src))) return false
  if ([...lab.podCIDRs, ...lab.serviceCIDRs].some((c) => within(c, dst))) return false
  const isRouter = lab.router !== undefined && lab.segments.some((s) => s.gateways.some((g) => sameIp(g.ip, dst)))
  if (!isRouter && lab.segments.some((s) => s.cidrs.some((c) => within(c, dst)))) return false
  return !lab.externals.some((x) => x.podRoutes && x.addresses.some((a) => sameIp(a.ip, dst)))
}

/** Addresses that a connection to this one can end up at: those of a Service's endpoints, each once. */
export function endpointsBehind(lab: Lab, dst: string, flow: Flow): readonly Endpoint[] {
  const portal = lab.hosts.map((h) => portalAt(lab, h, dst, flow)).find((p): p is Portal => p !== undefined && p !== 'nobody')
  // Hosts without a ready one of their own may turn to those about to end.
  const all = [...(portal?.port.endpoints ?? []), ...(portal?.port.draining ?? [])].filter((e) => (e.family === 6) === dst.includes(':'))
  return all.filter((e, i) => all.findIndex((o) => o.ip === e.ip) === i)
}
