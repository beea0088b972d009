/**
 * What people do to a running lab, and what `status` must say about it. A case is a title, a command in a node's
 * namespace (or the machine's: `machine`), and a finding: its state, the object, after `<` the beginning of the line
 * that asked for it, after `~` words of its details. {node} stands for the node's namespace.
 */
export interface Damage {
  readonly title: string
  readonly at: string
  readonly by: string
  readonly state: string
  readonly object: string
  readonly line: string
  readonly detail: string
}

const either = `
a route deleted
node-1: ip route del 10.244.1.0/24
missing route 10.244.1.0/24 in {node-1} < node-2:

a route with another next hop
node-1: ip route replace 10.244.1.0/24 via 192.168.50.12
changed route 10.244.1.0/24 in {node-1} < node-2: ~ via is 192.168.50.12, asked for 10.244.1.0

an IPv6 route deleted
node-1: ip -6 route del fd00:10:244:1::/64
missing route fd00:10:244:1::/64 in {node-1} < node-2:

the default route of a pod deleted
shop/b: ip route del default
missing route default in {shop/b} < shop/b:

a route with an MTU of its own
node-1: ip route change 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink mtu 600
changed route 10.244.1.0/24 in {node-1} < node-2: ~ mtu 600

the route to a connected network deleted
node-2: ip route del 192.168.50.0/24 dev eth0
changed address 192.168.50.12/24 on eth0 in {node-2} < node-2: ~ no route to its network

an address taken out of the local table
shop/b: ip route del local 10.244.1.2 dev eth0 table local
changed address 10.244.1.2/PREFIX on eth0 in {shop/b} < shop/b: ~ not in the local table

an address that ages
shop/b: ip -6 addr change fd00:10:244:1::2/PREFIX6 dev eth0 valid_lft 900 preferred_lft 0
changed address fd00:10:244:1::2/PREFIX6 on eth0 in {shop/b} < shop/b: ~ expires

a pod without its link-local address
a: ip -6 addr flush dev eth0 scope link
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ the other end: no link-local address

a pod that does not do ARP
a: ip link set eth0 arp off
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ the other end: arp off

a neighbour deleted
node-1: ip neigh del 10.244.1.0 dev vxlan1
missing neighbour 10.244.1.0 on vxlan1 in {node-1} < node-2:

a neighbour with another MAC
node-1: ip neigh replace fd00:10:244:1:: lladdr 02:00:00:00:00:99 dev vxlan1 nud permanent
changed neighbour fd00:10:244:1:: on vxlan1 in {node-1} < node-2: ~ lladdr is 02:00:00:00:00:99, asked for 02:06:00:01:00:00

an FDB entry deleted
node-1: bridge fdb del 02:06:00:01:00:00 dev vxlan1 self
missing FDB entry 02:06:00:01:00:00 on vxlan1 in {node-1} < node-2:

an FDB entry that leads elsewhere
node-1: bridge fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.99 self permanent
changed FDB entry 02:06:00:01:00:00 on vxlan1 in {node-1} < node-2: ~ dst is 192.168.50.99, asked for 192.168.50.12

an FDB entry with another port
node-1: bridge fdb replace 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.12 port 4789 self permanent
changed FDB entry 02:06:00:01:00:00 on vxlan1 in {node-1} < node-2: ~ port 4789

an underlay address deleted
node-2: ip addr del 192.168.50.12/24 dev eth0
missing address 192.168.50.12/24 on eth0 in {node-2} < node-2:

all addresses of a pod flushed
a: ip addr flush dev eth0
missing address 10.244.0.2/PREFIX on eth0 in {a} < a:

the MTU of a pod
a: ip link set eth0 mtu 1280
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ mtu is 1280, asked for 1450

the MTU of a tunnel
node-1: ip link set vxlan1 mtu 1300
changed vxlan device vxlan1 in {node-1} < node-1: ~ mtu is 1300, asked for 1450

the MAC of a pod
a: ip link set eth0 address 02:00:00:00:00:99
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ mac is 02:00:00:00:00:99

forwarding switched off
node-1: sysctl -q net.ipv4.ip_forward=0
changed sysctl net/ipv4/ip_forward in {node-1} < node-1: ~ value is 0, asked for 1

IPv6 forwarding switched off
router: sysctl -q net.ipv6.conf.all.forwarding=0
changed sysctl net/ipv6/conf/all/forwarding in {router} < externals: ~ value is 0, asked for 1

a rule deleted from a chain
node-1: iptables -t nat -D NETLAB-MASQ 1
changed iptables chain nat/NETLAB-MASQ in {node-1} < node-1: ~ rule gone: -d 10.244.0.0/16

a rule added to a chain
node-1: ip6tables -t nat -I NETLAB-MASQ 1 -j RETURN
changed ip6tables chain nat/NETLAB-MASQ in {node-1} < node-1: ~ rule added: -j RETURN

a chain that no rule jumps to any more
node-2: iptables -t nat -F POSTROUTING
missing iptables chain nat/POSTROUTING in {node-2} < node-2:

all rules flushed and chains deleted
node-2: iptables -t nat -F; iptables -t nat -X
missing iptables chain nat/NETLAB-MASQ in {node-2} < node-2:

a pod's link taken down from inside
a: ip link set eth0 down
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ the other end is down

a pod's link taken down from the host
node-1: ip link set p1-a down
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ p1-a is down

a host cut off
node-2: ip link set eth0 down
changed veth eth0 in {node-2} (other end h2-node-2 in {switch-lan}) < node-2: ~ eth0 is down

a host unplugged at the switch
switch-lan: ip link set h2-node-2 nomaster
changed veth eth0 in {node-2} (other end h2-node-2 in {switch-lan}) < node-2: ~ asked for

loopback taken down
a: ip link set lo down
changed loopback device lo in {a} < a: ~ is down

a tunnel deleted
node-1: ip link del vxlan1
missing vxlan device vxlan1 in {node-1} < node-1:

a tunnel made anew with another vni
node-1: ip link del vxlan1; ip link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 9 dev eth0 local 192.168.50.11 dstport 8472
changed vxlan device vxlan1 in {node-1} < node-1: ~ vni is 9, asked for 1

a tunnel made anew that learns
node-1: ip link del vxlan1; ip link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 192.168.50.11 dstport 8472
changed vxlan device vxlan1 in {node-1} < node-1: ~ learning on

a port of a switch isolated
switch-lan: bridge link set dev h1-node-1 isolated on
changed veth eth0 in {node-1} (other end h1-node-1 in {switch-lan}) < node-1: ~ the other end: isolated on

a veth pair deleted
node-1: ip link del p1-a
missing veth p1-a in {node-1} (other end eth0 in {a}) < a:

a pod's interface renamed
shop/b: ip link set eth0 down; ip link set eth0 name eth9; ip link set eth9 up
changed veth p1-shop-b in {node-2} (other end eth0 in {shop/b}) < shop/b: ~ its other end is not where it should be

a routing rule deleted
router: ip rule del priority 100
missing routing rule 100 in {router} < peer:

an IPv6 routing rule deleted
router: ip -6 rule del priority 100
missing routing rule 100 in {router} < peer:

a routing table emptied
router: ip route flush table 100
missing route 10.244.1.0/24 in {router} < peer:

the namespace of a pod deleted
machine: ip netns del {shop/b}
missing namespace {shop/b} < shop/b:

the namespace of a pod with a container deleted
machine: ip netns del {a}
changed container web of pod a < a: ~ it was started in a namespace that has been deleted since

the namespace of a host deleted
machine: ip netns del {node-2}
missing namespace {node-2} < node-2:

the namespace of the host of a running container deleted
machine: ip netns del {node-1}
missing namespace {node-1} < node-1:

the namespace of a switch deleted
machine: ip netns del {switch-lan}
missing namespace {switch-lan} <

the namespace of the router deleted
machine: ip netns del {router}
missing namespace {router} < externals:

the namespace of an external deleted
machine: ip netns del {peer}
missing namespace {peer} < peer:
`

