/** What is known about one kind of kernel object: everything that differs from kind to kind is a field or method here. */
import type { Source } from '../../topology/diagnostics.ts'
import type { IpLink, NamespaceDumps, Wanted } from '../dumps/content.ts'
import type { FeatureDefinition } from '../features/definition.ts'
import type { Tool } from '../tools.ts'

/** What every kernel object has. */
export interface Common {
  /** Full name of the network namespace that holds the object (for `netns`: the namespace itself). */
  readonly ns: string
  /** What in the topology asked for it. Absent on objects read back from the kernel. */
  readonly from?: Source
  /** Why it is there, for readers of the script. */
  readonly note?: string
  readonly nonDefault?: NonDefault
}

/**
 * Only ever observed: attributes that are not asked for because a new object has them right, and that are otherwise now,
 * in the words of iproute2 where it has any: `isolated on`, `mtu 600`, `no connected route`.
 */
export type NonDefault = readonly string[]

/** A namespace, by its name, or a device: `ns name`. */
export type Place = string

/**
 * Where an object stands in the order of creation. Objects of one stage do not depend on each other,
 * except that links are made in list order.
 */
export enum Stage {
  /** Namespaces. */
  Namespaces,
  /** Secrets that are made once and kept. */
  Keys,
  /** Settings that new devices inherit. */
  Settings,
  /** Devices. */
  Devices,
  /** What lives on devices: addresses, routes, entries, rules. */
  Config,
  /** What is put under its own name again, after rules were led around it while it changed. */
  Settle,
  /** What goes away only when nothing refers to it any more: sets that rules matched. */
  Cleanup,
  /** Programs that change the network by themselves. */
  Daemons,
  /** What daemons and devices are told over their control sockets. */
  Peers,
  /** What daemons bring about, sessions and routes: waited for, never made. */
  Learned,
  /** Containers. */
  Processes,
}

export type Change<O> =
  | { readonly action: 'create'; readonly object: O }
  | { readonly action: 'delete'; readonly object: O }
  /** Same identity, other content, and the kernel can change it in place. */
  | {
      readonly action: 'replace'
      readonly object: O
      readonly before: O
      /** Of an object that changes together with others of its {@link Atomic} group: who reads it, and must see all of it change at once. */
      readonly readers?: readonly Common[]
    }

/** One line of one tool in one namespace, and when it is due. */
export interface Piece {
  /** Absent: the machine's own namespace. */
  readonly ns?: string
  readonly tool: Tool
  readonly stage: Stage
  readonly text: string
  /** Lines that follow it in the same place: a set may have thousands of members. */
  readonly more?: readonly string[]
  /** Part of the tool's input that it belongs to: a table of iptables. */
  readonly section?: string
  /** Whether it belongs to the batches that take things away before anything is made. Default: when the change is a delete. */
  readonly removes?: boolean
}

/** How objects that packets consult together change at once: rules and the sets they match. */
export interface Atomic<O> {
  /** Objects of one group are consulted together. */
  group(o: O): string
  /** Keys of the objects it reads. */
  reads?(o: O): readonly string[]
  /** It, reading other objects instead of those: names by key. */
  redirect?(o: O, standIns: ReadonlyMap<string, string>): O
  /** Name of the copy that stands in for it while it changes. Its `render` makes that copy when a change has `readers`. */
  standIn?(o: O): string
}

/** What is on record of a container that was started, or a daemon that runs; undefined when there is none. */
export type Started = (
  process: Common & { readonly id: string },
) => { readonly spec?: unknown; readonly inDeletedNamespace: boolean } | undefined

/** One end of a session between two daemons. */
export interface SessionEnd {
  /** Id of the daemon. */
  readonly daemon: string
  /** What the daemon calls the session. */
  readonly name: string
}

