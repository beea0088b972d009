/**
 * Routers that learn from each other by BGP (RFC 7938): BIRD on each, a session over every link, and every path of equal length in the
 * kernel's table.
 *
 *   pod → host: default via the router of its segment, tor-a
 *     tor-a: 192.168.2.0/24 proto bird, nexthop via spine-1, nexthop via spine-2 ── the hash of the packet chooses ──► spine-1
 *     spine-1: 192.168.2.0/24 via tor-b ──► tor-b ──► host
 *
 * A router announces what is its own: the network of its segment and an address of its own, which it sends under; the one at the border
 * announces that everything else is behind it. Spines are in one autonomous system and so pass on nothing that another has told.
 *
 * Which network is behind which router is known beforehand, and so are the next hops that each router must come to have: these are the
 * `learned` routes that `up` waits for. How they come about is BGP's business alone.
 */
import { backendOf } from '../backends/index.ts'
import { bgpSession, birdDaemon, daemonId, NAMES, symbol, timerLines, withParts } from '../backends/bgp/bird.ts'
import { sessionName } from '../backends/bgp/bird-conf.ts'
import type { KernelObject, Sysctl } from '../kernel/objects.ts'
import { addressOf, hasIpv6, routerPorts, type Fabric, type Host, type Lab, type Router, type RouterPort } from '../lab/lab.ts'
import { routerPort } from '../lab/names.ts'
import type { Family } from '../topology/address.ts'

/** As for sessions of hosts: long for a network, short enough to be watched. */
const TIMERS = { holdTime: 9, connectRetry: 1 } as const
/** Default interval and multiplier of data centres: a lost neighbour is noticed after 300 ms. */
const BFD = 'interval 100 ms; multiplier 3;'
/** Next hops of one route at most: the most spines there can be. */
const MOST_PATHS = 16

const familiesOf = (lab: Lab): readonly Family[] => (hasIpv6(lab) ? [4, 6] : [4])
const segmentOf = (router: Router, lab: Lab) => lab.segments.find((s) => router.segments.includes(s.segment))

/** The links between routers, in the namespaces of both. */
export function fabricLinks({ links, mtu }: Fabric, lab: Lab): KernelObject[] {
  const routers = new Map(lab.routers.map((r) => [r.name, r]))
  return links.flatMap(({ ends: [a, b] }): KernelObject[] => {
    const [at, far] = [routers.get(a.router)!, routers.get(b.router)!]
    const addresses = ([router, port]: readonly [Router, RouterPort]): KernelObject[] =>
      port.addresses.map(({ ip, prefix }) => ({
        kind: 'address',
        ns: router.netns,
        from: router.source,
        dev: port.device,
        address: `${ip}/${prefix}`,
      }))
    return [
      {
        kind: 'veth',
        ns: at.netns,
        from: far.source,
        note: `${at.name} and ${far.name}`,
        name: a.device,
        mac: a.mac,
        mtu,
        peer: { ns: far.netns, name: b.device, mac: b.mac, mtu },
      },
      ...addresses([at, a]),
      ...addresses([far, b]),
    ]
  })
}

/** What makes a router one that speaks BGP: its own address, its settings, BIRD, and what BIRD must learn. */
export function fabricRouter(router: Router, lab: Lab): KernelObject[] {
  const here = { ns: router.netns, from: router.source }
  const families = familiesOf(lab)
  const hosts = hostsOf(router, lab)
  return [
    ...families.map((f): Sysctl => ({
      ...here,
      kind: 'sysctl',
      key: `net/${NAMES[f]}/fib_multipath_hash_policy`,
      value: '1',
      ...(f === 4 ? { note: 'of equal paths one is chosen by addresses, protocol and ports: a connection keeps to it' } : {}),
    })),
    ...router.bgp!.loopback.map(({ ip, prefix }): KernelObject => ({ ...here, kind: 'address', dev: 'lo', address: `${ip}/${prefix}` })),
    birdDaemon(router, routerConf(router, lab)),
    ...routerPorts(lab, router.name)
      .filter(({ far }) => indexOf(lab, router.name) < indexOf(lab, far.router))
      .map(({ far }) => {
        const other = lab.routers.find((r) => r.name === far.router)!
        return bgpSession([router, symbol(other.name)], [other, symbol(router.name)])
      }),
    ...hosts.flatMap((host) => ownBlocks(router, host, lab)),
    ...lab.routers.flatMap((other) => (other === router ? [] : networksOf(other, lab).flatMap((n) => learnedFrom(router, other, n, lab)))),
  ]
}

const indexOf = (lab: Lab, name: string): number => lab.routers.findIndex((r) => r.name === name)

/** Hosts that tell a router of their pods. */
const hostsOf = (router: Router, lab: Lab): readonly Host[] =>
  backendOf(lab.backend).speaks ? lab.hosts.filter((h) => router.segments.includes(h.segment)) : []

interface Network {
  readonly family: Family
  readonly dst: string
  /** The host that announces it; absent: the router does. */
  readonly host?: Host
}

/** What others learn to be behind a router. */
function networksOf(router: Router, lab: Lab): Network[] {
  return [
    ...(router.isEdge ? familiesOf(lab).map((family): Network => ({ family, dst: 'default' })) : []),
    ...router.bgp!.loopback.map(({ family, ip, prefix }): Network => ({ family, dst: `${ip}/${prefix}` })),
    ...(segmentOf(router, lab)?.cidrs ?? []).map((dst): Network => ({ family: dst.includes(':') ? 6 : 4, dst })),
    ...hostsOf(router, lab).flatMap((host) => host.blocks.map((b): Network => ({ family: b.family, dst: b.cidr, host }))),
  ]
}