const bridge = `
a port taken out of the bridge
node-1: ip link set p1-a nomaster
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ asked for

hairpin switched off
node-1: bridge link set dev p1-a hairpin off
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ hairpin

a port that does not forward
node-1: bridge link set dev p1-a state 0
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ p1-a: carries no frames

a port that is isolated and does not learn
node-1: bridge link set dev p1-a isolated on learning off
changed veth p1-a in {node-1} (other end eth0 in {a}) < a: ~ p1-a: isolated on

a bridge that forgets at once
node-1: ip link set cni0 type bridge ageing_time 0
changed bridge device cni0 in {node-1} < node-1: ~ ageing_time 0

a tunnel put into the bridge
node-1: ip link set vxlan1 master cni0
changed vxlan device vxlan1 in {node-1} < node-1: ~ master cni0

the bridge taken down
node-1: ip link set cni0 down
changed bridge device cni0 in {node-1} < node-1: ~ is down

the bridge deleted
node-1: ip link del cni0
missing bridge device cni0 in {node-1} < node-1:

the gateway address deleted
node-1: ip addr del 10.244.0.1/24 dev cni0
missing address 10.244.0.1/24 on cni0 in {node-1} < node-1:

bridged packets kept from iptables
node-1: sysctl -q net.bridge.bridge-nf-call-iptables=0
changed sysctl net/bridge/bridge-nf-call-iptables in {node-1} < node-1: ~ value is 0, asked for 1
`

