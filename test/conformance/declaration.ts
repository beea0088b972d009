/**
 * What a backend's conformance test declares. Overhead and headers are written there from the RFCs and not taken from
 * the source, so that a backend cannot declare its own mistakes right.
 */
export type Families = 'v4' | 'v6' | 'dual'

/** One header of a pod packet on the underlay, as test/support/pcap.ts decodes it. */
export interface Header {
  readonly type: 'ipv4' | 'udp' | 'vxlan' | 'geneve' | 'gre' | 'wireguard' | 'ethernet'
  /** Fields that are fixed. */
  readonly fields?: Readonly<Record<string, number>>
}

/** One lab of the suite. */
export interface Declaration {
  readonly backend: string
  readonly options?: Readonly<Record<string, unknown>>
  /** Bytes a packet grows by on the underlay. */
  readonly overhead: number
  /** Headers around a pod packet on the underlay, outermost first. */
  readonly headers: readonly Header[]
  /** What is behind the last of these headers is encrypted. Default: no. */
  readonly sealed?: boolean
  /** Programs carry packets between hosts, and each takes one from the TTL. Default: no. */
  readonly forwarders?: boolean
  /** Default: a bridge. */
  readonly attach?: { readonly type: string; readonly name?: string }
  /** Default: both. */
  readonly families?: Families
  /** The pods of all hosts are on one link: no host routes between them. Default: no. */
  readonly bridged?: boolean
  /** The router between the hosts has the routes to pods: it is on the way of all packets to them. Default: no. */
  readonly byRouter?: boolean
  /** Three hosts, two segments and a router in between; tunnels only across segments. */
  readonly crossSegment?: boolean
  /** Each segment has a router of its own, and spines join them. Default: no. */
  readonly fabric?: boolean
  /** Its border translates, and its firewall lets one of the externals in. Default: no. */
  readonly border?: boolean
  /** Machines outside, and with them a router. Default: yes. */
  readonly externals?: boolean
  /** Default: yes. */
  readonly masquerade?: boolean
  /** Default: 1500 everywhere. */
  readonly mtu?: { readonly underlay: number; readonly hosts?: Readonly<Record<string, number>> }
}

/** A declaration with its defaults. */
export interface Combination extends Required<Declaration> {
  readonly title: string
}

const DEFAULTS = {
  options: {},
  sealed: false,
  forwarders: false,
  attach: { type: 'bridge' },
  families: 'dual',
  bridged: false,
  byRouter: false,
  crossSegment: false,
  fabric: false,
  border: false,
  externals: true,
  masquerade: true,
  mtu: { underlay: 1500 },
} as const

/** The lab of a declaration; a variant changes some of it. */
export function combination(declared: Declaration, title = '', variant: Partial<Declaration> = {}): Combination {
  const whole = { ...DEFAULTS, ...declared, ...variant }
  return { ...whole, title: [whole.backend, title, whole.attach.type, whole.families].filter(Boolean).join(', ') }
}

/** Links of unequal MTU. */
export const UNEQUAL = { underlay: 9000, hosts: { 'node-1': 1400 } } as const
