/** GRE: neighbours, key and device. */
import { COLD, type Fault, WARM } from './fault.ts'

export const gre: readonly Fault[] = [
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
]

const remade = (far: string, key: number): string =>
  `on node-2 ip link del g1-node-1; on node-2 ip link add g1-node-1 address 02:06:00:01:00:01 mtu 1458 master cni0 up type gretap local 192.168.50.12 remote ${far} key ${key}`

export const greBridged: readonly Fault[] = [
  {
    name: 'GRE tunnel not on the bridge, and the pod has to ask',
    inject: `${COLD}on node-2 ip link set dev g1-node-1 nomaster`,
    node: 'node-2',
    cause: 'not-on-bridge',
    device: 'g1-node-1',
    says: /g1-node-1 of node-2 is not on bridge cni0: the pods of node-2 are not on one link with those of node-1/,
  },
  {
    name: 'GRE tunnel to a wrong host, and the pod has to ask',
    inject: COLD + remade('192.168.50.99', 7),
    node: 'node-2',
    cause: 'tunnel-peer',
    device: 'g1-node-1',
    says: /leads to 192\.168\.50\.99, the lab asked for 192\.168\.50\.11/,
  },
  {
    name: 'GRE tunnel with another key',
    inject: WARM + remade('192.168.50.11', 9),
    node: 'node-2',
    cause: 'vni-mismatch',
    device: 'g1-node-1',
  },
  {
    name: 'GRE tunnel of a bridge down',
    inject: `${WARM}on node-1 ip link set g2-node-2 down`,
    node: 'node-1',
    cause: 'interface-down',
    device: 'g2-node-2',
  },
]
