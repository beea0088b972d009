/**
 * Bytes → layers, as far as they were captured: whatever is cut short, unknown or broken ends in a
 * `payload` layer and never throws.
 *
 * Formats: IEEE 802.3, RFC 826 (ARP), RFC 791 and 8200 (IP), RFC 792 and 4443 (ICMP), RFC 4861 (ND),
 * RFC 9293 (TCP), RFC 768 (UDP), RFC 7348 (VXLAN), RFC 2784 and 2890 (GRE), RFC 2003 (IPIP).
 */
import { ip4Text, ip6Text, macText } from './text.ts'
import type { IcmpLayer, Layer, TcpLayer } from './layers.ts'

export interface DecodeOptions {
  /** UDP destination ports that carry VXLAN. Default: 8472 and 4789. */
  readonly vxlanPorts?: readonly number[]
}

/** `include/uapi/linux/if_arp.h`: devices whose frames begin with an Ethernet header (loopback's look the same). */
const ETHERNET_HARDWARE = new Set([1, 772])

const IPV4 = 0x0800
const IPV6 = 0x86dd
const ARP = 0x0806
/** Transparent Ethernet bridging: what gretap carries. */
const TEB = 0x6558

type Context = { readonly vxlanPorts: readonly number[]; readonly layers: Layer[] }

/**
 * @param bytes a frame as the device carries it
 * @param hardware ARPHRD of the device: Ethernet (1) begins with its header, tunnels (768, 776, 778 …) with IP
 */
export function decode(bytes: Buffer, hardware: number, options: DecodeOptions = {}): Layer[] {
  const context: Context = { vxlanPorts: options.vxlanPorts ?? [8472, 4789], layers: [] }
  if (ETHERNET_HARDWARE.has(hardware)) ethernet(bytes, context)
  else ip(bytes, context)
  return context.layers
}

function payload(bytes: Buffer, { layers }: Context): void {
  if (bytes.length > 0) layers.push({ type: 'payload', length: bytes.length })
}

function ethernet(b: Buffer, context: Context): void {
  if (b.length < 14) return payload(b, context)
  let etherType = b.readUInt16BE(12)
  let start = 14
  context.layers.push({ type: 'ethernet', dst: macText(b, 0), src: macText(b, 6), etherType })
  // 802.1Q: four bytes, the last two of which say what really follows.
  while ((etherType === 0x8100 || etherType === 0x88a8) && b.length >= start + 4) {
    etherType = b.readUInt16BE(start + 2)
    start += 4
  }
  byEtherType(etherType, b.subarray(start), context)
}

function byEtherType(etherType: number, b: Buffer, context: Context): void {
  if (etherType === IPV4 || etherType === IPV6) ip(b, context)
  else if (etherType === ARP) arp(b, context)
  else if (etherType === TEB) ethernet(b, context)
  else payload(b, context)
}

function arp(b: Buffer, context: Context): void {
  if (b.length < 28 || b.readUInt16BE(2) !== IPV4) return payload(b, context)
  context.layers.push({
    type: 'arp',
    kind: b.readUInt16BE(6) === 1 ? 'request' : 'reply',
    senderMac: macText(b, 8),
    senderIp: ip4Text(b, 14),
    targetMac: macText(b, 18),
    targetIp: ip4Text(b, 24),
  })
}

function ip(b: Buffer, context: Context): void {
  const version = (b[0] ?? 0) >> 4
  if (version === 4) ipv4(b, context)
  else if (version === 6) ipv6(b, context)
  else payload(b, context)
}

function ipv4(b: Buffer, context: Context): void {
  const header = ((b[0] ?? 0) & 15) * 4
  if (b.length < 20 || header < 20 || b.length < header) return payload(b, context)
  const word = b.readUInt16BE(6)
  const offset = (word & 0x1fff) * 8
  const more = (word & 0x2000) !== 0
  const protocol = b[9]!
  const length = b.readUInt16BE(2)
  context.layers.push({
    type: 'ipv4',
    src: ip4Text(b, 12),
    dst: ip4Text(b, 16),
    ttl: b[8]!,
    protocol,
    id: b.readUInt16BE(4),
    length,
    df: (word & 0x4000) !== 0,
    ...(offset > 0 || more ? { fragment: { offset, more } } : {}),
  })
  // Ethernet pads short frames: what lies beyond the packet is not of it. Length 0 means a GSO packet over 64 KiB.
  const rest = b.subarray(header, length >= header ? Math.min(b.length, length) : b.length)
  // Only the first fragment has the next header.
  if (offset > 0) payload(rest, context)
  else byProtocol(protocol, rest, context)
}

