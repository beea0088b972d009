import { UNEQUAL } from '../declaration.ts'
import { conformance } from '../suite.ts'
import { vxlan } from '../vxlan.ts'

conformance(vxlan(), {
  'another VNI and port, another bridge, no router': {
    ...vxlan(4242, 4789),
    options: { vni: 4242, port: 4789 },
    attach: { type: 'bridge', name: 'docker0' },
    externals: false,
  },
  // Routers that speak BGP know no pods, and so no external that has routes to them.
  'across segments only, over a fabric': { options: { tunnel: 'cross-segment' }, crossSegment: true, fabric: true, externals: false },
  'one link for all pods': { options: { mode: 'bridged' }, bridged: true, mtu: { underlay: 1500, hosts: { 'node-1': 1400 } } },
  'across segments only, routes from leases': {
    options: { tunnel: 'cross-segment', routes: 'etcd' },
    crossSegment: true,
    externals: false,
  },
  'links of unequal MTU': { families: 'v4', externals: false, mtu: UNEQUAL },
})
