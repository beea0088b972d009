/** What every policy module answers: how NetworkPolicies are enforced on a host. Pure: no I/O, no clock, no randomness. */
import type * as z from 'zod'
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { Host, Lab, Pod } from '../lab/lab.ts'
import type { Direction } from '../lab/policy/policies.ts'
import type { Family } from '../topology/address.ts'

/** The rule that ends what no policy allows. Its packet counter tells a deny from a packet that got lost on the way. */
export interface DenyRule {
  /** Namespace of the host that has it. */
  readonly ns: string
  readonly family: Family
  readonly table: 'filter'
  readonly chain: string
  /** As `iptables-save` prints it, without `-A CHAIN`. */
  readonly rule: string
}

/**
 * Enforces the policies of a lab (see lab/policy/policies.ts for what they mean). A pod's ingress is judged on the
 * pod's own host, and so is its egress; packets that come from or go to the host itself are never judged.
 */
export interface PolicyModule {
  /** One line for the docs. */
  readonly summary: string
  /** Parses its options in `network.policy`. */
  readonly options: z.ZodObject
  /** Kernel features this lab's policies need; none where there are no policies. */
  needs(lab: Lab): readonly Feature[]
  /** Everything on one host. Nothing where no policy selects a pod of the host. */
  objects(host: Host, lab: Lab): KernelObject[]
  /** Where a packet ends that no policy of this pod allows; undefined where the pod is not isolated. */
  denies(pod: Pod, direction: Direction, family: Family, lab: Lab): DenyRule | undefined
}
