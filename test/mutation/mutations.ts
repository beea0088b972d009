/**
 * What can be broken in a running lab, one thing at a time, by hand. Each case is a title, a command in a node (or on the machine:
 * `machine`), and where `netlab up` would leave the damage alone, as it does with what others added, a command that undoes it.
 * {node} stands for the node's namespace. A section says which labs have what the case breaks.
 */
export interface Mutation {
  readonly title: string
  readonly at: string
  readonly by: string
  /** Without it `netlab up` repairs it. */
  readonly undo?: string
}

/** One lab of each; all with two families (IPIP: one), two hosts, a Service, a policy, and two externals. */
const PLAIN = [
  { backend: 'vxlan', attach: 'bridge' },
  { backend: 'vxlan', attach: 'routed' },
  { backend: 'direct', attach: 'bridge' },
  { backend: 'direct', attach: 'routed' },
] as const
/** For kernels that have such devices. */
const TUNNELS = [
  { backend: 'gre', attach: 'bridge' },
  { backend: 'gre', attach: 'routed' },
  { backend: 'ipip', attach: 'bridge' },
  { backend: 'ipip', attach: 'routed' },
] as const
export const LABS = [...PLAIN, ...TUNNELS]
export type LabKind = (typeof LABS)[number]
export const isTunnel = (kind: LabKind): boolean => TUNNELS.some((t) => t === kind)

export const topology = ({ backend, attach }: LabKind): string => `
network:
  podCIDR: [10.244.0.0/16${backend === 'ipip' ? '' : ', "fd00:10:244::/48"'}]
  serviceCIDR: [10.96.0.0/16${backend === 'ipip' ? '' : ', "fd00:10:96::/112"'}]
  backend: ${backend}
  attach: ${attach}
hosts:
  node-1: {}
  node-2: {}
pods:
  web-1: { host: node-1, labels: { app: web }, containers: [{ name: http, ports: [{ containerPort: 8080 }] }] }
  web-2: { host: node-2, labels: { app: web }, containers: [{ name: http, ports: [{ containerPort: 8080 }] }] }
  db: { host: node-2, labels: { app: db }, containers: [{ name: sql, ports: [{ containerPort: 5432 }] }] }
  far: { host: node-1 }
externals:
  client: {}
  peer: { podRoutes: true }
services:
  web:
    selector: { app: web }
    ipFamilyPolicy: PreferDualStack
    type: NodePort
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }]
policies:
  db:
    podSelector: { matchLabels: { app: db } }
    policyTypes: [Ingress]
    ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }], ports: [{ port: 5432 }] }]
expect:
  - { from: web-1, to: db, port: 5432/tcp, result: allow }
  - { from: far, to: db, port: 5432/tcp, result: deny }
`

