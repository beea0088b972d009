/**
 * The finished result of one probe: what every reporter (text, JSON, pcapng, HTML) reads. Plain data.
 *
 * Every statement carries its evidence, strongest first:
 *   captured   the frame was seen on the device
 *   kernel     a kernel event said so (drop reason, icmp_send, route lookup)
 *   rule       the netfilter rule trace said so
 *   predicted  asked of the kernel before the probe (`ip route get`, neighbour, FDB), not seen
 *   inferred   concluded from the above; the text says from what
 */
import type { Layer } from '../packet/headers.ts'

export type Evidence = 'captured' | 'kernel' | 'rule' | 'predicted' | 'inferred'

/** One end of the trace. */
export interface Endpoint {
  /** What the user wrote: `pod-a`, `svc/shop/cart`, `10.244.1.2`. */
  readonly word: string
  /** The node as people call it; absent for an address no node has. */
  readonly node?: string
  readonly address: string
}

export interface Probe {
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  readonly family: 4 | 6
  /** Destination port; null for ICMP. */
  readonly port: number | null
  /** ICMP echo id or source port: what the probe is told apart by. */
  readonly id: number
  /** Bytes of the IP packet as the source sends it. */
  readonly size: number
  readonly df: boolean
  readonly ttl: number
  readonly count: number
}

/** Something a node decided about the packet, in the order it was decided. */
export interface Decision {
  readonly kind: 'route' | 'neighbour' | 'fdb' | 'rule' | 'nat' | 'encap' | 'decap' | 'daemon' | 'deliver' | 'icmp'
  /** `10.244.1.0/24 via 10.244.1.0 dev vxlan1`. */
  readonly text: string
  readonly evidence: Evidence
  /** What in the topology is behind it: `policy shop/deny-all`, `lab.yaml:12`. */
  readonly source?: string
}

/** The packet on one device in one direction. */
export interface Hop {
  /** As people call it: `pod-a`, `shop/cart`, `node-1`, `switch-lan`, `router`. */
  readonly node: string
  readonly nodeKind: 'pod' | 'host' | 'switch' | 'router' | 'external'
  readonly device: string
  readonly direction: 'in' | 'out'
  /** Milliseconds since the probe was first seen; null for hops that were not. */
  readonly at: number | null
  /** `captured`: seen. `predicted`: expected here but not seen (never reached, or lost evidence). */
  readonly evidence: Evidence
  /** Outermost first; empty where the packet was not seen. */
  readonly layers: readonly Layer[]
  /** What is inside of the encrypted packet that was seen here is inferred: by time, length and place. */
  readonly inside?: 'inferred'
  /** What the node decided between this hop and the next. */
  readonly decisions: readonly Decision[]
  /** Index into {@link TraceResult.captures}. */
  readonly capture?: number
}

/** Identifiers of causes: stable, for programs; each has a section in docs/trace.md. */
export type CauseId =
  | 'policy'
  | 'firewall'
  | 'own-firewall'
  | 'tunnel-firewall'
  | 'source-dest-check'
  | 'border-firewall'
  | 'no-route'
  | 'session-down'
  | 'route-filtered'
  | 'lease'
  | 'agent-down'
  | 'blackhole'
  | 'prohibit'
  | 'unreachable-route'
  | 'route-wrong'
  | 'rp-filter'
  | 'mtu'
  | 'ttl'
  | 'ip-forward'
  | 'fdb-missing'
  | 'fdb-wrong'
  | 'vni-mismatch'
  | 'tunnel-port-mismatch'
  | 'tunnel-peer'
  | 'forwarder-down'
  | 'forwarder-table'
  | 'wireguard-key'
  | 'wireguard-allowed-ips'
  | 'wireguard-endpoint'
  | 'interface-down'
  | 'not-on-bridge'
  | 'hairpin-off'
  | 'mac-mismatch'
  | 'off-link'
  | 'neighbour-wrong'
  | 'neighbour-missing'
  | 'no-such-address'
  | 'no-route-back'
  | 'not-translated-back'
  | 'host-port-missing'
  | 'host-port-wrong'
  | 'not-masqueraded'
  | 'route-localnet'
  | 'nobody-listening'
  | 'no-endpoints'
  | 'traffic-control'
  | 'kernel'
  | 'no-evidence'

