/**
 * What follows `type` in a line about a device: attributes of its type, in the order in which iproute2 sends them
 * (ip/iplink_*.c, ip/link_*.c). A type or word that is not here is left to the program. Pure.
 */
import type { Body, Names } from './request.ts'
import { AF_INET, ip4Of, ipOf, leave, valueIn, type Words } from './words.ts'

/** Writes the attributes that the rest of a line names; the line ends there. */
type Options = (body: Body, words: Words, names: Names) => void

type Write = 'u8' | 'u16' | 'u32' | 'be16'
type Value = (words: Words) => number
/** Keyword → attribute, how it is written, and how its value is read. */
type Table = Readonly<Record<string, readonly [attribute: number, write: Write, value: Value]>>

const number =
  (max: number): Value =>
  (words) =>
    words.number(max)
const u8 = number(0xff)
const u16 = number(0xffff)
const u32 = number(0xffff_ffff)
const onOff: Value = (words) => words.switch()

/** Options of which every one is an attribute, in the order of the line. */
const each =
  (table: Table): Options =>
  (body, words) => {
    while (!words.done) {
      const [attribute, write, value] = words.oneOf(table)
      body[write](attribute, value(words))
    }
  }

/** IFLA_BR_* (linux/if_link.h). */
const BRIDGE: Table = {
  forward_delay: [1, 'u32', u32],
  hello_time: [2, 'u32', u32],
  max_age: [3, 'u32', u32],
  ageing_time: [4, 'u32', u32],
  stp_state: [5, 'u32', u32],
  priority: [6, 'u16', u16],
  vlan_filtering: [7, 'u8', u8],
  vlan_protocol: [8, 'be16', (words) => words.oneOf({ '802.1Q': 0x81_00, '802.1ad': 0x88_a8 })],
  group_fwd_mask: [9, 'u16', u16],
  mcast_snooping: [23, 'u8', u8],
  mcast_querier: [25, 'u8', u8],
  nf_call_iptables: [36, 'u8', u8],
  nf_call_ip6tables: [37, 'u8', u8],
  nf_call_arptables: [38, 'u8', u8],
  vlan_default_pvid: [39, 'u16', u16],
}

const IFLA_BR_MULTI_BOOLOPT = 46

const bridge: Options = (body, words) => {
  let learn: number | undefined
  while (!words.done) {
    // One attribute holds the bits of several switches, and comes last.
    if (words.accept('no_linklocal_learn')) learn = words.number(1)
    else {
      const [attribute, write, value] = words.oneOf(BRIDGE)
      body[write](attribute, value(words))
    }
  }
  if (learn !== undefined) body.bytes(IFLA_BR_MULTI_BOOLOPT, Uint8Array.of(learn, 0, 0, 0, 1, 0, 0, 0))
}

/** IFLA_BRPORT_*. */
const BRIDGE_SLAVE: Table = {
  state: [1, 'u8', u8],
  priority: [2, 'u16', u16],
  cost: [3, 'u32', u32],
  hairpin: [4, 'u8', onOff],
  guard: [5, 'u8', onOff],
  root_block: [6, 'u8', onOff],
  fastleave: [7, 'u8', onOff],
  learning: [8, 'u8', onOff],
  flood: [9, 'u8', onOff],
  proxy_arp: [10, 'u8', onOff],
  mcast_flood: [27, 'u8', onOff],
  mcast_to_unicast: [28, 'u8', onOff],
  vlan_tunnel: [29, 'u8', onOff],
  bcast_flood: [30, 'u8', onOff],
  neigh_suppress: [32, 'u8', onOff],
  isolated: [33, 'u8', onOff],
  locked: [39, 'u8', onOff],
}

/** What lines about tunnels name, in whatever order. */
interface Tunnel {
  id?: number
  key?: number
  local?: string
  remote?: string
  ttl: number
  dev?: number
  port?: number
  learning?: number
  external: boolean
}

function tunnelOf(words: Words, names: Names, known: readonly string[]): Tunnel {
  const t: Tunnel = { ttl: 0, external: false }
  while (!words.done) {
    const word = words.next()
    if (!known.includes(word)) leave(`unknown word ${word}`)
    if (word === 'id') t.id = words.number(0xff_ffff)
    else if (word === 'key') t.key = words.number()
    else if (word === 'local') t.local = words.next()
    else if (word === 'remote') t.remote = words.next()
    else if (word === 'ttl') t.ttl = words.number(255)
    else if (word === 'dev') t.dev = names.device(words.next())
    else if (word === 'dstport') t.port = words.number(0xffff)
    else if (word === 'external') t.external = true
    else t.learning = word === 'learning' ? 1 : 0
  }
  return t
}

