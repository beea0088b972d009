/**
 * What a namespace holds, as the kernel shows it. Fields have the names and values that `ip -j -d` and `bridge -j` print,
 * so that what a reader of this code sees can be tried on the command line.
 */

/** A device with its addresses (iproute2 ip/ipaddress.c). */
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
    readonly info_slave_data?: { readonly hairpin?: boolean; readonly isolated?: boolean; readonly state?: string }
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
  /** Seconds; 2^32 - 1 is for ever. */
  readonly valid_life_time?: number
}

/** One of several next hops of a route; further fields are what it puts around packets. */
export interface IpNextHop extends Readonly<Record<string, unknown>> {
  readonly gateway?: string
  readonly dev?: string
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
  readonly nexthops?: readonly IpNextHop[]
  readonly scope?: string
  /** Only packets from there. */
  readonly from?: string
  /** Number of a next hop object. */
  readonly nhid?: number
  readonly encap?: string
  /** What the header has that the route puts around its packets. */
  readonly encap_info?: Readonly<Record<string, unknown>>
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

/** What is known of devices by their index: what names them in other dumps. */
export type Devices = ReadonlyMap<number, { readonly name: string; readonly type: number }>

/** Name of a device, or what stands for the name of one that is gone or in another namespace. */
export const deviceName = (devices: Devices, index: number): string => devices.get(index)?.name ?? `if${index}`
