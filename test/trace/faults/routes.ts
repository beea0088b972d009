/** Routes, forwarding, and the hop limit. */
import { type Fault, over6, FAR } from './fault.ts'

const instead = (type: string): Pick<Fault, 'inject' | 'undo'> => ({
  inject: `on node-1 ip -6 route del ${FAR}; on node-1 ip -6 route add ${type} ${FAR}`,
  undo: `on node-1 ip -6 route del ${type} ${FAR}`,
})

export const routes: readonly Fault[] = [
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
  { name: 'TTL', inject: 'true', args: ['pod-a', 'pod-b', '--ttl', '1'], node: 'node-1', cause: 'ttl' },
  { name: 'TTL of two', inject: 'true', args: ['pod-a', 'pod-b', '--ttl', '2'], node: 'node-2', cause: 'ttl' },
  { name: 'ip_forward off', inject: 'on node-2 sysctl -qw net.ipv4.ip_forward=0', node: 'node-2', cause: 'ip-forward' },
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
    name: 'routes in a circle',
    inject: 'on node-2 ip route replace 10.244.1.2/32 via 10.244.0.0 dev vxlan1 onlink',
    undo: 'on node-2 ip route del 10.244.1.2/32',
    args: ['pod-a', 'pod-b', '--ttl', '9'],
    node: 'node-1',
    cause: 'ttl',
  },
  over6('no route', `on node-1 ip -6 route del ${FAR}`, 'node-1', 'no-route', { says: /lab\.yaml:\d+/ }),
  over6('no route in the pod', 'on pod-a ip -6 route del default', 'pod-a', 'no-route'),
  over6('blackhole', '', 'node-1', 'blackhole', instead('blackhole')),
  over6('prohibit', '', 'node-1', 'prohibit', { ...instead('prohibit'), outcome: 'rejected' }),
  over6('unreachable', '', 'node-1', 'unreachable-route', instead('unreachable')),
  over6('forwarding off', 'on node-2 sysctl -qw net.ipv6.conf.all.forwarding=0', 'node-2', 'ip-forward'),
  over6('no route back in the pod', 'on pod-b ip -6 route del default', 'pod-b', 'no-route-back'),
  over6('no route back in the host', 'on node-2 ip -6 route del fd00:10:244::/64', 'node-2', 'no-route-back'),
  over6('hop limit', 'true', 'node-1', 'ttl', { args: ['pod-a', 'pod-b', '--ttl', '1'], says: /hop limit/ }),
  over6('hop limit of two', 'true', 'node-2', 'ttl', { args: ['pod-a', 'pod-b', '--ttl', '2'] }),
]
