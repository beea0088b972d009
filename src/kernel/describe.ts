/** Kernel objects in words. */
import type { KernelObject, Route, Rule } from './objects.ts'

const more = ({ qualifier }: Route | Rule): string => (qualifier === undefined ? '' : ` (${qualifier})`)

/** One line for people: `route 10.244.1.0/24 in demo.node-1`. */
export function describe(o: KernelObject): string {
  switch (o.kind) {
    case 'netns':
      return `namespace ${o.ns}`
    case 'veth':
      return `veth ${o.name} in ${o.ns} (other end ${o.peer.ns === '' ? 'somewhere else' : `${o.peer.name} in ${o.peer.ns}`})`
    case 'link':
      return `${o.type} device ${o.name} in ${o.ns}`
    case 'address':
      return `address ${o.address} on ${o.dev} in ${o.ns}`
    case 'route':
      return `route ${o.dst}${more(o)} in ${o.ns}`
    case 'rule':
      return `routing rule ${o.priority}${more(o)} in ${o.ns}`
    case 'neighbour':
      return `neighbour ${o.address} on ${o.dev} in ${o.ns}`
    case 'fdb':
      return `FDB entry ${o.mac} on ${o.dev} in ${o.ns}`
    case 'sysctl':
      return `sysctl ${o.key} in ${o.ns}`
    case 'chain':
      return `${o.family === 4 ? 'iptables' : 'ip6tables'} chain ${o.table}/${o.chain} in ${o.ns}`
    case 'ipset':
      return `ipset ${o.name} in ${o.ns}`
    case 'process':
      return `container ${o.container} of pod ${o.pod}`
  }
}
