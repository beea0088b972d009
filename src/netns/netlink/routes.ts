/** RTM_NEWROUTE and RTM_NEWRULE (linux/rtnetlink.h, fib_rules.h, lwtunnel.h) → routes and rules of policy routing. Pure. */
import { addressText } from './address.ts'
import { Attributes, RTM, type Message } from './message.ts'
import { deviceName, type Devices, type IpNextHop, type IpRoute, type IpRule } from './types.ts'

/** struct rtmsg and struct fib_rule_hdr are equally long. */
export const RTMSG = 12
const AF_INET6 = 10

export const RTA = { dst: 1, src: 2, iif: 3, oif: 4, ipProto: 27 } as const
const ROUTE = {
  gateway: 5,
  priority: 6,
  prefsrc: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  via: 18,
  encapType: 21,
  encap: 22,
  nhId: 30,
} as const

/** Tables that have a name in every iproute2; all others have their numbers. */
const TABLES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' }
export const tableName = (table: number): string => TABLES[table] ?? String(table)

/** RTN_* */
const TYPES = [
  'none',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'nat',
  'xresolve',
]

/** RTPROT_*, as iproute2 names them (etc/iproute2/rt_protos). */
const PROTOCOLS: Readonly<Record<number, string>> = {
  0: 'unspec',
  1: 'redirect',
  2: 'kernel',
  3: 'boot',
  4: 'static',
  8: 'gated',
  9: 'ra',
  10: 'mrt',
  11: 'zebra',
  12: 'bird',
  13: 'dnrouted',
  14: 'xorp',
  15: 'ntk',
  16: 'dhcp',
  18: 'keepalived',
  42: 'babel',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
  189: 'rip',
  192: 'eigrp',
}
export const protocolName = (protocol: number): string => PROTOCOLS[protocol] ?? String(protocol)

const SCOPES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' }

/** RTNH_F_* and RTM_F_*, in the order in which iproute2 prints them. */
const FLAGS: readonly (readonly [number, string])[] = [
  [1, 'dead'],
  [4, 'onlink'],
  [2, 'pervasive'],
  [8, 'offload'],
  [0x40, 'trap'],
  [0x100, 'notify'],
  [0x10, 'linkdown'],
  [0x20, 'unresolved'],
  [0x4000, 'rt_offload'],
  [0x8000, 'rt_trap'],
]
const flagNames = (flags: number): string[] => FLAGS.flatMap(([bit, name]) => (flags & bit ? [name] : []))
const RTM_F_CLONED = 0x200

/** RTAX_* */
const METRICS: Readonly<Record<number, string>> = {
  2: 'mtu',
  3: 'window',
  4: 'rtt',
  5: 'rttvar',
  6: 'ssthresh',
  7: 'cwnd',
  8: 'advmss',
  9: 'reordering',
  10: 'hoplimit',
  11: 'initcwnd',
  12: 'features',
  13: 'rto_min',
  14: 'initrwnd',
  15: 'quickack',
  16: 'congctl',
  17: 'fastopen_no_cookie',
}

function metricsOf(a: Attributes): Readonly<Record<string, unknown>> | undefined {
  const found = a
    .types()
    .flatMap((type) => (METRICS[type] === undefined ? [] : [[METRICS[type], type === 16 ? a.text(type) : a.u32(type)] as const]))
  return found.length > 0 ? Object.fromEntries(found) : undefined
}

/** LWTUNNEL_ENCAP_* */
const ENCAPS: Readonly<Record<number, string>> = {
  1: 'mpls',
  2: 'ip',
  3: 'ila',
  4: 'ip6',
  5: 'seg6',
  6: 'bpf',
  7: 'seg6local',
  8: 'rpl',
  9: 'ioam6',
  10: 'xfrm',
}

/** What a route puts around its packets: `encap`, and of IP tunnels the headers' fields. */
function encapOf(a: Attributes): Readonly<Record<string, unknown>> {
  const type = a.u16(ROUTE.encapType)
  if (type === undefined) return {}
  const name = ENCAPS[type] ?? String(type)
  if (name !== 'ip' && name !== 'ip6') return { encap: name }
  // LWTUNNEL_IP_*: id, destination, source, ttl, tos.
  const data = a.nested(ROUTE.encap)
  const [dst, src, ttl, tos] = [data.bytes(2), data.bytes(3), data.u8(4), data.u8(5)]
  return {
    encap: name,
    encap_info: {
      id: Number(data.bytes(1)?.readBigUInt64BE() ?? 0n),
      ...(src?.some((byte) => byte !== 0) ? { src: addressText(src) } : {}),
      ...(dst ? { dst: addressText(dst) } : {}),
      ttl: ttl ?? 0,
      tos: tos ?? 0,
    },
  }
}

