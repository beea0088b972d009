/**
 * Routes learned by BGP (RFC 4271), as Calico distributes them: BIRD on every host announces the host's block to the others, and
 * writes what they announce into the kernel's table.
 *
 *   node-3: "10.244.2.0/24 is mine, next hop 192.168.50.13" ── BGP, TCP 179 ──► node-1
 *   node-1: pod → route 10.244.2.0/24 via 192.168.50.13 dev eth0 proto bird → Ethernet | pod packet
 *
 * Packets travel as with plain routes: bare, with the pods' addresses. What differs is who makes the routes. netlab makes none of
 * them: it starts BIRD, waits for what it must learn, and names the session behind what is missing.
 *
 * `mesh`: every host has a session with every other (iBGP passes nothing on, RFC 4271 section 9.2.1). `route-reflector`: all have one
 * with the reflectors alone, which pass on what they hear (RFC 4456); packets still go straight to the next hop.
 *
 * `tor`: every host has one with the router of its segment (eBGP, the top of its rack), which is part of a fabric and tells the others. A
 * host of the same segment stays the next hop of its block; for the blocks of others it is the router.
 *
 * One session carries both families (RFC 4760): over IPv4, with an IPv6 next hop for IPv6 routes.
 *
 * `tunnel`: IP in IP where the next hop is on another segment (Calico's CrossSubnet), or everywhere. BIRD looks the next hop up in a
 * table of its own that says which are behind the tunnel, and the route that comes of it leads through the device.
 *
 * `device` with `#` in it: a tunnel for each peer (kube-router). The routes have no next hop then, only a device and the host's own
 * address as source. `table`: what pods send to a host behind a tunnel takes the tunnel as well, because a rule has them look there
 * first. For packets that come out of a tunnel the reverse path filter asks the same rule, and finds the device they came by.
 */
import type { KernelObject } from '../../kernel/objects.ts'
import { addressOf, gatewayOf, UPLINK, type Host, type Lab, type Router } from '../../lab/lab.ts'
import type { Backend, BackendModule, Refusal } from '../backend.ts'
import { deviceOption } from '../device-name.ts'
import { edge } from '../edge.ts'
import { peersOf } from '../peers.ts'
import { bgpSession, birdDaemon, daemonId, symbol } from './bird.ts'
import { birdConf, sessionName } from './bird-conf.ts'
import { neighboursOf, waysByRouters, waysTo, type Layout } from './speakers.ts'
import { ipipTunnels, OVERHEAD } from './tunnels.ts'
import type { OptionTypes, OptionsOf } from '../../topology/schema/schema.ts'

const DEVICE = 'ipip1'

const options = (z: OptionTypes) =>
  z.object({
    mode: z
      .enum(['mesh', 'route-reflector', 'tor'])
      .default('mesh')
      .describe(
        'Who has sessions with whom: `mesh`, every host with every other; `route-reflector`, every host with the reflectors; `tor`, every host with the router of its segment, in a fabric.',
      ),
    reflectors: z.array(z.string()).min(1).max(2).optional().describe('Hosts that reflect routes, one or two; default: the first host.'),
    asn: z.int().min(1).max(4_294_967_295).default(64_512).describe('Number of the autonomous system that all hosts are in.'),
    holdTime: z.int().min(3).max(65_535).default(9).describe('Seconds of silence after which a session is given up.'),
    connectRetry: z.int().min(1).max(3600).default(1).describe('Seconds between two attempts to connect.'),
    bfd: z.boolean().default(false).describe('Watch sessions by BFD (RFC 5880), which notices a lost peer within a second.'),
    tunnel: z
      .enum(['never', 'cross-segment', 'always'])
      .default('never')
      .describe('IP in IP: `cross-segment`, between hosts of different segments; `always`, between all.'),
    device: deviceOption(z, DEVICE, {
      also: '|#',
      more: ' With `#` in it there is one for each peer, and each `#` is a hexadecimal digit of the SHA-256 of its address, as kube-router does.',
    }),
    table: z
      .int()
      .min(1)
      .max(252)
      .optional()
      .describe(
        'With a device for each peer: the table in which pods find the addresses of hosts behind it. Default: pods reach those without the tunnel.',
      ),
  })
