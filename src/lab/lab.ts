/**
 * The resolved model: every node, address, MAC and interface name decided, from the file alone.
 * Plain data (it survives JSON), so that a running lab remembers what it was made from.
 */
import type { Family } from '../topology/address.ts'
import type { Diagnostic, Source } from '../topology/diagnostics.ts'
import type { ChosenPreset } from '../topology/preset.ts'
import type { ContainerSpec, ModuleChoice, Topology } from '../topology/schema/schema.ts'
import type { Service } from './services/service.ts'

/** An address of a node, and the prefix length of the network it lies in. */
export interface NodeAddress {
  readonly family: Family
  readonly ip: string
  readonly prefix: number
}

/** The part of the pod network that one host owns. */
export interface Block {
  readonly family: Family
  /** `10.244.0.0/24`. */
  readonly cidr: string
  /** First address of the block: the host's own on tunnel devices, as in Flannel. */
  readonly network: string
  /** Second address: the pods' gateway where there is a bridge. */
  readonly gateway: string
  readonly prefix: number
}

interface NodeCommon {
  readonly name: string
  /** Name of the node's network namespace. */
  readonly netns: string
  readonly source: Source
}

/** One L2 broadcast domain of the underlay and the switch that makes it. */
export interface Segment extends NodeCommon {
  readonly kind: 'switch'
  readonly segment: string
  readonly index: number
  /** One network per family; IPv4 always. */
  readonly cidrs: readonly string[]
  /** The router's addresses on this segment; reserved even where there is no router. */
  readonly gateways: readonly NodeAddress[]
  /** Bytes; the smallest of the links plugged in. */
  readonly mtu: number
}

/** What a host's, pod's and external's link to the others is called. */
export const UPLINK = 'eth0'

export interface Host extends NodeCommon {
  readonly kind: 'host'
  readonly index: number
  readonly segment: string
  readonly addresses: readonly NodeAddress[]
  readonly blocks: readonly Block[]
  readonly mac: string
  /** MTU of the underlay link, bytes. */
  readonly mtu: number
  readonly labels: Readonly<Record<string, string>>
}

export interface Pod extends NodeCommon {
  readonly kind: 'pod'
  /** As the topology calls it: `pod-a`, `shop/cart`. */
  readonly key: string
  readonly namespace: string
  readonly host: string
  /** Number of the pod on its host, from 1: part of its MAC and interface name. */
  readonly ordinal: number
  readonly addresses: readonly NodeAddress[]
  readonly mac: string
  readonly hostMac: string
  readonly hostInterface: string
  readonly labels: Readonly<Record<string, string>>
  readonly containers: readonly ContainerSpec[]
  /** Whether Services send it anything. */
  readonly ready: boolean
  /** About to end: Services turn to it only when no other endpoint is ready. */
  readonly terminating?: true
}

/**
 * A pod with `hostNetwork`: it is its host, with the host's network namespace, addresses and ports, and no node of its
 * own. Policies select pods with addresses of their own, and so never this one.
 */
export type HostPod = Omit<Pod, 'kind' | 'ordinal' | 'mac' | 'hostMac' | 'hostInterface'>

export interface External extends NodeCommon {
  readonly kind: 'external'
  readonly index: number
  readonly addresses: readonly NodeAddress[]
  readonly mac: string
  readonly podRoutes: boolean
  /** Absent: none. */
  readonly containers?: readonly ContainerSpec[]
}

/** What runs containers in a network namespace: a pod, also one that is its host, or an external. */
export interface ContainerOwner extends NodeCommon {
  readonly kind: 'pod' | 'external'
  /** As the topology calls it: `shop/cart`, `client`. */
  readonly key: string
  /** Of a pod. */
  readonly namespace?: string
  readonly addresses: readonly NodeAddress[]
  readonly containers: readonly ContainerSpec[]
  /** What containers call their machine: with `hostNetwork` as the host does. */
  readonly hostname: string
}

/** Forwards packets between what it is plugged into: segments, externals, other routers. */
export interface Router extends NodeCommon {
  readonly kind: 'router'
  /** Those it is plugged into, by name; its address on each is their gateway. */
  readonly segments: readonly string[]
  /** Whether externals are plugged into it. One router of a lab is their way in. */
  readonly isEdge: boolean
  /** Those that others reach it under. */
  readonly addresses: readonly NodeAddress[]
  /** Of a router that speaks BGP. */
  readonly bgp?: RouterBgp
}

