/** What both ways of leading ports of hosts to pods write, in the words of `iptables-save`. */
import type { Feature } from '../../kernel/features/feature.ts'
import type { Chain, Sysctl } from '../../kernel/objects.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import { hostPortsOf, hostPortsOn, type HostPort } from '../../lab/services/host-ports.ts'
import type { Endpoint } from '../../lab/services/service.ts'
import { bits, type Family } from '../../topology/address.ts'

/** A port of a host in one family. */
export interface Mapping extends HostPort {
  readonly endpoint: Endpoint
}

/** What a kernel must have, by the families in which some port leads to a pod. */
export function hostPortNeeds(lab: Lab): Feature[] {
  const families = new Set(hostPortsOf(lab).flatMap((p) => p.port.endpoints.map((e) => e.family)))
  return [...(families.has(4) ? (['host-ports'] as const) : []), ...(families.has(6) ? (['host-ports6'] as const) : [])]
}

/** Ports of a host that lead to pods in a family. */
export const mappingsOn = (host: Host, lab: Lab, family: Family): Mapping[] =>
  hostPortsOn(lab, host.name).flatMap((p) => p.port.endpoints.filter((e) => e.family === family).map((endpoint) => ({ ...p, endpoint })))

export const single = (family: Family, ip: string): string => `${ip}/${bits(family)}`

/** `-d 192.168.50.11/32 -p tcp -m tcp --dport 8080`: what is for the port. */
export function toHostPort({ ip, port, endpoint }: Mapping, source?: string): string {
  const protocol = port.protocol.toLowerCase()
  const ends = `${source === undefined ? '' : `-s ${source} `}${ip === undefined ? '' : `-d ${single(endpoint.family, ip)} `}`
  return `${ends}-p ${protocol} -m ${protocol} --dport ${port.port} `
}

/** DNAT to the pod's own port. */
export const toPod = ({ endpoint: { family, ip, port } }: Mapping): string =>
  `-j DNAT --to-destination ${family === 4 ? `${ip}:${port}` : `[${ip}]:${port}`}`

/** Chains of one host in one family. */
export const chainsOf =
  (host: Host, family: Family) =>
  (
    table: Chain['table'],
    chain: string,
    rules: readonly string[],
    more: Partial<Pick<Chain, 'builtin' | 'from' | 'note'>> = {},
  ): Chain => ({
    kind: 'chain',
    ns: host.netns,
    from: host.source,
    family,
    table,
    chain,
    builtin: false,
    rules,
    ...more,
  })

/** Without it the kernel takes no answer for 127.0.0.1 from a device, and sends nothing from there by one (ip-sysctl.rst). */
export const routeLocalnet = (host: Host, dev: string): Sysctl => ({
  kind: 'sysctl',
  ns: host.netns,
  from: host.source,
  key: `net/ipv4/conf/${dev}/route_localnet`,
  value: '1',
  dev,
  note: "the host's own connections to 127.0.0.1 reach pods by this device",
})
