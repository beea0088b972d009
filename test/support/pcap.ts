/** A small decoder of capture files: just the headers netlab's backends put around packets, and what they carry. */
import { readFileSync } from 'node:fs'

export interface Layer {
  readonly type:
    | 'ethernet'
    | 'ipv4'
    | 'ipv6'
    | 'udp'
    | 'tcp'
    | 'icmp'
    | 'icmp6'
    | 'vxlan'
    | 'geneve'
    | 'gre'
    | 'wireguard'
    | 'arp'
    | 'other'
  readonly src?: string
  readonly dst?: string
  /** IP: the whole packet, header included, bytes. */
  readonly length?: number
  readonly ttl?: number
  readonly protocol?: number
  /** A fragment, the first included. */
  readonly fragment?: boolean
  /** IPv4: it must not be fragmented. */
  readonly df?: boolean
  readonly srcPort?: number
  readonly dstPort?: number
  readonly vni?: number
  readonly key?: number
  /** ICMP: type and code. */
  readonly kind?: number
  readonly code?: number
  /** WireGuard: what is behind the header of a message with data, as far as it was captured. */
  readonly sealed?: Buffer
}

export type Frame = readonly Layer[]

/**
 * What UDP carries, by destination port: Linux's own and IANA's for VXLAN, IANA's for Geneve (RFC 8926), Flannel's for bare IPv4, and the one
 * of WireGuard's examples.
 */
const TUNNELS: Readonly<Record<number, 'vxlan' | 'geneve' | 'ip4' | 'wireguard'>> = {
  8472: 'vxlan',
  4789: 'vxlan',
  6081: 'geneve',
  8285: 'ip4',
  51820: 'wireguard',
}

const mac = (b: Buffer): string => [...b].map((n) => n.toString(16).padStart(2, '0')).join(':')

