/** The same over IPv6: neighbour discovery for ARP, ICMPv6 for ICMP, ip6tables, routers that never fragment. */
import { TOPOLOGY, type Fault } from './faults.ts'

export const TOPOLOGY_6 = `network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\n${TOPOLOGY}`

const POD_B = 'fd00:10:244:1::2'
const FAR = 'fd00:10:244:1::/64'

const over6 = (name: string, inject: string, node: string, cause: string, more: Partial<Fault> = {}): Fault => ({
  name,
  inject,
  node,
  cause,
  ...more,
  args: [...(more.args ?? ['pod-a', 'pod-b']), '--family', '6'],
})

const instead = (type: string): Pick<Fault, 'inject' | 'undo'> => ({
  inject: `on node-1 ip -6 route del ${FAR}; on node-1 ip -6 route add ${type} ${FAR}`,
  undo: `on node-1 ip -6 route del ${type} ${FAR}`,
})

export const FAULTS_6: readonly Fault[] = [
  over6('no route', `on node-1 ip -6 route del ${FAR}`, 'node-1', 'no-route', { says: /lab\.yaml:\d+/ }),
  over6('no route in the pod', 'on pod-a ip -6 route del default', 'pod-a', 'no-route'),
  over6('blackhole', '', 'node-1', 'blackhole', instead('blackhole')),
  over6('prohibit', '', 'node-1', 'prohibit', { ...instead('prohibit'), outcome: 'rejected' }),
  over6('unreachable', '', 'node-1', 'unreachable-route', instead('unreachable')),
  over6('forwarding off', 'on node-2 sysctl -qw net.ipv6.conf.all.forwarding=0', 'node-2', 'ip-forward'),
  over6('no route back in the pod', 'on pod-b ip -6 route del default', 'pod-b', 'no-route-back'),
  over6('no route back in the host', 'on node-2 ip -6 route del fd00:10:244::/64', 'node-2', 'no-route-back'),
  over6('policy', `on node-1 ip6tables -I FORWARD -d ${POD_B} -m comment --comment "policy default/deny-b" -j DROP`, 'node-1', 'policy', {
    undo: 'on node-1 ip6tables -D FORWARD 1',
    says: /deny-b/,
  }),
  over6('reject', `on node-2 ip6tables -I FORWARD -d ${POD_B} -j REJECT`, 'node-2', 'firewall', {
    undo: 'on node-2 ip6tables -D FORWARD 1',
    outcome: 'rejected',
    says: /icmp6-port-unreachable/,
  }),
  over6('iptables-legacy', `on node-2 ip6tables-legacy -I FORWARD -d ${POD_B} -j DROP`, 'node-2', 'firewall', {
    undo: 'on node-2 ip6tables-legacy -F FORWARD',
    says: /"rule":"-A FORWARD -d fd00/,
  }),
  over6('pod INPUT', 'on pod-b ip6tables -A INPUT -p icmpv6 --icmpv6-type 128 -j DROP', 'pod-b', 'firewall', {
    undo: 'on pod-b ip6tables -F',
  }),
  over6("pod's own OUTPUT", 'on pod-a ip6tables -A OUTPUT -p icmpv6 --icmpv6-type 128 -j DROP', 'pod-a', 'own-firewall', {
    undo: 'on pod-a ip6tables -F',
  }),
  over6("the destination's own OUTPUT", 'on pod-b ip6tables -A OUTPUT -p icmpv6 --icmpv6-type 129 -j DROP', 'pod-b', 'own-firewall', {
    undo: 'on pod-b ip6tables -F',
  }),
  over6(
    'TCP: reset by a rule',
    'on node-2 ip6tables -I FORWARD -p tcp --dport 8080 -j REJECT --reject-with tcp-reset',
    'node-2',
    'firewall',
    {
      undo: 'on node-2 ip6tables -D FORWARD 1',
      args: ['pod-a', 'pod-b', '--port', '8080/tcp'],
      outcome: 'rejected',
    },
  ),
  over6('underlay firewall', 'on node-2 iptables -I INPUT -p udp --dport 8472 -j DROP', 'node-2', 'tunnel-firewall', {
    undo: 'on node-2 iptables -D INPUT 1',
  }),
  over6('hop limit', 'true', 'node-1', 'ttl', { args: ['pod-a', 'pod-b', '--ttl', '1'], says: /hop limit/ }),
  over6('hop limit of two', 'true', 'node-2', 'ttl', { args: ['pod-a', 'pod-b', '--ttl', '2'] }),
  over6('MTU at the pod', 'true', 'pod-a', 'mtu', { args: ['pod-a', 'pod-b', '--size', '1451'] }),
  over6('packet too big', 'on node-1 ip link set vxlan1 mtu 1300', 'node-1', 'mtu', {
    args: ['pod-a', 'pod-b', '--size', '1400'],
    says: /vxlan1.*1300/,
  }),
  over6('MTU at the underlay', 'on switch-lan ip link set h2-node-2 mtu 500', 'switch-lan', 'mtu', {
    args: ['pod-a', 'pod-b', '--size', '1000'],
  }),
  over6('no such pod: solicitation unanswered', 'true', 'node-2', 'no-such-address', {
    args: ['pod-a', 'fd00:10:244:1::77'],
    says: /neighbour solicitation/,
  }),
  over6('no such pod on the own host', 'true', 'pod-a', 'no-such-address', { args: ['pod-a', 'fd00:10:244::77'] }),
  over6('neighbour missing', 'on node-1 ip -6 neigh del fd00:10:244:1:: dev vxlan1', 'node-1', 'neighbour-missing', { device: 'vxlan1' }),
  over6(
    'wrong neighbour',
    'on node-1 ip neigh replace fd00:10:244:1:: lladdr 02:06:00:01:00:ee dev vxlan1 nud permanent',
    'node-1',
    'neighbour-wrong',
  ),
  over6('FDB entry missing', 'on node-1 bridge fdb del 02:06:00:01:00:00 dev vxlan1', 'node-1', 'fdb-missing', { says: /lab\.yaml:\d+/ }),
  over6('VTEP down', 'on node-2 ip link set vxlan1 down', 'node-2', 'interface-down', { device: 'vxlan1' }),
  over6('bridge down', 'on node-2 ip link set cni0 down', 'node-2', 'interface-down', { device: 'cni0' }),
  over6('pod interface down', 'on pod-b ip link set eth0 down', 'pod-b', 'interface-down', { device: 'eth0' }),
  over6('not on its bridge', 'on node-2 ip link set p1-pod-b nomaster', 'node-2', 'not-on-bridge', { device: 'p1-pod-b' }),
  over6('TCP: nobody listening', 'true', 'pod-b', 'nobody-listening', {
    args: ['pod-a', 'pod-b', '--port', '9999/tcp'],
    outcome: 'rejected',
  }),
  over6('UDP: nobody listening', 'true', 'pod-b', 'nobody-listening', {
    args: ['pod-a', 'pod-b', '--port', '9999/udp'],
    outcome: 'rejected',
  }),
]
