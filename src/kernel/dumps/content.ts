/**
 * What a namespace holds, as the kernel shows it: typed, and nothing said about how it was obtained. The fields have the
 * names of `ip -j`. Kinds of objects read these ({@link NamespaceDumps}); `take.ts` alone knows where they come from.
 */

import type { IpFdb, IpLink, IpNeighbour, IpRoute, IpRule } from '../../netns/netlink/types.ts'

export type { IpAddress, IpFdb, IpLink, IpNeighbour, IpRoute, IpRule } from '../../netns/netlink/types.ts'

/** Rules every namespace has from the beginning (fib_default_rules_init, fib6_rules_net_init). */
export const STANDARD_RULES: Readonly<Record<4 | 6, Readonly<Record<number, string>>>> = {
  4: { 0: 'local', 32_766: 'main', 32_767: 'default' },
  6: { 0: 'local', 32_766: 'main' },
}

/** Tables of iptables' older half, which nftables' does not show, one a line: files that are there only where it is in use. */
export const LEGACY_TABLES = { 4: '/proc/net/ip_tables_names', 6: '/proc/net/ip6_tables_names' } as const

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
