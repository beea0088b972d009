/**
 * Bytes → layers, as far as they were captured: whatever is cut short, unknown or broken ends in a
 * `payload` layer. Never throws, and ends for any bytes.
 */
import { icmp } from './icmp.ts'
import { ip } from './internet.ts'
import type { Layer } from './layers.ts'
import { arp, ethernet, gre, vxlan } from './link.ts'
import type { DecodeOptions, Next, Parsed, Parser, Protocol } from './parse.ts'
import { tcp, udp } from './transport.ts'

export type { DecodeOptions } from './parse.ts'

/** `include/uapi/linux/if_arp.h`: devices whose frames begin with an Ethernet header (loopback's look the same). */
const ETHERNET_HARDWARE: ReadonlySet<number> = new Set([1, 772])

/** Whether a device's frames begin with an Ethernet header; others' begin with IP. */
export const isEthernet = (hardware: number): boolean => ETHERNET_HARDWARE.has(hardware)

/** A GRE device without a fixed far end. */
const IPGRE = 778

/**
 * Bytes before the packet that are no Ethernet header and that nobody will send: a multipoint GRE device has outer IP
 * and GRE as its link-layer header, which on the way out is a draft (length 0, TTL 0, the key not written yet).
 * What is sent is seen on the device below.
 */
export function draftLength(bytes: Buffer, hardware: number): number {
  if (hardware !== IPGRE) return 0
  const outer = ip(bytes)
  if (outer?.layer.type !== 'ipv4' || outer.next?.as !== 'gre') return 0
  const inner = gre(outer.next.bytes)?.next
  return inner ? bytes.length - inner.bytes.length - trailing(bytes, outer.layer.length) : 0
}

/** Bytes behind the end of an IP packet. */
const trailing = (bytes: Buffer, length: number): number => (length > 0 ? Math.max(0, bytes.length - length) : 0)

/** Tunnels in tunnels in tunnels: beyond this nobody reads them, and someone means harm. */
const MAX_LAYERS = 48
/** An error about an error about … : RFC 1122 forbids even the second. */
const MAX_QUOTES = 3

const PARSERS: Readonly<Record<Exclude<Protocol, 'payload'>, Parser>> = {
  ethernet,
  arp,
  ip,
  icmp: icmp('icmp'),
  icmpv6: icmp('icmpv6'),
  tcp,
  udp,
  vxlan,
  gre,
}

/**
 * @param bytes a frame as the device carries it
 * @param hardware ARPHRD of the device: Ethernet (1) begins with its header, tunnels (768, 776, 778 …) with IP
 */
export function decode(bytes: Buffer, hardware: number, options: DecodeOptions = {}): Layer[] {
  return walk({ as: isEthernet(hardware) ? 'ethernet' : 'ip', bytes: bytes.subarray(draftLength(bytes, hardware)) }, options, 0)
}

function walk(first: Next, options: DecodeOptions, quotes: number): Layer[] {
  const layers: Layer[] = []
  let next: Next | undefined = first
  while (next && next.bytes.length > 0) {
    const parsed: Parsed | undefined =
      next.as === 'payload' || layers.length >= MAX_LAYERS ? undefined : PARSERS[next.as](next.bytes, options)
    if (!parsed) {
      layers.push({ type: 'payload', length: next.bytes.length })
      break
    }
    const { layer, quoted } = parsed
    const inner = quoted && quotes < MAX_QUOTES ? walk({ as: 'ip', bytes: quoted }, options, quotes + 1) : []
    layers.push(inner.length > 0 && (layer.type === 'icmp' || layer.type === 'icmpv6') ? { ...layer, quoted: inner } : layer)
    next = parsed.next
  }
  return layers
}
