/**
 * What a namespace holds, as the kernel shows it: typed, and nothing said about how it was obtained. The fields have the
 * names of `ip -j`. Kinds of objects read these ({@link NamespaceDumps}); `take.ts` alone knows where they come from.
 */

/** A device with its addresses: `ip -j -d address show` (iproute2 ip/ipaddress.c), as far as it is read here. */
export interface IpLink {
  readonly ifindex: number
  readonly ifname: string
  readonly flags: readonly string[]
  readonly operstate?: string
  readonly link_type?: string
  /** An XDP program, if there is one. */
  readonly xdp?: unknown
  readonly mtu: number
  /** Kind of the root queueing discipline. */
  readonly qdisc?: string
  readonly address?: string
  readonly master?: string
  /** Index of the other end (veth) or of the lower device, in its own namespace. */
  readonly link_index?: number
  readonly link?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_slave_kind?: string
    readonly info_slave_data?: { readonly hairpin?: boolean; readonly state?: string }
    readonly info_data?: Readonly<Record<string, unknown>>
  }
  readonly linkmode?: string
  readonly addr_info?: readonly IpAddress[]
}

export interface IpAddress {
  readonly family: string
  readonly local: string
  readonly prefixlen: number
  readonly scope: string
  /** The other end's, if it was given one. */
  readonly address?: string
  readonly tentative?: boolean
  readonly dadfailed?: boolean
  readonly deprecated?: boolean
  readonly valid_life_time?: number
}

export interface IpRoute {
  readonly type?: string
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly table?: string
  readonly protocol?: string
  readonly prefsrc?: string
  readonly flags?: readonly string[]
  readonly metric?: number
  readonly tos?: string
  readonly metrics?: readonly Readonly<Record<string, unknown>>[]
  readonly nexthops?: readonly unknown[]
  readonly encap?: string
  /** A next hop of the other family. */
  readonly via?: { readonly host: string }
}

/** A rule of policy routing; further fields are conditions. */
export interface IpRule extends Readonly<Record<string, unknown>> {
  readonly priority: number
  readonly src: string
  readonly srclen?: number
  readonly dst?: string
  readonly dstlen?: number
  /** What it does but to consult a table: `prohibit`. */
  readonly action?: string
  readonly table?: string
}

/** Rules every namespace has from the beginning (fib_default_rules_init, fib6_rules_net_init). */
export const STANDARD_RULES: Readonly<Record<4 | 6, Readonly<Record<number, string>>>> = {
  4: { 0: 'local', 32_766: 'main', 32_767: 'default' },
  6: { 0: 'local', 32_766: 'main' },
}

export interface IpNeighbour {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
  readonly state?: readonly string[]
}

export interface IpFdb {
  readonly mac: string
  readonly ifname: string
  readonly dst?: string
  readonly flags?: readonly string[]
  readonly state?: string
  readonly master?: string
  readonly port?: number
  readonly vni?: number
  readonly via?: string
}

/** What tells cheaply whether a namespace holds anything that a new one does not. */
export interface NonDefaultState {
  /** Families whose rules are not those of a new namespace. */
  readonly rules: readonly (4 | 6)[]
  readonly qdiscs: readonly { readonly ifindex: number; readonly kind: string }[]
  /** All tables of nftables, those of iptables included: `ip filter`. */
  readonly tables: readonly { readonly family: string; readonly name: string }[]
}

/** Everything that can be read of a namespace. */
export interface Dumps {
  readonly links: readonly IpLink[]
  /** Of all tables and both families. */
  readonly routes: readonly IpRoute[]
  /** Permanent entries. */
  readonly neighbours: readonly IpNeighbour[]
  /** Entries that are used without ARP or NDP. */
  readonly noarp: readonly IpNeighbour[]
  /** Entries that are answered for. */
  readonly proxied: readonly IpNeighbour[]
  readonly rules4: readonly IpRule[]
  readonly rules6: readonly IpRule[]
  readonly fdb: readonly IpFdb[]
  /** `ipset save` */
  readonly ipsets: string
  /** `iptables-save` */
  readonly chains4: string
  /** `ip6tables-save` */
  readonly chains6: string
  readonly state: NonDefaultState
  /** Contents by path; files that are not there are missing. */
  readonly files: ReadonlyMap<string, string>
}

/** A dump by name, or a file by path. */
export type Wanted = Exclude<keyof Dumps, 'files'> | `/${string}`

/** What was read of one namespace: at least what was wanted. */
export interface NamespaceDumps extends Partial<Dumps> {
  readonly ns: string
}
