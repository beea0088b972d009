/**
 * VXLAN (RFC 7348), in the routed shape of Flannel's vxlan backend.
 *
 * A packet for a pod on another host is routed, not bridged: the peer's block has a route through the
 * VTEP with the peer's VTEP address as next hop. The next hop's MAC comes from a permanent neighbour
 * entry, the peer's underlay address from a permanent FDB entry for that MAC. So there is no broadcast,
 * no learning and no ARP on the overlay: one route, one neighbour, one FDB entry a peer.
 *
 *   pod → cni0/cali → route 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink
 *       → neighbour 10.244.1.0 = 02:06:… → FDB 02:06:… = 192.168.50.12
 *       → outer Ethernet | IPv4 | UDP 8472 | VXLAN vni | inner Ethernet | pod packet
 *
 * 50 bytes: outer IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14. One device carries both families.
 */
import type { KernelObject, Link } from '../kernel/objects.ts'
import { addressOf } from '../lab/lab.ts'
import { mac, MAX_INTERFACE } from '../lab/names.ts'
import type { Backend, BackendModule } from './backend.ts'
import { deviceOption, type OfAnyLab } from './device-name.ts'
import { overTunnel, tunnelCarriage, tunnelOption, tunnelRoute } from './peers.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

/** Also in labs that an older netlab made, which say no name. */
const DEVICE = 'vxlan{vni}'

const options = (z: OptionTypes) =>
  z.object({
    vni: z.int().min(1).max(16_777_215).default(1).describe('VXLAN network identifier.'),
    port: z.int().min(1).max(65_535).default(8472).describe('UDP destination port: 8472 as Linux and Flannel, 4789 as RFC 7348.'),
    device: deviceOption(z, DEVICE, { also: '|\\{vni\\}', more: ' `{vni}` stands for the identifier.' }),
    tunnel: tunnelOption(z),
  })

const OVERHEAD = 50

function vxlan({ vni, port, device: name = DEVICE, tunnel }: OfAnyLab<OptionsOf<typeof options>>): Backend {
  const dev = name.replace('{vni}', String(vni)).slice(0, MAX_INTERFACE)
  return {
    needs: ['vxlan'],
    reserve: OVERHEAD,
    refuse: () => [],
    carriage: tunnelCarriage(tunnel, {
      device: dev,
      overhead: OVERHEAD,
      headers: [
        { type: 'ipv4', fields: { protocol: 17 } },
        { type: 'udp', fields: { dstPort: port } },
        { type: 'vxlan', fields: { vni } },
        { type: 'ethernet' },
      ],
    }),
    objects(host, lab) {
      const common = { ns: host.netns, from: host.source }
      const device: Link = {
        ...common,
        kind: 'link',
        note: `the VTEP of ${host.name}: entries instead of learning`,
        type: 'vxlan',
        name: dev,
        mac: mac('vtep', host.index),
        mtu: host.mtu - OVERHEAD,
        vni,
        port,
        local: addressOf(host, 4)!,
        dev: 'eth0',
      }
      return overTunnel(host, lab, tunnel, device, (peer) => {
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
    },
  }
}

export const vxlanModule: BackendModule = {
  summary: 'VXLAN tunnels, routed as Flannel does it; IPv4 and IPv6',
  options,
  create: (o) => vxlan(o as OptionsOf<typeof options>),
}
