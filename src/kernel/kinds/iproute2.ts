/** What iproute2 prints with `-j`, as far as it is read here. Pure. */
import type { NonDefault } from '../objects.ts'

/** The part of `ip -j -d address show` that we read (iproute2 ip/ipaddress.c). */
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

/** Documents `ip -j -batch` printed, one a line and command. */
export const jsonLines = (output: string): unknown[][] =>
  output
    .split('\n')
    .filter((l) => l.startsWith('['))
    .map((l) => JSON.parse(l) as unknown[])

/** iproute2 prints the same field as a number or as text, depending on its version. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** As part of an object; nothing where nothing is nonDefault. */
export const withNonDefault = (nonDefault: NonDefault): { nonDefault?: NonDefault } => (nonDefault.length > 0 ? { nonDefault } : {})