/** IPv6 extension headers that are passed over: hop-by-hop, routing, destination options (RFC 8200). */
const EXTENSIONS = new Set([0, 43, 60])
const FRAGMENT = 44

function ipv6(b: Buffer, context: Context): void {
  if (b.length < 40) return payload(b, context)
  let protocol = b[6]!
  let at = 40
  let fragment: { offset: number; more: boolean } | undefined
  while ((EXTENSIONS.has(protocol) || protocol === FRAGMENT) && b.length >= at + 8) {
    if (protocol === FRAGMENT) {
      const word = b.readUInt16BE(at + 2)
      fragment = { offset: word & 0xfff8, more: (word & 1) !== 0 }
    }
    const size = protocol === FRAGMENT ? 8 : (b[at + 1]! + 1) * 8
    protocol = b[at]!
    at += size
  }
  const length = b.readUInt16BE(4) + 40
  context.layers.push({
    type: 'ipv6',
    src: ip6Text(b, 8),
    dst: ip6Text(b, 24),
    ttl: b[7]!,
    protocol,
    length,
    ...(fragment ? { fragment } : {}),
  })
  const rest = b.subarray(Math.min(at, b.length), length > 40 ? Math.min(b.length, length) : b.length)
  if (fragment && fragment.offset > 0) payload(rest, context)
  else byProtocol(protocol, rest, context)
}

function byProtocol(protocol: number, b: Buffer, context: Context): void {
  switch (protocol) {
    case 1:
      return icmp(b, context, 'icmp')
    case 58:
      return icmp(b, context, 'icmpv6')
    case 6:
      return tcp(b, context)
    case 17:
      return udp(b, context)
    case 4:
    case 41:
      return ip(b, context)
    case 47:
      return gre(b, context)
    default:
      return payload(b, context)
  }
}

/** Names of ICMP types by protocol; errors quote the packet they complain about. */
const KINDS: Readonly<Record<IcmpLayer['type'], Readonly<Record<number, string>>>> = {
  icmp: { 0: 'echo-reply', 3: 'unreachable', 5: 'redirect', 8: 'echo-request', 11: 'time-exceeded', 12: 'parameter-problem' },
  icmpv6: {
    1: 'unreachable',
    2: 'too-big',
    3: 'time-exceeded',
    4: 'parameter-problem',
    128: 'echo-request',
    129: 'echo-reply',
    130: 'listener-query',
    131: 'listener-report',
    133: 'router-solicitation',
    134: 'router-advertisement',
    135: 'neighbour-solicitation',
    136: 'neighbour-advertisement',
    137: 'redirect',
    143: 'listener-report',
  },
}
const ERRORS = new Set(['unreachable', 'too-big', 'time-exceeded', 'parameter-problem'])

function icmp(b: Buffer, context: Context, type: IcmpLayer['type']): void {
  if (b.length < 8) return payload(b, context)
  const icmpType = b[0]!
  const code = b[1]!
  const named = KINDS[type][icmpType] ?? `type ${icmpType}`
  // IPv4 has no type of its own for it: "fragmentation needed and DF set" (RFC 792, RFC 1191).
  const kind = type === 'icmp' && icmpType === 3 && code === 4 ? 'too-big' : named
  const echo = kind.startsWith('echo-')
  const mtu = kind !== 'too-big' ? undefined : type === 'icmp' ? b.readUInt16BE(6) : b.readUInt32BE(4)
  const quoted: Context = { vxlanPorts: context.vxlanPorts, layers: [] }
  if (ERRORS.has(kind)) ip(b.subarray(8), quoted)
  context.layers.push({
    type,
    kind,
    icmpType,
    code,
    ...(echo ? { id: b.readUInt16BE(4), seq: b.readUInt16BE(6) } : {}),
    ...(mtu === undefined ? {} : { mtu }),
    ...neighbourDiscovery(b, kind),
    ...(quoted.layers.length > 0 ? { quoted: quoted.layers } : {}),
  })
  if (echo) payload(b.subarray(8), context)
}

