/**
 * VXLAN (RFC 7348), in two shapes: routed, as Flannel's vxlan backend, and bridged, as Weave.
 *
 * Routed.
 * A packet for a pod on another host is routed, not bridged: the peer's block has a route through the
 * VTEP with the peer's VTEP address as next hop. The next hop's MAC comes from a permanent neighbour
 * entry, the peer's underlay address from a permanent FDB entry for that MAC. So there is no broadcast,
 * no learning and no ARP on the overlay: one route, one neighbour, one FDB entry a peer. With `routes: etcd` agents set
 * the three, from leases (`etcd/etcd.ts`).
 *
 *   pod → cni0/cali → route 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
 *       → neighbour 10.244.1.0 = 02:06:… → FDB 02:06:… = 192.168.50.12
 *       → outer Ethernet | IPv4 | UDP 8472 | VXLAN vni | inner Ethernet | pod packet
 *
 * Bridged. The VXLAN device is a port of the bridge that pods are plugged into: one link from host to host, and one network for all
 * pods. The bridge learns that a MAC is behind the device, and the device behind which host: from what arrives. What goes to all, ARP
 * requests above all, and to a MAC that is not learned yet, is copied to each peer: it has an FDB entry for 00:00:00:00:00:00. No
 * host routes between pods, so no route, no neighbour entry, and the TTL stays what it was.
 *
 *   pod → cni0 → FDB of cni0: 02:01:00:01:00:01 at port vxlan1 → FDB of vxlan1: behind 192.168.50.12
 *       → outer Ethernet | IPv4 | UDP 8472 | VXLAN vni | the pod's frame
 *
 * 50 bytes either way: outer IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14. One device carries both families.
 */
import type { KernelObject, Link } from '../kernel/objects.ts'
import { addressOf, type Host, type Lab } from '../lab/lab.ts'
import { mac, MAX_INTERFACE, UNLEARNED } from '../lab/names.ts'
import type { Backend, BackendModule } from './backend.ts'
import { deviceOption } from './device-name.ts'
import { byLeases, leaseRefusals, routesOptions, type RoutesOptions } from './etcd/etcd.ts'
import {
  bridgedCarriage,
  modeOption,
  overTunnel,
  peersOf,
  refuseBridged,
  smallestLink,
  tunnelCarriage,
  tunnelOption,
  tunnelRoute,
} from './peers.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

const DEVICE = 'vxlan{vni}'

const options = (z: OptionTypes) =>
  z.object({
    vni: z.int().min(1).max(16_777_215).default(1).describe('VXLAN network identifier.'),
    port: z.int().min(1).max(65_535).default(8472).describe('UDP destination port: 8472 as Linux and Flannel, 4789 as RFC 7348.'),
    device: deviceOption(z, DEVICE, { also: '|\\{vni\\}', more: ' `{vni}` stands for the identifier.' }),
    mode: modeOption(z),
    tunnel: tunnelOption(z),
    ...routesOptions(z),
  })
type Options = Omit<OptionsOf<typeof options>, keyof RoutesOptions> & RoutesOptions

const OVERHEAD = 50

function vxlan(chosen: Options): Backend {
  const { vni, port, device: name, mode, tunnel } = chosen
  const dev = name.replace('{vni}', String(vni)).slice(0, MAX_INTERFACE)
  const through = {
    device: dev,
    overhead: OVERHEAD,
    headers: [
      { type: 'ipv4', fields: { protocol: 17 } },
      { type: 'udp', fields: { dstPort: port } },
      { type: 'vxlan', fields: { vni } },
      { type: 'ethernet' },
    ],
  } as const
  const device = (host: Host, mtu: number) => ({
    kind: 'link' as const,
    ns: host.netns,
    from: host.source,
    type: 'vxlan' as const,
    name: dev,
    mac: mac('vtep', host.index),
    mtu,
    vni,
    port,
    local: addressOf(host, 4)!,
    dev: 'eth0',
  })
  const routed = (host: Host, lab: Lab): KernelObject[] => {
    const vtep: Link = { ...device(host, host.mtu - OVERHEAD), note: `the VTEP of ${host.name}: entries instead of learning` }
    const objects = overTunnel(host, lab, tunnel, vtep, (peer) => {
      const ours = { ns: host.netns, from: peer.source, dev }
      const lladdr = mac('vtep', peer.index)
      return [
        { ...ours, kind: 'fdb', note: `${peer.name}: where its VTEP is`, mac: lladdr, dst: addressOf(peer, 4)! },
        ...peer.blocks.flatMap((block): KernelObject[] => [
          {
            ...ours,
            kind: 'neighbour',
            note: `${peer.name}: its VTEP as next hop, and the route to its pods`,
            address: block.network,
            lladdr,
          },
          tunnelRoute(host, peer, block, dev, block.network),
        ]),
      ]
    })
    const isDirect = tunnel === 'cross-segment'
    const leased = {
      type: 'vxlan',
      config: { VNI: vni, Port: port, DirectRouting: isDirect },
      data: (h: Host) => ({ VNI: vni, VtepMAC: mac('vtep', h.index) }),
      device: dev,
      isDirect,
      overhead: OVERHEAD,
    } as const
    return byLeases(host, lab, chosen, leased, objects)
  }
  const bridged = (host: Host, lab: Lab, bridge: string): KernelObject[] => {
    const peers = peersOf(host, lab)
    if (peers.length === 0) return []
    const vtep: Link = {
      ...device(host, smallestLink(lab) - OVERHEAD),
      note: `the VTEP of ${host.name}, a port of the pods' bridge: it learns which host a MAC is behind`,
      bridgePort: { master: bridge },
      learning: true,
    }
    return [
      vtep,
      ...peers.map((peer): KernelObject => ({
        kind: 'fdb',
        ns: host.netns,
        from: peer.source,
        note: `${peer.name}: gets a copy of what goes to all, and of what is for a MAC that is not learned yet`,
        dev,
        mac: UNLEARNED,
        dst: addressOf(peer, 4)!,
      })),
    ]
  }
  const common = { needs: ['vxlan'], reserve: OVERHEAD } as const
  return mode === 'bridged'
    ? {
        ...common,
        bridged: true,
        refuse: (lab) => [...refuseBridged(tunnel), ...leaseRefusals(chosen, lab, true)],
        carriage: bridgedCarriage(through),
        objects: (host, lab, bridge) => (bridge === undefined ? [] : bridged(host, lab, bridge)),
      }
    : {
        ...common,
        ...(chosen.routes === 'etcd' ? { needs: [...common.needs, 'etcd'] } : {}),
        refuse: (lab) => leaseRefusals(chosen, lab),
        carriage: tunnelCarriage(tunnel, through),
        objects: routed,
      }
}

export const vxlanModule: BackendModule = {
  summary: 'VXLAN tunnels, routed as Flannel or bridged as Weave does it; IPv4 and IPv6',
  options,
  unsaid: { device: DEVICE, mode: 'routed' },
  create: (o) => vxlan(o as OptionsOf<typeof options>),
}
