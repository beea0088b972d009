/**
 * Ways to break a healthy lab by hand, and what the trace must say of each. The scripts see the function `on NODE CMD…`;
 * what they break of the lab's own is healed by `netlab up`, the rest by `undo`.
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
  /** What the sentence, the rule, or the source must name. */
  readonly says?: RegExp
}

/** Rules of iptables-legacy: the kernel does not trace them, but it counts. */
const legacy = (name: string, node: string, rule: string, more: Pick<Fault, 'cause'> & Partial<Fault>): Fault => ({
  name: `iptables-legacy: ${name}`,
  inject: `on ${node} iptables-legacy ${rule}`,
  undo: `on ${node} iptables-legacy -F; on ${node} iptables-legacy -t raw -F; on ${node} iptables-legacy -P FORWARD ACCEPT`,
  node,
  ...more,
})

const LEGACY: readonly Fault[] = [
  legacy('FORWARD', 'node-2', '-I FORWARD -d 10.244.1.2 -j DROP', {
    cause: 'firewall',
    says: /"rule":"-A FORWARD -d 10\.244\.1\.2\/32 -j DROP"/,
  }),
  legacy(
    'a chain of its own',
    'node-2',
    '-N MINE; on node-2 iptables-legacy -A MINE -p icmp -m comment --comment "policy a/b" -j DROP; on node-2 iptables-legacy -A FORWARD -j MINE',
    {
      undo: 'on node-2 iptables-legacy -F; on node-2 iptables-legacy -X',
      cause: 'policy',
      says: /FORWARD → MINE/,
    },
  ),
  legacy('chain policy', 'node-2', '-P FORWARD DROP', { cause: 'firewall', says: /policy of ip filter FORWARD/ }),
  legacy('raw', 'node-2', '-t raw -A PREROUTING -i vxlan1 -d 10.244.1.2 -j DROP', { cause: 'firewall', says: /raw PREROUTING/ }),
  legacy('the tunnel', 'node-2', '-A INPUT -p udp --dport 8472 -j DROP', { cause: 'tunnel-firewall', says: /--dport 8472/ }),
  legacy('own OUTPUT', 'pod-a', '-A OUTPUT -p icmp -j DROP', { cause: 'own-firewall', says: /-A OUTPUT -p icmp/ }),
  legacy("the destination's OUTPUT", 'pod-b', '-A OUTPUT -p icmp -j DROP', { cause: 'own-firewall', says: /-A OUTPUT -p icmp/ }),
  legacy('reject', 'node-2', '-A FORWARD -p icmp -j REJECT', { cause: 'firewall', outcome: 'rejected', says: /REJECT/ }),
  legacy('reset', 'node-2', '-A FORWARD -p tcp -j REJECT --reject-with tcp-reset', {
    cause: 'firewall',
    outcome: 'rejected',
    args: ['pod-a', 'pod-b', '--port', '8080/tcp'],
    says: /tcp-reset/,
  }),
  legacy('a rule for others', 'node-2', '-A FORWARD -p tcp -j DROP', { node: '', cause: '', outcome: 'delivered' }),
]

/** A queue that lets nothing through. */
const queue = (name: string, node: string, device: string, more: Partial<Fault> = {}): Fault => ({
  name: `queueing discipline ${name}`,
  inject: `on ${node} tc qdisc add dev ${device} root blackhole`,
  undo: `on ${node} tc qdisc del dev ${device} root`,
  node,
  cause: 'traffic-control',
  device,
  says: /"rule":"qdisc blackhole/,
  ...more,
})

const FILTERS = 'tc qdisc add dev lo clsact && tc filter add dev lo ingress matchall action drop'
const filter = (name: string, node: string, device: string, hook: 'ingress' | 'egress'): Fault => ({
  name: `tc filter ${name}`,
  needs: FILTERS,
  inject: `on ${node} tc qdisc add dev ${device} clsact; on ${node} tc filter add dev ${device} ${hook} matchall action drop`,
  undo: `on ${node} tc qdisc del dev ${device} clsact`,
  node,
  device,
  cause: 'traffic-control',
  says: /matchall/,
})

