/** RTM_NEWLINK and RTM_NEWADDR (linux/if_link.h, if_addr.h) → devices with their addresses. Pure. */
import { addressText, linkAddressText } from './address.ts'
import { slaveData, typeData } from './link-info.ts'
import { Attributes, RTM, type Message } from './message.ts'
import { IFLA_AF_SPEC } from './settings.ts'
import type { Devices, IpAddress, IpLink } from './types.ts'

/** struct ifinfomsg: family, hardware type, index, flags, mask of change. */
export const IFINFOMSG = 16
const IFADDRMSG = 8
export const IFLA_EXT_MASK = 29
/** RTEXT_FILTER_SKIP_STATS */
export const WITHOUT_STATISTICS = 8

const IFLA = {
  address: 1,
  ifname: 3,
  mtu: 4,
  link: 5,
  qdisc: 6,
  master: 10,
  operstate: 16,
  linkmode: 17,
  linkinfo: 18,
  linkNetnsid: 37,
  xdp: 43,
} as const
/** IFLA_INFO_* */
export const LINK_INFO = { kind: 1, data: 2, statistics: 3, slaveKind: 4, slaveData: 5 } as const
const INFO = LINK_INFO

/** Attributes by which a device is compared: its queueing disciplines have dumps of their own, its settings come along (settings.ts). */
export const LINK_ATTRIBUTES: readonly number[] = [...Object.values(IFLA).filter((type) => type !== IFLA.qdisc), IFLA_AF_SPEC]

/** net/if.h, in the order in which iproute2 prints them. IFF_RUNNING is not among them: what is up without it has no carrier. */
const FLAGS: readonly (readonly [number, string])[] = [
  [0x8, 'LOOPBACK'],
  [0x2, 'BROADCAST'],
  [0x10, 'POINTOPOINT'],
  [0x1000, 'MULTICAST'],
  [0x80, 'NOARP'],
  [0x200, 'ALLMULTI'],
  [0x100, 'PROMISC'],
  [0x400, 'MASTER'],
  [0x800, 'SLAVE'],
  [0x4, 'DEBUG'],
  [0x8000, 'DYNAMIC'],
  [0x4000, 'AUTOMEDIA'],
  [0x2000, 'PORTSEL'],
  [0x20, 'NOTRAILERS'],
  [0x1, 'UP'],
  [0x10000, 'LOWER_UP'],
  [0x20000, 'DORMANT'],
  [0x40000, 'ECHO'],
]
const [UP, RUNNING] = [0x1, 0x40]

function flagNames(flags: number): string[] {
  const names = FLAGS.flatMap(([bit, name]) => (flags & bit ? [name] : []))
  return flags & UP && !(flags & RUNNING) ? ['NO-CARRIER', ...names] : names
}

/** RFC 2863, net/if.h */
const OPERSTATES = ['UNKNOWN', 'NOTPRESENT', 'DOWN', 'LOWERLAYERDOWN', 'TESTING', 'DORMANT', 'UP']
const LINKMODES = ['DEFAULT', 'DORMANT']

/** linux/if_arp.h, as iproute2 names them (lib/ll_types.c). */
export const ARPHRD = { ether: 1, tunnel: 768, tunnel6: 769, loopback: 772, sit: 776, gre: 778, gre6: 823, none: 0xfffe } as const
const TYPE_NAMES: Readonly<Record<number, string>> = {
  [ARPHRD.ether]: 'ether',
  [ARPHRD.tunnel]: 'ipip',
  [ARPHRD.tunnel6]: 'tunnel6',
  [ARPHRD.loopback]: 'loopback',
  [ARPHRD.sit]: 'sit',
  [ARPHRD.gre]: 'gre',
  [ARPHRD.gre6]: 'gre6',
  [ARPHRD.none]: 'none',
}

/** The link-layer address of a device or neighbour: IP tunnels have IP addresses (lib/ll_addr.c). */
export function hardwareAddress(bytes: Buffer, type: number | undefined): string {
  const is4 = bytes.length === 4 && (type === ARPHRD.tunnel || type === ARPHRD.sit || type === ARPHRD.gre)
  const is6 = bytes.length === 16 && (type === ARPHRD.tunnel6 || type === ARPHRD.gre6)
  return is4 || is6 ? addressText(bytes) : linkAddressText(bytes)
}

/** The devices by index, which other dumps name them by. */
export function devicesOf(links: readonly Message[]): Devices {
  return new Map(
    links.flatMap(({ type, body }) =>
      type === RTM.newLink
        ? [[body.readInt32LE(4), { name: new Attributes(body, IFINFOMSG).text(IFLA.ifname) ?? '', type: body.readUInt16LE(2) }] as const]
        : [],
    ),
  )
}

/** The attributes of each device, by its name. */
export function attributesByName(links: readonly Message[]): Map<string, Attributes> {
  const found = new Map<string, Attributes>()
  for (const { type, body } of links) {
    if (type !== RTM.newLink) continue
    const attributes = new Attributes(body, IFINFOMSG)
    found.set(attributes.text(IFLA.ifname) ?? '', attributes)
  }
  return found
}