/** What a daemon says of its end of a session. */
export interface SessionState {
  /** In its own words: `Established`, `Active`. */
  readonly state: string
  /** What it says went wrong last: `Socket: Connection refused`. */
  readonly error?: string
  /** When it came into this state, as the daemon prints it. */
  readonly since?: string
}

/** Asks daemons about their ends of sessions. Nothing comes of a daemon that does not answer. */
export type AskSessions = (ends: readonly SessionEnd[]) => Promise<ReadonlyMap<SessionEnd, SessionState>>

/** Another host, as a WireGuard device knows it. */
export interface WireguardPeer {
  /** Address and UDP port: `192.168.50.12:51820`. Absent where it was observed: what is for it has nowhere to go. */
  readonly endpoint?: string
  /** Networks whose packets are sent to it, and taken from it: in the order of their text. */
  readonly allowedIPs: readonly string[]
  /** Only ever observed: seconds between two packets that keep it alive. */
  readonly keepalive?: string
  /** Only ever observed: both ends must know a further key. */
  readonly preshared?: true
}

/** Keys and peers of a WireGuard device. What it tells of keys are names: of hosts that have them. */
export interface WireguardState {
  /** Whose private key it has. Observed: in words, where that is no host's. */
  readonly key: string
  /** UDP port it receives on. */
  readonly port: number
  /** By name of the host whose public key the peer has. Observed: the key itself where that is no host's. */
  readonly peers: Readonly<Record<string, WireguardPeer>>
}

/** A WireGuard device, the kernel's or one that wireguard-go reads. */
export interface WireguardDevice {
  readonly ns: string
  readonly dev: string
  /** Name of the host, as its keys on record have it. */
  readonly key: string
  /** Of a device that wireguard-go reads. */
  readonly program?: {
    /** Id of the daemon. */
    readonly daemon: string
    /** The one of its files that runs `wg` where it finds the daemon's control socket. */
    readonly control: string
    /** MTU of the device, bytes: the daemon sets it to 1420 when it starts. */
    readonly mtu: number
  }
}

/** Asks WireGuard devices about keys and peers. Nothing comes of one that does not answer, or has neither. */
export type AskWireguard = (devices: readonly WireguardDevice[]) => Promise<ReadonlyMap<WireguardDevice, WireguardState>>

/** What is at hand once all namespaces were read. */
export interface ReadContext {
  /** Namespaces that were to be read. `dead`: the name is there but no namespace behind it. */
  readonly namespaces: readonly { readonly ns: string; readonly dead: boolean }[]
  /** Reads the devices of namespaces again. */
  links(spaces: readonly string[], onLinks: (ns: string, links: readonly IpLink[]) => void): Promise<void>
  /** Longest wait for links that are starting, milliseconds. */
  readonly patience?: number
  readonly started?: Started
  readonly sessions?: AskSessions
  readonly wireguard?: AskWireguard
}

/** Reads objects of one kind back; lives for one observation. */
export interface Reader<O> {
  /** The objects in one namespace, asked for or not. Any dump may be there, wanted or not. */
  namespace?(dumps: NamespaceDumps): readonly O[]
  /** The objects that show only once all namespaces were read, or elsewhere. */
  finish?(context: ReadContext): readonly O[] | Promise<readonly O[]>
}

/** A lease in etcd, from which daemons on other hosts know how to reach the pods of one. */
export interface Lease {
  /** `/coreos.com/network/subnets/10.244.1.0-24`. */
  readonly key: string
  /** What it should say, as JSON. */
  readonly value: string
  /** The host whose lease it is, as people call it. */
  readonly node: string
  /** Id of the daemon that holds it: etcd. */
  readonly store: string
  /** Id of the daemon that writes it. */
  readonly writer: string
}

/** The daemon that brings an object about. */
export interface Origin {
  /** Its id, and what people call it: `bird on node-1`. */
  readonly daemon: string
  readonly by: string
  /** From which it knows; absent: from other daemons. */
  readonly lease?: Lease
}

