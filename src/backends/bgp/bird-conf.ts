/** The configuration of BIRD 2 on one host. */
import { addressOf, UPLINK, type Host } from '../../lab/lab.ts'
import { NAMES, symbol, timerLines, withParts, type Timers } from './bird.ts'
import type { Neighbour } from './speakers.ts'

export interface Bgp extends Timers {
  readonly asn: number
  readonly bfd: boolean
}

/** What a host announces and hears over one session. */
interface Speaker {
  readonly host: Host
  readonly neighbours: readonly Neighbour[]
  /** Identifies the group of reflectors that a reflector belongs to. */
  readonly cluster: string
  /** Hosts that are reached through a tunnel. */
  readonly tunnelled: readonly Tunnelled[]
  /** The router of the segment, where that is whom it tells, and the networks that it takes routes to from it. */
  readonly router?: { readonly name: string; readonly address: string; readonly asn: number; readonly pods: readonly string[] }
}

/** A host behind a tunnel, and the device that leads into it: one for all, which is told the far end by the next hop, or one for it alone. */
interface Tunnelled {
  readonly peer: Host
  readonly device: string
  readonly hasNextHop: boolean
}

/** What a session with a host is called: `h3-node-3`. Names of hosts alone may be words of BIRD's language. At most 64 bytes. */
export const sessionName = (host: Host): string => symbol(`h${host.index + 1}-${host.name}`)

export function birdConf(bgp: Bgp, { host, neighbours, cluster, tunnelled, router }: Speaker): string {
  const families = host.blocks.map((b) => b.family)
  const address = addressOf(host, 4)!
  const isReflector = neighbours.some((n) => n.client)
  const crosses = tunnelled.length > 0 || neighbours.some((n) => n.host.segment !== host.segment)
  const blocks = host.blocks.flatMap((b) => [
    `protocol static blocks_${NAMES[b.family]} { ${NAMES[b.family]}; route ${b.cidr} blackhole; }`,
  ])
  const alone = tunnelled.filter((t) => !t.hasNextHop)
  const kernel = families.map((f) => {
    const accepted = f === 4 && alone.length > 0 ? 'filter into_kernel' : 'where source = RTS_BGP'
    return `protocol kernel kernel_${NAMES[f]} { scan time 2; ${NAMES[f]} { import none; export ${accepted}; }; }`
  })
  const channels = families.map((f) => {
    const own = `proto = "blocks_${NAMES[f]}"`
    return `  ${[
      `${NAMES[f]} {`,
      router ? `import where net ~ ${withParts(router.pods.filter((c) => c.includes(':') === (f === 6)))};` : 'import all;',
      `export where ${isReflector ? `source = RTS_BGP || ${own}` : own};`,
      // IPv6 routes travel over the IPv4 session, which knows no IPv6 address (RFC 4760).
      ...(f === 6 ? [`next hop address ${addressOf(host, 6)};`] : []),
      ...(crosses ? [`igp table nexthops_${NAMES[f]};`] : []),
      '};',
    ].join(' ')}`
  })
  const sessions = neighbours.map(({ host: peer, client }) => {
    const words = [
      `neighbor ${addressOf(peer, 4)} as ${bgp.asn};`,
      ...(client ? ['rr client;', `rr cluster id ${cluster};`] : []),
      ...(crosses ? ['multihop;'] : ['direct;']),
    ]
    return `protocol bgp '${sessionName(peer)}' from host { ${words.join(' ')} }`
  })
  if (router) sessions.push(`protocol bgp '${symbol(router.name)}' from host { neighbor ${router.address} as ${router.asn}; direct; }`)
  return [
    'log stderr all;',
    `router id ${address};`,
    'protocol device devices { scan time 5; }',
    ...(bgp.bfd ? ['protocol bfd bfd_sessions { }'] : []),
    '',
    '# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.',
    ...blocks,
    ...(crosses ? ['', ...nextHops(host, families, tunnelled)] : []),
    '',
    '# Learned from other hosts: written into the table of the kernel as proto bird.',
    ...(alone.length > 0 ? intoTunnels(address, alone) : []),
    ...kernel,
    '',
    'template bgp host {',
    `  local ${address} as ${bgp.asn};`,
    ...timerLines(bgp),
    // All hosts are in one system: other hosts' routes, which come by way of routers, have it in their path (RFC 4271, section 9.1.2).
    ...(router ? ['  allow local as 1;'] : []),
    ...(bgp.bfd ? ['  bfd on;'] : []),
    ...channels,
    '}',
    ...sessions,
    '',
  ].join('\n')
}

/** Where next hops are: on the link, or behind the tunnel, whose own next hop is the address of the other host itself. */
function nextHops(host: Host, families: readonly (4 | 6)[], tunnelled: readonly Tunnelled[]): string[] {
  return [
    '# How the other hosts are reached, by which next hops are looked up.',
    ...families.map((f) => `${NAMES[f]} table nexthops_${NAMES[f]};`),
    `protocol direct on_link { interface "${UPLINK}"; ${families.map((f) => `${NAMES[f]} { table nexthops_${NAMES[f]}; };`).join(' ')} }`,
    ...(tunnelled.length > 0
      ? [
          'protocol static by_tunnel {',
          '  ipv4 { table nexthops_ipv4; };',
          ...tunnelled.map(({ peer, device, hasNextHop }) => {
            const address = addressOf(peer, 4)
            return hasNextHop ? `  route ${address}/32 via ${address}%${device} onlink;` : `  route ${address}/32 via "${device}";`
          }),
          '}',
        ]
      : []),
  ]
}

/** Routes to hosts with a tunnel of their own: no next hop, but the device, and the address that the host's own packets have. */
function intoTunnels(source: string, alone: readonly Tunnelled[]): string[] {
  return [
    'filter into_kernel {',
    '  if source != RTS_BGP then reject;',
    ...alone.map(({ peer, device }) => `  if bgp_next_hop = ${addressOf(peer, 4)} then { ifname = "${device}"; krt_prefsrc = ${source}; }`),
    '  accept;',
    '}',
  ]
}
