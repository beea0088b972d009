/** IPIP: routes and device. */
import type { Fault } from './fault.ts'

export const ipip: readonly Fault[] = [
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
]
