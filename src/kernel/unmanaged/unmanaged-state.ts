/**
 * What somebody brought into a lab's namespaces that is no kernel object of netlab's, and can stop packets all the
 * same: devices of other kinds, queues, nftables, neighbours by proxy, entries of a bridge, settings. `up` leaves it
 * alone; `status` names it. Pure.
 */
import { nonDefaultState, type NonDefaultState } from './dumps.ts'
import type { KernelObject } from '../objects.ts'
import type { IpFdb, IpLink } from '../kinds/iproute2.ts'
import { isAutomatic, shownType } from '../links/index.ts'
import { nonDefaultSettings, type WatchedSettings } from './sysctls.ts'

export interface UnmanagedObject {
  readonly state: 'unexpected' | 'changed' | 'missing'
  readonly ns: string
  readonly object: string
  readonly details: readonly string[]
}

/** Devices that modules put into every namespace by themselves, beside those of the types netlab makes. */
const AUTOMATIC = /^(sit0|ip6tnl0|ip6gre0|ip_vti0|ip6_vti0|teql0)$/

const unexpected = (ns: string, object: string, details: readonly string[] = []): UnmanagedObject => ({
  state: 'unexpected',
  ns,
  object: `${object} in ${ns}`,
  details,
})

/** Devices of kinds that netlab does not make, and programs on devices. */
export function strangeDevices(ns: string, links: readonly IpLink[]): UnmanagedObject[] {
  return links.flatMap((link): UnmanagedObject[] => {
    const kind = link.linkinfo?.info_kind
    const isKnown = kind === 'veth' || shownType(link) !== undefined || isAutomatic(link.ifname) || AUTOMATIC.test(link.ifname)
    return [
      ...(isKnown ? [] : [unexpected(ns, `${kind ?? 'unknown'} device ${link.ifname}`)]),
      ...(link.xdp ? [unexpected(ns, `XDP program on ${link.ifname}`)] : []),
    ]
  })
}

export interface IpNeighbour {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
  readonly state?: readonly string[]
}

/** Neighbours that are never asked for again (`noarp`), but for groups, which the kernel has by itself. */
export function strangeNeighbours(ns: string, noarp: readonly IpNeighbour[], proxied: readonly IpNeighbour[]): UnmanagedObject[] {
  const isOnes = ({ dst, lladdr = '' }: IpNeighbour): boolean =>
    /^([\da-f]{2}:){5}[\da-f]{2}$/.test(lladdr) &&
    lladdr !== '00:00:00:00:00:00' &&
    (Number.parseInt(lladdr.slice(0, 2), 16) & 1) === 0 &&
    !/^(ff|22[4-9]\.|23\d\.)/.test(dst)
  return [
    ...noarp.filter(isOnes).map((n) => unexpected(ns, `neighbour ${n.dst} on ${n.dev}`, [`lladdr is ${n.lladdr}, without ARP`])),
    ...proxied.map((n) => unexpected(ns, `proxied neighbour ${n.dst} on ${n.dev}`)),
  ]
}

/** Static entries of bridges: frames for these addresses go where somebody said. Ports' own addresses are there by themselves. */
export function strangeForwarding(ns: string, entries: readonly IpFdb[], links: readonly IpLink[]): UnmanagedObject[] {
  const own = new Set(links.map((l) => l.address))
  return entries
    .filter((f) => f.master !== undefined && (f.state === 'static' || f.state === 'permanent') && !own.has(f.mac))
    .filter((f) => (Number.parseInt(f.mac.slice(0, 2), 16) & 1) === 0)
    .map((f) => unexpected(ns, `FDB entry ${f.mac} on ${f.ifname}`, [`${f.state} in bridge ${f.master}`]))
}

/** Tables that iptables makes: their chains are kernel objects. Those of a trace go with it. */
const isIptables = ({ family, name }: NonDefaultState['tables'][number]): boolean =>
  (family === 'ip' || family === 'ip6') && ['filter', 'nat', 'mangle', 'raw'].includes(name)

/** What the dumps show, and what else has to be read because of it. */
export function strangeDumps(
  ns: string,
  output: string,
  links: readonly IpLink[],
): { readonly found: UnmanagedObject[]; readonly rules: NonDefaultState['rules']; readonly iptables: readonly (4 | 6)[] } {
  const { rules, qdiscs, tables } = nonDefaultState(output)
  const name = (ifindex: number): string => links.find((l) => l.ifindex === ifindex)?.ifname ?? `if${ifindex}`
  const others = tables.filter((t) => !isIptables(t) && !t.name.startsWith('netlab_trace_'))
  return {
    found: [
      ...qdiscs.map((q) => unexpected(ns, `qdisc ${q.kind} on ${name(q.ifindex)}`)),
      ...others.map((t) => unexpected(ns, `nftables table ${t.family} ${t.name}`)),
    ],
    rules,
    iptables: ([4, 6] as const).filter((f) => tables.some((t) => isIptables(t) && t.family === (f === 4 ? 'ip' : 'ip6'))),
  }
}

/** Tables of the other iptables, which this one does not show: `filter`, one a line of /proc/net/ip_tables_names. */
export function strangeLegacyTables(ns: string, family: 4 | 6, names: string): UnmanagedObject[] {
  return names
    .split('\n')
    .filter(Boolean)
    .map((name) => unexpected(ns, `legacy ${family === 4 ? 'iptables' : 'ip6tables'} table ${name}`))
}

export function strangeSettings(ns: string, watched: WatchedSettings, output: string): UnmanagedObject[] {
  return nonDefaultSettings(watched, output).map((s) => ({
    state: 'changed',
    ns,
    object: `sysctl ${s.key} in ${ns}`,
    details: [`value is ${s.value}, baseline is ${s.expected}`],
  }))
}

/** Names of the devices that are asked for in a namespace. */
export function devicesIn(ns: string, objects: readonly KernelObject[]): Set<string> {
  return new Set(
    objects.flatMap((o) => {
      if (o.kind === 'veth') return [...(o.ns === ns ? [o.name] : []), ...(o.peer.ns === ns ? [o.peer.name] : [])]
      return o.kind === 'link' && o.ns === ns ? [o.name] : []
    }),
  )
}
