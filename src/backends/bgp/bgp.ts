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
 * One session carries both families (RFC 4760): over IPv4, with an IPv6 next hop for IPv6 routes.
 *
 * `tunnel`: IP in IP where the next hop is on another segment (Calico's CrossSubnet), or everywhere. BIRD looks the next hop up in a
 * table of its own that says which are behind the tunnel, and the route that comes of it leads through the device.
 */
import type { KernelObject, Link } from '../../kernel/objects.ts'
import { addressOf, UPLINK, type Host, type Lab } from '../../lab/lab.ts'
import type { Backend, BackendModule, Refusal } from '../backend.ts'
import { directCarriage, ownAddresses, peersOf, tunnelCarriage } from '../peers.ts'
import { birdConf, sessionName } from './bird-conf.ts'
import { neighboursOf, waysTo, type Layout } from './speakers.ts'
import type { OptionTypes, OptionsOf } from '../../topology/schema/schema.ts'

const options = (z: OptionTypes) =>
  z.object({
    mode: z
      .enum(['mesh', 'route-reflector', 'tor'])
      .default('mesh')
      .describe('Who has sessions with whom: `mesh`, every host with every other; `route-reflector`, every host with the reflectors.'),
    reflectors: z.array(z.string()).min(1).max(2).optional().describe('Hosts that reflect routes, one or two; default: the first host.'),
    asn: z.int().min(1).max(4_294_967_295).default(64_512).describe('Number of the autonomous system that all hosts are in.'),
    holdTime: z.int().min(3).max(65_535).default(9).describe('Seconds of silence after which a session is given up.'),
    connectRetry: z.int().min(1).max(3600).default(1).describe('Seconds between two attempts to connect.'),
    bfd: z.boolean().default(false).describe('Watch sessions by BFD (RFC 5880), which notices a lost peer within a second.'),
    tunnel: z
      .enum(['never', 'cross-segment', 'always'])
      .default('never')
      .describe('IP in IP: `cross-segment`, between hosts of different segments; `always`, between all.'),
  })
type Options = OptionsOf<typeof options>

const DEV = 'ipip1'
const OVERHEAD = 20

const daemonId = (host: Host): string => `${host.name}.bird`

function bgp(chosen: Options): Backend {
  const { mode, tunnel } = chosen
  const layoutOf = (lab: Lab): Layout => ({
    reflectors: mode === 'route-reflector' ? (chosen.reflectors ?? lab.hosts.slice(0, 1).map((h) => h.name)) : [],
  })
  const isTunnelled = (a: Host, b: Host): boolean => tunnel === 'always' || (tunnel === 'cross-segment' && a.segment !== b.segment)
  const throughTunnel =
    tunnel === 'never'
      ? directCarriage
      : tunnelCarriage(tunnel, { device: DEV, overhead: OVERHEAD, headers: [{ type: 'ipv4', fields: { protocol: 4 } }] })

  const routesOf = (host: Host, lab: Lab): KernelObject[] =>
    peersOf(host, lab).flatMap((peer) => {
      const ways = waysTo(host, peer, lab, layoutOf(lab)).map((way) => way.map(daemonId))
      return peer.blocks.map((block): KernelObject => ({
        kind: 'learned',
        ns: host.netns,
        from: peer.source,
        family: block.family,
        dst: block.cidr,
        via: addressOf(peer, block.family)!,
        dev: isTunnelled(host, peer) ? DEV : UPLINK,
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
    carriage: throughTunnel,
    objects(host, lab) {
      const layout = layoutOf(lab)
      const neighbours = neighboursOf(host, lab, layout)
      const behind = peersOf(host, lab).filter((peer) => isTunnelled(host, peer))
      const device: Link = {
        kind: 'link',
        ns: host.netns,
        from: host.source,
        note: 'one IPIP device for all peers: BIRD names it in the routes of those behind it',
        type: 'ipip',
        name: DEV,
        mtu: host.mtu - OVERHEAD,
        local: addressOf(host, 4)!,
      }
      const [reflector] = layout.reflectors
      const conf = birdConf(chosen, {
        host,
        neighbours,
        cluster: addressOf(lab.hosts.find((h) => h.name === reflector) ?? host, 4)!,
        ...(behind.length > 0 ? { tunnel: { device: DEV, peers: behind } } : {}),
      })
      return [
        ...(behind.length > 0 ? [device, ...ownAddresses(host, DEV)] : []),
        {
          kind: 'daemon',
          ns: host.netns,
          from: host.source,
          id: daemonId(host),
          hostname: host.name,
          node: host.name,
          program: 'bird',
          command: ['bird', '-f', '-c', 'bird.conf', '-s', 'bird.ctl', '-P', 'bird.pid'],
          files: [{ path: 'bird.conf', content: conf }],
          ready: { socket: 'bird.ctl' },
          reload: { command: ['birdc', '-s', 'bird.ctl', 'configure'] },
          control: { bird: 'bird.ctl' },
          owns: [{ routes: 'bird' }],
          capabilities: ['net_admin', 'net_bind_service'],
        },
        ...neighbours
          .filter((n) => host.index < n.host.index)
          .map((n): KernelObject => ({
            kind: 'session',
            ns: host.netns,
            from: n.host.source,
            protocol: 'BGP',
            ends: [
              { daemon: daemonId(host), node: host.name, name: sessionName(n.host) },
              { daemon: daemonId(n.host), node: n.host.name, name: sessionName(host) },
            ],
          })),
        ...routesOf(host, lab),
      ]
    },
  }
}

function refusals({ mode, reflectors = [], tunnel }: Options, lab: Lab): Refusal[] {
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
    ...(mode === 'tor'
      ? [
          refuse(
            ['mode'],
            'bgp-needs-fabric',
            'mode tor needs underlay.routing: bgp, which netlab does not have yet: no router of the underlay speaks BGP',
            'Use mode mesh or route-reflector.',
          ),
        ]
      : []),
    ...(reflectors.length > 0 && mode !== 'route-reflector'
      ? [refuse(['reflectors'], 'bgp-reflectors-unused', `mode ${mode} has no reflectors`, 'Add mode: route-reflector.')]
      : []),
    ...unknown.map((name) =>
      refuse(
        ['reflectors'],
        'unknown-host',
        `there is no host "${name}" to reflect routes`,
        `Hosts: ${lab.hosts.map((h) => h.name).join(', ')}.`,
      ),
    ),
    ...(tunnel === 'never' && segments.length > 1
      ? [
          refuse(
            [],
            'bgp-across-segments',
            `routes learned by BGP cannot cross segments (${segments.join(', ')}) without a tunnel: the router between them does not speak BGP and knows no pod networks`,
            'Use { type: bgp, tunnel: cross-segment }, as Calico does with CrossSubnet, or put the hosts in one segment.',
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
  summary: 'routes learned by BGP, BIRD on every host: a full mesh or route reflectors (Calico); IPv4 and IPv6',
  options,
  create: (o) => bgp(o as Options),
}
