/**
 * Kernel objects: what the kernel must hold, namespace by namespace. An object describes an end
 * state ("this route exists"), never a command; `diff`, `render`, `observe` and every command that
 * reports on a lab read the same list.
 */
import type { Family } from '../topology/address.ts'
import type { Source } from '../topology/diagnostics.ts'

interface Common {
  /** Full name of the network namespace that holds the object (for `netns`: the namespace itself). */
  readonly ns: string
  /** What in the topology asked for it. Absent on objects read back from the kernel. */
  readonly from?: Source
  /** Why it is there, for readers of the script. */
  readonly note?: string
  readonly nonDefault?: NonDefault
}

/**
 * Only ever observed: attributes that nobody asks for because a new object has them right, and that are otherwise now,
 * in the words of iproute2 where it has any: `isolated on`, `mtu 600`, `no connected route`.
 */
export type NonDefault = readonly string[]

export interface Netns extends Common {
  readonly kind: 'netns'
  /** Only ever observed: the name is there but no namespace behind it, as when `ip netns add` was killed. */
  readonly dead?: true
}

/** What a bridge does with one of its ports. */
export interface BridgePort {
  readonly master: string
  /** Frames may leave by the port they came in on: a pod reaching itself through a Service needs it. */
  readonly hairpin?: boolean
}

/** One end of a veth pair. Both ends are up. */
export interface VethEnd {
  readonly ns: string
  readonly name: string
  readonly mac: string
  readonly mtu: number
  readonly port?: BridgePort
  /** Only ever observed: the device exists but was taken down. */
  readonly down?: true
  readonly nonDefault?: NonDefault
}

/** A veth pair. It is made from `ns`, where `name` is; `peer` appears in its own namespace at once. */
export interface Veth extends Common, VethEnd {
  readonly kind: 'veth'
  readonly peer: VethEnd
}

interface LinkCommon extends Common {
  readonly kind: 'link'
  readonly name: string
  /** Only ever observed: the device exists but was taken down. */
  readonly down?: true
}
export interface Loopback extends LinkCommon {
  readonly type: 'loopback'
}
export interface Bridge extends LinkCommon {
  readonly type: 'bridge'
  readonly mac: string
  readonly mtu: number
}
/** A VTEP without learning: the control plane (that is, the compiler) fills FDB and neighbour table. */
export interface Vxlan extends LinkCommon {
  readonly type: 'vxlan'
  readonly mac: string
  readonly mtu: number
  readonly vni: number
  readonly port: number
  readonly local: string
  readonly dev: string
}
/** A multipoint IP tunnel: no remote, so the next hop of each route (and for GRE its neighbour entry) picks the far end. */
export interface IpTunnel extends LinkCommon {
  readonly type: 'gre' | 'ipip'
  readonly mtu: number
  readonly local: string
  readonly key?: number
}
/** A device that is up: loopback exists by itself, all others are made. */
export type Link = Loopback | Bridge | Vxlan | IpTunnel

export interface Address extends Common {
  readonly kind: 'address'
  readonly dev: string
  /** With prefix: `10.244.0.1/24`. */
  readonly address: string
  readonly scope?: 'link'
}

export interface Route extends Common {
  readonly kind: 'route'
  readonly family: Family
  /** `default` or a network in CIDR notation (with prefix even for one address). */
  readonly dst: string
  readonly type?: 'blackhole' | 'unreachable' | 'prohibit'
  /** Only ever observed: what makes it another route to the same destination, `metric 5`. Nobody asks for such. */
  readonly qualifier?: string
  readonly via?: string
  readonly dev?: string
  /** The next hop is on the link although no address says so. */
  readonly onlink?: boolean
  readonly src?: string
  /** Routing table; absent: main. */
  readonly table?: number
}

/** Policy routing: packets from `src` consult `table`. */
export interface Rule extends Common {
  readonly kind: 'rule'
  readonly family: Family
  readonly priority: number
  readonly src: string
  readonly table: number
  /** Only ever observed: further conditions, and what it does but to consult a table: `to 10.0.0.0/8 blackhole`. */
  readonly qualifier?: string
}

/** A permanent neighbour entry. On a GRE device the link-layer address is the far end's IPv4 address. */
export interface Neighbour extends Common {
  readonly kind: 'neighbour'
  readonly dev: string
  readonly address: string
  readonly lladdr: string
}