export interface RouterBgp {
  /** Number of its autonomous system. */
  readonly asn: number
  /** Its addresses that belong to no link, one a family: it sends under these. */
  readonly loopback: readonly NodeAddress[]
}

/** One end of a link between two routers. */
export interface RouterPort {
  /** The router, by name. */
  readonly router: string
  readonly device: string
  readonly mac: string
  readonly addresses: readonly NodeAddress[]
}

/** Routers that learn from each other by BGP where everything is. */
export interface Fabric {
  readonly links: readonly { readonly ends: readonly [RouterPort, RouterPort] }[]
  /** MTU of the links between routers, bytes. */
  readonly mtu: number
  /** Whether routers watch each other by BFD (RFC 5880). */
  readonly bfd: boolean
}

/** A firewall's rule: connections that externals may begin. Each list: any of these networks; empty: all. */
export interface BorderRule {
  /** `client to node-1 80/tcp`. */
  readonly text: string
  readonly source: Source
  readonly from: readonly string[]
  readonly to: readonly string[]
  readonly protocol?: 'icmp' | 'tcp' | 'udp' | 'sctp'
  readonly port?: number
}

/** What the router that externals are plugged into does with packets besides forwarding them. */
export interface Border {
  readonly source: Source
  /** Whether what leaves gets the router's own address. */
  readonly nat: boolean
  /** Stateful. Absent: everything passes. */
  readonly firewall?: { readonly source: Source; readonly allow: readonly BorderRule[] }
}

export type Node = Segment | Router | Host | Pod | External

/** Where a NetworkPolicy stands, and each of its rules. */
export interface PolicySource extends Source {
  /** Absent: the topology itself. */
  readonly file?: string
  readonly ingress: readonly Source[]
  readonly egress: readonly Source[]
}

export interface Lab {
  readonly name: string
  readonly file: string
  readonly families: readonly Family[]
  readonly podCIDRs: readonly string[]
  readonly serviceCIDRs: readonly string[]
  /** As the file says; on its way to the kernel with the options that depend on the machine. */
  backend: ModuleChoice
  readonly attach: ModuleChoice
  /** What makes Services answer and what enforces policies; absent in labs that an older netlab made. */
  readonly modules?: { readonly services: ModuleChoice; readonly policy: ModuleChoice }
  readonly masquerade: boolean
  /** Name of the iptables chain that does it; absent: netlab's own. */
  readonly masqueradeChain?: string
  /** Absent: the file names none. */
  readonly preset?: ChosenPreset
  readonly segments: readonly Segment[]
  /** Those nearest to the hosts last. */
  readonly routers: readonly Router[]
  /** Absent: routers need not learn anything, as there is one at most. */
  readonly fabric?: Fabric
  /** Absent: the router that externals are plugged into only forwards. */
  readonly border?: Border
  readonly hosts: readonly Host[]
  readonly pods: readonly Pod[]
  /** Absent: none. */
  readonly hostPods?: readonly HostPod[]
  readonly externals: readonly External[]
  readonly namespaces: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>
  readonly services: readonly Service[]
  readonly policies: Topology['policies']
  /** By the keys of `policies`; absent in labs that an older netlab made. */
  readonly policySources?: Readonly<Record<string, PolicySource>>
  readonly expect: Topology['expect']
  /** Where the entries of `expect` stand, in their order; absent in labs that an older netlab made. */
  readonly expectSources?: readonly Source[]
  readonly manifests: readonly string[]
  /** Brought up with `--force`: the same file needs it again. */
  readonly forced?: true
  /** What seemed wrong with its files, set once they have been read; absent: nothing. */
  warnings?: readonly Diagnostic[]
}

/** Every node of the lab, in the order people read them. */
export function nodesOf(lab: Lab): Node[] {
  return [...lab.segments, ...lab.routers, ...lab.hosts, ...lab.pods, ...lab.externals]
}

/** Pods, also those that are their hosts. */
export const containerPods = (lab: Pick<Lab, 'pods' | 'hostPods'>): readonly HostPod[] => [...lab.pods, ...(lab.hostPods ?? [])]

