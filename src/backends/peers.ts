/** What the backends share: who the peers are, which of them a tunnel serves, and the routes to their blocks. */
import type { KernelObject, Link, Route } from '../kernel/objects.ts'
import { addressOf, UPLINK, type Block, type Host, type Lab } from '../lab/lab.ts'
import { interfaceName, mac } from '../lab/names.ts'
import type { Carriage, Refusal } from './backend.ts'
import type { OptionTypes, OptionsOf } from '../topology/schema/schema.ts'

/** The option every tunnel backend takes. */
export const tunnelOption = (z: OptionTypes) =>
  z
    .enum(['always', 'cross-segment'])
    .default('always')
    .describe('`cross-segment`: direct routes between hosts of one segment, the tunnel only between segments.')
export type TunnelOption = OptionsOf<typeof tunnelOption>

/** Whether packets between two hosts take the tunnel. */
export const tunnelled = (a: Host, b: Host, tunnel: TunnelOption): boolean => tunnel === 'always' || a.segment !== b.segment

/** True when some pair of hosts of the lab uses the tunnel. */
const anyTunnelled = (lab: Lab, tunnel: TunnelOption): boolean =>
  tunnel === 'always' ? lab.hosts.length > 1 : lab.hosts.some((h) => h.segment !== lab.hosts[0]!.segment)

export const peersOf = (host: Host, lab: Lab): Host[] => lab.hosts.filter((h) => h !== host)

/** `g2-node-2`: the device of any host that leads to a peer, where each has one of its own. */
export const deviceTo = (peer: Host): string => interfaceName('g', peer.index + 1, peer.name)
/** MAC of a host's end of its tunnel to a peer. */
export const endMac = (host: Host, peer: Host): string => mac('vtep', host.index, peer.index + 1)

/** The peer's block as a next-hop route on the underlay: what Flannel calls host-gw. */
export function directRoutes(host: Host, peer: Host, note: string): Route[] {
  const onLink = peer.segment === host.segment
  return peer.blocks.map((block) => ({
    kind: 'route',
    ns: host.netns,
    from: peer.source,
    note,
    family: block.family,
    dst: block.cidr,
    via: addressOf(peer, block.family) ?? addressOf(peer, 4)!,
    dev: UPLINK,
    ...(onLink ? {} : { onlink: true }),
  }))
}

/** How bare packets get to another host: routed by both hosts, and the host's own packets have its own address. */
export const directCarriage = (from: Host): Carriage => ({
  headers: [],
  overhead: 0,
  device: UPLINK,
  hops: 2,
  hopsToHost: 1,
  source: Object.fromEntries(from.addresses.map((a) => [a.family, a.ip])),
  sharesL2: false,
})

/**
 * How packets get to another host where pairs of hosts have a tunnel: routed into it by one host and out of it by the other.
 * The host's own packets have the address of its tunnel device.
 */
export const tunnelCarriage =
  (
    tunnel: TunnelOption,
    through: Pick<Carriage, 'headers' | 'overhead' | 'device'> & Partial<Pick<Carriage, 'hops' | 'hopsToHost' | 'encrypted'>>,
  ) =>
  (from: Host, to: Host): Carriage =>
    tunnelled(from, to, tunnel)
      ? { hops: 2, hopsToHost: 1, ...through, source: Object.fromEntries(from.blocks.map((b) => [b.family, b.network])), sharesL2: false }
      : directCarriage(from)

/** How a backend puts packets into others: between pods of different hosts, or into a link that all pods share. */
export const modeOption = (z: OptionTypes) =>
  z
    .enum(['routed', 'bridged'])
    .default('routed')
    .describe('`bridged`: one link and one network for the pods of all hosts, which find each other by ARP.')

/** Why a tunnel cannot be a port of the pods' bridges: what stays outside of it would not be on their link. */
export const refuseBridged = (tunnel: TunnelOption): Refusal[] =>
  tunnel === 'always'
    ? []
    : [
        {
          path: ['network', 'backend', 'tunnel'],
          code: 'conflicting-keys',
          message: 'with `mode: bridged` the pods of all hosts are on one link, and `tunnel: cross-segment` leaves some hosts out of it',
          hint: 'Remove `tunnel`, or write `mode: routed`.',
          forceable: false,
        },
      ]

/** MTU of the smallest of the hosts' links, bytes: what all of them can carry. */
export const smallestLink = (lab: Lab): number => Math.min(...lab.hosts.map((h) => h.mtu))

/** How frames get to another host where a tunnel is a port of the pods' bridges. The host's own packets have the address of its bridge. */
export const bridgedCarriage =
  (through: Pick<Carriage, 'headers' | 'overhead' | 'device'>) =>
  (from: Host): Carriage => ({
    ...through,
    hops: 0,
    hopsToHost: 0,
    source: Object.fromEntries(from.blocks.map((b) => [b.family, b.gateway])),
    sharesL2: true,
  })

/** The peer's block through the tunnel device. `onlink`: no address makes the next hop a neighbour, but it is one. */
export function tunnelRoute(host: Host, peer: Host, block: Block, dev: string, via: string): Route {
  return { kind: 'route', ns: host.netns, from: peer.source, family: block.family, dst: block.cidr, via, dev, onlink: true }
}

/**
 * The host's own address inside the tunnel: the first of the host's block, alone in its network (/32, /128), so
 * that packets the host itself sends into the tunnel carry an address its peers route back (Flannel).
 */
export function ownAddresses(host: Host, dev: string): KernelObject[] {
  return host.blocks.map((block) => ({
    kind: 'address',
    ns: host.netns,
    from: host.source,
    dev,
    address: `${block.network}/${block.family === 4 ? 32 : 128}`,
  }))
}

/**
 * What a tunnel backend puts on a host: the device with the host's own addresses, something for each
 * peer beyond the tunnel, direct routes to the rest. Nothing but direct routes where no pair of hosts
 * needs the tunnel.
 *
 * @param device undefined: each peer has one of its own
 */
export function overTunnel(
  host: Host,
  lab: Lab,
  tunnel: TunnelOption,
  device: Link | undefined,
  perPeer: (peer: Host) => KernelObject[],
): KernelObject[] {
  const objects: KernelObject[] = device && anyTunnelled(lab, tunnel) ? [device, ...ownAddresses(host, device.name)] : []
  for (const peer of peersOf(host, lab)) {
    if (tunnelled(host, peer, tunnel)) objects.push(...perPeer(peer))
    else objects.push(...directRoutes(host, peer, `pods of ${peer.name}: same segment, no tunnel`))
  }
  return objects
}
