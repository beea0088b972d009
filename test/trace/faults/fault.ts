/**
 * Ways to break a healthy lab by hand, and what the trace must say of each: the files beside this one declare them by
 * concern. The scripts see the function `on NODE CMD…` and the variable `lab`, its name; what they break of the lab's own is
 * healed by `netlab up`, the rest by `undo`.
 */
export interface Fault {
  readonly name: string
  readonly inject: string
  readonly undo?: string
  /** A command that fails where the kernel or its tools lack what is needed. */
  readonly needs?: string
  /** Arguments of the trace; default: pod-a pod-b. */
  readonly args?: readonly string[]
  readonly node: string
  readonly cause: string
  readonly device?: string
  readonly outcome?: 'dropped' | 'rejected' | 'delivered'
  /**
   * What the hint is worth, which is run as it is printed: after one that `mends` the same trace is delivered (default, where
   * something was broken), one that `shows` something only runs.
   */
  readonly hint?: 'mends' | 'shows'
  /** What the sentence, the rule, or the source must name. */
  readonly says?: RegExp
}

/** The lab that is broken: two hosts, one VXLAN, pods with a port. */
export const TOPOLOGY = `
hosts:
  node-1: {}
  node-2: {}
pods:
  pod-a: { host: node-1 }
  pod-b: { host: node-2, containers: [{ name: web, ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: UDP }] }] }
  pod-c: { host: node-1 }
`

/** Pod-a knows no neighbour, and has to ask. */
export const COLD = 'on pod-a ip neigh flush all; '

/** Pod-a has spoken with pod-b: it has its MAC, and what learns on the way has learned. */
export const WARM = 'on pod-a ping -c1 -w10 10.244.1.2 >/dev/null; '

export const POD_B = 'fd00:10:244:1::2'
export const FAR = 'fd00:10:244:1::/64'

/** The same over IPv6: neighbour discovery for ARP, ICMPv6 for ICMP, ip6tables, routers that never fragment. */
export const over6 = (name: string, inject: string, node: string, cause: string, more: Partial<Fault> = {}): Fault => ({
  name: `IPv6: ${name}`,
  inject,
  node,
  cause,
  ...more,
  args: [...(more.args ?? ['pod-a', 'pod-b']), '--family', '6'],
})
