/**
 * IP in IP (RFC 2003), one multipoint device a host, as Calico's and Flannel's ipip.
 *
 * The cheapest tunnel: one more IPv4 header and nothing else. The device has no remote; the next hop of
 * the route is the peer's underlay address itself, and the kernel copies it into the outer header.
 *
 *   pod → route 10.244.1.0/24 via 192.168.50.12 dev ipip1 onlink
 *       → outer Ethernet | IPv4 (protocol 4) | pod packet
 *
 * 20 bytes. There is no field that could say "IPv6 inside": protocol 4 means IPv4, so ipip cannot carry
 * IPv6. Not `tunl0`: the kernel module makes a device of that name in every namespace.
 */
import type { Link } from '../kernel/objects.ts'
import { addressOf } from '../lab/lab.ts'
import type { Backend, BackendModule } from './backend.ts'
import { deviceOption } from './device-name.ts'
import { overTunnel, tunnelCarriage, tunnelOption, tunnelRoute } from './peers.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

const DEVICE = 'ipip1'

const options = (z: OptionTypes) => z.object({ device: deviceOption(z, DEVICE), tunnel: tunnelOption(z) })

const OVERHEAD = 20

function ipip({ device: dev, tunnel }: OptionsOf<typeof options>): Backend {
  return {
    needs: ['ipip'],
    reserve: OVERHEAD,
    carriage: tunnelCarriage(tunnel, { device: dev, overhead: OVERHEAD, headers: [{ type: 'ipv4', fields: { protocol: 4 } }] }),
    refuse: (lab) =>
      lab.families.includes(6)
        ? [
            {
              path: ['network', 'podCIDR'],
              code: 'ipip-carries-no-ipv6',
              message: 'ipip cannot carry IPv6: its outer header says "protocol 4", which means IPv4 inside (RFC 2003)',
              hint: 'Use backend vxlan, gre or direct, or an IPv4 podCIDR alone.',
              forceable: false,
            },
          ]
        : [],
    objects(host, lab) {
      const device: Link = {
        kind: 'link',
        ns: host.netns,
        from: host.source,
        note: 'one IPIP device for all peers: no remote, so the next hop is the outer destination',
        type: 'ipip',
        name: dev,
        mtu: host.mtu - OVERHEAD,
        local: addressOf(host, 4)!,
      }
      return overTunnel(host, lab, tunnel, device, (peer) =>
        peer.blocks.map((block) => ({ ...tunnelRoute(host, peer, block, dev, addressOf(peer, 4)!), note: `pods of ${peer.name}` })),
      )
    },
  }
}

export const ipipModule: BackendModule = {
  summary: 'IPv4-in-IPv4 tunnels, one multipoint device a host, as Calico and Flannel ipip; IPv4 only',
  options,
  unsaid: { device: DEVICE },
  create: (o) => ipip(o as OptionsOf<typeof options>),
}
