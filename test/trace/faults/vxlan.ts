/** VXLAN: FDB, neighbours, VNI, port, and a firewall in front of it; and where it bridges. */
import { type Fault, over6 } from './fault.ts'

export const vxlan: readonly Fault[] = [
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
    name: 'underlay firewall in the switch',
    inject: `on switch-lan nft 'add table bridge mine; add chain bridge mine passing { type filter hook forward priority 0 ; } ; add rule bridge mine passing udp dport 8472 counter drop'`,
    undo: 'on switch-lan nft delete table bridge mine',
    node: 'switch-lan',
    cause: 'tunnel-firewall',
    says: /"rule":"udp dport 8472 drop"/,
  },
  {
    name: 'MTU at the tunnel',
    inject: 'on node-1 ip link set vxlan1 mtu 1300',
    args: ['pod-a', 'pod-b', '--size', '1400'],
    node: 'node-1',
    cause: 'mtu',
    says: /vxlan1/,
  },
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
  {
    name: 'wrong neighbour in the host',
    inject: 'on node-1 ip neigh replace 10.244.1.0 lladdr 02:06:00:01:00:ee dev vxlan1 nud permanent',
    node: 'node-1',
    cause: 'neighbour-wrong',
  },
  { name: 'neighbour missing', inject: 'on node-1 ip neigh del 10.244.1.0 dev vxlan1', node: 'node-1', cause: 'neighbour-missing' },
  over6('underlay firewall', 'on node-2 iptables -I INPUT -p udp --dport 8472 -j DROP', 'node-2', 'tunnel-firewall', {
    undo: 'on node-2 iptables -D INPUT 1',
  }),
  over6('packet too big', 'on node-1 ip link set vxlan1 mtu 1300', 'node-1', 'mtu', {
    args: ['pod-a', 'pod-b', '--size', '1400'],
    says: /vxlan1.*1300/,
  }),
  over6('neighbour missing', 'on node-1 ip -6 neigh del fd00:10:244:1:: dev vxlan1', 'node-1', 'neighbour-missing', { device: 'vxlan1' }),
  over6(
    'wrong neighbour',
    'on node-1 ip neigh replace fd00:10:244:1:: lladdr 02:06:00:01:00:ee dev vxlan1 nud permanent',
    'node-1',
    'neighbour-wrong',
  ),
  over6('FDB entry missing', 'on node-1 bridge fdb del 02:06:00:01:00:00 dev vxlan1', 'node-1', 'fdb-missing', { says: /lab\.yaml:\d+/ }),
  over6('VTEP down', 'on node-2 ip link set vxlan1 down', 'node-2', 'interface-down', { device: 'vxlan1' }),
]

/** Pod-a knows no neighbour, and has to ask. */
const COLD = 'on pod-a ip neigh flush all; '

export const vxlanBridged: readonly Fault[] = [
  {
    name: 'what goes to all is not copied to the peer',
    inject: `${COLD}on node-1 bridge fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.12 self`,
    node: 'node-1',
    cause: 'fdb-missing',
    device: 'vxlan1',
    says: /asks who has 10\.244\.1\.2 .* copies nothing to node-2.*00:00:00:00:00:00 to 192\.168\.50\.12 is missing/,
  },
  {
    name: 'VTEP not on the bridge, and the pod has to ask',
    inject: `${COLD}on node-2 ip link set dev vxlan1 nomaster`,
    node: 'node-2',
    cause: 'not-on-bridge',
    device: 'vxlan1',
    says: /vxlan1 of node-2 is not on bridge cni0/,
  },
  {
    name: 'VTEP not on the bridge',
    inject: 'on node-1 ip link set dev vxlan1 nomaster',
    node: 'node-1',
    cause: 'not-on-bridge',
    device: 'vxlan1',
  },
  {
    name: 'VNI mismatch, and the pod has to ask',
    inject: `${COLD}on node-2 ip link del vxlan1; on node-2 ip link add vxlan1 address 02:06:00:01:00:00 mtu 1450 master cni0 up type vxlan id 9 dev eth0 local 192.168.50.12 dstport 8472; on node-2 bridge fdb append 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.11 self permanent`,
    node: 'node-2',
    cause: 'vni-mismatch',
    device: 'vxlan1',
    says: /has VNI 9, the lab asked for VNI 1/,
  },
  {
    name: 'FDB entry that leads elsewhere than to the host of the pod',
    inject: 'on node-1 bridge fdb replace 02:01:00:01:00:01 dev vxlan1 dst 192.168.50.99 self permanent',
    undo: 'on node-1 bridge fdb del 02:01:00:01:00:01 dev vxlan1 dst 192.168.50.99 self',
    node: 'node-1',
    cause: 'fdb-wrong',
    device: 'vxlan1',
    says: /to 192\.168\.50\.99; pod-b has that MAC, on node-2/,
  },
  {
    name: 'underlay firewall',
    inject: 'on node-2 iptables -I INPUT -p udp --dport 8472 -j DROP',
    undo: 'on node-2 iptables -D INPUT 1',
    node: 'node-2',
    cause: 'tunnel-firewall',
    says: /8472/,
  },
  over6(
    'what goes to all is not copied to the peer',
    `${COLD}on node-1 bridge fdb del 00:00:00:00:00:00 dev vxlan1 dst 192.168.50.12 self`,
    'node-1',
    'fdb-missing',
    { device: 'vxlan1' },
  ),
]