/** A permanent VXLAN FDB entry: frames to `mac` leave in a tunnel to `dst`. */
export interface Fdb extends Common {
  readonly kind: 'fdb'
  readonly dev: string
  readonly mac: string
  readonly dst: string
}

/** A value under /proc/sys. */
export interface Sysctl extends Common {
  readonly kind: 'sysctl'
  /** Path below /proc/sys: `net/ipv4/ip_forward`. */
  readonly key: string
  readonly value: string
  /** Set once this device exists, and again when it is made anew; absent: before any device, for them to inherit. */
  readonly dev?: string
}

/** An iptables chain with exactly these rules, in the form `iptables-save` prints them (without `-A CHAIN`). */
export interface Chain extends Common {
  readonly kind: 'chain'
  readonly family: Family
  readonly table: 'filter' | 'nat' | 'mangle' | 'raw'
  readonly chain: string
  /** Hooks such as POSTROUTING exist by themselves. */
  readonly builtin: boolean
  readonly rules: readonly string[]
  /** Only ever observed: a hook that lets nothing pass which no rule accepted. */
  readonly policy?: 'DROP'
}

/** A set of addresses (and ports) that rules match in one step however many members it has. */
export interface Ipset extends Common {
  readonly kind: 'ipset'
  readonly family: Family
  /** At most 31 characters (IPSET_MAXNAMELEN less the terminating NUL). */
  readonly name: string
  readonly type: 'hash:ip' | 'hash:net' | 'hash:ip,port'
  /** Sorted, as `ipset save` prints them: `10.244.0.2`, `10.0.0.0/8`, `10.1.0.0/16 nomatch`, `10.244.0.2,tcp:80`. */
  readonly members: readonly string[]
}

/** A container: a process in a pod's namespaces, started with the lab and ended with it. */
export interface Process extends Common {
  readonly kind: 'process'
  /** Unique in the lab and safe as a file name: `shop.cart.http`. */
  readonly id: string
  readonly hostname: string
  /** The pod as people call it. */
  readonly pod: string
  readonly container: string
  /** Absent: the built-in responder, on the `listen` ports. */
  readonly command?: readonly string[]
  readonly listen: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' | 'SCTP' }[]
  /** The pod's addresses, for the container's environment. */
  readonly addresses: readonly string[]
  /** Only ever observed: it was started in a namespace that has been deleted since. */
  readonly inDeletedNamespace?: true
}

export type KernelObject = Netns | Veth | Link | Address | Route | Rule | Neighbour | Fdb | Sysctl | Chain | Ipset | Process
export type Kind = KernelObject['kind']

const qualifier = (o: Route | Rule): string => (o.qualifier === undefined ? '' : ` ${o.qualifier}`)

/** What makes an object the same object although its other fields differ. */
export function keyOf(o: KernelObject): string {
  switch (o.kind) {
    case 'netns':
      return `netns ${o.ns}`
    case 'veth':
    case 'link':
      return `device ${o.ns} ${o.name}`
    case 'address':
      return `address ${o.ns} ${o.dev} ${o.address}`
    case 'route':
      return `route ${o.ns} ${o.family} ${o.dst} ${o.table ?? 'main'}${qualifier(o)}`
    case 'rule':
      return `rule ${o.ns} ${o.family} ${o.priority}${qualifier(o)}`
    case 'neighbour':
      return `neighbour ${o.ns} ${o.dev} ${o.address}`
    case 'fdb':
      return `fdb ${o.ns} ${o.dev} ${o.mac}`
    case 'sysctl':
      return `sysctl ${o.ns} ${o.key}`
    case 'chain':
      return `chain ${o.ns} ${o.family} ${o.table} ${o.chain}`
    case 'ipset':
      return `ipset ${o.ns} ${o.name}`
    case 'process':
      return `process ${o.id}`
  }
}

/** The device an object lives on: it vanishes and comes back with it. */
export function deviceOf(o: KernelObject): string | undefined {
  switch (o.kind) {
    case 'address':
    case 'neighbour':
    case 'fdb':
    case 'route':
    case 'sysctl':
      return o.dev
    case 'link':
      return o.type === 'vxlan' ? o.dev : undefined
    default:
      return undefined
  }
}