type Options = OptionsOf<typeof options>

/** Routers between two hosts of different segments of a fabric: both of the segments, and a spine. */
const BETWEEN_RACKS = 3

/** The addresses of the router on a host's segment. */
const gatewaysOf = (host: Host, lab: Lab) => lab.segments.find((s) => s.segment === host.segment)!.gateways

/** From outside nothing leads to pods, though the router that externals are plugged into knows where they are. */
const keepOutside = (router: Router, lab: Lab): KernelObject[] => (router.isEdge ? edge(router, lab) : [])

function bgp(chosen: Options): Backend {
  const { mode, tunnel, device } = chosen
  const tunnels = ipipTunnels({ tunnel, device, table: chosen.table })
  const { isPerPeer, isTunnelled, deviceTo } = tunnels
  const layoutOf = (lab: Lab): Layout => ({
    reflectors: mode === 'route-reflector' ? (chosen.reflectors ?? lab.hosts.slice(0, 1).map((h) => h.name)) : [],
  })
  const routesOf = (host: Host, lab: Lab): KernelObject[] =>
    peersOf(host, lab).flatMap((peer) => {
      const ways = (mode === 'tor' ? waysByRouters(host, peer, lab) : waysTo(host, peer, lab, layoutOf(lab))).map((way) =>
        way.map(daemonId),
      )
      const nextHop = mode === 'tor' && host.segment !== peer.segment ? { addresses: gatewaysOf(host, lab) } : peer
      return peer.blocks.map((block): KernelObject => ({
        kind: 'learned',
        ns: host.netns,
        from: peer.source,
        family: block.family,
        dst: block.cidr,
        ...(isTunnelled(host, peer) && isPerPeer
          ? { dev: deviceTo(peer) }
          : { via: addressOf(nextHop, block.family)!, dev: isTunnelled(host, peer) ? deviceTo(peer) : UPLINK }),
        protocol: 'bird',
        daemon: daemonId(host),
        by: `bird on ${host.name}`,
        ways,
      }))
    })

  return {
    needs: tunnel === 'never' ? ['bird'] : ['bird', 'ipip'],
    reserve: tunnel === 'never' ? 0 : OVERHEAD,
    refuse: (lab) => refusals(chosen, lab),
    ...(mode === 'tor' ? { speaks: { asn: chosen.asn, bfd: chosen.bfd }, onRouter: keepOutside } : {}),
    carriage(from, to) {
      const carriage = tunnels.carriage(from, to)
      const routers = mode === 'tor' && from.segment !== to.segment ? BETWEEN_RACKS : 0
      return { ...carriage, hops: carriage.hops + routers, hopsToHost: carriage.hopsToHost + routers }
    },
    objects(host, lab) {
      const layout = layoutOf(lab)
      const neighbours = mode === 'tor' ? [] : neighboursOf(host, lab, layout)
      const router = mode === 'tor' ? gatewayOf(lab, host.segment) : undefined
      const behind = peersOf(host, lab).filter((peer) => isTunnelled(host, peer))
      const [reflector] = layout.reflectors
      const conf = birdConf(chosen, {
        host,
        neighbours,
        cluster: addressOf(lab.hosts.find((h) => h.name === reflector) ?? host, 4)!,
        tunnelled: behind.map((peer) => ({ peer, device: deviceTo(peer), hasNextHop: !isPerPeer })),
        ...(router?.bgp
          ? {
              router: {
                name: router.name,
                address: addressOf({ addresses: gatewaysOf(host, lab) }, 4)!,
                asn: router.bgp.asn,
                pods: lab.podCIDRs,
              },
            }
          : {}),
      })
      return [
        ...tunnels.objects(host, behind),
        birdDaemon(host, conf),
        ...neighbours
          .filter((n) => host.index < n.host.index)
          .map((n) => bgpSession([host, sessionName(n.host)], [n.host, sessionName(host)])),
        ...(router ? [bgpSession([host, symbol(router.name)], [router, sessionName(host)])] : []),
        ...routesOf(host, lab),
      ]
    },
  }
}