const always = String.raw`
a route to the other host's pods deleted
node-1: ip route del 10.244.1.0/24

a route to the other host's pods by a wrong next hop
node-1: ip route replace 10.244.1.0/24 via 192.168.50.99

an IPv6 route to the other host's pods deleted
node-2: ip -6 route del fd00:10:244::/64

a blackhole for one pod of the other host
node-1: ip route add blackhole 10.244.1.2/32
undo: ip route del blackhole 10.244.1.2/32

an IPv6 blackhole with a better metric than the route
node-1: ip -6 route add blackhole fd00:10:244:1::/64 metric 1
undo: ip -6 route del fd00:10:244:1::/64 metric 1

the default route of a pod deleted
web-2: ip route del default

the default route of a host deleted
node-1: ip route del default

the IPv6 default route of a pod deleted
web-1: ip -6 route del default

a pod's default route with an MTU of its own
web-1: ip route change $(ip route show default) mtu 600

an underlay address deleted
node-2: ip addr del 192.168.50.12/24 dev eth0

a pod's addresses flushed
db: ip addr flush dev eth0

another pod's address taken
far: ip addr add 10.244.1.3/32 dev eth0
undo: ip addr del 10.244.1.3/32 dev eth0

a Service's address taken by a host
node-1: ip addr add 10.96.1.1/32 dev lo
undo: ip addr del 10.96.1.1/32 dev lo

the route to the underlay's network deleted
node-2: ip route del 192.168.50.0/24 dev eth0

an address taken out of the local table
web-2: ip route del local 10.244.1.2 dev eth0 table local

the MTU of a pod too small
web-1: ip link set eth0 mtu 1280

the MTU of a host's uplink too small
node-1: ip link set eth0 mtu 1400

the MTU of a switch port too small
switch-lan: ip link set h2-node-2 mtu 1400

forwarding off
node-1: sysctl -q net.ipv4.ip_forward=0

IPv6 forwarding off
node-2: sysctl -q net.ipv6.conf.all.forwarding=0

forwarding off on one device
node-1: sysctl -q net.ipv4.conf.eth0.forwarding=0
undo: sysctl -q net.ipv4.conf.eth0.forwarding=1

a strict reverse path filter on the router
router: sysctl -q net.ipv4.conf.all.rp_filter=1

pings ignored
web-1: sysctl -q net.ipv4.icmp_echo_ignore_all=1
undo: sysctl -q net.ipv4.icmp_echo_ignore_all=0

a TTL that ends at the first hop
far: sysctl -q net.ipv4.ip_default_ttl=1
undo: sysctl -q net.ipv4.ip_default_ttl=64

IPv6 off in a pod
db: sysctl -q net.ipv6.conf.eth0.disable_ipv6=1

IPv6 off on all devices of a pod
web-1: sysctl -q net.ipv6.conf.all.disable_ipv6=1
undo: sysctl -q net.ipv6.conf.all.disable_ipv6=0

an IPv6 hop limit that ends at the first hop, and the default changed along
web-2: sysctl -q net.ipv6.conf.default.hop_limit=1 net.ipv6.conf.eth0.hop_limit=1
undo: sysctl -q net.ipv6.conf.default.hop_limit=64 net.ipv6.conf.eth0.hop_limit=64

ARP requests ignored
node-2: sysctl -q net.ipv4.conf.eth0.arp_ignore=8; ip neigh flush dev eth0
undo: sysctl -q net.ipv4.conf.eth0.arp_ignore=0

ARP requests ignored on all devices of a pod
web-2: sysctl -q net.ipv4.conf.all.arp_ignore=8
undo: sysctl -q net.ipv4.conf.all.arp_ignore=0

ARP requests ignored on all devices of a host
node-1: sysctl -q net.ipv4.conf.all.arp_ignore=8
undo: sysctl -q net.ipv4.conf.all.arp_ignore=0

ARP requests ignored, and the default changed along
far: sysctl -q net.ipv4.conf.default.arp_ignore=8 net.ipv4.conf.eth0.arp_ignore=8
undo: sysctl -q net.ipv4.conf.default.arp_ignore=0 net.ipv4.conf.eth0.arp_ignore=0

masquerading gone
node-1: iptables -t nat -F NETLAB-MASQ

masquerading too wide
node-1: iptables -t nat -I POSTROUTING 1 -s 10.244.0.0/16 -j MASQUERADE

the exception for pods gone from masquerading
node-2: iptables -t nat -D NETLAB-MASQ 1

a policy's drop before what it allows
node-2: r=$(iptables -S NETLAB-INGRESS | grep -- '-j DROP$' | tail -1 | sed 's/^-A //'); eval "iptables -D $r"; eval "iptables -I $r"

a policy's drop gone
node-2: r=$(iptables -S NETLAB-INGRESS | grep -- '-j DROP$' | tail -1 | sed 's/^-A //'); eval "iptables -D $r"

what a policy allows gone
node-2: iptables -D NETLAB-INGRESS 1

the chain of policies unhooked
node-2: iptables -D FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY

the IPv6 chain of policies unhooked
node-2: ip6tables -D FORWARD -m comment --comment NetworkPolicies -j NETLAB-POLICY

replies no longer let through first
node-2: iptables -D NETLAB-POLICY 1

a member gone from a set
node-2: for s in $(ipset list -n); do ipset del $s 10.244.0.2 2>/dev/null || true; done

a member too many in a set
node-2: for s in $(ipset list -n); do if ipset test $s 10.244.0.2 2>/dev/null; then ipset add $s 10.244.0.3; fi; done

nobody isolated any more
node-2: ipset flush np4-in

a Service that leads to another pod
node-1: iptables-save -t nat | sed 's/--to-destination 10.244.1.2:8080/--to-destination 10.244.1.3:8080/' | iptables-restore -T nat

a Service that leads to another port
node-1: iptables-save -t nat | sed 's/--to-destination 10.244.0.2:8080/--to-destination 10.244.0.2:8081/' | iptables-restore -T nat

an endpoint that is never chosen
node-1: iptables-save -t nat | sed '/statistic --mode random/d' | iptables-restore -T nat

Services unhooked
node-1: iptables -t nat -D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES

node ports gone
node-2: iptables -t nat -F KUBE-NODEPORTS

the mark for masquerading gone
node-1: iptables -t nat -F KUBE-MARK-MASQ

a foreign rule that drops
node-1: iptables -I FORWARD 1 -s 10.244.0.2 -j DROP
undo: iptables -D FORWARD -s 10.244.0.2 -j DROP || true

a foreign rule that rejects one port
node-2: iptables -t mangle -A FORWARD -p tcp --dport 8080 -j DROP
undo: iptables -t mangle -F FORWARD

a pod that drops what comes in
web-1: iptables -A INPUT -p tcp --dport 8080 -j DROP
undo: iptables -F INPUT

a policy that drops by default
router: iptables -P FORWARD DROP
undo: iptables -P FORWARD ACCEPT

a table of nftables that drops
web-2: nft add table inet other; nft add chain inet other in '{ type filter hook input priority 0; policy drop; }'
undo: nft delete table inet other

connections not tracked
node-1: iptables -t raw -A PREROUTING -j NOTRACK
undo: iptables -t raw -F PREROUTING

a pod's link down
web-1: ip link set eth0 down

a host's link down
node-2: ip link set eth0 down

a switch port down
switch-lan: ip link set h1-node-1 down

a switch port unplugged
switch-lan: ip link set h1-node-1 nomaster

a switch port that does not forward
switch-lan: bridge link set dev h1-node-1 state 0

switch ports isolated from each other
switch-lan: bridge link set dev h1-node-1 isolated on; bridge link set dev h2-node-2 isolated on

frames for a host sent elsewhere by a switch
switch-lan: bridge fdb replace 02:03:00:01:00:00 dev h1-node-1 master static sticky
undo: bridge fdb del 02:03:00:01:00:00 dev h1-node-1 master

loopback down
web-2: ip link set lo down

another MAC
web-1: ip link set eth0 address 02:00:00:00:00:99

a wrong MAC for a pod's gateway
web-1: g=$(ip route show default | cut -d ' ' -f 3); ip neigh replace $g lladdr 02:00:00:00:00:99 dev eth0 nud permanent
undo: ip neigh flush dev eth0 nud permanent

a wrong MAC for the other host
node-1: ip neigh replace 192.168.50.12 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
undo: ip neigh del 192.168.50.12 dev eth0

a pod without ARP
web-2: ip link set eth0 arp off

a routing rule that prohibits
node-1: ip rule add to 10.244.1.0/24 prohibit priority 5
undo: ip rule del priority 5

the rule that consults the main table deleted
node-1: ip rule del priority 32766
undo: ip rule add from all table main priority 32766

the routing rule of an external deleted
router: ip rule del priority 101

a route of an external's table deleted
router: ip route del 10.244.1.0/24 table 101

the default route of an external deleted
client: ip route del default

a namespace deleted
machine: ip netns del {far}

a container killed
machine: kill -9 {pid web-1.http}
undo: ip netns del {web-1}

a container stopped
machine: kill -STOP {pid web-2.http}
undo: kill -CONT {pid web-2.http}
`