/** The containers a node itself has. */
export const containersOf = (node: { readonly kind: string; readonly containers?: readonly ContainerSpec[] }): readonly ContainerSpec[] =>
  node.containers ?? []

const ofPod = (pod: Pod | HostPod, hostname: string): ContainerOwner => ({ ...pod, kind: 'pod', hostname })
const ofExternal = (external: External): ContainerOwner => ({
  ...external,
  key: external.name,
  containers: external.containers ?? [],
  hostname: external.name,
})

/** Everything that may have containers. */
export const containerOwners = (lab: Lab): ContainerOwner[] => [
  ...lab.pods.map((p) => ofPod(p, p.name)),
  ...(lab.hostPods ?? []).map((p) => ofPod(p, p.host)),
  ...lab.externals.map(ofExternal),
]

/** Those whose containers run in a node's network namespace: itself, or pods with `hostNetwork` on a host. */
export function ownersIn(lab: Lab, node: Node): ContainerOwner[] {
  if (node.kind === 'pod') return [ofPod(node, node.name)]
  if (node.kind === 'external') return [ofExternal(node)]
  if (node.kind !== 'host') return []
  return (lab.hostPods ?? []).filter((p) => p.host === node.name).map((p) => ofPod(p, p.host))
}

/** The pod that is its host which a word names. */
export const findHostPod = ({ hostPods = [] }: Lab, word: string): HostPod | undefined =>
  hostPods.find((p) => p.key === word || `${p.namespace}/${p.name}` === word)

/** How a command line and messages name a node: pods by key (`namespace/name` outside the default one), all else by name. */
export const nodeName = (node: Node): string => (node.kind === 'pod' ? node.key : node.name)

/** The node a word names; a pod of the default namespace may be written with it, and one with `hostNetwork` is its host. */
export function findNode(lab: Lab, word: string): Node | undefined {
  const nodes = nodesOf(lab)
  const found = nodes.find((n) => nodeName(n) === word) ?? nodes.find((n) => n.kind === 'pod' && `${n.namespace}/${n.name}` === word)
  if (found) return found
  const host = findHostPod(lab, word)?.host
  return host === undefined ? undefined : lab.hosts.find((h) => h.name === host)
}

export const addressOf = (node: { readonly addresses: readonly NodeAddress[] }, family: Family): string | undefined =>
  node.addresses.find((a) => a.family === family)?.ip

/** Whether anything speaks IPv6: pods, or hosts on a segment with an IPv6 network. */
export const hasIpv6 = (lab: Lab): boolean => lab.families.includes(6) || lab.segments.some((s) => s.cidrs.some((c) => c.includes(':')))

const hostsByName = new WeakMap<Lab, ReadonlyMap<string, Host>>()

/** The host a pod runs on; a host itself. */
export function hostOf(lab: Lab, node: Pod | Host): Host {
  if (node.kind === 'host') return node
  let hosts = hostsByName.get(lab)
  if (!hosts) hostsByName.set(lab, (hosts = new Map(lab.hosts.map((h) => [h.name, h]))))
  return hosts.get(node.host)!
}

/** The router that is the gateway of a segment. */
export const gatewayOf = (lab: Pick<Lab, 'routers'>, segment: string): Router | undefined =>
  lab.routers.find((r) => r.segments.includes(segment))

/** The ports of a router towards other routers, each with the other end of its link. */
export const routerPorts = ({ fabric }: Pick<Lab, 'fabric'>, router: string): { readonly own: RouterPort; readonly far: RouterPort }[] =>
  (fabric?.links ?? []).flatMap(({ ends: [a, b] }) =>
    a.router === router ? [{ own: a, far: b }] : b.router === router ? [{ own: b, far: a }] : [],
  )

/** The router that externals are plugged into. */
export const edgeRouter = (lab: Pick<Lab, 'routers'>): Router | undefined => lab.routers.find((r) => r.isEdge)

export const blockOf = (host: Host, family: Family): Block | undefined => host.blocks.find((b) => b.family === family)

/**
 * Neighbour entries that traffic between all nodes makes in all namespaces together: each host learns every
 * other host, and each pod and its host learn each other.
 */
export const learnedNeighbours = (hosts: number, pods: number): number => hosts * (hosts - 1) + 2 * pods