const routed = `
the route to a pod deleted
node-1: ip route del 10.244.0.2
missing route 10.244.0.2/32 in {node-1} < a:

the blackhole of a block deleted
node-1: ip route del blackhole 10.244.0.0/24
missing route 10.244.0.0/24 in {node-1} < node-1:

a blackhole that became a prohibition
node-1: ip route del blackhole 10.244.0.0/24; ip route add prohibit 10.244.0.0/24
changed route 10.244.0.0/24 in {node-1} < node-1: ~ type is prohibit, asked for blackhole

proxy ARP switched off
node-1: sysctl -q net.ipv4.conf.p1-a.proxy_arp=0
changed sysctl net/ipv4/conf/p1-a/proxy_arp in {node-1} < a: ~ value is 0, asked for 1

proxy NDP switched off
node-1: sysctl -q net.ipv6.conf.p1-a.proxy_ndp=0
changed sysctl net/ipv6/conf/p1-a/proxy_ndp in {node-1} < a: ~ value is 0, asked for 1

the way of a pod to its gateway deleted
a: ip route del default; ip route del 169.254.1.1
missing route 169.254.1.1/32 in {a} < a:
`

function parse(text: string): Damage[] {
  return text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [title = '', command = '', finding = ''] = block.split('\n')
      const [, at = '', by = ''] = /^(\S+): (.*)$/.exec(command) ?? []
      const [, state = '', object = '', line = '', detail = ''] = /^(\w+) (.*?) <\s*(\S*)(?: ~ (.*))?$/.exec(finding) ?? []
      if (!by || !object) throw new Error(`no case: ${block}`)
      return { title, at, by, state, object, line, detail }
    })
}

/** What of `either` concerns how a pod is connected, and so is tried with both. */
const aboutPods =
  /^(an address|a pod |all addresses of a pod|the MTU of a pod|a pod's|a veth pair|the namespace of (a pod|the host|the router))/

export const damages = {
  bridge: [...parse(either), ...parse(bridge)],
  routed: [...parse(either).filter((d) => aboutPods.test(d.title)), ...parse(routed)],
}
