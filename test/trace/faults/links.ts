/** Interfaces that are down or not on their bridge. */
import { type Fault, over6 } from './fault.ts'

export const links: readonly Fault[] = [
  { name: 'bridge down', inject: 'on node-2 ip link set cni0 down', node: 'node-2', cause: 'interface-down', device: 'cni0' },
  { name: 'bridge down at the source', inject: 'on node-1 ip link set cni0 down', node: 'node-1', cause: 'interface-down', device: 'cni0' },
  {
    name: 'veth down in the host',
    inject: 'on node-2 ip link set p1-pod-b down',
    node: 'node-2',
    cause: 'interface-down',
    device: 'p1-pod-b',
  },
  {
    name: 'veth down at the source host',
    inject: 'on node-1 ip link set p1-pod-a down',
    node: 'node-1',
    cause: 'interface-down',
    device: 'p1-pod-a',
  },
  { name: 'pod interface down', inject: 'on pod-b ip link set eth0 down', node: 'pod-b', cause: 'interface-down', device: 'eth0' },
  { name: "the source's interface down", inject: 'on pod-a ip link set eth0 down', node: 'pod-a', cause: 'interface-down', device: 'eth0' },
  {
    name: 'underlay down',
    inject: 'on switch-lan ip link set h2-node-2 down',
    node: 'switch-lan',
    cause: 'interface-down',
    device: 'h2-node-2',
  },
  { name: 'switch down', inject: 'on switch-lan ip link set br0 down', node: 'switch-lan', cause: 'interface-down', device: 'br0' },
  {
    name: 'not on its bridge',
    inject: 'on node-2 ip link set p1-pod-b nomaster',
    node: 'node-2',
    cause: 'not-on-bridge',
    device: 'p1-pod-b',
  },
  {
    name: 'source not on its bridge',
    inject: 'on node-1 ip link set p1-pod-a nomaster',
    node: 'node-1',
    cause: 'not-on-bridge',
    device: 'p1-pod-a',
  },
  { name: "the host's underlay down", inject: 'on node-1 ip link set eth0 down', node: 'node-1', cause: 'interface-down', device: 'eth0' },
  over6('bridge down', 'on node-2 ip link set cni0 down', 'node-2', 'interface-down', { device: 'cni0' }),
  over6('pod interface down', 'on pod-b ip link set eth0 down', 'pod-b', 'interface-down', { device: 'eth0' }),
  over6('not on its bridge', 'on node-2 ip link set p1-pod-b nomaster', 'node-2', 'not-on-bridge', { device: 'p1-pod-b' }),
]