/** RTA_VIA: a next hop of the other family. */
const viaOf = (bytes: Buffer): { family: string; host: string } => ({
  family: bytes.readUInt16LE() === AF_INET6 ? 'inet6' : 'inet',
  host: addressText(bytes.subarray(2)),
})

function nextHop(a: Attributes, devices: Devices): IpNextHop {
  const [gateway, via, device] = [a.bytes(ROUTE.gateway), a.bytes(ROUTE.via), a.u32(RTA.oif)]
  return {
    ...encapOf(a),
    ...(gateway ? { gateway: addressText(gateway) } : {}),
    ...(via ? { via: viaOf(via) } : {}),
    ...(device === undefined ? {} : { dev: deviceName(devices, device) }),
  }
}

/** RTA_MULTIPATH: struct rtnexthop, each with attributes of its own. */
function nextHops(bytes: Buffer, devices: Devices): IpNextHop[] {
  const found: IpNextHop[] = []
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt16LE(at)
    if (length < 8) break
    const hop = nextHop(new Attributes(bytes.subarray(at, at + length), 8), devices)
    const device = deviceName(devices, bytes.readInt32LE(at + 4))
    found.push({ ...hop, dev: device, weight: bytes[at + 3]! + 1, flags: flagNames(bytes[at + 2]!) })
    at += (length + 3) & ~3
  }
  return found
}

/** An address with its prefix, which is left out where it is that of one address. */
function networkText(bytes: Buffer | undefined, prefix: number, is6: boolean): string | undefined {
  if (!bytes) return prefix === 0 ? undefined : `${is6 ? '::' : '0'}/${prefix}`
  const text = addressText(bytes)
  return prefix === (is6 ? 128 : 32) ? text : `${text}/${prefix}`
}

/** One route. */
export function decodeRoute({ body }: Message, devices: Devices): IpRoute {
  const is6 = body[0] === AF_INET6
  const a = new Attributes(body, RTMSG)
  const [from, tos] = [networkText(a.bytes(RTA.src), body[2]!, is6), body[3]!]
  const [metric, prefsrc, multipath, nhid] = [a.u32(ROUTE.priority), a.bytes(ROUTE.prefsrc), a.bytes(ROUTE.multipath), a.u32(ROUTE.nhId)]
  const metrics = a.has(ROUTE.metrics) ? metricsOf(a.nested(ROUTE.metrics)) : undefined
  return {
    type: TYPES[body[7]!] ?? String(body[7]),
    dst: networkText(a.bytes(RTA.dst), body[1]!, is6) ?? 'default',
    ...(from === undefined ? {} : { from }),
    ...(tos === 0 ? {} : { tos: `0x${tos.toString(16).padStart(2, '0')}` }),
    ...(nhid === undefined ? {} : { nhid }),
    ...nextHop(a, devices),
    table: tableName(a.u32(ROUTE.table) ?? body[4]!),
    protocol: protocolName(body[5]!),
    scope: SCOPES[body[6]!] ?? String(body[6]),
    ...(prefsrc ? { prefsrc: addressText(prefsrc) } : {}),
    ...(metric === undefined ? {} : { metric }),
    flags: flagNames(body.readUInt32LE(8)),
    ...(metrics ? { metrics: [metrics] } : {}),
    ...(multipath ? { nexthops: nextHops(multipath, devices) } : {}),
  }
}

/** Routes of one family: where the kernel lacks it, it shows those of others. What it only remembers of a route is none. */
export const decodeRoutes = (found: readonly Message[], family: number, devices: Devices): IpRoute[] =>
  found.flatMap((message) => {
    const { type, body } = message
    if (type !== RTM.newRoute || body[0] !== family || body.readUInt32LE(8) & RTM_F_CLONED) return []
    return [decodeRoute(message, devices)]
  })

/** Body of the dump of what the kernel only remembers of routes: MTUs of paths, redirects. */
export function rememberedRoutesQuery(family: number): Buffer {
  const body = Buffer.alloc(RTMSG)
  body[0] = family
  body.writeUInt32LE(RTM_F_CLONED, 8)
  return body
}

/** Bodies of the messages that delete what is remembered (RTM_DELROUTE). A dump has routes beside it on kernels that do not tell them apart. */
export const rememberedRoutes = (found: readonly Message[]): Buffer[] =>
  found.flatMap(({ type, body }) => (type === RTM.newRoute && body.readUInt32LE(8) & RTM_F_CLONED ? [body] : []))

