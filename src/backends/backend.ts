/**
 * What every backend answers: how a packet for a pod on another host gets there.
 * Pure: no I/O, no clock, no randomness.
 */
import type * as z from 'zod'
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { Host, Lab } from '../lab/lab.ts'
import type { Path } from '../topology/diagnostics.ts'

/** One header a pod packet wears on the underlay, outermost first, as a packet decoder names it. */
export interface HeaderPattern {
  readonly type: 'ipv4' | 'udp' | 'vxlan' | 'gre' | 'ethernet'
  /** Fields that are fixed: `{ dstPort: 8472 }`, `{ vni: 1 }`, `{ protocol: 4 }`. */
  readonly fields?: Readonly<Record<string, number>>
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
  /** Bytes added to a packet on the wire: pod MTU = link MTU − overhead. */
  readonly overhead: number
  /** What a capture on the underlay finds around a pod packet. Empty: the bare packet. */
  readonly wire: readonly HeaderPattern[]
  /** Bare next-hop routes inside a segment; tunnels only across segments. */
  readonly crossSegmentOnly: boolean
  refuse(lab: Lab): readonly Refusal[]
  /** Everything this host needs to reach every other host's pods. */
  objects(host: Host, lab: Lab): KernelObject[]
}

/** A backend that can be named in a topology. */
export interface BackendModule {
  /** One line for `doctor` and the docs. */
  readonly summary: string
  /** Parses its options in `network.backend`. */
  readonly options: z.ZodObject
  create(options: Readonly<Record<string, unknown>>): Backend
}
