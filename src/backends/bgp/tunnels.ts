/**
 * IP in IP between hosts that learn their routes: one device for all peers, which the next hop of each route tells the far end, or one
 * for each peer, whose routes have no next hop.
 */
import type { KernelObject, Link } from '../../kernel/objects.ts'
import { sha256 } from '../../lab/hash.ts'
import { addressOf, type Host } from '../../lab/lab.ts'
import { digestName } from '../../lab/names.ts'
import type { Carriage } from '../backend.ts'
import { directCarriage, ownAddresses, tunnelCarriage } from '../peers.ts'

/** Bytes of the outer header. */
export const OVERHEAD = 20
/** Of the rule that has pods look into `table`: the last before the main table, where the kernel puts a rule without a number. */
const PRIORITY = 32_765

interface TunnelOptions {
  readonly tunnel: 'never' | 'cross-segment' | 'always'
  /** With `#` in it there is one for each peer. */
  readonly device: string
  /** Where pods find the addresses of hosts behind a device of their own. */
  readonly table?: number | undefined
}

export interface Tunnels {
  /** Whether each peer has a device of its own: its routes have no next hop then. */
  readonly isPerPeer: boolean
  readonly isTunnelled: (a: Host, b: Host) => boolean
  /** The device that leads to a peer. */
  readonly deviceTo: (peer: Host) => string
  carriage(from: Host, to: Host): Carriage
  /** Devices of a host, and what leads into them besides learned routes. @param behind peers that are tunnelled to */
  objects(host: Host, behind: readonly Host[]): KernelObject[]
}

export function ipipTunnels({ tunnel, device, table }: TunnelOptions): Tunnels {
  const isPerPeer = device.includes('#')
  const deviceTo = (peer: Host): string => digestName(device, sha256(addressOf(peer, 4)!.replaceAll('.', '')))
  const isTunnelled = (a: Host, b: Host): boolean => tunnel === 'always' || (tunnel === 'cross-segment' && a.segment !== b.segment)
  const around = { overhead: OVERHEAD, headers: [{ type: 'ipv4', fields: { protocol: 4 } }] } as const
  return {
    isPerPeer,
    isTunnelled,
    deviceTo,
    carriage(from, to) {
      if (tunnel === 'never' || !isTunnelled(from, to)) return directCarriage(from)
      const through = tunnelCarriage(tunnel, { ...around, device: deviceTo(to) })(from, to)
      return isPerPeer ? { ...through, source: directCarriage(from).source } : through
    },
    objects(host, behind) {
      if (behind.length === 0) return []
      return isPerPeer ? perPeer(host, behind, deviceTo, table) : shared(host, device)
    },
  }
}

const ipipDevice = (host: Host): Omit<Extract<Link, { readonly type: 'ipip' }>, 'name'> => ({
  kind: 'link',
  ns: host.netns,
  from: host.source,
  type: 'ipip',
  mtu: host.mtu - OVERHEAD,
  local: addressOf(host, 4)!,
})

const shared = (host: Host, name: string): KernelObject[] => [
  { ...ipipDevice(host), note: 'one IPIP device for all peers: BIRD names it in the routes of those behind it', name },
  ...ownAddresses(host, name),
]

/** A device for each peer, and where `table` says so, the way of pods to the peer itself. */
function perPeer(host: Host, behind: readonly Host[], deviceTo: (peer: Host) => string, table: number | undefined): KernelObject[] {
  return [
    ...behind.flatMap((peer): KernelObject[] => {
      const [ns, dev, remote] = [host.netns, deviceTo(peer), addressOf(peer, 4)!]
      return [
        { ...ipipDevice(host), from: peer.source, note: `the tunnel to ${peer.name}`, name: dev, remote },
        ...(table === undefined ? [] : [{ kind: 'route', ns, from: peer.source, family: 4, dst: `${remote}/32`, dev, table } as const]),
      ]
    }),
    ...(table === undefined
      ? []
      : host.blocks.map(({ family, cidr }): KernelObject => ({
          kind: 'rule',
          ns: host.netns,
          from: host.source,
          note: 'what pods send to hosts behind a tunnel takes the tunnel too',
          family,
          priority: PRIORITY,
          src: cidr,
          table,
        }))),
  ]
}
