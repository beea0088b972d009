/** What every attach module answers: how a pod is connected to its host. Pure: no I/O, no clock, no randomness. */
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { Host, Lab, Pod } from '../lab/lab.ts'
import type { ModuleOptions } from '../topology/schema/schema.ts'
import type { interfaceOf } from './interfaces.ts'
import type { HostPortModule } from './ports/host-ports.ts'

/** The pods of one host and the MTU their interfaces get, bytes. */
export interface Local {
  readonly host: Host
  readonly pods: readonly Pod[]
  readonly podMTU: number
  /** Pods of all hosts are on one link: the network they are in is that of all pods, and not their host's block. */
  readonly oneLink: boolean
}

/** Connects pods to their host. */
export interface Attach {
  readonly needs: readonly Feature[]
  /** Times the TTL of a packet between two pods of one host is decreased. */
  readonly hops: number
  /** Whether all pods of a host are neighbours on one link. */
  readonly sharesL2: boolean
  /** Devices it makes on every host, beside the pods' own ends: what pods are plugged into. */
  readonly devices: readonly string[]
  /** What leads ports of hosts to pods that ask for them. */
  readonly hostPorts: HostPortModule
  /** Everything on the host and in its pods that connects the two. */
  objects(local: Local, lab: Lab): KernelObject[]
}

/** An attach module that can be named in a topology. */
export interface AttachModule {
  /** One line for `doctor` and the docs. */
  readonly summary: string
  /** Parses its options in `network.attach`. */
  readonly options: ModuleOptions
  /** What the host's end of a pod's link is called, where the options say so. */
  readonly interfaceOf?: typeof interfaceOf
  create(options: Readonly<Record<string, unknown>>): Attach
}
