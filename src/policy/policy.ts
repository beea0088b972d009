/** What every policy module answers: how NetworkPolicies are enforced on a host. Pure: no I/O, no clock, no randomness. */
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { Host, Lab, Pod } from '../lab/lab.ts'
import type { Direction } from '../lab/policy/policies.ts'
import type { Counter } from '../netns/counter.ts'
import type { Family } from '../topology/address.ts'
import type { ModuleOptions } from '../topology/schema/schema.ts'

/**
 * Enforces the policies of a lab (see lab/policy/policies.ts for what they mean). A pod's ingress is filtered on the
 * pod's own host, and so is its egress; packets that come from or go to the host itself are never filtered.
 */
export interface PolicyModule {
  /** One line for the docs. */
  readonly summary: string
  /** False: policies say what should pass, and everything does. */
  readonly enforces: boolean
  /** Parses its options in `network.policy`. */
  readonly options: ModuleOptions
  /** Kernel features this lab's policies need; none where there are no policies. */
  needs(lab: Lab): readonly Feature[]
  /** Everything on one host. Nothing where no policy selects a pod of the host. */
  objects(host: Host, lab: Lab): KernelObject[]
  /**
   * Where a packet is counted that no policy of this pod allows: it tells a deny from a packet that got lost on the way.
   * Undefined where the pod is not isolated.
   */
  denies(pod: Pod, direction: Direction, family: Family, lab: Lab): Counter | undefined
  /** Titles of the policies a rule is about that a packet met, in the words of the tool that lists it; undefined: of none. */
  explain(rule: string): readonly string[] | undefined
}