/** The lab all of them break: two hosts, one VXLAN, pods with a port. */
export const TOPOLOGY = `
hosts:
  node-1: {}
  node-2: {}
pods:
  pod-a: { host: node-1 }
  pod-b: { host: node-2, containers: [{ name: web, ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: UDP }] }] }
  pod-c: { host: node-1 }
`

const forward = (rule: string): Pick<Fault, 'inject' | 'undo'> => ({
  inject: `on node-1 iptables -I FORWARD ${rule}`,
  undo: `on node-1 iptables -D FORWARD ${rule}`,
})

export const FAULTS: readonly Fault[] = [
  {
    name: 'iptables drop in FORWARD',
    ...forward('-d 10.244.1.2 -m comment --comment "policy default/deny-b" -j DROP'),
    node: 'node-1',
    cause: 'policy',
    says: /deny-b/,
  },
  {
    name: 'iptables reject in FORWARD',
    ...forward('-d 10.244.1.2 -j REJECT'),
    node: 'node-1',
    cause: 'firewall',
    outcome: 'rejected',
    says: /REJECT/,
  },
  {
    name: 'ipset match',
    inject:
      'on node-1 ipset create bad hash:ip; on node-1 ipset add bad 10.244.0.2; on node-1 iptables -I FORWARD -m set --match-set bad src -j DROP',
    undo: 'on node-1 iptables -D FORWARD 1; sleep 0.05; on node-1 ipset destroy bad',
    node: 'node-1',
    cause: 'firewall',
    says: /match-set bad src/,
  },
  {
    name: 'chain policy',
    inject: 'on node-2 iptables -P FORWARD DROP',
    undo: 'on node-2 iptables -P FORWARD ACCEPT',
    node: 'node-2',
    cause: 'firewall',
    says: /policy/,
  },
  {
    name: 'raw PREROUTING',
    inject: 'on node-2 iptables -t raw -I PREROUTING -i vxlan1 -d 10.244.1.2 -j DROP',
    undo: 'on node-2 iptables -t raw -F',
    node: 'node-2',
    cause: 'firewall',
    says: /raw PREROUTING/,
  },
  {
    name: 'mangle POSTROUTING',
    inject: 'on node-2 iptables -t mangle -I POSTROUTING -d 10.244.1.2 -j DROP',
    undo: 'on node-2 iptables -t mangle -F',
    node: 'node-2',
    cause: 'firewall',
    says: /mangle POSTROUTING/,
  },
  {
    name: 'native nft',
    inject: `on node-2 nft 'add table inet mine; add chain inet mine passing { type filter hook forward priority 0 ; } ; add rule inet mine passing ip daddr 10.244.1.2 drop comment "mine"'`,
    undo: 'on node-2 nft delete table inet mine',
    node: 'node-2',
    cause: 'firewall',
    says: /daddr 10.244.1.2 .*drop/,
  },
  {
    name: 'pod INPUT',
    inject: 'on pod-b iptables -A INPUT -p icmp -j DROP',
    undo: 'on pod-b iptables -F',
    node: 'pod-b',
    cause: 'firewall',
    says: /INPUT/,
  },
  {
    name: "pod's own OUTPUT",
    inject: 'on pod-a iptables -A OUTPUT -p icmp -j DROP',
    undo: 'on pod-a iptables -F',
    node: 'pod-a',
    cause: 'own-firewall',
    says: /OUTPUT/,
  },
  {
    name: "the destination's own OUTPUT",
    inject: 'on pod-b iptables -A OUTPUT -p icmp -j DROP',
    undo: 'on pod-b iptables -F',
    node: 'pod-b',
    cause: 'own-firewall',
    says: /OUTPUT/,
  },
  {
    name: 'underlay firewall',
    inject: 'on node-2 iptables -I INPUT -p udp --dport 8472 -j DROP',
    undo: 'on node-2 iptables -D INPUT 1',
    node: 'node-2',
    cause: 'tunnel-firewall',
    says: /8472/,
  },
  {
    name: 'underlay firewall, going out',
    inject: 'on node-1 iptables -I OUTPUT -p udp --dport 8472 -j DROP',
    undo: 'on node-1 iptables -D OUTPUT 1',
    node: 'node-1',
    cause: 'tunnel-firewall',
    says: /8472/,
  },
  {
    name: 'native nft reject',
    inject: `on pod-b nft 'add table inet mine; add chain inet mine arriving { type filter hook input priority 0 ; } ; add rule inet mine arriving tcp dport 8080 reject with tcp reset'`,
    undo: 'on pod-b nft delete table inet mine',
    args: ['pod-a', 'pod-b', '--port', '8080/tcp'],
    node: 'pod-b',
    cause: 'firewall',
    outcome: 'rejected',
    says: /"rule":"tcp dport 8080 reject with tcp reset"/,
  },
  {
    name: 'egress of a device',
    needs: 'nft "add table netdev mine; add chain netdev mine leaving { type filter hook egress device lo priority 0 ; }"',
    inject: `on node-2 nft 'add table netdev mine; add chain netdev mine leaving { type filter hook egress device cni0 priority 0 ; } ; add rule netdev mine leaving ip daddr 10.244.1.2 drop'`,
    undo: 'on node-2 nft delete table netdev mine',
    node: 'node-2',
    cause: 'firewall',
    says: /"rule":"ip daddr 10\.244\.1\.2 drop"/,
  },
  {
    name: 'administratively prohibited by a rule',
    inject: 'on node-2 iptables -I FORWARD -d 10.244.1.2 -j REJECT --reject-with icmp-admin-prohibited',
    undo: 'on node-2 iptables -D FORWARD 1',
    node: 'node-2',
    cause: 'firewall',
    outcome: 'rejected',
    says: /icmp-admin-prohibited/,
  },
  {
    name: 'mangle PREROUTING',
    inject: 'on node-1 iptables -t mangle -I PREROUTING -d 10.244.1.2 -j DROP',
    undo: 'on node-1 iptables -t mangle -F',
    node: 'node-1',
    cause: 'firewall',
    says: /mangle PREROUTING/,
  },
  {
    name: 'underlay firewall in the switch',
    inject: `on switch-lan nft 'add table bridge mine; add chain bridge mine passing { type filter hook forward priority 0 ; } ; add rule bridge mine passing udp dport 8472 counter drop'`,
    undo: 'on switch-lan nft delete table bridge mine',
    node: 'switch-lan',
    cause: 'tunnel-firewall',
    says: /"rule":"udp dport 8472 drop"/,
  },
  {
    name: 'rules of a bridge that cannot be told apart',
    inject: `on node-1 nft 'add table bridge mine; add chain bridge mine early { type filter hook prerouting priority -300 ; } ; add rule bridge mine early ip daddr 10.244.0.3 drop; add rule bridge mine early ip daddr 10.244.0.9 drop'`,
    undo: 'on node-1 nft delete table bridge mine',
    args: ['pod-a', 'pod-c'],
    node: 'node-1',
    cause: 'firewall',
    says: /one of those that cannot be traced: bridge mine early: ip daddr 10\.244\.0\.3 drop \| /,
  },
  {
    name: 'ingress of a device',
    inject: `on node-2 nft 'add table netdev mine; add chain netdev mine early { type filter hook ingress device vxlan1 priority 0 ; } ; add rule netdev mine early ip daddr 10.244.1.2 drop'`,
    undo: 'on node-2 nft delete table netdev mine',
    node: 'node-2',
    cause: 'firewall',
    says: /"rule":"ip daddr 10\.244\.1\.2 drop"/,
  },
  {
    name: 'before raw',
    inject: `on node-2 nft 'add table inet mine; add chain inet mine first { type filter hook prerouting priority -400 ; } ; add rule inet mine first ip daddr 10.244.1.2 drop'`,
    undo: 'on node-2 nft delete table inet mine',
    node: 'node-2',
    cause: 'firewall',
    says: /"evidence":"rule".*"rule":"ip daddr 10\.244\.1\.2 drop"/,
  },
  ...LEGACY,
  { name: 'no route', inject: 'on node-1 ip route del 10.244.1.0/24', node: 'node-1', cause: 'no-route', says: /lab\.yaml:\d+/ },
  { name: 'no route in the pod', inject: 'on pod-a ip route del default', node: 'pod-a', cause: 'no-route' },
  {
    name: 'blackhole',
    inject: 'on node-1 ip route replace blackhole 10.244.1.0/24',
    undo: 'on node-1 ip route del blackhole 10.244.1.0/24',
    node: 'node-1',
    cause: 'blackhole',
  },
  {
    name: 'prohibit',
    inject: 'on node-1 ip route replace prohibit 10.244.1.0/24',
    undo: 'on node-1 ip route del prohibit 10.244.1.0/24',
    node: 'node-1',
    cause: 'prohibit',
    outcome: 'rejected',
  },
  {
    name: 'unreachable',
    inject: 'on node-1 ip route replace unreachable 10.244.1.0/24',
    undo: 'on node-1 ip route del unreachable 10.244.1.0/24',
    node: 'node-1',
    cause: 'unreachable-route',
  },
  {
    name: 'rp_filter',
    inject:
      'on node-2 sysctl -qw net.ipv4.conf.vxlan1.rp_filter=1 net.ipv4.conf.all.rp_filter=1; on node-2 ip route replace 10.244.0.0/24 via 192.168.50.11',
    undo: 'on node-2 sysctl -qw net.ipv4.conf.vxlan1.rp_filter=2',
    node: 'node-2',
    cause: 'rp-filter',
  },
  { name: 'MTU at the pod', inject: 'true', args: ['pod-a', 'pod-b', '--size', '1451'], node: 'pod-a', cause: 'mtu' },
  {
    name: 'MTU at the tunnel',
    inject: 'on node-1 ip link set vxlan1 mtu 1300',
    args: ['pod-a', 'pod-b', '--size', '1400'],
    node: 'node-1',
    cause: 'mtu',
    says: /vxlan1/,
  },
  {
    name: 'MTU at the underlay',
    inject: 'on switch-lan ip link set h2-node-2 mtu 500',
    args: ['pod-a', 'pod-b', '--size', '1000'],
    node: 'switch-lan',
    cause: 'mtu',
  },
  {
    name: 'MTU of the receiving end',
    inject: 'on node-2 ip link set eth0 mtu 500',
    args: ['pod-a', 'pod-b', '--size', '1000'],
    node: 'node-2',
    cause: 'mtu',
    device: 'eth0',
  },
  { name: 'TTL', inject: 'true', args: ['pod-a', 'pod-b', '--ttl', '1'], node: 'node-1', cause: 'ttl' },
  { name: 'TTL of two', inject: 'true', args: ['pod-a', 'pod-b', '--ttl', '2'], node: 'node-2', cause: 'ttl' },
  { name: 'ip_forward off', inject: 'on node-2 sysctl -qw net.ipv4.ip_forward=0', node: 'node-2', cause: 'ip-forward' },
  {
    name: 'FDB entry missing',
    inject: 'on node-1 bridge fdb del 02:06:00:01:00:00 dev vxlan1',
    node: 'node-1',
    cause: 'fdb-missing',
    device: 'vxlan1',
    says: /lab\.yaml:\d+/,
  },
  {
    name: 'FDB entry wrong',
    inject:
      'on node-1 bridge fdb del 02:06:00:01:00:00 dev vxlan1; on node-1 bridge fdb append 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.99 self permanent',
    undo: 'on node-1 bridge fdb del 02:06:00:01:00:00 dev vxlan1 dst 192.168.50.99',
    node: 'node-1',
    cause: 'fdb-wrong',
    says: /192\.168\.50\.99/,
  },
  {
    name: 'VNI mismatch',
    inject:
      'on node-2 ip link del vxlan1; on node-2 ip link add vxlan1 address 02:06:00:01:00:00 type vxlan id 9 local 192.168.50.12 dev eth0 dstport 8472 nolearning; on node-2 ip addr add 10.244.1.0/32 dev vxlan1; on node-2 ip link set vxlan1 up',
    undo: 'on node-2 ip link del vxlan1',
    node: 'node-2',
    cause: 'vni-mismatch',
  },
  {
    name: 'UDP port mismatch',
    inject:
      'on node-2 ip link del vxlan1; on node-2 ip link add vxlan1 address 02:06:00:01:00:00 type vxlan id 1 local 192.168.50.12 dev eth0 dstport 4789 nolearning; on node-2 ip addr add 10.244.1.0/32 dev vxlan1; on node-2 ip link set vxlan1 up',
    undo: 'on node-2 ip link del vxlan1',
    node: 'node-2',
    cause: 'tunnel-port-mismatch',
  },
  {
    name: 'VTEP down at the destination',
    inject: 'on node-2 ip link set vxlan1 down',
    node: 'node-2',
    cause: 'interface-down',
    device: 'vxlan1',
  },
  {
    name: 'VTEP down at the source',
    inject: 'on node-1 ip link set vxlan1 down',
    node: 'node-1',
    cause: 'interface-down',
    device: 'vxlan1',
  },
  { name: 'bridge down', inject: 'on node-2 ip link set cni0 down', node: 'node-2', cause: 'interface-down', device: 'cni0' },
  { name: 'bridge down at the source', inject: 'on node-1 ip link set cni0 down', node: 'node-1', cause: 'interface-down', device: 'cni0' },
  {
    name: 'veth down in the host',
    inject: 'on node-2 ip link set p1-pod-b down',
    node: 'node-2',
    cause: 'interface-down',
    device: 'p1-pod-b',
  },
  {
    name: 'veth down at the source host',
    inject: 'on node-1 ip link set p1-pod-a down',
    node: 'node-1',
    cause: 'interface-down',
    device: 'p1-pod-a',
  },
  { name: 'pod interface down', inject: 'on pod-b ip link set eth0 down', node: 'pod-b', cause: 'interface-down', device: 'eth0' },
  { name: "the source's interface down", inject: 'on pod-a ip link set eth0 down', node: 'pod-a', cause: 'interface-down', device: 'eth0' },
  {
    name: 'underlay down',
    inject: 'on switch-lan ip link set h2-node-2 down',
    node: 'switch-lan',
    cause: 'interface-down',
    device: 'h2-node-2',
  },
  { name: 'switch down', inject: 'on switch-lan ip link set br0 down', node: 'switch-lan', cause: 'interface-down', device: 'br0' },
  {
    name: 'not on its bridge',
    inject: 'on node-2 ip link set p1-pod-b nomaster',
    node: 'node-2',
    cause: 'not-on-bridge',
    device: 'p1-pod-b',
  },
  {
    name: 'source not on its bridge',
    inject: 'on node-1 ip link set p1-pod-a nomaster',
    node: 'node-1',
    cause: 'not-on-bridge',
    device: 'p1-pod-a',
  },
  {
    name: 'wrong neighbour in the host',
    inject: 'on node-1 ip neigh replace 10.244.1.0 lladdr 02:06:00:01:00:ee dev vxlan1 nud permanent',
    node: 'node-1',
    cause: 'neighbour-wrong',
  },
  {
    name: 'wrong neighbour in the pod',
    inject: 'on pod-a ip neigh replace 10.244.0.1 lladdr 02:de:ad:00:00:01 dev eth0 nud permanent',
    undo: 'on pod-a ip neigh del 10.244.0.1 dev eth0',
    node: 'pod-a',
    cause: 'neighbour-wrong',
  },
  {
    name: 'wrong neighbour on the last link',
    inject: 'on node-2 ip neigh replace 10.244.1.2 lladdr 02:de:ad:00:00:02 dev cni0 nud permanent',
    undo: 'on node-2 ip neigh del 10.244.1.2 dev cni0',
    node: 'node-2',
    cause: 'neighbour-wrong',
  },
  { name: 'neighbour missing', inject: 'on node-1 ip neigh del 10.244.1.0 dev vxlan1', node: 'node-1', cause: 'neighbour-missing' },
  { name: 'no such pod', inject: 'true', args: ['pod-a', '10.244.1.77'], node: 'node-2', cause: 'no-such-address' },
  { name: 'no such pod on the own host', inject: 'true', args: ['pod-a', '10.244.0.77'], node: 'pod-a', cause: 'no-such-address' },
  { name: 'no route back in the pod', inject: 'on pod-b ip route del default', node: 'pod-b', cause: 'no-route-back' },
  { name: 'no route back in the host', inject: 'on node-2 ip route del 10.244.0.0/24', node: 'node-2', cause: 'no-route-back' },
  {
    name: 'asymmetric return',
    inject: 'on node-2 ip route replace 10.244.0.0/24 via 192.168.50.11',
    node: '',
    cause: '',
    outcome: 'delivered',
    says: /another way/,
  },
  {
    name: 'TCP: nobody listening',
    inject: 'true',
    args: ['pod-a', 'pod-b', '--port', '9999/tcp'],
    node: 'pod-b',
    cause: 'nobody-listening',
    outcome: 'rejected',
  },
  {
    name: 'UDP: nobody listening',
    inject: 'true',
    args: ['pod-a', 'pod-b', '--port', '9999/udp'],
    node: 'pod-b',
    cause: 'nobody-listening',
    outcome: 'rejected',
  },
  {
    name: 'TCP: dropped by port',
    ...forward('-p tcp --dport 8080 -j DROP'),
    args: ['pod-a', 'pod-b', '--port', '8080/tcp'],
    node: 'node-1',
    cause: 'firewall',
    says: /dport 8080/,
  },
  {
    name: 'TCP: reset by a rule',
    inject: 'on node-2 iptables -I FORWARD -p tcp --dport 8080 -j REJECT --reject-with tcp-reset',
    undo: 'on node-2 iptables -D FORWARD 1',
    args: ['pod-a', 'pod-b', '--port', '8080/tcp'],
    node: 'node-2',
    cause: 'firewall',
    outcome: 'rejected',
    says: /tcp-reset/,
  },
  {
    name: 'UDP: dropped by port',
    ...forward('-p udp --dport 5353 -j DROP'),
    args: ['pod-a', 'pod-b', '--port', '5353/udp'],
    node: 'node-1',
    cause: 'firewall',
    says: /dport 5353/,
  },
  queue('at the source', 'pod-a', 'eth0'),
  queue('at the source, TCP', 'pod-a', 'eth0', { args: ['pod-a', 'pod-b', '--port', '8080/tcp'] }),
  queue('of a tunnel', 'node-1', 'vxlan1'),
  queue('of the underlay', 'switch-lan', 'h2-node-2'),
  queue('of a bridge', 'node-2', 'cni0'),
  queue('before the pod', 'node-2', 'p1-pod-b'),
  queue('at the destination', 'pod-b', 'eth0'),
  queue('on the way back', 'node-2', 'eth0'),
  filter('coming in', 'node-2', 'vxlan1', 'ingress'),
  filter('on the underlay', 'node-2', 'eth0', 'ingress'),
  filter('going out', 'node-1', 'eth0', 'egress'),
  {
    name: 'refused by IPsec',
    needs: 'ip xfrm policy add dir fwd src 10.244.0.2/32 dst 10.244.1.2/32 action block',
    inject: 'on node-2 ip xfrm policy add dir fwd src 10.244.0.2/32 dst 10.244.1.2/32 action block',
    undo: 'on node-2 ip xfrm policy flush',
    node: 'node-2',
    cause: 'kernel',
  },
  {
    name: 'answers to echoes off',
    inject: 'on pod-b sysctl -qw net.ipv4.icmp_echo_ignore_all=1',
    undo: 'on pod-b sysctl -qw net.ipv4.icmp_echo_ignore_all=0',
    node: 'pod-b',
    cause: 'no-evidence',
  },
  {
    name: 'address taken away',
    inject: 'on pod-a ping -c1 -W1 10.244.1.2; on pod-b ip addr flush dev eth0',
    node: 'pod-b',
    cause: 'no-such-address',
    says: /should have the address 10\.244\.1\.2/,
  },
  { name: "the host's underlay down", inject: 'on node-1 ip link set eth0 down', node: 'node-1', cause: 'interface-down', device: 'eth0' },
  {
    name: 'routes in a circle',
    inject: 'on node-2 ip route replace 10.244.1.2/32 via 10.244.0.0 dev vxlan1 onlink',
    undo: 'on node-2 ip route del 10.244.1.2/32',
    args: ['pod-a', 'pod-b', '--ttl', '9'],
    node: 'node-1',
    cause: 'ttl',
  },
  {
    name: 'same host: dropped on the bridge',
    ...forward('-d 10.244.0.3 -j DROP'),
    args: ['pod-a', 'pod-c'],
    node: 'node-1',
    cause: 'firewall',
  },
]