const bridge = String.raw`
a pod's port out of the bridge
node-1: ip link set p1-web-1 nomaster

hairpin off
node-1: bridge link set dev p1-web-1 hairpin off

pods' ports isolated from each other
node-2: bridge link set dev p1-web-2 isolated on; bridge link set dev p2-db isolated on

the bridge down
node-2: ip link set cni0 down

the gateway's address deleted
node-1: ip addr del 10.244.0.1/24 dev cni0

bridged packets kept from iptables
node-2: sysctl -q net.bridge.bridge-nf-call-iptables=0

frames for a pod sent to another
node-2: bridge fdb replace 02:01:00:01:00:01 dev p2-db master static sticky
undo: bridge fdb del 02:01:00:01:00:01 dev p2-db master

the route to the pods' own network deleted
node-1: ip route del 10.244.0.0/24 dev cni0
`

const routed = String.raw`
the route to a pod deleted
node-1: ip route del 10.244.0.2

the route to a pod by another pod's device
node-2: ip route replace 10.244.1.2 dev p2-db

proxy ARP off
node-1: sysctl -q net.ipv4.conf.p1-web-1.proxy_arp=0

the IPv6 gateway without its address
node-1: ip -6 addr flush dev p1-web-1 scope link

the way to the gateway deleted
web-2: ip route del default; ip route del 169.254.1.1

the blackhole of a block deleted
node-2: ip route del blackhole 10.244.1.0/24
`

