/**
 * UDP has no end: conntrack goes on sending a client's datagrams where its first one went, also when that pod has left
 * the Service, or when nothing translated it yet: before the first endpoint was ready, before the node port or the external
 * address was there. kube-proxy deletes entries for an address of a Service that are answered by none of its endpoints
 * (pkg/proxy/conntrack/cleanup.go), and so is done here, for ports of hosts as well. TCP connections are left alone: they end
 * by themselves.
 */
import { addressOf, type Lab } from '../lab/lab.ts'
import { hostPortsOf } from '../lab/services/host-ports.ts'
import { addressesOfHost } from '../lab/services/semantics.ts'
import type { TrackedFlow } from '../netns/netlink/connections.ts'
import { canonicalIp, type Family } from '../topology/address.ts'

const keyOf = (address: string, port: number): string => `${canonicalIp(address)} ${port}`

/** Endpoints by the addresses and ports of the UDP Services they are behind; node ports at each address of every host, host ports at those of theirs. */
function frontends(lab: Lab): Map<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>()
  const hosts = (family: Family): string[] => lab.hosts.filter((h) => addressOf(h, family)).flatMap((h) => addressesOfHost(h, family))
  for (const service of lab.services) {
    for (const port of service.ports) {
      if (port.protocol !== 'UDP') continue
      const endpoints = new Set([...port.endpoints, ...(port.draining ?? [])].map((e) => e.ip))
      for (const { ip, family } of service.clusterIPs) {
        found.set(keyOf(ip, port.port), endpoints)
        if (port.nodePort !== undefined) for (const host of hosts(family)) found.set(keyOf(host, port.nodePort), endpoints)
      }
      if (service.clusterIPs.length > 0) for (const ip of service.externalIPs) found.set(keyOf(ip, port.port), endpoints)
    }
  }
  for (const { port, host: name, ip } of hostPortsOf(lab)) {
    const host = lab.hosts.find((h) => h.name === name)!
    for (const family of port.protocol === 'UDP' ? ([4, 6] as const) : []) {
      const endpoints = port.endpoints.filter((e) => e.family === family).map((e) => e.ip)
      const held = ip === undefined ? [...addressesOfHost(host, family), ...(family === 4 ? [LOOPBACK] : [])] : [ip]
      // Every host has that address: its pods' are told apart by what they are.
      for (const at of endpoints.length > 0 ? held : [])
        found.set(keyOf(at, port.port), new Set([...endpoints, ...(at === LOOPBACK ? (found.get(keyOf(at, port.port)) ?? []) : [])]))
    }
  }
  return found
}

const LOOPBACK = '127.0.0.1'

/** Whether a flow leads elsewhere than it should after a lab has changed; undefined: the change is about no UDP Service. */
export function staleFlows(before: Lab, after: Lab): ((flow: TrackedFlow) => boolean) | undefined {
  const [was, is] = [frontends(before), frontends(after)]
  const asText = (map: ReadonlyMap<string, ReadonlySet<string>>): string =>
    [...map]
      .map(([key, ips]) => `${key} ${[...ips].sort().join()}`)
      .sort()
      .join('\n')
  if (asText(was) === asText(is)) return undefined
  return ({ address, port, answeredBy }) => {
    const key = keyOf(address, port)
    const endpoints = is.get(key)
    // Where there is none now, those that lead to a pod that was one.
    return endpoints && endpoints.size > 0 ? !endpoints.has(answeredBy) : was.get(key)?.has(answeredBy) === true
  }
}
