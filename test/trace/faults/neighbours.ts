/** Neighbours that are wrong, missing, or do not answer. */
import { type Fault, over6 } from './fault.ts'

export const neighbours: readonly Fault[] = [
  {
    name: 'wrong neighbour in the pod',
    inject: 'on pod-a ip neigh replace 10.244.0.1 lladdr 02:de:ad:00:00:01 dev eth0 nud permanent',
    undo: 'on pod-a ip neigh del 10.244.0.1 dev eth0',
    node: 'pod-a',
    cause: 'neighbour-wrong',
  },
  {
    name: 'wrong neighbour on the last link',
    inject: 'on node-2 ip neigh replace 10.244.1.2 lladdr 02:de:ad:00:00:02 dev cni0 nud permanent',
    undo: 'on node-2 ip neigh del 10.244.1.2 dev cni0',
    node: 'node-2',
    cause: 'neighbour-wrong',
  },
  { name: 'no such pod', inject: 'true', args: ['pod-a', '10.244.1.77'], node: 'node-2', cause: 'no-such-address' },
  { name: 'no such pod on the own host', inject: 'true', args: ['pod-a', '10.244.0.77'], node: 'pod-a', cause: 'no-such-address' },
  {
    name: 'address taken away',
    inject: 'on pod-a ping -c1 -W1 10.244.1.2; on pod-b ip addr flush dev eth0',
    node: 'pod-b',
    cause: 'no-such-address',
    says: /should have the address 10\.244\.1\.2/,
  },
  over6('no such pod: solicitation unanswered', 'true', 'node-2', 'no-such-address', {
    args: ['pod-a', 'fd00:10:244:1::77'],
    says: /neighbour solicitation/,
  }),
  over6('no such pod on the own host', 'true', 'pod-a', 'no-such-address', { args: ['pod-a', 'fd00:10:244::77'] }),
]
