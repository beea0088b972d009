/** Where pods hang on routes instead of a bridge: other devices, proxy ARP, and a blackhole that catches what has no route of its own. */
import { TOPOLOGY, type Fault } from './faults.ts'

export const TOPOLOGY_ROUTED = `network: { attach: routed, podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\n${TOPOLOGY}`

export const FAULTS_ROUTED: readonly Fault[] = [
  { name: 'routed: no route', inject: 'on node-1 ip route del 10.244.1.0/24', node: 'node-1', cause: 'no-route' },
  {
    name: 'routed: no route to the pod',
    inject: 'on node-2 ip route del 10.244.1.2',
    node: 'node-2',
    cause: 'no-route',
    says: /asked for 10\.244\.1\.2\/32.*what is left is .*10\.244\.1\.0\/24/,
  },
  { name: 'routed: no route in the pod', inject: 'on pod-a ip route del default', node: 'pod-a', cause: 'no-route' },
  { name: 'routed: no route back', inject: 'on pod-b ip route del default', node: 'pod-b', cause: 'no-route-back' },
  {
    name: 'routed: no such pod',
    inject: 'true',
    args: ['pod-a', '10.244.1.77'],
    node: 'node-2',
    cause: 'blackhole',
    says: /no pod has it/,
  },
  {
    name: 'routed: no such pod, IPv6',
    inject: 'true',
    args: ['pod-a', 'fd00:10:244::77', '--family', '6'],
    node: 'node-1',
    cause: 'blackhole',
  },
  {
    name: 'routed: veth down in the host',
    inject: 'on node-2 ip link set p1-pod-b down',
    node: 'node-2',
    cause: 'interface-down',
    device: 'p1-pod-b',
  },
  {
    name: 'routed: veth down at the source host',
    inject: 'on node-1 ip link set p1-pod-a down',
    node: 'node-1',
    cause: 'interface-down',
    device: 'p1-pod-a',
  },
  { name: 'routed: pod interface down', inject: 'on pod-b ip link set eth0 down', node: 'pod-b', cause: 'interface-down', device: 'eth0' },
  {
    name: 'routed: rule',
    inject: 'on node-2 iptables -I FORWARD -d 10.244.1.2 -j DROP',
    undo: 'on node-2 iptables -D FORWARD 1',
    node: 'node-2',
    cause: 'firewall',
  },
  { name: 'routed: ip_forward off', inject: 'on node-2 sysctl -qw net.ipv4.ip_forward=0', node: 'node-2', cause: 'ip-forward' },
  {
    name: 'routed: MTU at the tunnel',
    inject: 'on node-1 ip link set vxlan1 mtu 1300',
    args: ['pod-a', 'pod-b', '--size', '1400'],
    node: 'node-1',
    cause: 'mtu',
  },
  {
    name: 'routed: wrong neighbour in the pod',
    inject: 'on pod-a ip neigh replace 169.254.1.1 lladdr 02:de:ad:00:00:01 dev eth0 nud permanent',
    undo: 'on pod-a ip neigh del 169.254.1.1 dev eth0',
    node: 'pod-a',
    cause: 'neighbour-wrong',
    says: /but it has ee:ee/,
  },
  {
    name: 'routed: wrong neighbour on the last link',
    inject: 'on node-2 ip neigh replace 10.244.1.2 lladdr 02:de:ad:00:00:02 dev p1-pod-b nud permanent',
    undo: 'on node-2 ip neigh del 10.244.1.2 dev p1-pod-b',
    node: 'node-2',
    cause: 'neighbour-wrong',
  },
  {
    name: 'routed: proxy ARP off',
    inject: 'on node-1 sysctl -qw net.ipv4.conf.p1-pod-a.proxy_arp=0; on pod-a ip neigh flush dev eth0',
    node: 'pod-a',
    cause: 'no-such-address',
    says: /proxy_arp/,
  },
  {
    name: 'routed: nobody listening',
    inject: 'true',
    args: ['pod-a', 'pod-b', '--port', '9999/tcp'],
    node: 'pod-b',
    cause: 'nobody-listening',
    outcome: 'rejected',
  },
]
