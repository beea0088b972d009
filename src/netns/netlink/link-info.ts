/**
 * What is particular to a type of device (IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA, linux/if_link.h, if_tunnel.h), in the
 * words and units of `ip -d`. A type that is not in the table has its kind alone. Pure.
 */
import { addressText } from './address.ts'
import type { Attributes } from './message.ts'

export type Data = Readonly<Record<string, unknown>>
type Name = (index: number) => string
type Decoder = (a: Attributes, name: Name) => Data

/** Fields that are there. */
function present(fields: Readonly<Record<string, unknown>>): Data {
  const found: Record<string, unknown> = {}
  for (const word in fields) if (fields[word] !== undefined) found[word] = fields[word]
  return found
}

/** Fields by word: the attribute, and how it is read. */
type Fields = readonly (readonly [word: string, type: number, read: 'flag' | 'u8' | 'u16' | 'u32'])[]

/** Adds the fields that are there. */
function read(a: Attributes, fields: Fields, into: Record<string, unknown>): void {
  for (const [word, type, how] of fields) {
    const value = how === 'flag' ? flag(a.u8(type)) : a[how](type)
    if (value !== undefined) into[word] = value
  }
}

const flag = (value: number | undefined): boolean | undefined => (value === undefined ? undefined : value !== 0)
const hex = (value: number | undefined): string | undefined => value?.toString(16)
/** A type of service that was given; 1 is that of the packet inside. */
const given0x = (tos: number | undefined): string | undefined => (tos ? `0x${tos.toString(16)}` : undefined)

/** An address that was given: all zeroes is none. */
function given(bytes: Buffer | undefined): string | undefined {
  return bytes && bytes.some((byte) => byte !== 0) ? addressText(bytes) : undefined
}

const isMulticast = (bytes: Buffer): boolean => (bytes.length === 4 ? bytes[0]! >> 4 === 0xe : bytes[0] === 0xff)

/** IFLA_BR_*. Times are in hundredths of a second. */
const BRIDGE: Fields = [
  ['forward_delay', 1, 'u32'],
  ['hello_time', 2, 'u32'],
  ['max_age', 3, 'u32'],
  ['ageing_time', 4, 'u32'],
  ['stp_state', 5, 'u32'],
  ['priority', 6, 'u16'],
  ['vlan_filtering', 7, 'u8'],
  ['mcast_snooping', 23, 'u8'],
  ['nf_call_iptables', 36, 'u8'],
  ['nf_call_ip6tables', 37, 'u8'],
  ['nf_call_arptables', 38, 'u8'],
  ['vlan_default_pvid', 39, 'u16'],
]
const BRIDGE_GROUP_FWD_MASK = 9
const BRIDGE_MULTI_BOOLOPT = 46
/** linux/if_bridge.h: BR_BOOLOPT_NO_LL_LEARN, BR_BOOLOPT_MCAST_VLAN_SNOOPING */
const BRIDGE_OPTIONS = ['no_linklocal_learn', 'mcast_vlan_snooping']

const bridge: Decoder = (a) => {
  const found: Record<string, unknown> = {}
  read(a, BRIDGE, found)
  const [mask, options] = [hex(a.u16(BRIDGE_GROUP_FWD_MASK)), a.u32(BRIDGE_MULTI_BOOLOPT)]
  if (mask !== undefined) found['group_fwd_mask'] = mask
  if (options !== undefined) for (const [bit, word] of BRIDGE_OPTIONS.entries()) found[word] = (options >> bit) & 1
  return found
}