/** Where and why the packet (or its reply) was dropped. */
export interface Drop {
  /** Which way it was going. */
  readonly leg: 'forward' | 'reply'
  readonly node: string
  readonly device: string
  readonly cause: CauseId
  /** One sentence. */
  readonly text: string
  /** skb_drop_reason without its prefix: `NETFILTER_DROP`. */
  readonly kernelReason?: string
  /** The rule that did it, as `iptables-save` or `nft list ruleset` prints it. */
  readonly rule?: string
  /** Policy, Service or `file:line` responsible. */
  readonly source?: string
  /** NetworkPolicies responsible, `namespace/name`; absent where it was none. */
  readonly policies?: readonly string[]
  /** The kernel object responsible: `route 10.244.1.0/24 in demo.node-1`. */
  readonly object?: string
  /** What to do. */
  readonly hint?: string
  readonly evidence: Evidence
}

/** delivered: answered. rejected: refused (RST, ICMP error, REJECT). dropped: lost at a known place. unanswered: no more is known. */
export type Outcome = 'delivered' | 'dropped' | 'rejected' | 'unanswered'

/** One frame as an interface saw it. */
export interface Capture {
  /** Nanoseconds since the epoch (CLOCK_REALTIME). */
  readonly at: bigint
  readonly node: string
  readonly netns: string
  readonly device: string
  readonly ifindex: number
  readonly direction: 'in' | 'out'
  /** ARPHRD of the device (include/uapi/linux/if_arp.h): 1 Ethernet, 768 IPIP, 778 GRE, 65534 TUN; frames of the latter begin with IP. */
  readonly hardware: number
  readonly bytes: Buffer
  /** Length on the wire, when more than what was kept. */
  readonly length: number
  /** Not for this node: seen because the device is promiscuous, or by a wrong MAC. */
  readonly otherHost: boolean
  readonly layers: readonly Layer[]
  /** It is encrypted: that the probe is inside, and so the layers inside, are inferred by time, length and place. */
  readonly inferred?: true
  /** What it is to the probe: itself, the answer, an error about it, or address resolution on its way. */
  readonly role: 'probe' | 'reply' | 'error' | 'neighbour'
}

/** What the evidence is worth. */
export interface EvidenceSummary {
  readonly captured: number
  /** Hops predicted for request and reply; what a healthy delivery captures. */
  readonly expected: number
  readonly kernelEvents: number
  readonly ruleEvents: number
  /** Frames and rule traces the kernel says it could not hand over. */
  readonly lost: number
  /** Kernel events it had no room for; other traffic of the machine fills the buffer too. */
  readonly eventsLost: number
  /** What this machine lacks and what that cost: `no kernel events: …`. */
  readonly missing: readonly string[]
}

/** Round trips of `--count` probes. */
export interface Counted {
  readonly sent: number
  readonly answered: number
  /** Milliseconds, of those answered. */
  readonly rtts: readonly number[]
}

export interface TraceResult {
  readonly lab: string
  /** The topology the lab was made from. */
  readonly file: string
  readonly from: Endpoint
  readonly to: Endpoint
  readonly probe: Probe
  readonly outcome: Outcome
  /** Null unless answered. */
  readonly rttMs: number | null
  /** Captured hops in order, then predicted ones that were never reached. */
  readonly forward: readonly Hop[]
  readonly reply: readonly Hop[]
  readonly drop?: Drop
  /** Where prediction and observation differ, a sentence each. */
  readonly differences: readonly string[]
  /** Other things worth saying: asymmetric return, NAT, fallbacks. */
  readonly notes: readonly string[]
  readonly counted: Counted
  readonly evidence: EvidenceSummary
  /** Every frame kept, in order of time; for pcapng and HTML. */
  readonly captures: readonly Capture[]
}
