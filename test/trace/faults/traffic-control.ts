/** Queueing disciplines and filters of tc that let nothing through. */
import { type Fault } from './fault.ts'

/** A queue that lets nothing through. */
const queue = (name: string, node: string, device: string, more: Partial<Fault> = {}): Fault => ({
  name: `queueing discipline ${name}`,
  inject: `on ${node} tc qdisc add dev ${device} root blackhole`,
  undo: `on ${node} tc qdisc del dev ${device} root`,
  node,
  cause: 'traffic-control',
  device,
  says: /"rule":"qdisc blackhole/,
  ...more,
})

const FILTERS = 'tc qdisc add dev lo clsact && tc filter add dev lo ingress matchall action drop'
const filter = (name: string, node: string, device: string, hook: 'ingress' | 'egress'): Fault => ({
  name: `tc filter ${name}`,
  needs: FILTERS,
  inject: `on ${node} tc qdisc add dev ${device} clsact; on ${node} tc filter add dev ${device} ${hook} matchall action drop`,
  undo: `on ${node} tc qdisc del dev ${device} clsact`,
  node,
  device,
  cause: 'traffic-control',
  says: /matchall/,
})

export const trafficControl: readonly Fault[] = [
  queue('at the source', 'pod-a', 'eth0'),
  queue('at the source, TCP', 'pod-a', 'eth0', { args: ['pod-a', 'pod-b', '--port', '8080/tcp'] }),
  queue('of a tunnel', 'node-1', 'vxlan1'),
  queue('of the underlay', 'switch-lan', 'h2-node-2'),
  queue('of a bridge', 'node-2', 'cni0'),
  queue('before the pod', 'node-2', 'p1-pod-b'),
  queue('at the destination', 'pod-b', 'eth0'),
  queue('on the way back', 'node-2', 'eth0'),
  filter('coming in', 'node-2', 'vxlan1', 'ingress'),
  filter('on the underlay', 'node-2', 'eth0', 'ingress'),
  filter('going out', 'node-1', 'eth0', 'egress'),
]
