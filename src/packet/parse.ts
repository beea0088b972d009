/** What a parser of one header says: the layer, and which bytes of what kind come after it. No parser knows another. */
import type { Layer } from './layers.ts'

/** Kinds of bytes; `ip` looks at the version itself. */
export type Protocol = 'ethernet' | 'arp' | 'ip' | 'icmp' | 'icmpv6' | 'tcp' | 'udp' | 'vxlan' | 'gre' | 'payload'

export interface Next {
  readonly as: Protocol
  readonly bytes: Buffer
}

export interface Parsed {
  readonly layer: Layer
  readonly next?: Next
  /** ICMP errors: the beginning of an IP packet. */
  readonly quoted?: Buffer
}

/** Reads one header. Undefined: cut short, broken or unknown, so the bytes are payload. */
export type Parser = (bytes: Buffer, options: DecodeOptions) => Parsed | undefined

export interface DecodeOptions {
  /** UDP destination ports that carry VXLAN. Default: 8472 and 4789. */
  readonly vxlanPorts?: readonly number[]
}

const ETHER_TYPES: Readonly<Record<number, Protocol>> = {
  0x0800: 'ip',
  0x0806: 'arp',
  // Transparent Ethernet bridging: what gretap carries.
  0x6558: 'ethernet',
  0x86dd: 'ip',
}

export const byEtherType = (etherType: number): Protocol => ETHER_TYPES[etherType] ?? 'payload'