/** The lab for tunnels that this machine's kernel may lack: tried where they exist. */
export const tunnelTopology = (backend: 'gre' | 'ipip'): string => `network: { backend: ${backend} }\n${TOPOLOGY}`

export const TUNNEL_FAULTS: Readonly<Record<'gre' | 'ipip', readonly Fault[]>> = {
  gre: [
    {
      name: 'GRE neighbour missing',
      inject: 'on node-1 ip neigh del 10.244.1.0 dev gre1',
      node: 'node-1',
      cause: 'neighbour-missing',
      device: 'gre1',
    },
    {
      name: 'GRE key of the far end',
      inject: 'on node-2 ip link del gre1; on node-2 ip link add gre1 type gre local 192.168.50.12 key 99; on node-2 ip link set gre1 up',
      undo: 'on node-2 ip link del gre1',
      node: 'node-2',
      cause: 'vni-mismatch',
    },
    { name: 'GRE device down', inject: 'on node-2 ip link set gre1 down', node: 'node-2', cause: 'interface-down', device: 'gre1' },
    {
      name: 'underlay refuses GRE',
      inject: 'on node-2 iptables -I INPUT -p gre -j DROP',
      undo: 'on node-2 iptables -D INPUT 1',
      node: 'node-2',
      cause: 'tunnel-firewall',
    },
  ],
  ipip: [
    {
      name: 'IPIP peer missing',
      inject: 'on node-1 ip route replace 10.244.1.0/24 via 192.168.50.99 dev ipip1 onlink',
      node: 'node-1',
      cause: 'tunnel-peer',
    },
    { name: 'IPIP device gone', inject: 'on node-2 ip link del ipip1', node: 'node-2', cause: 'interface-down', device: 'ipip1' },
    {
      name: 'underlay refuses IPIP',
      inject: 'on node-2 iptables -I INPUT -p 4 -j DROP',
      undo: 'on node-2 iptables -D INPUT 1',
      node: 'node-2',
      cause: 'tunnel-firewall',
    },
  ],
}
