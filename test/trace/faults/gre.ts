/** GRE: neighbours, key and device. */
import type { Fault } from './fault.ts'

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