/** RFC 5952: the longest run of zero groups becomes `::`. */
function ipv6(b: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => b.readUInt16BE(2 * i))
  let best = { at: 0, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && groups[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  const text = (part: number[]): string => part.map((n) => n.toString(16)).join(':')
  return best.length < 2 ? text(groups) : `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`
}

/** Decodes one Ethernet frame, as far as it was captured. Does not look into what ICMP errors quote. */
function decode(bytes: Buffer): Frame {
  const layers: Layer[] = []
  let next: (() => void) | undefined
  let rest = bytes
  const ethernet = (): void => {
    layers.push({ type: 'ethernet', dst: mac(rest.subarray(0, 6)), src: mac(rest.subarray(6, 12)) })
    const type = rest.readUInt16BE(12)
    rest = rest.subarray(14)
    next = byEtherType(type)
  }
  const ip4 = (): void => {
    const header = (rest[0]! & 15) * 4
    const offset = rest.readUInt16BE(6)
    const protocol = rest[9]!
    layers.push({
      type: 'ipv4',
      src: [...rest.subarray(12, 16)].join('.'),
      dst: [...rest.subarray(16, 20)].join('.'),
      length: rest.readUInt16BE(2),
      ttl: rest[8]!,
      protocol,
      fragment: (offset & 0x3fff) !== 0,
      df: (offset & 0x4000) !== 0,
    })
    rest = rest.subarray(header)
    // Only the first fragment has the next header.
    next = (offset & 0x1fff) === 0 ? byProtocol(protocol) : undefined
  }
  const ip6 = (): void => {
    let protocol = rest[6]!
    let header = 40
    let fragment = false
    let first = true
    const common = { src: ipv6(rest.subarray(8, 24)), dst: ipv6(rest.subarray(24, 40)), length: rest.readUInt16BE(4) + 40, ttl: rest[7]! }
    while (protocol === 0 || protocol === 44 || protocol === 60 || protocol === 43) {
      const at = header
      if (protocol === 44) {
        fragment = true
        first = (rest.readUInt16BE(at + 2) & 0xfff8) === 0
      }
      header += protocol === 44 ? 8 : 8 + rest[at + 1]! * 8
      protocol = rest[at]!
    }
    layers.push({ type: 'ipv6', ...common, protocol, fragment })
    rest = rest.subarray(header)
    next = first ? byProtocol(protocol) : undefined
  }
  const udp = (): void => {
    const [srcPort, dstPort] = [rest.readUInt16BE(0), rest.readUInt16BE(2)]
    layers.push({ type: 'udp', srcPort, dstPort })
    rest = rest.subarray(8)
    const tunnel = TUNNELS[dstPort] ?? 'none'
    // Forwarders send from the port they listen on; an answer to a client may go to any port.
    next = { vxlan, geneve, wireguard, ip4: srcPort === dstPort ? ip4 : undefined, none: undefined }[tunnel]
  }
  const geneve = (): void => {
    layers.push({ type: 'geneve', vni: rest.readUIntBE(4, 3) })
    const type = rest.readUInt16BE(2)
    rest = rest.subarray(8 + (rest[0]! & 63) * 4)
    next = type === 0x6558 ? ethernet : byEtherType(type)
  }
  const wireguard = (): void => {
    // Type 4 is data: receiver 4 bytes, counter 8 (WireGuard, section 5.4.6).
    layers.push({ type: 'wireguard', ...(rest.readUInt32LE(0) === 4 ? { sealed: rest.subarray(16) } : {}) })
  }
  const vxlan = (): void => {
    layers.push({ type: 'vxlan', vni: rest.readUIntBE(4, 3) })
    rest = rest.subarray(8)
    next = ethernet
  }
  const gre = (): void => {
    const flags = rest.readUInt16BE(0)
    const type = rest.readUInt16BE(2)
    const [checksum, key, sequence] = [0x8000, 0x2000, 0x1000].map((bit) => (flags & bit ? 4 : 0)) as [number, number, number]
    layers.push({ type: 'gre', ...(key ? { key: rest.readUInt32BE(4 + checksum) } : {}) })
    rest = rest.subarray(4 + checksum + key + sequence)
    next = type === 0x6558 ? ethernet : byEtherType(type)
  }
  const plain =
    (type: Layer['type'], fields: () => Omit<Layer, 'type'> = () => ({})) =>
    (): void => {
      layers.push({ type, ...fields() })
      next = undefined
    }
  const icmp = (): Omit<Layer, 'type'> => ({ kind: rest[0]!, code: rest[1]! })
  const tcp = (): Omit<Layer, 'type'> => ({ srcPort: rest.readUInt16BE(0), dstPort: rest.readUInt16BE(2) })
  const byEtherType = (type: number): (() => void) => ({ 0x0800: ip4, 0x86dd: ip6, 0x0806: plain('arp') })[type] ?? plain('other')
  const byProtocol = (protocol: number): (() => void) =>
    ({ 1: plain('icmp', icmp), 4: ip4, 6: plain('tcp', tcp), 17: udp, 41: ip6, 47: gre, 58: plain('icmp6', icmp) })[protocol] ??
    plain('other')

  next = ethernet
  while (next) {
    const step: () => void = next
    next = undefined
    step()
  }
  return layers
}

/** Decodes a capture file of Ethernet frames (pcap, either byte order). A last packet that is cut off is left out. */
export function decodeFile(path: string): Frame[] {
  const file = readFileSync(path)
  if (file.length < 24) throw new Error(`${path} is no capture file: ${file.length} bytes`)
  const magic = file.readUInt32LE(0)
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d
  const read = (at: number): number => (little ? file.readUInt32LE(at) : file.readUInt32BE(at))
  if (read(20) !== 1) throw new Error(`${path} does not hold Ethernet frames (link type ${read(20)})`)
  const frames: Frame[] = []
  for (let at = 24; at + 16 <= file.length;) {
    const captured = read(at + 8)
    if (at + 16 + captured > file.length) break
    frames.push(decode(file.subarray(at + 16, at + 16 + captured)))
    at += 16 + captured
  }
  return frames
}

/** Type names, outermost first: `ethernet ipv4 udp vxlan ethernet ipv4 icmp`. */
export const shape = (frame: Frame): string => frame.map((l) => l.type).join(' ')
