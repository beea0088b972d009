/**
 * Attributes of devices that nobody asks for, because a new device has them right, and that somebody changed by hand:
 * found in what `ip -j -d` prints, and the lines that put them back. Pure.
 */
import type { NonDefault, VethEnd } from '../objects.ts'
import { text, type IpLink } from '../kinds/iproute2.ts'

/** Of a bridge's port (ip-link(8), bridge_slave): what a new port has. Hairpin is asked for, the state comes by itself. */
const PORT: Readonly<Record<string, boolean>> = {
  learning: true,
  flood: true,
  mcast_flood: true,
  bcast_flood: true,
  isolated: false,
  guard: false,
  root_block: false,
  proxy_arp: false,
  mcast_to_unicast: false,
  neigh_suppress: false,
  vlan_tunnel: false,
  locked: false,
}

/** Of a bridge (ip-link(8), bridge): what a new one has. */
const BRIDGE: Readonly<Record<string, number | string>> = {
  vlan_filtering: 0,
  stp_state: 0,
  group_fwd_mask: '0',
  ageing_time: 30_000,
  mcast_snooping: 1,
  no_linklocal_learn: 0,
}

/** Words of a VXLAN device that netlab never makes; such a device is made anew. */
const VXLAN = ['remote', 'remote6', 'group', 'group6', 'external', 'gbp', 'gpe', 'proxy', 'rsc', 'l2miss', 'l3miss', 'tos', 'limit']

const CARRIES_NOTHING = 'carries no frames'
const NO_LINK_LOCAL = 'no link-local address'

const onOff = (on: boolean): string => (on ? 'on' : 'off')

/** What nobody asks for and is otherwise, of a device of a type netlab makes. `arp off` is how tunnels without Ethernet are. */
export function nonDefaultLink(link: IpLink): NonDefault {
  const { linkinfo, flags, master } = link
  const kind = linkinfo?.info_kind
  const data = linkinfo?.info_data ?? {}
  const isPort = linkinfo?.info_slave_kind === 'bridge'
  const port: Readonly<Record<string, unknown>> = isPort ? (linkinfo?.info_slave_data ?? {}) : {}
  const differ = (of: Readonly<Record<string, unknown>>, defaults: Readonly<Record<string, unknown>>): [string, unknown][] =>
    Object.keys(defaults).flatMap((k): [string, unknown][] => (of[k] === undefined || of[k] === defaults[k] ? [] : [[k, of[k]]]))
  const isEthernet = kind === 'veth' || kind === 'bridge' || kind === 'vxlan'
  return [
    ...differ(port, PORT).map(([word, value]) => `${word} ${onOff(value === true)}`),
    ...(kind === 'bridge' ? differ(data, BRIDGE).map(([word, value]) => `${word} ${String(value)}`) : []),
    ...(kind === 'vxlan' ? nonDefaultVxlan(data) : []),
    ...(kind === 'gre' || kind === 'ipip' ? nonDefaultTunnel(data) : []),
    ...(isEthernet && flags.includes('NOARP') ? ['arp off'] : []),
    ...(master !== undefined && (!isPort || kind !== 'veth') ? [`master ${master}`] : []),
    ...(link.linkmode === 'DORMANT' ? ['mode dormant'] : []),
  ]
}

function nonDefaultVxlan(data: Readonly<Record<string, unknown>>): string[] {
  const words = VXLAN.filter((word) => data[word] !== undefined && data[word] !== false)
  const ttl = data['ttl'] === undefined || data['ttl'] === 0 || data['ttl'] === 'inherit'
  return [
    ...(data['learning'] === true ? ['learning on'] : []),
    ...words.map((word) => (data[word] === true ? word : `${word} ${String(data[word])}`)),
    ...(ttl ? [] : [`ttl ${String(data['ttl'])}`]),
  ]
}

function nonDefaultTunnel(data: Readonly<Record<string, unknown>>): string[] {
  const { remote, ttl, ikey, okey } = data
  return [
    ...(remote === undefined || remote === 'any' ? [] : [`remote ${text(remote)}`]),
    ...(typeof ttl === 'number' && ttl > 0 ? [`ttl ${ttl}`] : []),
    ...(ikey === okey ? [] : [`ikey ${text(ikey)}`]),
  ]
}

/**
 * Whether IPv6 cannot work on a device although it carries frames: neighbour discovery and routed pods' gateway need
 * its own address.
 * @param speaks6 devices on which IPv6 is on
 */
export function lacksLinkLocal(link: IpLink, speaks6: ReadonlySet<string>): boolean {
  const { ifname, flags, operstate, addr_info: addresses = [] } = link
  if (!speaks6.has(ifname) || link.link_type !== 'ether') return false
  if (!flags.includes('LOWER_UP') || (operstate !== 'UP' && operstate !== 'UNKNOWN')) return false
  return !addresses.some((a) => a.family === 'inet6' && a.scope === 'link')
}
export const noLinkLocal: NonDefault = [NO_LINK_LOCAL]
export const carriesNothing: NonDefault = [CARRIES_NOTHING]

/** Link-local address that a device gives itself (RFC 4291, modified EUI-64). */
function linkLocal(mac: string): string {
  const b = mac.split(':').map((byte) => Number.parseInt(byte, 16))
  const word = (high: number, low: number): string => ((high << 8) | low).toString(16)
  return `fe80::${word(b[0]! ^ 2, b[1]!)}:${word(b[2]!, 0xff)}:${word(0xfe, b[3]!)}:${word(b[4]!, b[5]!)}`
}

/** Lines for `ip -batch` that put non-default attributes of a device back. */
export function resetLines(end: Pick<VethEnd, 'name' | 'mac' | 'port'>, nonDefault: NonDefault): string[] {
  const set = `link set dev ${end.name}`
  return nonDefault.map((what) => {
    const word = what.split(' ')[0]!
    if (what === NO_LINK_LOCAL) return `address replace ${linkLocal(end.mac)}/64 dev ${end.name}`
    // A port may have been told not to forward; any other device is started again.
    if (what === CARRIES_NOTHING) return end.port ? `${set} type bridge_slave state 3` : `${set} down`
    if (word === 'arp') return `${set} arp on`
    if (word === 'master') return `${set} nomaster`
    if (word === 'mode') return `${set} mode default`
    if (word in BRIDGE) return `${set} type bridge ${word} ${BRIDGE[word]}`
    return `${set} type bridge_slave ${word} ${onOff(PORT[word] === true)}`
  })
}
