/** What one header of a packet says. A packet is its layers, outermost first; each describes the bytes around the next. */

export interface EthernetLayer {
  readonly type: 'ethernet'
  readonly src: string
  readonly dst: string
  /** Of what follows, VLAN tags passed over. */
  readonly etherType: number
  /** VLAN ids of 802.1Q tags, outermost first. */
  readonly vlans?: readonly number[]
}

export interface ArpLayer {
  readonly type: 'arp'
  readonly kind: 'request' | 'reply'
  readonly senderMac: string
  readonly senderIp: string
  readonly targetMac: string
  readonly targetIp: string
}

export interface Ipv4Layer {
  readonly type: 'ipv4'
  readonly src: string
  readonly dst: string
  readonly ttl: number
  /** Number of what comes next: 1 ICMP, 4 IPv4, 6 TCP, 17 UDP, 47 GRE. */
  readonly protocol: number
  readonly id: number
  /** Bytes, header included. */
  readonly length: number
  readonly df: boolean
  /** Present on fragments: bytes, and whether more follow. */
  readonly fragment?: { readonly offset: number; readonly more: boolean }
}

export interface Ipv6Layer {
  readonly type: 'ipv6'
  readonly src: string
  readonly dst: string
  /** Hop limit. */
  readonly ttl: number
  /** Number of the upper layer, extension headers passed over. */
  readonly protocol: number
  /** Bytes, header included. */
  readonly length: number
  readonly fragment?: { readonly offset: number; readonly more: boolean }
}

/** ICMP and ICMPv6; `kind` is the same word for both where both have it. */
export interface IcmpLayer {
  readonly type: 'icmp' | 'icmpv6'
  /** `echo-request`, `echo-reply`, `unreachable`, `too-big`, `time-exceeded`, `neighbour-solicitation` …; `type 42` for others. */
  readonly kind: string
  readonly icmpType: number
  readonly code: number
  /** Echo only. */
  readonly id?: number
  readonly seq?: number
  /** Of "fragmentation needed" and "packet too big". */
  readonly mtu?: number
  /** Neighbour discovery: whom it asks for or announces, and the link-layer address option. */
  readonly target?: string
  readonly targetMac?: string
  /** Errors only: the beginning of the packet they complain about, decoded as far as it goes. */
  readonly quoted?: readonly Layer[]
}

export interface TcpLayer {
  readonly type: 'tcp'
  readonly srcPort: number
  readonly dstPort: number
  readonly seq: number
  readonly ack: number
  /** In the order SYN, ACK, FIN, RST, PSH, URG. */
  readonly flags: readonly ('syn' | 'ack' | 'fin' | 'rst' | 'psh' | 'urg')[]
  readonly mss?: number
}

export interface UdpLayer {
  readonly type: 'udp'
  readonly srcPort: number
  readonly dstPort: number
  /** Bytes, header included. */
  readonly length: number
}

export interface VxlanLayer {
  readonly type: 'vxlan'
  readonly vni: number
}

export interface GreLayer {
  readonly type: 'gre'
  /** EtherType of what is inside. */
  readonly protocol: number
  readonly key?: number
}

/** Bytes after the last header that was understood. */
export interface PayloadLayer {
  readonly type: 'payload'
  readonly length: number
}

export type Layer =
  | EthernetLayer
  | ArpLayer
  | Ipv4Layer
  | Ipv6Layer
  | IcmpLayer
  | TcpLayer
  | UdpLayer
  | VxlanLayer
  | GreLayer
  | PayloadLayer
