/** Routers that speak BGP: links, systems, filters, and where a route gets stuck on its way through the fabric. */
import { edit, lost, says } from './bgp.ts'
import type { Fault } from './fault.ts'

/** Two racks and two spines; hosts tell the router of their rack; a border that lets one external in. All
 * that no router knows goes there: it is where a packet ends for which no route is left but the default. */
export const fabricTopology = `
network: { backend: { type: bgp, mode: tor } }
underlay:
  routing: bgp
  segments: { rack-1: 192.168.1.0/24, rack-2: 192.168.2.0/24 }
  border: { nat: true, firewall: { allow: [{ from: partner, to: pod-b }] } }
hosts: { node-1: { segment: rack-1 }, node-2: { segment: rack-2 } }
pods: { pod-a: { host: node-1 }, pod-b: { host: node-2 } }
externals: { client: {}, partner: { podRoutes: true } }
`

const POD_B = '10.244.1.0/24'
const SPINES = ['spine-1', 'spine-2']
const onSpines = (change: string): string => SPINES.map((spine) => edit(spine, change)).join('; ')

export const fabric: readonly Fault[] = [
  {
    name: 'all links of a rack down',
    inject: `${SPINES.map((s) => `on ${s} ip link set l2-tor-rack-1 down`).join('; ')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}`,
    node: 'tor-rack-1',
    cause: 'session-down',
    says: /has no route to 10\.244\.1\.2.*BGP session spine-1–tor-rack-1 is \w+.*; BGP session spine-2–tor-rack-1 is \w+/,
    hint: 'shows',
  },
  {
    name: 'a rack in the wrong AS',
    inject: `${edit('tor-rack-2', 's/as 65002; neighbor 100/as 65009; neighbor 100/')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}; ${says('tor-rack-2', 'Bad peer AS')}`,
    node: 'border',
    cause: 'session-down',
    says: /BGP session spine-1–tor-rack-2 is \w+.*Bad peer AS/,
    hint: 'shows',
  },
  {
    name: 'pods of a host filtered by its router',
    inject: `${edit('tor-rack-2', 's/import where net.*; export/import none; export/')}; ${lost('tor-rack-1', POD_B)}; ${lost('node-1', POD_B)}`,
    node: 'border',
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
  {
    name: 'rule of an entry gone from the firewall at the border',
    inject: 'on border iptables -D BORDER-FIREWALL 2',
    args: ['partner', 'pod-b'],
    node: 'border',
    cause: 'border-firewall',
    says: /though `allow` lists partner to pod-b \(\S+:7\): its rule is missing/,
  },
  {
    name: 'answers stopped by the firewall at the border',
    inject: 'on border iptables -D BORDER-FIREWALL 1',
    args: ['pod-a', 'client'],
    node: 'border',
    cause: 'border-firewall',
    says: /stops 203\.0\.113\.10 → 100\.64\.0\.3, an answer to what began inside/,
  },
  {
    name: 'what no entry of the firewall at the border allows',
    inject: 'true',
    args: ['client', 'node-1'],
    node: 'border',
    cause: 'border-firewall',
    says: /stops 203\.0\.113\.10 → 192\.168\.1\.11: no entry of `allow` lists it/,
    hint: 'shows',
  },
]
