/**
 * UDP has no end: conntrack goes on sending a client's datagrams where its first one went, also when that pod has left
 * the Service or none was there to answer. kube-proxy deletes such entries (pkg/proxy/conntrack/cleanup.go), and so
 * is done here. TCP connections are left alone: they end by themselves.
 */
import type { Lab } from '../lab/lab.ts'
import type { Service, ServicePort } from '../lab/services/service.ts'
import { portName } from '../lab/services/services.ts'

/** Entries that a change has made stale on every host. */
export interface StaleFlows {
  /** For people: `shop/dns:dns`. */
  readonly port: string
  /** Arguments of `conntrack -D`. */
  readonly match: readonly string[]
}

interface UdpPort {
  readonly service: Service
  readonly port: ServicePort
  readonly endpoints: ReadonlySet<string>
}

function udpPorts(lab: Lab): Map<string, UdpPort> {
  const found = new Map<string, UdpPort>()
  for (const service of lab.services) {
    if (service.clusterIPs.length === 0) continue
    for (const port of service.ports) {
      if (port.protocol === 'UDP')
        found.set(portName(service, port), {
          service,
          port,
          endpoints: new Set([...port.endpoints, ...(port.draining ?? [])].map((e) => e.ip)),
        })
    }
  }
  return found
}

/** What a client may have sent to: addresses with the port, and the node port of any address. */
function frontends({ service, port }: UdpPort): { readonly six: boolean | undefined; readonly match: readonly string[] }[] {
  const at = (ip: string): { six: boolean; match: string[] } => ({
    six: ip.includes(':'),
    match: ['--orig-dst', ip, '--orig-port-dst', String(port.port)],
  })
  return [
    ...service.clusterIPs.map((a) => at(a.ip)),
    ...service.externalIPs.map(at),
    ...(port.nodePort === undefined ? [] : [{ six: undefined, match: ['--orig-port-dst', String(port.nodePort)] }]),
  ]
}

/** Entries to delete after a lab has changed. */
export function staleFlows(before: Lab, after: Lab): StaleFlows[] {
  const now = udpPorts(after)
  const found: StaleFlows[] = []
  for (const [name, old] of udpPorts(before)) {
    const next = now.get(name)
    const add = (six: boolean, match: readonly string[]): void =>
      void found.push({ port: name, match: ['-f', six ? 'ipv6' : 'ipv4', '-p', 'udp', ...match] })
    for (const ip of old.endpoints) {
      if (next?.endpoints.has(ip)) continue
      const isSix = ip.includes(':')
      for (const { six, match } of frontends(old)) if (six === undefined || six === isSix) add(isSix, [...match, '--dst-nat', ip])
    }
    if (!next || old.endpoints.size > 0 || next.endpoints.size === 0) continue
    // The first one has come: earlier clients were sent nowhere.
    for (const { six, match } of frontends(next)) for (const is of six === undefined ? [false, true] : [six]) add(is, match)
  }
  return found
}