/** RFC 4861: the target, and the first link-layer address option (type 1 or 2). */
function neighbourDiscovery(b: Buffer, kind: string): Pick<IcmpLayer, 'target' | 'targetMac'> {
  if (!kind.startsWith('neighbour-') || b.length < 24) return {}
  const hasMac = b.length >= 32 && (b[24] === 1 || b[24] === 2) && b[25] === 1
  return { target: ip6Text(b, 8), ...(hasMac ? { targetMac: macText(b, 26) } : {}) }
}

const FLAGS = [
  ['syn', 0x02],
  ['ack', 0x10],
  ['fin', 0x01],
  ['rst', 0x04],
  ['psh', 0x08],
  ['urg', 0x20],
] as const

function tcp(b: Buffer, context: Context): void {
  if (b.length < 20) return ports(b, context, 'tcp')
  const header = (b[12]! >> 4) * 4
  const bits = b[13]!
  const mss = maximumSegment(b.subarray(20, Math.max(20, header)))
  const layer: TcpLayer = {
    type: 'tcp',
    srcPort: b.readUInt16BE(0),
    dstPort: b.readUInt16BE(2),
    seq: b.readUInt32BE(4),
    ack: b.readUInt32BE(8),
    flags: FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name),
    ...(mss === undefined ? {} : { mss }),
  }
  context.layers.push(layer)
  payload(b.subarray(Math.max(20, header)), context)
}

/** Walks TCP options to the maximum segment size (kind 2). */
function maximumSegment(options: Buffer): number | undefined {
  for (let at = 0; at < options.length; ) {
    const kind = options[at]!
    if (kind === 0) return undefined
    const size = kind === 1 ? 1 : (options[at + 1] ?? 0)
    if (kind === 2 && size === 4 && at + 4 <= options.length) return options.readUInt16BE(at + 2)
    if (size < 1 || (kind !== 1 && size < 2)) return undefined
    at += size
  }
  return undefined
}

/** ICMP errors need to quote only eight bytes (RFC 792): enough for ports and the sequence number. */
function ports(b: Buffer, context: Context, type: 'tcp'): void {
  if (b.length < 8) return payload(b, context)
  context.layers.push({ type, srcPort: b.readUInt16BE(0), dstPort: b.readUInt16BE(2), seq: b.readUInt32BE(4), ack: 0, flags: [] })
}

function udp(b: Buffer, context: Context): void {
  if (b.length < 8) return payload(b, context)
  const dstPort = b.readUInt16BE(2)
  context.layers.push({ type: 'udp', srcPort: b.readUInt16BE(0), dstPort, length: b.readUInt16BE(4) })
  const rest = b.subarray(8)
  // Flags: bit 3 says that the VNI is valid (RFC 7348); anything else on this port is not VXLAN.
  if (context.vxlanPorts.includes(dstPort) && rest.length >= 8 && (rest[0]! & 0x08) !== 0) {
    context.layers.push({ type: 'vxlan', vni: rest.readUInt32BE(4) >>> 8 })
    return ethernet(rest.subarray(8), context)
  }
  return payload(rest, context)
}

function gre(b: Buffer, context: Context): void {
  if (b.length < 4) return payload(b, context)
  const flags = b[0]!
  const protocol = b.readUInt16BE(2)
  const checksum = (flags & 0x80) !== 0 ? 4 : 0
  const hasKey = (flags & 0x20) !== 0
  const sequence = (flags & 0x10) !== 0 ? 4 : 0
  const start = 4 + checksum + (hasKey ? 4 : 0) + sequence
  if (b.length < start) return payload(b, context)
  context.layers.push({ type: 'gre', protocol, ...(hasKey ? { key: b.readUInt32BE(4 + checksum) } : {}) })
  byEtherType(protocol, b.subarray(start), context)
}
