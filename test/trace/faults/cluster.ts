/** Where hosts have a default route to a router and Services: a packet that goes astray is dropped far from where it was sent wrong. */
import type { Fault } from './fault.ts'

const NETWORK = 'podCIDR: [10.244.0.0/16, "fd00:10:244::/48"], serviceCIDR: [10.96.0.0/16, "fd00:10:96::/112"]'

/** @param network more of it: backend, attach module */
export const clusterTopology = (network: string): string => `
network: { ${network}, ${NETWORK} }
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  pod-a: { host: node-1 }
  near: { host: node-1, labels: { app: near }, containers: [{ name: web, ports: [{ containerPort: 8080 }, { containerPort: 5353, protocol: UDP }] }] }
  pod-b: { host: node-2 }
externals: { outside: {} }
services:
  near: { type: NodePort, selector: { app: near }, ports: [{ name: web, port: 80, targetPort: 8080, nodePort: 30080 }, { name: dns, port: 53, protocol: UDP, targetPort: 5353 }] }
`

const WEB = ['--port', '80/tcp']
/** Everyone on the way has sent before and knows the others' MACs. */
const warm = (inject: string): string =>
  `on pod-a ping -c1 -W1 10.244.1.2 >/dev/null; on pod-b ping -c1 -W1 10.244.0.2 >/dev/null; on pod-a ping -c1 -W1 10.244.0.3 >/dev/null; ${inject}`

/** Pods on a bridge, in a tunnel. */
export const bridgedCluster: readonly Fault[] = [
  {
    name: 'cluster: bridged answer of a Service is not translated',
    inject: 'on node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=0',
    args: ['pod-a', 'svc/near', ...WEB],
    node: 'node-1',
    cause: 'not-translated-back',
    says: /bridge-nf-call-iptables is 0/,
  },
  {
    name: 'cluster: bridged answer of a Service is not translated, UDP',
    inject: 'on node-1 sysctl -qw net.bridge.bridge-nf-call-iptables=0',
    args: ['pod-a', 'svc/near', '--port', '53/udp'],
    node: 'node-1',
    cause: 'not-translated-back',
  },
  {
    name: 'cluster: node port answered past its NAT',
    inject: 'on node-2 iptables -t nat -I POSTROUTING -p tcp --dport 8080 -j ACCEPT',
    undo: 'on node-2 iptables -t nat -D POSTROUTING 1',
    args: ['outside', 'node-2', '--port', '30080/tcp'],
    node: 'node-2',
    cause: 'not-translated-back',
    hint: 'shows',
    says: /did not come by it again/,
  },
  {
    name: 'cluster: hairpin off',
    inject: 'on node-1 bridge link set dev p2-near hairpin off',
    args: ['near', 'svc/near', ...WEB],
    node: 'node-1',
    cause: 'hairpin-off',
    device: 'p2-near',
  },
  { name: 'cluster: route gone, default left', inject: 'on node-1 ip route del 10.244.1.0/24', node: 'node-1', cause: 'no-route' },
  {
    name: 'cluster: route back gone, default left',
    inject: 'on node-2 ip route del 10.244.0.0/24',
    node: 'node-2',
    cause: 'no-route-back',
  },
  {
    name: 'cluster: route by another device',
    inject: 'on node-1 ip route replace 10.244.1.0/24 dev eth0',
    node: 'node-1',
    cause: 'route-wrong',
  },
  {
    name: 'cluster: narrower route by another device',
    inject: 'on node-1 ip route add 10.244.1.2/32 dev eth0',
    undo: 'on node-1 ip route del 10.244.1.2/32 dev eth0',
    node: 'node-1',
    cause: 'route-wrong',
  },
  {
    name: 'cluster: gateway address gone at the source',
    inject: warm('on node-1 ip addr del 10.244.0.1/24 dev cni0'),
    node: 'node-1',
    cause: 'no-such-address',
    says: /has lost the address 10\.244\.0\.1\/24 of cni0/,
  },
  {
    name: 'cluster: gateway address gone at the destination',
    inject: warm('on node-2 ip addr del 10.244.1.1/24 dev cni0'),
    node: 'node-2',
    cause: 'no-such-address',
    says: /has lost the address 10\.244\.1\.1\/24 of cni0/,
  },
  {
    name: 'cluster: bridge down at the destination',
    inject: warm('on node-2 ip link set cni0 down'),
    node: 'node-2',
    cause: 'interface-down',
    device: 'cni0',
  },
  {
    name: 'cluster: VTEP gone at the source',
    inject: 'on node-1 ip link del vxlan1',
    node: 'node-1',
    cause: 'interface-down',
    device: 'vxlan1',
  },
  {
    name: 'cluster: VTEP with another MAC',
    inject: 'on node-2 ip link set vxlan1 address 02:aa:bb:cc:dd:ee',
    node: 'node-2',
    cause: 'mac-mismatch',
    device: 'vxlan1',
  },
  {
    name: 'cluster: pod with another MAC',
    inject: warm('on pod-b ip link set eth0 address 02:aa:bb:cc:dd:ee'),
    node: 'pod-b',
    cause: 'mac-mismatch',
  },
  ...(
    [
      ['off its bridge', 'nomaster', 'not-on-bridge'],
      ['down', 'down', 'interface-down'],
    ] as const
  ).flatMap(([what, how, cause]): Fault[] => [
    {
      name: `cluster: port ${what} beside the source`,
      inject: warm(`on node-1 ip link set p2-near ${how}`),
      args: ['pod-a', 'near'],
      node: 'node-1',
      cause,
      device: 'p2-near',
    },
    {
      name: `cluster: port ${what} at the destination`,
      inject: warm(`on node-2 ip link set p1-pod-b ${how}`),
      node: 'node-2',
      cause,
      device: 'p1-pod-b',
    },
    {
      name: `cluster: port ${what} beside others at the destination`,
      inject: warm(`on node-1 ip link set p2-near ${how}`),
      args: ['pod-b', 'near'],
      node: 'node-1',
      cause,
      device: 'p2-near',
    },
    {
      name: `cluster: port of the switch ${what}`,
      inject: warm(`on switch-lan ip link set h2-node-2 ${how}`),
      node: 'switch-lan',
      cause,
      device: 'h2-node-2',
    },
  ]),
  {
    name: 'cluster: port deleted beside the source',
    inject: warm('on node-1 ip link del p2-near'),
    args: ['pod-a', 'near'],
    node: 'node-1',
    cause: 'interface-down',
    device: 'p2-near',
  },
  {
    name: 'cluster: only port deleted at the destination',
    inject: warm('on node-2 ip link del p1-pod-b'),
    node: 'node-2',
    cause: 'interface-down',
    device: 'p1-pod-b',
    says: /is gone/,
  },
]

