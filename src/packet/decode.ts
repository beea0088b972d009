/**
 * Bytes → layers, as far as they were captured: whatever is cut short, unknown or broken ends in a
 * `payload` layer. Never throws, and ends for any bytes.
 */
import { announced, type AnyHeader, type Layer, type TunnelPorts } from './headers.ts'
import { ETHERNET_FRAME, type Next, type Parsed } from './header.ts'
import { ipv4 } from './ipv4.ts'
import { encapsulations } from './tunnels.ts'

export interface DecodeOptions {
  /** UDP ports of the lab's tunnels; others are known by the ports they have by default. */
  readonly ports?: TunnelPorts
}

const NO_PORTS: TunnelPorts = {}

/** `include/uapi/linux/if_arp.h`: devices whose frames begin with an Ethernet header (loopback's look the same). */
const ETHERNET_HARDWARE: ReadonlySet<number> = new Set([1, 772])

/** Whether a device's frames begin with an Ethernet header; others' begin with IP. */
export const isEthernet = (hardware: number): boolean => ETHERNET_HARDWARE.has(hardware)

/**
 * Bytes before the packet that are no Ethernet header and that are never sent: some tunnel devices have outer IP and the
 * tunnel's header as their link-layer header, which on the way out is a draft (length 0, TTL 0, the key not written yet).
 * What is sent is seen on the device below.
 */
export function draftLength(bytes: Buffer, hardware: number): number {
  if (!encapsulations.some((e) => e.how.linkLayerOf === hardware)) return 0
  const outer = ipv4.parse(bytes)
  if (!outer?.next || Buffer.isBuffer(outer.next)) return 0
  const tunnel = announced(outer.next, NO_PORTS)
  const inner = tunnel.encapsulates?.linkLayerOf === hardware ? tunnel.parse(outer.next.bytes)?.next : undefined
  if (inner === undefined) return 0
  const { length } = outer.layer
  const trailing = length > 0 ? Math.max(0, bytes.length - length) : 0
  return bytes.length - (Buffer.isBuffer(inner) ? inner : inner.bytes).length - trailing
}

/** Tunnels in tunnels in tunnels: beyond this it is an attack. */
const MAX_LAYERS = 48
/** An error about an error about … : RFC 1122 forbids even the second. */
const MAX_QUOTES = 3

/** An IP packet whose version only its first byte says. */
const ip = (bytes: Buffer): Next => ({ space: 'etherType', number: (bytes[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800, bytes })

/**
 * @param bytes a frame as the device carries it
 * @param hardware ARPHRD of the device: Ethernet (1) begins with its header, tunnels (768, 776, 778 …) with IP
 */
export function decode(bytes: Buffer, hardware: number, { ports = NO_PORTS }: DecodeOptions = {}): Layer[] {
  const first = bytes.subarray(draftLength(bytes, hardware))
  return walk(isEthernet(hardware) ? { space: 'etherType', number: ETHERNET_FRAME, bytes: first } : ip(first), ports, 0)
}

function walk(first: Next, ports: TunnelPorts, quotes: number): Layer[] {
  const layers: Layer[] = []
  let next: Next | Buffer | undefined = first
  while (next) {
    const bytes: Buffer = Buffer.isBuffer(next) ? next : next.bytes
    if (bytes.length === 0) break
    const header: AnyHeader | undefined = Buffer.isBuffer(next) || layers.length >= MAX_LAYERS ? undefined : announced(next, ports)
    const parsed: Parsed<Layer> | undefined = header?.parse(bytes)
    if (!parsed) {
      layers.push({ type: 'payload', length: bytes.length })
      break
    }
    const { layer, quoted } = parsed
    const inner = quoted && quotes < MAX_QUOTES ? walk(ip(quoted), ports, quotes + 1) : []
    layers.push(inner.length > 0 && (layer.type === 'icmp' || layer.type === 'icmpv6') ? { ...layer, quoted: inner } : layer)
    next = parsed.next
  }
  return layers
}
