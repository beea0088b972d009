/**
 * Geneve (RFC 8926), routed like Flannel's vxlan, one device for each peer.
 *
 * The device knows its remote, so the route to the peer's block picks the tunnel: no FDB, no learning. The frame inside needs
 * the MAC of the peer's end, which a permanent neighbour entry for the next hop has.
 *
 *   pod → cni0/cali → route 10.244.1.0/24 via 10.244.1.0 dev g2-node-2 onlink
 *       → neighbour 10.244.1.0 = 02:06:… → the device's remote 192.168.50.12
 *       → outer Ethernet | IPv4 | UDP 6081 | Geneve vni | inner Ethernet | pod packet
 *
 * All of a host's devices have the one address, the first of its block: the host's own packets to pods have it as with vxlan, and
 * the reverse path filter, even a loose one, drops what comes in by a device without an address when the way back is another
 * (fib_validate_source; here what a peer answers to a pod from its underlay address).
 *
 * 50 bytes: outer IPv4 20, UDP 8, Geneve 8, inner Ethernet 14. One device carries both families.
 *
 * Why a device for each peer: a Geneve device has no FDB of remote addresses as a VXLAN device has. One device for all peers
 * must be `external`, with `encap ip id … dst …` in each route (a lightweight tunnel), as Cilium and OVN drive it. Then the
 * VNI is no property of the device any more, and `ip -j route` prints the tunnel's `dst` beside the route's own under one
 * name, so that a script which reads the routes takes the one for the other. Two ends that name each other are plain to see
 * in `ip -d link`; it costs a device for every pair of hosts.
 */
import type { KernelObject } from '../kernel/objects.ts'
import { addressOf } from '../lab/lab.ts'
import type { Backend, BackendModule } from './backend.ts'
import { deviceTo, endMac, overTunnel, ownAddresses, tunnelCarriage, tunnelOption, tunnelRoute } from './peers.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

const options = (z: OptionTypes) =>
  z.object({
    vni: z.int().min(1).max(16_777_215).default(1).describe('Virtual network identifier.'),
    port: z.int().min(1).max(65_535).default(6081).describe('UDP destination port.'),
    tunnel: tunnelOption(z),
  })

const OVERHEAD = 50

function geneve({ vni, port, tunnel }: OptionsOf<typeof options>): Backend {
  const headers = [
    { type: 'ipv4', fields: { protocol: 17 } },
    { type: 'udp', fields: { dstPort: port } },
    { type: 'geneve', fields: { vni } },
    { type: 'ethernet' },
  ] as const
  return {
    needs: ['geneve'],
    reserve: OVERHEAD,
    refuse: () => [],
    carriage: (from, to) => tunnelCarriage(tunnel, { device: deviceTo(to), overhead: OVERHEAD, headers })(from, to),
    objects: (host, lab) =>
      overTunnel(host, lab, tunnel, undefined, (peer): KernelObject[] => {
        const dev = deviceTo(peer)
        const ours = { ns: host.netns, from: peer.source }
        return [
          {
            ...ours,
            kind: 'link',
            note: `the tunnel to ${peer.name}`,
            type: 'geneve',
            name: dev,
            mac: endMac(host, peer),
            mtu: host.mtu - OVERHEAD,
            vni,
            port,
            remote: addressOf(peer, 4)!,
          },
          ...ownAddresses(host, dev),
          ...peer.blocks.flatMap((block): KernelObject[] => [
            {
              ...ours,
              kind: 'neighbour',
              note: `${peer.name}: its end of the tunnel as next hop, and the route to its pods`,
              dev,
              address: block.network,
              lladdr: endMac(peer, host),
            },
            tunnelRoute(host, peer, block, dev, block.network),
          ]),
        ]
      }),
  }
}

export const geneveModule: BackendModule = {
  summary: 'Geneve tunnels, a device for each peer, routed; IPv4 and IPv6',
  options,
  create: (o) => geneve(o as OptionsOf<typeof options>),
}
