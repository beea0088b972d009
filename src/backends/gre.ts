/**
 * GRE (RFC 2784), in two shapes: routed, with one multipoint device a host, and bridged, with a device for each peer (NVGRE, RFC 7637).
 *
 * Routed. The device has no remote. The route to a peer's block names a next hop on the device, and a permanent
 * neighbour entry says which underlay address that next hop is: on a GRE device the "link-layer address"
 * is the far end's IPv4 address. Without the neighbour entry nothing passes.
 *
 *   pod → route 10.244.1.0/24 via 10.244.1.0 dev gre1 onlink → neighbour 10.244.1.0 = 192.168.50.12
 *       → outer Ethernet | IPv4 (protocol 47) | GRE | pod packet
 *
 * 24 bytes: outer IPv4 20, GRE 4 (with a key 28). IPv4 and IPv6 ride in the same device, told apart by
 * GRE's protocol field. Not `gre0`: the kernel module makes a device of that name in every namespace.
 *
 * Bridged. Devices that carry frames (gretap) are ports of the bridge that pods are plugged into: one link from host to host, and one
 * network for all pods. A gretap device has no FDB of far ends as a VXLAN device has, so each peer has one of its own, and the bridge
 * learns at which port a MAC is. What goes to all it sends out of each of them. They are isolated from each other: what came from a
 * peer does not go to another one, which has it from the sender; with a tunnel between any two hosts it would circle for ever.
 *
 *   pod → cni0 → FDB of cni0: 02:01:00:01:00:01 at port g2-node-2 → the device's remote 192.168.50.12
 *       → outer Ethernet | IPv4 (protocol 47) | GRE, protocol 0x6558 | the pod's frame
 *
 * 38 bytes (with a key 42): those above and the inner Ethernet header, 14.
 */
import type { KernelObject, Link } from '../kernel/objects.ts'
import { addressOf, type Host, type Lab } from '../lab/lab.ts'
import type { Backend, BackendModule } from './backend.ts'
import {
  bridgedCarriage,
  deviceTo,
  endMac,
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

const options = (z: OptionTypes) =>
  z.object({
    key: z
      .int()
      .min(0)
      .max(4_294_967_295)
      .optional()
      .describe('GRE key (RFC 2890): tells several tunnels between the same hosts apart; 4 more bytes.'),
    mode: modeOption(z),
    tunnel: tunnelOption(z),
  })

const DEV = 'gre1'

function gre({ key, mode, tunnel }: OptionsOf<typeof options>): Backend {
  const isBridged = mode === 'bridged'
  const overhead = (key === undefined ? 24 : 28) + (isBridged ? 14 : 0)
  const keyed = key === undefined ? {} : { key }
  const headers = [
    { type: 'ipv4', fields: { protocol: 47 } },
    { type: 'gre', ...(key === undefined ? {} : { fields: keyed }) },
  ] as const
  const routed = (host: Host, lab: Lab): KernelObject[] => {
    const device: Link = {
      kind: 'link',
      ns: host.netns,
      from: host.source,
      note: 'one GRE device for all peers: no remote, so the neighbour entry picks the far end',
      type: 'gre',
      name: DEV,
      mtu: host.mtu - overhead,
      local: addressOf(host, 4)!,
      ...keyed,
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
  }
  const bridged = (host: Host, lab: Lab, bridge: string): KernelObject[] =>
    peersOf(host, lab).map((peer) => ({
      kind: 'link',
      ns: host.netns,
      from: peer.source,
      note: `the tunnel to ${peer.name}, a port of the pods' bridge, which learns what is behind it`,
      type: 'gretap',
      name: deviceTo(peer),
      mac: endMac(host, peer),
      mtu: smallestLink(lab) - overhead,
      local: addressOf(host, 4)!,
      remote: addressOf(peer, 4)!,
      ...keyed,
      bridgePort: { master: bridge, isolated: true },
    }))
  const common = { needs: ['gre'], reserve: overhead } as const
  return isBridged
    ? {
        ...common,
        bridged: true,
        refuse: () => refuseBridged(tunnel),
        carriage: (from, to) => bridgedCarriage({ device: deviceTo(to), overhead, headers: [...headers, { type: 'ethernet' }] })(from),
        objects: (host, lab, bridge) => (bridge === undefined ? [] : bridged(host, lab, bridge)),
      }
    : { ...common, refuse: () => [], carriage: tunnelCarriage(tunnel, { device: DEV, overhead, headers }), objects: routed }
}

export const greModule: BackendModule = {
  summary: 'GRE tunnels, routed or bridged as NVGRE does it; IPv4 and IPv6',
  options,
  create: (o) => gre(o as OptionsOf<typeof options>),
}