/** Adds to what was read who brings it about, for those of which that is known. */
export function withOrigins<O extends Common & { readonly learned?: Origin }>(key: (o: O) => string, asked: readonly O[]): (read: O) => O {
  // Of an object that was and is asked for, the last word counts.
  const origins = new Map(asked.map((o) => [key(o), o.learned]))
  return (read) => {
    const learned = origins.get(key(read))
    return learned ? { ...read, learned } : read
  }
}

/** What to tell of an entry that a daemon should have brought about. */
export const notBroughtAbout = ({ learned }: { readonly learned?: Origin }): string[] =>
  learned ? [`${learned.by} has not brought it about`] : []

/** What is looked at of an object whose kind is not known. */
export interface AnyObject extends Common {
  readonly kind: string
  readonly name?: string
  readonly dev?: string
  readonly chain?: string
  readonly family?: number
  readonly dst?: string
  readonly table?: number | string
  readonly protocol?: string
  readonly learned?: Origin
}

/** @typeParam F names of the features it needs of a kernel */
export interface ObjectKind<O extends Common & { readonly kind: string }, F extends string = never> {
  readonly kind: O['kind']
  /** What makes an object the same object although its other fields differ. */
  key(o: O): string
  /** One line for people: `route 10.244.1.0/24 in demo.node-1`. */
  describe(o: O): string
  stage(o: O): Stage
  /** Namespaces and devices it makes: what stands on them goes with them. */
  provides?(o: O): readonly Place[]
  /** The device it stands on, in its own namespace: it vanishes and comes back with it. */
  device?(o: O): string | undefined
  /** The namespace it reaches into beyond its own: it goes when either goes, and by itself when both do. */
  reaches?(o: O): string
  /** Never made, but waited for: a daemon brings it about. */
  awaited?(o: O): boolean
  /** No dump of a namespace shows it: it is on record, or a daemon is asked. Its reader reads in `finish` alone. */
  readonly elsewhere?: true
  /** Never goes by itself: it is deleted by name even where its namespace goes. */
  readonly outlives?: true
  /** Whether it is there without being asked for and cannot be taken away, only left as it is. */
  builtin?(o: O): boolean
  /** Whether the kernel can change `before` into `after` in place. `fields`: those in which they differ. */
  replaceable(before: O, after: O, fields: readonly string[]): boolean
  /** The lines that make the change. */
  render(change: Change<O>): readonly Piece[]
  readonly atomic?: Atomic<O>
  /** What to read of a namespace where these are asked for, beyond its devices and routes. */
  wants?(asked: readonly O[]): readonly Wanted[]
  /** Whether a device is one of its objects. */
  shows?(link: IpLink): boolean
  /** @param asked those asked for, in all namespaces */
  reader?(asked: readonly O[]): Reader<O>
  readonly features?: readonly FeatureDefinition<F>[]
  /** What a difference in a field means, where it is more than one value in place of another. */
  explain?(field: string, observed: O): readonly string[] | undefined
  /** What to tell of an object that is missing, beyond that it is. */
  absence?(o: O): readonly string[]
  /** Whether an object that was not asked for is this one's doing. */
  owns?(o: O, other: AnyObject): boolean
  /** What to tell of an object that was not asked for, beyond that it is there. */
  details?(o: O): readonly string[]
}

/** A word and its value, where there is one: ` via 10.0.0.1`. */
export const option = (word: string, value: string | number | undefined): string => (value === undefined ? '' : ` ${word} ${value}`)

/** Lines for `ip -batch` in the object's namespace. */
export const ipLine = (ns: string, stage: Stage, text: string): Piece[] => [{ ns, tool: 'ip', stage, text }]

/** As part of an object; nothing where everything is as on a new one. */
export const withNonDefault = (nonDefault: NonDefault): { nonDefault?: NonDefault } => (nonDefault.length > 0 ? { nonDefault } : {})
