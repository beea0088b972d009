/**
 * GRE (RFC 2784), one multipoint device a host.
 *
 * The device has no remote. The route to a peer's block names a next hop on the device, and a permanent
 * neighbour entry says which underlay address that next hop is: on a GRE device the "link-layer address"
 * is the far end's IPv4 address. Without the neighbour entry nothing passes.
 *
 *   pod → route 10.244.1.0/24 via 10.244.1.0 dev gre1 onlink → neighbour 10.244.1.0 = 192.168.50.12
 *       → outer Ethernet | IPv4 (protocol 47) | GRE | pod packet
 *
 * 24 bytes: outer IPv4 20, GRE 4 (with a key 28). IPv4 and IPv6 ride in the same device, told apart by
 * GRE's protocol field. Not `gre0`: the kernel module makes a device of that name in every namespace.
 */
import type { KernelObject, Link } from '../kernel/objects.ts'
import { addressOf } from '../lab/lab.ts'
import type { Backend, BackendModule } from './backend.ts'
import { overTunnel, tunnelCarriage, tunnelOption, tunnelRoute } from './peers.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

const options = (z: OptionTypes) =>
  z.object({
    key: z
      .int()
      .min(0)
      .max(4_294_967_295)
      .optional()
      .describe('GRE key (RFC 2890): tells several tunnels between the same hosts apart; 4 more bytes.'),
    tunnel: tunnelOption(z),
  })

const DEV = 'gre1'

function gre({ key, tunnel }: OptionsOf<typeof options>): Backend {
  const overhead = key === undefined ? 24 : 28
  return {
    needs: ['gre'],
    reserve: overhead,
    refuse: () => [],
    carriage: tunnelCarriage(tunnel, {
      device: DEV,
      overhead,
      headers: [
        { type: 'ipv4', fields: { protocol: 47 } },
        { type: 'gre', ...(key === undefined ? {} : { fields: { key } }) },
      ],
    }),
    objects(host, lab) {
      const device: Link = {
        kind: 'link',
        ns: host.netns,
        from: host.source,
        note: 'one GRE device for all peers: no remote, so the neighbour entry picks the far end',
        type: 'gre',
        name: DEV,
        mtu: host.mtu - overhead,
        local: addressOf(host, 4)!,
        ...(key === undefined ? {} : { key }),
      }
      return overTunnel(host, lab, tunnel, device, (peer) =>
        peer.blocks.flatMap((block): KernelObject[] => [
          {
            kind: 'neighbour',
            ns: host.netns,
            from: peer.source,
            note: `${peer.name}: the far end of the tunnel as next hop, and the route to its pods`,
            dev: DEV,
            address: block.network,
            lladdr: addressOf(peer, 4)!,
          },
          tunnelRoute(host, peer, block, DEV, block.network),
        ]),
      )
    },
  }
}

export const greModule: BackendModule = {
  summary: 'GRE tunnels, one multipoint device a host; IPv4 and IPv6',
  options,
  create: (o) => gre(o as OptionsOf<typeof options>),
}