/** IFLA_VXLAN_*. Without a port the program prints a warning, and so it does that itself. */
const vxlan: Options = (body, words, names) => {
  const t = tunnelOf(words, names, ['id', 'local', 'remote', 'ttl', 'dev', 'dstport', 'learning', 'nolearning', 'external'])
  if (t.port === undefined || (t.id === undefined) !== t.external) leave('incomplete')
  if (t.ttl > 0) body.u8(5, t.ttl)
  if (t.dev !== undefined) body.u32(3, t.dev)
  if (t.id !== undefined) body.u32(1, t.id)
  const local = t.local === undefined ? undefined : ipOf(t.local)
  const remote = t.remote === undefined ? undefined : ipOf(t.remote)
  if ((t.ttl > 0 && t.dev !== undefined) || (remote && remote.bytes[0]! >= 224 && remote.bytes[0]! < 240) || remote?.bytes[0] === 0xff)
    leave('order')
  if (local) body.bytes(local.family === AF_INET ? 4 : 17, local.bytes)
  if (remote) body.bytes(remote.family === AF_INET ? 2 : 16, remote.bytes)
  if (t.external) body.u8(25, 1)
  body.u8(7, t.learning ?? (t.external ? 0 : 1)).be16(15, t.port)
}

/** IFLA_GENEVE_*. */
const geneve: Options = (body, words, names) => {
  const t = tunnelOf(words, names, ['id', 'remote', 'ttl', 'dstport', 'external'])
  if (t.external === (t.id !== undefined)) leave('incomplete')
  body.u32(1, t.id ?? 0)
  if (t.remote !== undefined) {
    const remote = ipOf(t.remote)
    body.bytes(remote.family === AF_INET ? 2 : 7, remote.bytes)
  } else if (!t.external) leave('incomplete')
  body.be32(11, 0).u8(3, t.ttl).u8(4, 0)
  if (t.port !== undefined) body.be16(5, t.port)
  if (t.external) body.flag(6)
}

/** IFLA_GRE_*. */
const gre: Options = (body, words, names) => {
  const t = tunnelOf(words, names, ['local', 'remote', 'key', 'ttl', 'dev', 'external'])
  if (t.external) {
    if (t.local ?? t.remote ?? t.key ?? t.dev) leave('external')
    body.flag(18)
    return
  }
  const GRE_KEY = 0x20_00
  const flags = t.key === undefined ? 0 : GRE_KEY
  body.be32(4, t.key ?? 0).be32(5, t.key ?? 0)
  body.be16(2, flags).be16(3, flags)
  if (t.local !== undefined) body.bytes(6, ip4Of(t.local))
  if (t.remote !== undefined) body.bytes(7, ip4Of(t.remote))
  body.u8(10, 1).u8(9, 0)
  if (t.dev !== undefined) body.u32(1, t.dev)
  body.u8(8, t.ttl).u32(20, 0).u16(14, 0).u16(15, 0).u16(16, 0).u16(17, 0)
}

/** IFLA_IPTUN_*. */
const ipip: Options = (body, words, names) => {
  const t = tunnelOf(words, names, ['local', 'remote', 'ttl', 'dev', 'external'])
  body.u8(9, 0)
  if (t.external) {
    if (t.local ?? t.remote ?? t.dev) leave('external')
    body.flag(19)
    return
  }
  if (t.local !== undefined) body.bytes(2, ip4Of(t.local))
  if (t.remote !== undefined) body.bytes(3, ip4Of(t.remote))
  body.u8(10, 1).u8(5, 0).u8(4, t.ttl)
  body
    .u32(1, t.dev ?? 0)
    .u32(20, 0)
    .u16(15, 0)
    .u16(16, 0)
    .u16(17, 0)
    .u16(18, 0)
}

const ipvlan: Options = (body, words) => {
  if (!words.accept('mode')) leave('mode')
  body.u16(1, words.oneOf({ l2: 0, l3: 1, l3s: 2 })).u16(2, 0)
  if (!words.done) leave('more words')
}

const none: Options = () => leave('words after the type')

const TYPES: Readonly<Record<string, Options>> = {
  bridge,
  bridge_slave: each(BRIDGE_SLAVE),
  dummy: none,
  geneve,
  gre,
  gretap: gre,
  ipip,
  ipvlan,
  macvlan: each({ mode: [1, 'u32', (words) => words.oneOf({ private: 1, vepa: 2, bridge: 4, passthru: 8 })] }),
  vlan: each({ id: [1, 'u16', u16] }),
  vrf: each({ table: [1, 'u32', u32] }),
  vxlan,
  wireguard: none,
}

const IFLA_LINKINFO = 18
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_DATA = 5
const VETH_INFO_PEER = 1

/**
 * Writes IFLA_LINKINFO for the rest of a line, which starts after the word `type`.
 * @param peer reads the other end of a veth pair, which is described like a device
 * @param adds whether the line makes a device
 */
export function linkInfo(body: Body, words: Words, names: Names, adds: boolean, peer: (body: Body, words: Words) => void): void {
  const type = words.next()
  const options = type === 'veth' ? undefined : valueIn(TYPES, type)
  const isSlave = type === 'bridge_slave'
  if (adds ? isSlave : type !== 'bridge' && !isSlave) leave('a change of this type')
  body.nest(IFLA_LINKINFO, () => {
    body.text(IFLA_INFO_KIND, type, '')
    if (words.done) return
    body.nest(isSlave ? IFLA_INFO_SLAVE_DATA : IFLA_INFO_DATA, () => {
      if (options) options(body, words, names)
      else if (words.accept('peer')) body.nest(VETH_INFO_PEER, () => peer(body, words))
      else leave('words after veth')
    })
  })
}