const vxlan = String.raw`
an FDB entry deleted
node-1: bridge fdb del 02:06:00:01:00:00 dev vxlan1 self

an FDB entry that leads to another host
node-1: bridge fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.99 self permanent

a neighbour deleted
node-1: ip neigh del 10.244.1.0 dev vxlan1

a neighbour with a wrong MAC
node-2: ip neigh replace 10.244.0.0 lladdr 02:00:00:00:00:99 dev vxlan1 nud permanent

another VNI
node-1: ip link del vxlan1; ip link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 9 dev eth0 local 192.168.50.11 dstport 8472 nolearning

another UDP port
node-2: ip link del vxlan1; ip link add vxlan1 address 02:06:00:01:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.12 dstport 4789 nolearning

the tunnel down
node-2: ip link set vxlan1 down

the MTU of the tunnel too small
node-1: ip link set vxlan1 mtu 1300

the MAC of the tunnel
node-2: ip link set vxlan1 address 02:00:00:00:00:99

tunnel packets dropped
node-2: iptables -I INPUT 1 -p udp --dport 8472 -j DROP
undo: iptables -D INPUT -p udp --dport 8472 -j DROP || true
`

const direct = String.raw`
pods' packets routed to the router
node-1: ip route replace 10.244.1.0/24 via 192.168.50.1

a route with an MTU too small
node-2: ip route change 10.244.0.0/24 via 192.168.50.11 dev eth0 mtu 700
`

const gre = String.raw`
the far end of a GRE tunnel forgotten
node-1: ip neigh del 10.244.1.0 dev gre1

a GRE tunnel to a wrong host
node-2: ip neigh replace 10.244.0.0 lladdr 192.168.50.99 dev gre1 nud permanent

the far end forgotten for IPv6 alone
node-1: ip -6 neigh del fd00:10:244:1:: dev gre1

a GRE key that the other end does not have
node-1: ip link del gre1; ip link add gre1 mtu 1476 up type gre local 192.168.50.11 key 7

the GRE device down
node-2: ip link set gre1 down

the MTU of the GRE device too small
node-1: ip link set gre1 mtu 1300

GRE dropped on the underlay
node-2: iptables -I INPUT 1 -p gre -j DROP
undo: iptables -D INPUT -p gre -j DROP || true
`

const ipip = String.raw`
a route through IPIP to a wrong host
node-1: ip route replace 10.244.1.0/24 via 192.168.50.99 dev ipip1 onlink

pods' packets past the IPIP device
node-2: ip route replace 10.244.0.0/24 via 192.168.50.11 dev eth0

the IPIP device down
node-1: ip link set ipip1 down

the MTU of the IPIP device too small
node-2: ip link set ipip1 mtu 1300

IPIP dropped on the underlay
node-1: iptables -I INPUT 1 -p ipencap -j DROP
undo: iptables -D INPUT -p ipencap -j DROP || true

an IPIP device with one fixed far end
node-2: ip link del ipip1; ip link add ipip1 mtu 1480 up type ipip local 192.168.50.12 remote 192.168.50.99
`

function parse(text: string): Mutation[] {
  return text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [title = '', command = '', undone] = block.split('\n')
      const [, at = '', by = ''] = /^(\S+): (.*)$/.exec(command) ?? []
      const undo = undone === undefined ? undefined : /^undo: (.*)$/.exec(undone)?.[1]
      if (!by || (undone !== undefined && undo === undefined)) throw new Error(`no case: ${block}`)
      return { title, at, by, ...(undo === undefined ? {} : { undo }) }
    })
}

const EVERYWHERE = parse(always)
const SPECIAL = {
  bridge: parse(bridge),
  routed: parse(routed),
  vxlan: parse(vxlan),
  direct: parse(direct),
  gre: parse(gre),
  ipip: parse(ipip),
}

/** All that can be broken in a lab of this kind. */
export function mutationsOf({ backend, attach }: LabKind): Mutation[] {
  const all = [...EVERYWHERE, ...SPECIAL[attach], ...SPECIAL[backend]]
  return backend === 'ipip' ? all.filter(({ title, by }) => !/IPv6|-6 |ip6|fd00/.test(`${title} ${by}`)) : all
}

/** Each once, in one lab of those that have what it breaks: dealt so that every lab gets as many. */
export function dealt(): Map<LabKind, Mutation[]> {
  const hands = new Map<LabKind, Mutation[]>(LABS.map((lab) => [lab, []]))
  const deal = (mutations: readonly Mutation[], labs: readonly LabKind[]): void => {
    for (const mutation of mutations) {
      const least = labs.reduce((a, b) => (hands.get(b)!.length < hands.get(a)!.length ? b : a))
      hands.get(least)!.push(mutation)
    }
  }
  for (const [word, mutations] of Object.entries(SPECIAL)) {
    const plain = PLAIN.filter((l) => l.attach === word || l.backend === word)
    // In an emulated machine time is dear: labs of tunnels get what is special of them.
    deal(mutations, plain.length > 0 ? plain : TUNNELS.filter((l) => l.backend === word))
  }
  deal(EVERYWHERE, PLAIN)
  return hands
}