/** How a router gets to know what is behind another: from it, or from all spines that both have a link to; none where nothing leads there. */
function learnedFrom(router: Router, other: Router, { family, dst, host }: Network, lab: Lab): KernelObject[] {
  const ports = routerPorts(lab, router.name)
  const direct = ports.filter(({ far }) => far.router === other.name)
  const via = direct.length > 0 ? direct : router.bgp!.asn === other.bgp!.asn ? [] : ports
  if (via.length === 0) return []
  const hops = via.map(({ own, far }) => ({ via: addressOf(far, family)!, dev: own.device }))
  return [
    {
      kind: 'learned',
      ns: router.netns,
      from: host?.source ?? other.source,
      family,
      dst,
      ...(hops.length > 1 ? { nexthops: hops.map((hop) => `${hop.via} dev ${hop.dev}`).toSorted() } : hops[0]!),
      protocol: 'bird',
      daemon: daemonId(router),
      by: `bird on ${router.name}`,
      ways: via.map(({ far }) =>
        [...(far.router === other.name ? [] : [{ name: far.router }]), other, ...(host ? [host] : [])].map(daemonId),
      ),
    },
  ]
}

/** What a host of its segment tells a router. */
const ownBlocks = (router: Router, host: Host, lab: Lab): KernelObject[] =>
  host.blocks.map((block) => ({
    kind: 'learned',
    ns: router.netns,
    from: host.source,
    family: block.family,
    dst: block.cidr,
    via: addressOf(host, block.family)!,
    dev: routerPort(segmentOf(router, lab)!),
    protocol: 'bird',
    daemon: daemonId(router),
    by: `bird on ${router.name}`,
    ways: [[daemonId(host)]],
  }))

/** The configuration of BIRD 2 on a router. */
function routerConf(router: Router, lab: Lab): string {
  const families = familiesOf(lab)
  const { asn, loopback } = router.bgp!
  const own = (f: Family): string => addressOf({ addresses: loopback }, f)!
  const segment = segmentOf(router, lab)
  const hosts = hostsOf(router, lab)
  const speaks = backendOf(lab.backend).speaks
  const isWatched = lab.fabric!.bfd || (speaks?.bfd === true && hosts.length > 0)
  const devices = ['lo', ...(segment ? [routerPort(segment)] : [])].map((d) => `"${d}"`).join(', ')
  const mine = (f: Family): string => `proto = "own_networks"${router.isEdge ? ` || proto = "outside_${NAMES[f]}"` : ''}`
  /** A channel of a session, which runs over IPv4: there IPv6 routes need to be told their next hop (RFC 4760). */
  const channel = (f: Family, from: string, nextHop: string | undefined): string =>
    `${NAMES[f]} { ${from}; export where source = RTS_BGP || ${mine(f)};${f === 6 && nextHop !== undefined ? ` next hop address ${nextHop};` : ''} };`
  return [
    'log stderr all;',
    `router id ${own(4)};`,
    'protocol device devices { scan time 5; }',
    ...(isWatched ? [`protocol bfd bfd_sessions { interface "*" { ${BFD} }; }`] : []),
    '',
    `# Announced: ${segment ? `the network of segment ${segment.segment}, and ` : ''}an address of its own.`,
    `protocol direct own_networks { ${families.map((f) => `${NAMES[f]};`).join(' ')} interface ${devices}; }`,
    ...(router.isEdge
      ? [
          '# What no other router knows is behind this one.',
          ...families.map(
            (f) => `protocol static outside_${NAMES[f]} { ${NAMES[f]}; route ${f === 4 ? '0.0.0.0/0' : '::/0'} unreachable; }`,
          ),
        ]
      : []),
    '',
    '# Learned: written into the table of the kernel as proto bird, all paths of equal length as one route.',
    ...families.map((f) =>
      [
        `protocol kernel kernel_${NAMES[f]} { scan time 2; merge paths on limit ${MOST_PATHS}; ${NAMES[f]} {`,
        `import none; export filter { if source != RTS_BGP then reject; krt_prefsrc = ${own(f)}; accept; }; }; }`,
      ].join(' '),
    ),
    '',
    'template bgp neighbours {',
    ...timerLines(TIMERS),
    '}',
    ...routerPorts(lab, router.name).map(({ own: port, far }) => {
      const other = lab.routers.find((r) => r.name === far.router)!
      return [
        `protocol bgp '${symbol(other.name)}' from neighbours {`,
        `  local ${addressOf(port, 4)} as ${asn}; neighbor ${addressOf(far, 4)} as ${other.bgp!.asn}; direct;${lab.fabric!.bfd ? ' bfd on;' : ''}`,
        ...families.map((f) => `  ${channel(f, 'import all', addressOf(port, f))}`),
        '}',
      ].join('\n')
    }),
    ...(hosts.length > 0 ? ['', '# Hosts tell of their pods, and of nothing else.'] : []),
    ...hosts.map((host) => {
      const gateway = { addresses: segment!.gateways }
      const pods = (f: Family): string => withParts(lab.podCIDRs.filter((c) => c.includes(':') === (f === 6)))
      return [
        `protocol bgp '${sessionName(host)}' from neighbours {`,
        `  local ${addressOf(gateway, 4)} as ${asn}; neighbor ${addressOf(host, 4)} as ${speaks!.asn}; direct;${speaks!.bfd ? ' bfd on;' : ''}`,
        ...lab.families.map((f) => `  ${channel(f, `import where net ~ ${pods(f)}`, addressOf(gateway, f))}`),
        '}',
      ].join('\n')
    }),
    '',
  ].join('\n')
}
