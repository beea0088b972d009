/** Packets too big for a link. */
import { type Fault, over6 } from './fault.ts'

export const mtu: readonly Fault[] = [
  { name: 'MTU at the pod', inject: 'true', args: ['pod-a', 'pod-b', '--size', '1451'], node: 'pod-a', cause: 'mtu' },
  {
    name: 'MTU at the underlay',
    inject: 'on switch-lan ip link set h2-node-2 mtu 500',
    args: ['pod-a', 'pod-b', '--size', '1000'],
    node: 'switch-lan',
    cause: 'mtu',
  },
  {
    name: 'MTU of the receiving end',
    inject: 'on node-2 ip link set eth0 mtu 500',
    args: ['pod-a', 'pod-b', '--size', '1000'],
    node: 'node-2',
    cause: 'mtu',
    device: 'eth0',
  },
  over6('MTU at the pod', 'true', 'pod-a', 'mtu', { args: ['pod-a', 'pod-b', '--size', '1451'] }),
  over6('MTU at the tunnel', 'on node-1 ip link set vxlan1 mtu 1300', 'node-1', 'mtu', { args: ['pod-a', 'pod-b', '--size', '1400'] }),
  over6('MTU at the underlay', 'on switch-lan ip link set h2-node-2 mtu 500', 'switch-lan', 'mtu', {
    args: ['pod-a', 'pod-b', '--size', '1000'],
  }),
]
