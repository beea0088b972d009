/** The labs that are broken, and which fault is tried in which: each in one. */
import { across, ACROSS, bridgedCluster, clusterTopology, routedCluster } from './cluster.ts'
import { TOPOLOGY, type Fault } from './fault.ts'
import { bgp } from './bgp.ts'
import { etcd } from './etcd.ts'
import { fabric, fabricTopology } from './fabric.ts'
import { firewall } from './firewall.ts'
import { hostPorts, hostPortsOfDocker, hostPortsOfRouted, hostPortTopology } from './host-ports.ts'
import { geneve } from './geneve.ts'
import { gre, greBridged } from './gre.ts'
import { ipip } from './ipip.ts'
import { iptablesLegacy } from './iptables-legacy.ts'
import { links } from './links.ts'
import { mtu } from './mtu.ts'
import { neighbours } from './neighbours.ts'
import { ports } from './ports.ts'
import { routed } from './routed.ts'
import { routes } from './routes.ts'
import { trafficControl } from './traffic-control.ts'
import { udp } from './udp.ts'
import { vpc, vpcTopology } from './vpc.ts'
import { vxlan, vxlanBridged } from './vxlan.ts'
import { wireguard } from './wireguard.ts'

export interface FaultLab {
  readonly title: string
  readonly backend: string
  readonly topology: string
  readonly faults: readonly Fault[]
  /** It cannot work, and is made all the same. */
  readonly force?: true
}

/** Faults of every concern, in labs over VXLAN with pods on bridges. */
export const FAULTS = [firewall, iptablesLegacy, links, mtu, neighbours, ports, routes, trafficControl, vxlan].flat()
/** Those of other backends. A new one: one file, one word here. */
const BACKENDS: Readonly<Record<string, readonly Fault[]>> = { gre, ipip, geneve, udp, wireguard, bgp }

const isIPv6 = ({ args = [] }: Fault): boolean => args.includes('6')
const FOUR = FAULTS.filter((f) => !isIPv6(f))
const SIX = FAULTS.filter(isIPv6)
/** So many of IPv4 are tried in the lab with two families that both labs get as many. */
const MOVED = Math.floor((FOUR.length - SIX.length) / 2)

const DUAL = 'podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]'

export const FAULT_LABS: readonly FaultLab[] = [
  { title: 'IPv4', backend: 'vxlan', topology: TOPOLOGY, faults: FOUR.slice(MOVED) },
  { title: 'dual stack', backend: 'vxlan', topology: `network: { ${DUAL} }\n${TOPOLOGY}`, faults: [...FOUR.slice(0, MOVED), ...SIX] },
  { title: 'routed pods', backend: 'vxlan', topology: `network: { attach: routed, ${DUAL} }\n${TOPOLOGY}`, faults: routed },
  { title: 'Services and a router', backend: 'vxlan', topology: clusterTopology('backend: vxlan'), faults: bridgedCluster },
  {
    title: 'Services and a router, routed pods',
    backend: 'direct',
    topology: clusterTopology('backend: direct, attach: routed'),
    faults: routedCluster,
  },
  { title: 'host ports', backend: 'vxlan', topology: hostPortTopology('bridge'), faults: hostPorts },
  { title: 'host ports, routed pods', backend: 'vxlan', topology: hostPortTopology('routed'), faults: hostPortsOfRouted },
  { title: 'published ports', backend: 'vxlan', topology: hostPortTopology('{ type: bridge, name: docker0 }'), faults: hostPortsOfDocker },
  { title: 'direct routes across segments', backend: 'direct', topology: ACROSS, faults: across, force: true },
  {
    title: 'leases in etcd',
    backend: 'vxlan',
    topology: `network: { backend: { type: vxlan, routes: etcd } }\n${TOPOLOGY}`,
    faults: etcd,
  },
  { title: 'fabric', backend: 'bgp', topology: fabricTopology, faults: fabric },
  {
    title: 'VXLAN, bridged',
    backend: 'vxlan',
    topology: `network: { backend: { type: vxlan, mode: bridged }, ${DUAL} }\n${TOPOLOGY}`,
    faults: vxlanBridged,
  },
  {
    title: 'GRE, bridged',
    backend: 'gre',
    topology: `network: { backend: { type: gre, mode: bridged, key: 7 } }\n${TOPOLOGY}`,
    faults: greBridged,
  },
  { title: 'vpc', backend: 'vpc', topology: vpcTopology, faults: vpc },
  ...Object.entries(BACKENDS).map(([backend, faults]) => ({
    title: backend,
    backend,
    topology: `network: { backend: ${backend} }\n${TOPOLOGY}`,
    faults,
  })),
]
