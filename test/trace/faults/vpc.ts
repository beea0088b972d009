/** Routes that the router has instead of the hosts, and its source/destination check. */
import { type Fault, FAR, over6 } from './fault.ts'

/** Two hosts on one segment, a third on another; an external. */
export const vpcTopology = `
network:
  backend: { type: vpc, sourceDestCheck: true }
  podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]
underlay: { segments: { zone-a: 192.168.1.0/24, zone-b: 192.168.2.0/24 } }
hosts:
  node-1: { segment: zone-a }
  node-2: { segment: zone-a }
  node-3: { segment: zone-b }
pods:
  pod-a: { host: node-1 }
  pod-b: { host: node-2 }
  pod-c: { host: node-3 }
externals: { client: {} }
`

const TO_B = '10.244.1.0/24'

export const vpc: readonly Fault[] = [
  {
    name: 'route missing in the fabric',
    inject: `on router ip route del ${TO_B}`,
    node: 'router',
    cause: 'no-route',
    says: /the lab asked for 10\.244\.1\.0\/24 via 192\.168\.1\.12 dev s1-zone-a/,
  },
  { name: 'no route back in the fabric', inject: 'on router ip route del 10.244.0.0/24', node: 'router', cause: 'no-route-back' },
  {
    name: 'default route of a host missing',
    inject: 'on node-1 ip route del default',
    node: 'node-1',
    cause: 'no-route',
    says: /the lab asked for default via 192\.168\.1\.1 dev eth0/,
  },
  {
    name: 'route to a host of another segment',
    inject: `on router ip route replace ${TO_B} via 192.168.2.11`,
    node: 'router',
    cause: 'route-wrong',
    says: /goes by 10\.244\.1\.0\/24 via 192\.168\.2\.11.*no host of zone-b has that address/,
  },
  {
    name: 'route to the wrong host of a segment',
    inject: `on router ip route replace ${TO_B} via 192.168.1.11`,
    args: ['pod-c', 'pod-b'],
    node: 'router',
    cause: 'route-wrong',
    says: /goes by 10\.244\.1\.0\/24 via 192\.168\.1\.11.*node-1 may send only from its own addresses/,
  },
  {
    name: 'route back to its sender',
    inject: `on router ip route replace ${TO_B} via 192.168.1.11`,
    node: 'router',
    cause: 'route-wrong',
    says: /went round until its TTL ran out/,
  },
  {
    name: 'pods that the source/destination check does not know',
    inject: 'on router iptables -D VPC-h1-node-1 -s 10.244.0.0/24 -j RETURN',
    node: 'router',
    cause: 'source-dest-check',
    says: /stops 10\.244\.0\.2 → 10\.244\.1\.2: node-1 may send only from its own addresses and those of its pods/,
  },
  {
    name: 'answer that the source/destination check stops',
    inject: 'on router iptables -D VPC-TO-s1-zone-a -d 10.244.0.0/24 -j RETURN',
    args: ['pod-a', 'pod-c'],
    node: 'router',
    cause: 'source-dest-check',
    says: /stops 10\.244\.2\.2 → 10\.244\.0\.2: no host of zone-a has that address or a pod with it/,
  },
  {
    name: 'pod with an address of its own choice',
    inject: 'on pod-a ip addr add 10.244.7.7/32 dev eth0; on pod-a ip route replace default via 10.244.0.1 src 10.244.7.7',
    undo: 'on pod-a ip addr del 10.244.7.7/32 dev eth0',
    node: 'router',
    cause: 'source-dest-check',
    says: /stops 10\.244\.7\.7 → /,
  },
  {
    name: 'from outside',
    inject: 'true',
    args: ['client', 'pod-a'],
    node: 'router',
    cause: 'unreachable-route',
    says: /in table 10 of router covers 10\.244\.0\.2: from outside nothing leads to pods/,
    hint: 'shows',
  },
  over6('route missing in the fabric', `on router ip -6 route del ${FAR}`, 'router', 'no-route'),
  over6(
    'pods that the source/destination check does not know',
    'on router ip6tables -D VPC-h1-node-1 -s fd00:10:244::/64 -j RETURN',
    'router',
    'source-dest-check',
  ),
]
