/** What is known about one type of device: everything that differs from type to type is a field or method here. */
import type { IpLink } from '../dumps/content.ts'
import type { FeatureDefinition } from '../features/definition.ts'
import type { Common, NonDefault } from '../kinds/kind.ts'
import type { BridgePort, Defaults } from './attributes.ts'

/** What every device has. It is up. */
export interface LinkObject extends Common {
  readonly kind: 'link'
  readonly type: string
  readonly name: string
  /** Only ever observed: the device exists but was taken down. */
  readonly down?: true
}

/** A device that may be asked to be a port of a bridge. */
export interface PortObject extends LinkObject {
  readonly bridgePort?: BridgePort
}

/** How a device puts packets into others. */
export interface TunnelDevice {
  /**
   * Where the far end of a packet's tunnel comes from: the FDB entry of the next hop's MAC, the next hop's neighbour entry,
   * the next hop itself, the device's own `remote`, or the program that reads the device.
   */
  readonly farEnd: 'fdb' | 'neighbour' | 'next-hop' | 'remote' | 'program'
  /** The header of its packets, as `packet/` names it, where that is not the name of its type. */
  readonly header?: string
  /** The number in the headers of its packets, as `packet/` reads it there; 0: none. `data`: what `ip -j -d` shows of its type. */
  id(data: Readonly<Record<string, unknown>>): number
}

/** @typeParam F the feature it needs of a kernel */
export interface LinkType<L extends LinkObject, F extends string = never> {
  /** As `ip link add … type` has it. */
  readonly type: L['type']
  /** The lines of `ip` that make one, up. Absent: it exists in every namespace by itself, and is only taken up. */
  add?(o: L): string | readonly string[]
  /** Whether a device of this kind is one that netlab could have made, by its own data. Absent: all are. */
  isOwn?(data: Readonly<Record<string, unknown>>): boolean
  /** Its own fields in what `ip -j -d` shows. */
  read(link: IpLink): Omit<L, keyof LinkObject>
  /**
   * Fields that `ip link set` changes on a living device, besides the bridge that it is a port of; any other change makes a new one.
   * `nonDefault`: attributes are put back one by one.
   */
  readonly inPlace: readonly ('mtu' | 'mac' | 'nonDefault')[]
  /** Whether it has Ethernet addresses, so that `arp off` is no part of its type. */
  readonly ethernet: boolean
  /** Its objects are {@link PortObject}s. */
  readonly port?: true
  /** The kernel gives a new one a queueing discipline: packets wait there until a program takes them. */
  readonly queues?: true
  /** What a new one has of attributes that are not asked for, by word of `ip link set … type`. */
  readonly defaults?: Defaults
  /** Other attributes that are not asked for and not as on a new one, in words. */
  nonDefault?(data: Readonly<Record<string, unknown>>): NonDefault
  /** The device below it, which takes it along when it goes. */
  lower?(o: L): string
  /** Of devices that put packets into others. */
  readonly tunnel?: TunnelDevice
  /** What both ends must agree on, in words: `VNI 1`. */
  numbers?(o: L): readonly string[]
  readonly feature?: FeatureDefinition<F>
  /** Devices that its kernel module puts into every namespace by itself. */
  readonly automatic?: readonly string[]
}

/** iproute2 prints the same field as a number or as text, depending on its version. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
