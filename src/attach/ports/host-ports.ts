/** What an attach module answers about `hostPort`: how a packet for a port of a host finds the pod that asked for it. Types only. */
import type { Feature } from '../../kernel/features/feature.ts'
import type { KernelObject } from '../../kernel/objects.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import type { Hiding } from '../../lab/services/host-ports.ts'

/** Makes a host's `hostPortsOn` (lab/services/host-ports.ts) lead to their pods. */
export interface HostPortModule {
  readonly hiding: Hiding
  /** Probed before anything is created. */
  needs(lab: Lab): readonly Feature[]
  /**
   * What a host needs; nothing where no pod of it asks for a port. Jumps from built-in chains come as chain objects of their own;
   * the compiler joins them with those of other modules.
   */
  objects(host: Host, lab: Lab): readonly KernelObject[]
}
