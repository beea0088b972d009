/**
 * What every backend answers: how a packet for a pod on another host gets there.
 * Pure: no I/O, no clock, no randomness.
 */
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { Host, Lab, Router } from '../lab/lab.ts'
import type { Layer } from '../packet/headers.ts'
import type { Family } from '../topology/address.ts'
import type { Path } from '../topology/diagnostics.ts'
import type { ModuleOptions } from '../topology/schema/schema.ts'

/** One header around a pod's packet, as a packet decoder names it. */
export interface HeaderPattern {
  readonly type: Layer['type']
  /** Fields that are fixed: `{ dstPort: 8472 }`, `{ vni: 1 }`, `{ protocol: 4 }`. */
  readonly fields?: Readonly<Record<string, number>>
}

/** How packets get from one host's pods to another's. */
export interface Carriage {
  /** What a capture on the underlay finds around the packet, outermost first. Empty: the bare packet. */
  readonly headers: readonly HeaderPattern[]
  /** Bytes the headers add to the IP packet. */
  readonly overhead: number
  /** Device of the sending host that packets to the other's pods leave by: a tunnel's, where they are put into one. */
  readonly device: string
  /** Hosts, routers and programs that take one from the TTL between the two pods. */
  readonly hops: number
  /** The same on the way from a pod to the other host itself, under the address that the host's own packets have: it does not route what is for it. */
  readonly hopsToHost: number
  /** The address of the sending host that the far side sees on the host's own packets to pods. */
  readonly source: Readonly<Partial<Record<Family, string>>>
  /** Whether pods of both hosts are neighbours on one link. */
  readonly sharesL2: boolean
  /** Set where what a capture on the underlay finds inside the headers cannot be read. */
  readonly encrypted?: true
}

/** Why this backend cannot carry this lab. */
export interface Refusal {
  readonly path: Path
  readonly code: string
  readonly message: string
  readonly hint?: string
  /** The kernel would accept it, so `--force` builds it: watching it fail is a lesson. */
  readonly forceable: boolean
}

/** Carries pod packets from host to host. */
export interface Backend {
  /** Probed before anything is created; `doctor` explains each. */
  readonly needs: readonly Feature[]
  /** Bytes that pods' MTU leaves free, whether or not there is another host yet: the most any {@link Carriage} adds. */
  readonly reserve: number
  /**
   * Its devices are ports of the bridges that pods are plugged into: pods of all hosts are on one link, in one network, and find each
   * other by ARP. They have one MTU then, as no router could tell of a smaller one.
   */
  readonly bridged?: true
  refuse(lab: Lab): readonly Refusal[]
  /**
   * Everything this host needs to reach every other host's pods.
   * @param bridge what the host's pods are plugged into, if they share a link
   */
  objects(host: Host, lab: Lab, bridge?: string): KernelObject[]
  /** Everything a router between the hosts needs; there is one where the module says `needsRouter`. */
  onRouter?(router: Router, lab: Lab): KernelObject[]
  /** Set where hosts tell the router of their segment of their pods' blocks, by BGP; it needs routers that speak it. */
  readonly speaks?: { readonly asn: number; readonly bfd: boolean }
  /** What it means that a packet was dropped by this rule of the router's (as `iptables-save` prints it); undefined: it is not the backend's. */
  explain?(rule: string): string | undefined
  /** How packets get from the pods of one host to those of another. */
  carriage(from: Host, to: Host, lab: Lab): Carriage
}

/** A backend that can be named in a topology. */
export interface BackendModule {
  /** One line for `doctor` and the docs. */
  readonly summary: string
  /** Parses its options in `network.backend`. */
  readonly options: ModuleOptions
  /** Whether the router between the hosts takes part, so that there is one also where all hosts share a segment. */
  readonly needsRouter?: boolean
  /** Options that came later, as every lab of a netlab before them has them: its record does not say. */
  readonly unsaid?: Readonly<Record<string, unknown>>
  /**
   * Its options on this machine, where they leave something to what it can do.
   * @param can whether the machine has a feature; found by trying
   */
  choose?(options: Readonly<Record<string, unknown>>, can: (feature: Feature) => boolean): Readonly<Record<string, unknown>>
  create(options: Readonly<Record<string, unknown>>): Backend
}
