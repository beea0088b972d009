/** Routers that speak BGP: links, systems, filters, and where a route gets stuck on its way through the fabric. */
import { edit, lost, says } from './bgp.ts'
import type { Fault } from './fault.ts'

/** Two racks and two spines; hosts tell the router of their rack. */
export const fabricTopology = `
network: { backend: { type: bgp, mode: tor } }
underlay: { routing: bgp, segments: { rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 } }
hosts: { node-1: { segment: rack-1 }, node-2: { segment: rack-2 } }
pods: { pod-a: { host: node-1 }, pod-b: { host: node-2 } }
`

const POD_B = '10.244.1.0/24'
const SPINES = ['spine-1', 'spine-2']
const onSpines = (change: string): string => SPINES.map((spine) => edit(spine, change)).join('; ')

export const fabric: readonly Fault[] = [
  {
    name: 'all links of a rack down',
    inject: `${SPINES.map((s) => `on ${s} ip link set l1-tor-rack-1 down`).join('; ')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}`,
    node: 'tor-rack-1',
    cause: 'session-down',
    says: /has no route to 10\.244\.1\.2.*BGP session spine-1–tor-rack-1 is \w+.*; BGP session spine-2–tor-rack-1 is \w+/,
    hint: 'shows',
  },
  {
    name: 'a rack in the wrong AS',
    inject: `${edit('tor-rack-2', 's/as 65002; neighbor 100/as 65009; neighbor 100/')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}; ${says('tor-rack-2', 'Bad peer AS')}`,
    node: 'tor-rack-1',
    cause: 'session-down',
    says: /BGP session spine-1–tor-rack-2 is \w+.*Bad peer AS/,
    hint: 'shows',
  },
  {
    name: 'pods of a host filtered by its router',
    inject: `${edit('tor-rack-2', 's/import where net.*; export/import none; export/')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}`,
    node: 'tor-rack-1',
    cause: 'route-filtered',
    says: /bird on tor-rack-2 does not accept 10\.244\.1\.0\/24 from node-2/,
  },
  {
    name: 'spines pass nothing on',
    inject: `${onSpines('s/export where source = RTS_BGP || /export where /')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}`,
    node: 'tor-rack-1',
    cause: 'route-filtered',
    says: /bird on spine-1 does not announce 10\.244\.1\.0\/24 to tor-rack-1/,
  },
]