function refusals({ mode, reflectors = [], tunnel, asn, device, table }: Options, lab: Lab): Refusal[] {
  const at = ['network', 'backend']
  const refuse = (path: readonly string[], code: string, message: string, hint: string): Refusal => ({
    path: [...at, ...path],
    code,
    message,
    hint,
    forceable: false,
  })
  const unknown = reflectors.filter((name) => !lab.hosts.some((h) => h.name === name))
  const segments = [...new Set(lab.hosts.map((h) => h.segment))]
  return [
    ...(mode === 'tor' && !lab.fabric
      ? [
          refuse(
            ['mode'],
            'bgp-needs-fabric',
            'mode tor needs routers that speak BGP: no router of the underlay would learn the blocks of hosts',
            'Add underlay: { routing: bgp }.',
          ),
        ]
      : []),
    ...(reflectors.length > 0 && mode !== 'route-reflector'
      ? [refuse(['reflectors'], 'bgp-reflectors-unused', `mode ${mode} has no reflectors`, 'Add mode: route-reflector.')]
      : []),
    ...(table !== undefined && (tunnel === 'never' || !device.includes('#'))
      ? [
          refuse(
            ['table'],
            'bgp-table-unused',
            'a table of hosts behind a tunnel needs a tunnel for each peer',
            'Add tunnel: cross-segment and device: tun-###########, or remove `table`.',
          ),
        ]
      : []),
    ...unknown.map((name) =>
      refuse(
        ['reflectors'],
        'unknown-host',
        `there is no host "${name}" to reflect routes`,
        `Hosts: ${lab.hosts.map((h) => h.name).join(', ')}.`,
      ),
    ),
    ...(tunnel === 'never' && mode !== 'tor' && segments.length > 1
      ? [
          refuse(
            [],
            'bgp-across-segments',
            `routes learned by BGP cannot cross segments (${segments.join(', ')}) without a tunnel: the router between them does not speak BGP and knows no pod networks`,
            'Use { type: bgp, tunnel: cross-segment }, as Calico does with CrossSubnet, or put the hosts in one segment.',
          ),
        ]
      : []),
    ...(mode === 'tor' && tunnel !== 'never'
      ? [refuse(['tunnel'], 'bgp-tunnel-unused', 'mode tor needs no tunnel: the routers know the way to pods', 'Remove `tunnel`.')]
      : []),
    ...(mode === 'tor' && lab.routers.some((r) => r.bgp?.asn === asn)
      ? [
          refuse(
            ['asn'],
            'bgp-asn-taken',
            `AS ${asn} is that of a router, and hosts speak external BGP with it`,
            'Choose another, such as 64512.',
          ),
        ]
      : []),
    ...(tunnel !== 'never' && lab.families.includes(6)
      ? [
          refuse(
            ['tunnel'],
            'ipip-carries-no-ipv6',
            'IP in IP cannot carry IPv6: its outer header says "protocol 4", which means IPv4 inside (RFC 2003)',
            'Leave `tunnel` away with hosts on one segment, or use an IPv4 podCIDR alone.',
          ),
        ]
      : []),
  ]
}

export const bgpModule: BackendModule = {
  summary: 'routes learned by BGP, BIRD on every host: a full mesh, route reflectors or the routers of a fabric (Calico); IPv4 and IPv6',
  options,
  unsaid: { device: DEVICE },
  create: (o) => bgp(o as Options),
}
