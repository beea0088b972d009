/** The configuration of BIRD 2 on one host. */
import { addressOf, UPLINK, type Host } from '../../lab/lab.ts'
import type { Neighbour } from './speakers.ts'

export interface Bgp {
  readonly asn: number
  /** Seconds without a word after which a session is given up; three keepalives fit into it (RFC 4271, section 10). */
  readonly holdTime: number
  /** Seconds between two attempts to connect. */
  readonly connectRetry: number
  readonly bfd: boolean
}

/** What a host announces and hears over one session. */
interface Speaker {
  readonly host: Host
  readonly neighbours: readonly Neighbour[]
  /** Identifies the group of reflectors that a reflector belongs to. */
  readonly cluster: string
  /** Hosts that are reached through a tunnel, and its device. */
  readonly tunnel?: { readonly device: string; readonly peers: readonly Host[] }
}

const NAMES = { 4: 'ipv4', 6: 'ipv6' } as const

/** What a session with a host is called: `h3-node-3`. Names of hosts alone may be words of BIRD's language. At most 64 bytes. */
export const sessionName = (host: Host): string => `h${host.index + 1}-${host.name}`.slice(0, 64)

export function birdConf(bgp: Bgp, { host, neighbours, cluster, tunnel }: Speaker): string {
  const families = host.blocks.map((b) => b.family)
  const address = addressOf(host, 4)!
  const isReflector = neighbours.some((n) => n.client)
  const crosses = tunnel !== undefined || neighbours.some((n) => n.host.segment !== host.segment)
  const blocks = host.blocks.flatMap((b) => [
    `protocol static blocks_${NAMES[b.family]} { ${NAMES[b.family]}; route ${b.cidr} blackhole; }`,
  ])
  const kernel = families.map(
    (f) => `protocol kernel kernel_${NAMES[f]} { scan time 2; ${NAMES[f]} { import none; export where source = RTS_BGP; }; }`,
  )
  const channels = families.map((f) => {
    const own = `proto = "blocks_${NAMES[f]}"`
    return `  ${[
      `${NAMES[f]} {`,
      'import all;',
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
  return [
    'log stderr all;',
    `router id ${address};`,
    'protocol device devices { scan time 5; }',
    ...(bgp.bfd ? ['protocol bfd bfd_sessions { }'] : []),
    '',
    '# Announced: the blocks of this host. The kernel has routes of its own to the pods in them.',
    ...blocks,
    ...(crosses ? ['', ...nextHops(host, families, tunnel)] : []),
    '',
    '# Learned from other hosts: written into the table of the kernel as proto bird.',
    ...kernel,
    '',
    'template bgp host {',
    `  local ${address} as ${bgp.asn};`,
    `  hold time ${bgp.holdTime}; keepalive time ${Math.max(1, Math.floor(bgp.holdTime / 3))};`,
    `  connect delay time 0; connect retry time ${bgp.connectRetry}; error wait time 1, 4;`,
    ...(bgp.bfd ? ['  bfd on;'] : []),
    ...channels,
    '}',
    ...sessions,
    '',
  ].join('\n')
}

/** Where next hops are: on the link, or behind the tunnel, whose own next hop is the address of the other host itself. */
function nextHops(host: Host, families: readonly (4 | 6)[], tunnel: Speaker['tunnel']): string[] {
  return [
    '# How the other hosts are reached, by which next hops are looked up.',
    ...families.map((f) => `${NAMES[f]} table nexthops_${NAMES[f]};`),
    `protocol direct on_link { interface "${UPLINK}"; ${families.map((f) => `${NAMES[f]} { table nexthops_${NAMES[f]}; };`).join(' ')} }`,
    ...(tunnel
      ? [
          'protocol static by_tunnel {',
          '  ipv4 { table nexthops_ipv4; };',
          ...tunnel.peers.map((p) => `  route ${addressOf(p, 4)}/32 via ${addressOf(p, 4)}%${tunnel.device} onlink;`),
          '}',
        ]
      : []),
  ]
}
