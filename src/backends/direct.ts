/**
 * Direct routes: no tunnel at all, as Flannel's host-gw and Calico without encapsulation.
 *
 * The peer's block has a route with the peer's underlay address as next hop, so the bare pod packet
 * crosses the underlay with its own addresses; only the MACs change. Nothing is added: pod MTU = link MTU.
 *
 *   pod → route 10.244.1.0/24 via 192.168.50.12 dev eth0 → Ethernet | pod packet
 *
 * The next hop must be a neighbour on the link. A router in between knows nothing of pod networks and
 * would drop the packet, so hosts in different segments need a tunnel (or a router that learns the
 * routes, as with BGP).
 *
 * `routes: etcd`: agents set the route for each peer, from leases in etcd (`etcd/etcd.ts`).
 */
import type { Backend, BackendModule } from './backend.ts'
import { byLeases, leaseRefusals, routesOptions, type RoutesOptions } from './etcd/etcd.ts'
import { directCarriage, directRoutes, peersOf } from './peers.ts'
import type { OptionTypes } from '../topology/schema/schema.ts'

const options = (z: OptionTypes) => z.object(routesOptions(z))

function direct(chosen: RoutesOptions): Backend {
  return {
    needs: chosen.routes === 'etcd' ? ['etcd'] : [],
    reserve: 0,
    refuse(lab) {
      const used = [...new Set(lab.hosts.map((h) => h.segment))]
      const leases = leaseRefusals(chosen, lab)
      if (used.length < 2) return leases
      return [
        ...leases,
        {
          path: ['network', 'backend'],
          code: 'direct-across-segments',
          message: `direct routes cannot cross segments (${used.join(', ')}): the next hop would be a host that is not on the link, and the router knows no pod networks`,
          hint: 'Use a tunnel backend with `tunnel: cross-segment`, put the hosts in one segment, or build it broken with --force.',
          forceable: true,
        },
      ]
    },
    objects: (host, lab) =>
      byLeases(
        host,
        lab,
        chosen,
        { type: 'host-gw', overhead: 0 },
        peersOf(host, lab).flatMap((peer) => directRoutes(host, peer, `pods of ${peer.name}`)),
      ),
    carriage: directCarriage,
  }
}

export const directModule: BackendModule = {
  summary: 'next-hop routes without encapsulation, as Flannel host-gw; IPv4 and IPv6; hosts share a segment',
  options,
  create: (o) => direct(o),
}