/** @param addresses of both families; absent: they were not asked for */
export function decodeLinks(links: readonly Message[], addresses: readonly Message[], devices: Devices): IpLink[] {
  const byDevice = new Map<number, IpAddress[]>()
  for (const { type, body } of addresses) {
    if (type !== RTM.newAddr) continue
    const index = body.readUInt32LE(4)
    const here = byDevice.get(index)
    if (here) here.push(decodeAddress(body))
    else byDevice.set(index, [decodeAddress(body)])
  }
  return links.flatMap(({ type, body }) => {
    if (type !== RTM.newLink) return []
    const link = decodeLink(body, devices)
    return [{ ...link, addr_info: byDevice.get(link.ifindex) ?? [] }]
  })
}

function decodeLink(body: Buffer, devices: Devices): IpLink {
  const a = new Attributes(body, IFINFOMSG)
  const type = body.readUInt16LE(2)
  const name = (index: number): string => devices.get(index)?.name ?? `if${index}`
  const address = a.bytes(IFLA.address)
  const [lower, master, operstate, linkmode] = [a.u32(IFLA.link), a.u32(IFLA.master), a.u8(IFLA.operstate), a.u8(IFLA.linkmode)]
  const qdisc = a.text(IFLA.qdisc)
  const xdp = a.nested(IFLA.xdp).u8(XDP_ATTACHED)
  return {
    ifindex: body.readInt32LE(4),
    ifname: a.text(IFLA.ifname) ?? '',
    flags: flagNames(body.readUInt32LE(8)),
    mtu: a.u32(IFLA.mtu) ?? 0,
    link_type: TYPE_NAMES[type] ?? `[${type}]`,
    ...(lower === undefined || lower === 0 ? {} : a.has(IFLA.linkNetnsid) ? { link_index: lower } : { link: name(lower) }),
    ...(qdisc === undefined ? {} : { qdisc }),
    ...(xdp ? { xdp: { mode: xdp } } : {}),
    ...(master === undefined ? {} : { master: name(master) }),
    ...(operstate === undefined ? {} : { operstate: OPERSTATES[operstate] ?? String(operstate) }),
    ...(linkmode === undefined ? {} : { linkmode: LINKMODES[linkmode] ?? String(linkmode) }),
    ...(address && address.length > 0 ? { address: hardwareAddress(address, type) } : {}),
    ...linkInfo(a, name),
  }
}

const XDP_ATTACHED = 2

function linkInfo(a: Attributes, name: (index: number) => string): Pick<IpLink, 'linkinfo'> {
  if (!a.has(IFLA.linkinfo)) return {}
  const info = a.nested(IFLA.linkinfo)
  const [kind, slaveKind] = [info.text(INFO.kind), info.text(INFO.slaveKind)]
  const data = kind !== undefined && info.has(INFO.data) ? typeData(kind, info.nested(INFO.data), name) : undefined
  const slave = slaveKind !== undefined && info.has(INFO.slaveData) ? slaveData(slaveKind, info.nested(INFO.slaveData)) : undefined
  return {
    linkinfo: {
      ...(kind === undefined ? {} : { info_kind: kind }),
      ...(data ? { info_data: data } : {}),
      ...(slaveKind === undefined ? {} : { info_slave_kind: slaveKind }),
      ...(slave ? { info_slave_data: slave } : {}),
    },
  }
}

const IFA = { address: 1, local: 2, label: 3, broadcast: 4, cacheinfo: 6, flags: 8 } as const
const SECONDARY = 0x1
const PERMANENT = 0x80
const ADDRESS_FLAGS: readonly (readonly [number, string])[] = [
  [0x2, 'nodad'],
  [0x4, 'optimistic'],
  [0x8, 'dadfailed'],
  [0x10, 'home'],
  [0x20, 'deprecated'],
  [0x40, 'tentative'],
  [0x100, 'mngtmpaddr'],
  [0x200, 'noprefixroute'],
  [0x400, 'autojoin'],
  [0x800, 'stable-privacy'],
]
const SCOPES: Readonly<Record<number, string>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' }

function decodeAddress(body: Buffer): IpAddress {
  const a = new Attributes(body, IFADDRMSG)
  const is6 = body[0] === 10
  const local = a.bytes(IFA.local) ?? a.bytes(IFA.address) ?? Buffer.alloc(is6 ? 16 : 4)
  const peer = a.bytes(IFA.address)
  const flags = a.u32(IFA.flags) ?? body[2]!
  const times = a.bytes(IFA.cacheinfo)
  const label = a.text(IFA.label)
  const broadcast = a.bytes(IFA.broadcast)
  return {
    family: is6 ? 'inet6' : 'inet',
    local: addressText(local),
    ...(peer && !peer.equals(local) ? { address: addressText(peer) } : {}),
    prefixlen: body[1]!,
    ...(broadcast ? { broadcast: addressText(broadcast) } : {}),
    scope: SCOPES[body[3]!] ?? String(body[3]),
    ...(flags & SECONDARY ? { [is6 ? 'temporary' : 'secondary']: true } : {}),
    ...Object.fromEntries(ADDRESS_FLAGS.flatMap(([bit, name]) => (flags & bit ? [[name, true]] : []))),
    ...(flags & PERMANENT ? {} : { dynamic: true }),
    ...(label === undefined ? {} : { label }),
    ...(times ? { valid_life_time: times.readUInt32LE(4), preferred_life_time: times.readUInt32LE(0) } : {}),
  }
}