/** A link of two to each pod; the router has the address that pods take for their gateway, on its link to an external. */
export const routedCluster: readonly Fault[] = [
  { name: 'routed cluster: route gone, default left', inject: 'on node-1 ip route del 10.244.1.0/24', node: 'node-1', cause: 'no-route' },
  {
    name: 'routed cluster: route by another device',
    inject: 'on node-1 ip route replace 10.244.1.0/24 dev eth0',
    node: 'node-1',
    cause: 'route-wrong',
  },
  {
    name: 'routed cluster: proxy ARP off, and a router with the same address',
    inject: 'on node-1 sysctl -qw net.ipv4.conf.p1-pod-a.proxy_arp=0; on pod-a ip neigh flush dev eth0',
    node: 'pod-a',
    cause: 'no-such-address',
    says: /proxy_arp/,
  },
  {
    name: 'routed cluster: link deleted',
    inject: 'on node-2 ip link del p1-pod-b',
    node: 'node-2',
    cause: 'interface-down',
    says: /is gone/,
  },
]

/** Hosts of two segments, and routes that only work in one. */
export const ACROSS = `
network: { backend: direct }
underlay: { segments: { rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 } }
hosts: { node-1: { segment: rack-1 }, node-2: { segment: rack-2 } }
pods: { pod-a: { host: node-1 }, pod-b: { host: node-2 } }
`

export const across: readonly Fault[] = [
  {
    name: 'next hop in another segment',
    inject: 'true',
    node: 'node-1',
    cause: 'off-link',
    says: /segment rack-1.*node-2 \(segment rack-2\)/,
  },
]