const FRA = {
  dst: 1,
  src: 2,
  iifname: 3,
  goto: 4,
  priority: 6,
  fwmark: 10,
  flow: 11,
  tunId: 12,
  suppressIfgroup: 13,
  suppressPrefixlen: 14,
  table: 15,
  fwmask: 16,
  oifname: 17,
  l3mdev: 19,
  uidRange: 20,
  protocol: 21,
  ipProto: 22,
  sportRange: 23,
  dportRange: 24,
} as const
const INVERT = 2
/** FR_ACT_* besides those that are types of routes. */
const ACTION = { table: 1, goto: 2, nop: 3 } as const
const NONE = 0xffffffff
const IP_PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp', 132: 'sctp' }

function ports(word: string, range: Buffer | undefined): Readonly<Record<string, number>> {
  if (!range) return {}
  const [low, high] = [range.readUInt16LE(0), range.readUInt16LE(2)]
  return low === high ? { [word]: low } : { [`${word}_start`]: low, [`${word}_end`]: high }
}

/** One rule of policy routing; what it matches beyond addresses are fields of their own. */
function decodeRule(body: Buffer): IpRule {
  const a = new Attributes(body, RTMSG)
  const bits = body[0] === AF_INET6 ? 128 : 32
  const [src, dst, tos, action] = [a.bytes(FRA.src), a.bytes(FRA.dst), body[3]!, body[7]!]
  const [mark, mask, iif, oif, uids] = [
    a.u32(FRA.fwmark),
    a.u32(FRA.fwmask),
    a.text(FRA.iifname),
    a.text(FRA.oifname),
    a.bytes(FRA.uidRange),
  ]
  const [protocol, tunnel, group, length] = [
    a.u8(FRA.ipProto),
    a.bytes(FRA.tunId),
    a.u32(FRA.suppressIfgroup) ?? NONE,
    a.u32(FRA.suppressPrefixlen) ?? NONE,
  ]
  const table = a.u32(FRA.table) ?? body[4]!
  const flow = a.u32(FRA.flow)
  const isMarked = (mark !== undefined && mark !== 0) || (mask !== undefined && mask !== 0 && mask !== NONE)
  return {
    priority: a.u32(FRA.priority) ?? 0,
    ...(body.readUInt32LE(8) & INVERT ? { not: null } : {}),
    src: src ? addressText(src) : body[2] === 0 ? 'all' : '0',
    ...(body[2] !== 0 && body[2] !== bits ? { srclen: body[2] } : {}),
    ...(dst ? { dst: addressText(dst) } : body[1] === 0 ? {} : { dst: '0' }),
    ...(body[1] !== 0 && body[1] !== bits ? { dstlen: body[1] } : {}),
    ...(tos === 0 ? {} : { tos: `0x${tos.toString(16).padStart(2, '0')}` }),
    ...(isMarked ? { fwmark: `0x${(mark ?? 0).toString(16)}` } : {}),
    ...(isMarked && mask !== undefined && mask !== NONE ? { fwmask: `0x${mask.toString(16)}` } : {}),
    ...(iif === undefined ? {} : { iif }),
    ...(oif === undefined ? {} : { oif }),
    ...(a.u8(FRA.l3mdev) ? { l3mdev: null } : {}),
    ...(uids ? { uid_start: uids.readUInt32LE(0), uid_end: uids.readUInt32LE(4) } : {}),
    ...(protocol === undefined ? {} : { ipproto: IP_PROTOCOLS[protocol] ?? `ipproto-${protocol}` }),
    ...ports('sport', a.bytes(FRA.sportRange)),
    ...ports('dport', a.bytes(FRA.dportRange)),
    ...(tunnel ? { tun_id: Number(tunnel.readBigUInt64BE()) } : {}),
    ...(table === 0 ? {} : { table: tableName(table) }),
    ...(length === NONE ? {} : { suppress_prefixlen: length }),
    ...(group === NONE ? {} : { suppress_ifgroup: group }),
    ...(flow === undefined ? {} : { flow: String(flow) }),
    ...(action === ACTION.goto ? { goto: a.u32(FRA.goto) ?? 'none' } : {}),
    ...(action === ACTION.nop ? { nop: null } : {}),
    ...(action > ACTION.nop ? { action: TYPES[action] ?? String(action) } : {}),
    protocol: protocolName(a.u8(FRA.protocol) ?? 0),
  }
}

/** Rules of one family: where the kernel lacks it, it shows those of others. */
export const decodeRules = (found: readonly Message[], family: number): IpRule[] =>
  found.flatMap(({ type, body }) => (type === RTM.newRule && body[0] === family ? [decodeRule(body)] : []))
