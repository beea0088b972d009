/** Geneve: VNI, port, far end, neighbour and device. A neighbour that is only missing is found by ARP through the tunnel. */
import type { Fault } from './fault.ts'

/** Makes node-2's end anew, with what `netlab plan` has for it but for some words. */
const remade = (id: number, remote: string, port: number): string =>
  `on node-2 ip link del g1-node-1; on node-2 ip link add g1-node-1 address 02:06:00:01:00:01 mtu 1450 type geneve id ${id} remote ${remote} dstport ${port}; on node-2 ip addr add 10.244.1.0/32 dev g1-node-1; on node-2 ip link set g1-node-1 up`

export const geneve: readonly Fault[] = [
  {
    name: 'Geneve VNI of the far end',
    inject: remade(9, '192.168.50.11', 6081),
    undo: 'on node-2 ip link del g1-node-1',
    node: 'node-2',
    cause: 'vni-mismatch',
  },
  {
    name: 'Geneve far end is for another peer',
    inject: remade(1, '192.168.50.99', 6081),
    undo: 'on node-2 ip link del g1-node-1',
    node: 'node-2',
    cause: 'tunnel-peer',
  },
  {
    name: 'Geneve UDP port of the far end',
    inject: remade(1, '192.168.50.11', 6082),
    undo: 'on node-2 ip link del g1-node-1',
    node: 'node-2',
    cause: 'tunnel-port-mismatch',
  },
  {
    name: 'Geneve device to a wrong host',
    inject:
      'on node-1 ip link del g2-node-2; on node-1 ip link add g2-node-2 address 02:06:00:00:00:02 mtu 1450 up type geneve id 1 remote 192.168.50.99 dstport 6081; on node-1 ip addr add 10.244.0.0/32 dev g2-node-2; on node-1 ip neigh replace 10.244.1.0 lladdr 02:06:00:01:00:01 dev g2-node-2 nud permanent; on node-1 ip route replace 10.244.1.0/24 via 10.244.1.0 dev g2-node-2 onlink',
    undo: 'on node-1 ip link del g2-node-2',
    node: 'node-1',
    cause: 'tunnel-peer',
    says: /192\.168\.50\.99/,
  },
  {
    name: 'Geneve neighbour wrong',
    inject: 'on node-1 ip neigh replace 10.244.1.0 lladdr 02:06:00:01:00:ee dev g2-node-2 nud permanent',
    node: 'node-1',
    cause: 'neighbour-wrong',
  },
  {
    name: 'Geneve device down',
    inject: 'on node-2 ip link set g1-node-1 down',
    node: 'node-2',
    cause: 'interface-down',
    device: 'g1-node-1',
  },
  {
    name: 'MTU of the Geneve device',
    inject: 'on node-1 ip link set g2-node-2 mtu 1300',
    args: ['pod-a', 'pod-b', '--size', '1400'],
    node: 'node-1',
    cause: 'mtu',
    says: /g2-node-2/,
  },
  {
    name: 'underlay refuses Geneve',
    inject: 'on node-2 iptables -I INPUT -p udp --dport 6081 -j DROP',
    undo: 'on node-2 iptables -D INPUT 1',
    node: 'node-2',
    cause: 'tunnel-firewall',
  },
]