/** IFLA_BRPORT_*: what is on or off. */
const PORT: Fields = [
  ['hairpin', 4, 'flag'],
  ['guard', 5, 'flag'],
  ['root_block', 6, 'flag'],
  ['fastleave', 7, 'flag'],
  ['learning', 8, 'flag'],
  ['flood', 9, 'flag'],
  ['proxy_arp', 10, 'flag'],
  ['proxy_arp_wifi', 12, 'flag'],
  ['mcast_flood', 27, 'flag'],
  ['mcast_to_unicast', 28, 'flag'],
  ['vlan_tunnel', 29, 'flag'],
  ['bcast_flood', 30, 'flag'],
  ['neigh_suppress', 32, 'flag'],
  ['isolated', 33, 'flag'],
  ['locked', 39, 'flag'],
  ['mab', 40, 'flag'],
  ['neigh_vlan_suppress', 43, 'flag'],
]
const PORT_NUMBERS: Fields = [
  ['priority', 2, 'u16'],
  ['cost', 3, 'u32'],
]
const PORT_STATES = ['disabled', 'listening', 'learning', 'forwarding', 'blocking']

const bridgePort: Decoder = (a) => {
  const found: Record<string, unknown> = {}
  const state = PORT_STATES[a.u8(1) ?? -1]
  if (state !== undefined) found['state'] = state
  read(a, PORT_NUMBERS, found)
  read(a, PORT, found)
  return found
}

/** IFLA_VXLAN_*: what is on or off. */
const VXLAN: Fields = [
  ['learning', 7, 'flag'],
  ['proxy', 11, 'flag'],
  ['rsc', 12, 'flag'],
  ['l2miss', 13, 'flag'],
  ['l3miss', 14, 'flag'],
  ['udp_csum', 18, 'flag'],
  ['udp_zero_csum6_tx', 19, 'flag'],
  ['udp_zero_csum6_rx', 20, 'flag'],
  ['remcsum_tx', 21, 'flag'],
  ['remcsum_rx', 22, 'flag'],
]
/** Flags: there, or not. */
const VXLAN_FLAGS: Readonly<Record<string, number>> = { gbp: 23, gpe: 27, external: 25 }

const vxlan: Decoder = (a, name) => {
  const [group, group6, local, local6] = [a.bytes(2), a.bytes(16), a.bytes(4), a.bytes(17)]
  const far = group ?? group6
  const farWord = far && `${isMulticast(far) ? 'group' : 'remote'}${far.length === 16 ? '6' : ''}`
  const lower = a.u32(3)
  const range = a.bytes(10)
  const [tos, ttl] = [a.u8(6), a.u8(5)]
  const isExternal = flag(a.u8(VXLAN_FLAGS['external']!)) === true
  const found: Record<string, unknown> = {
    external: isExternal || undefined,
    id: isExternal ? undefined : a.u32(1),
    ...(farWord === undefined ? {} : { [farWord]: given(far) }),
    [local6 ? 'local6' : 'local']: given(local ?? local6),
    link: lower ? name(lower) : undefined,
    port: a.be16(15),
    port_range: range && { low: range.readUInt16BE(0), high: range.readUInt16BE(2) },
    ttl: a.u8(28) ? 'inherit' : ttl,
    tos: given0x(tos),
    ageing: a.u32(8),
    limit: a.u32(9) || undefined,
    ...Object.fromEntries(['gbp', 'gpe'].map((word) => [word, a.has(VXLAN_FLAGS[word]!) || undefined])),
  }
  read(a, VXLAN, found)
  return present(found)
}

/** IFLA_GRE_*. Keys are printed as dotted quads. */
const GRE_KEY = 0x2000
const gre: Decoder = (a, name) => {
  const [inFlags, outFlags, lower, ttl] = [a.u16(2) ?? 0, a.u16(3) ?? 0, a.u32(1), a.u8(8)]
  const key = (type: number): string | undefined => {
    const bytes = a.bytes(type)
    return bytes && addressText(bytes)
  }
  // Flags are in network byte order, as in a packet.
  const has = (flags: number): boolean => (swap16(flags) & GRE_KEY) !== 0
  return present({
    remote: anyOr(a.bytes(7)),
    local: anyOr(a.bytes(6)),
    link: lower ? name(lower) : undefined,
    ttl,
    tos: given0x(a.u8(9)),
    pmtudisc: flag(a.u8(10)),
    ikey: has(inFlags) ? key(4) : undefined,
    okey: has(outFlags) ? key(5) : undefined,
  })
}

