/**
 * What every Services module answers: how a packet for a virtual address finds a pod.
 * Pure: no I/O, no clock, no randomness.
 */
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { Host, Lab } from '../lab/lab.ts'
import type { ServiceFrontend } from '../lab/services/semantics.ts'
import type { Counter } from '../netns/counter.ts'
import type { ModuleOptions } from '../topology/schema/schema.ts'

/** What a rule says that refuses or drops for want of an endpoint. */
export interface RefusalMeaning {
  /** Of the Service: `shop/cart:web`. */
  readonly port: string
  /** There are endpoints, but none on this host, and the policy is Local. */
  readonly isLocal: boolean
}

/** Makes the lab's Services (`lab.services`) answer on every host. */
export interface ServiceProxy {
  /** Probed before anything is created; `doctor` explains each. */
  needs(lab: Lab): readonly Feature[]
  /**
   * What a host needs. Work that is the same for every host is done once, when this is called. Jumps from built-in
   * chains come as a chain object of their own; the compiler joins them with those of other modules.
   */
  plan(lab: Lab): (host: Host) => readonly KernelObject[]
  /** Where the frontend's host counts what it refuses or drops for want of an endpoint; undefined: it has one. */
  refusal(lab: Lab, frontend: ServiceFrontend): Counter | undefined
  /** What a rule means that a packet met, in the words of the tool that lists it; undefined: no refusal of this module. */
  explain(rule: string): RefusalMeaning | undefined
}

/** A Services module that can be chosen. */
export interface ServiceModule {
  /** One line for people. */
  readonly summary: string
  /** Parses its options in `network.services`. */
  readonly options: ModuleOptions
  create(options: Readonly<Record<string, unknown>>): ServiceProxy
}