/** IFLA_IPTUN_*. */
const ipTunnel: Decoder = (a, name) => {
  const [lower, ttl, protocol] = [a.u32(1), a.u8(4), a.u8(9)]
  return present({
    proto: protocol === undefined ? undefined : ({ 0: 'any', 4: 'ipip', 41: 'ip6ip', 137: 'mplsip' }[protocol] ?? String(protocol)),
    remote: anyOr(a.bytes(3)),
    local: anyOr(a.bytes(2)),
    link: lower ? name(lower) : undefined,
    ttl,
    tos: given0x(a.u8(5)),
    pmtudisc: flag(a.u8(10)),
    external: a.has(19) || undefined,
  })
}

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >> 8)
const anyOr = (bytes: Buffer | undefined): string | undefined => (bytes ? (given(bytes) ?? 'any') : undefined)

/** IFLA_GENEVE_*. */
const geneve: Decoder = (a) => {
  const [far, far6] = [a.bytes(2), a.bytes(7)]
  return present({
    external: a.has(6) || undefined,
    id: a.has(6) ? undefined : a.u32(1),
    [far6 ? 'remote6' : 'remote']: given(far ?? far6),
    ttl: a.u8(12) ? 'inherit' : a.u8(3),
    tos: given0x(a.u8(4)),
    port: a.be16(5),
    udp_csum: flag(a.u8(8)),
    udp_zero_csum6_tx: flag(a.u8(9)),
    udp_zero_csum6_rx: flag(a.u8(10)),
    inner_proto_inherit: a.has(14) || undefined,
  })
}

const MACVLAN_MODES: Readonly<Record<number, string>> = { 1: 'private', 2: 'vepa', 4: 'bridge', 8: 'passthru', 16: 'source' }
const macvlan: Decoder = (a) => present({ mode: MACVLAN_MODES[a.u32(1) ?? 0], bcqueuelen: a.u32(7), usedbcqueuelen: a.u32(8) })

const IPVLAN_MODES = ['l2', 'l3', 'l3s']
const IPVLAN_FLAGS = ['bridge', 'private', 'vepa']
const ipvlan: Decoder = (a) => present({ mode: IPVLAN_MODES[a.u16(1) ?? -1], mode_flag: IPVLAN_FLAGS[a.u16(2) ?? -1] })

const vlan: Decoder = (a) => present({ protocol: { 0x8100: '802.1Q', 0x88a8: '802.1ad' }[a.be16(5) ?? 0], id: a.u16(1) })

/** IFLA_TUN_*: how a device of /dev/net/tun passes packets. */
const tun: Decoder = (a) =>
  present({
    type: { 1: 'tun', 2: 'tap' }[a.u8(3) ?? 0],
    pi: flag(a.u8(4)),
    vnet_hdr: flag(a.u8(5)),
    multi_queue: flag(a.u8(7)),
    persist: flag(a.u8(6)),
  })

const vrf: Decoder = (a) => present({ table: a.u32(1) })

const TYPES: Readonly<Record<string, Decoder>> = {
  bridge,
  vxlan,
  gre,
  gretap: gre,
  ipip: ipTunnel,
  sit: ipTunnel,
  geneve,
  macvlan,
  macvtap: macvlan,
  ipvlan,
  vlan,
  tun,
  vrf,
}

/** @param name names a device of the same namespace by its index */
export const typeData = (kind: string, a: Attributes, name: Name): Data | undefined => TYPES[kind]?.(a, name)

/** What a device has because it is another's: a port of a bridge. */
export const slaveData = (kind: string, a: Attributes): Data | undefined => (kind === 'bridge' ? bridgePort(a, String) : undefined)
