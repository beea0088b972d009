/** The lab's address plan: which networks there are, that none overlap, and what each host may take. */
import { contains, formatCidr, formatIp, overlaps, parseCidr, parseIp, sizeOf, type Cidr, type Family } from '../../topology/address.ts'
import type { Path } from '../../topology/diagnostics.ts'
import type { Topology } from '../../topology/schema/schema.ts'
import type { Problems } from '../problems.ts'

/** Where externals live unless pinned: TEST-NET-3 (RFC 5737) and a documentation prefix (RFC 3849). */
export const EXTERNAL_NETWORKS: readonly Cidr[] = ['203.0.113.0/24', '2001:db8:ffff::/64'].map((c) => parseCidr(c)!)

/** Where routers that speak BGP have their addresses: of those for use between networks (RFC 6598), and of the unique local ones (RFC 4193). */
export const FABRIC_NETWORKS: readonly Cidr[] = ['100.64.0.0/16', 'fd00:100:64::/64'].map((c) => parseCidr(c)!)

/** Networks that no node can have addresses in: the kernel takes most of them, and then drops the packets. */
const RESERVED = Object.entries({
  '0.0.0.0/8': '"this host on this network" (RFC 1122)',
  '127.0.0.0/8': 'loopback (RFC 1122)',
  '169.254.0.0/16': 'link-local (RFC 3927)',
  '224.0.0.0/4': 'multicast (RFC 5771)',
  '255.255.255.255/32': 'broadcast (RFC 919)',
  '::/127': 'loopback and unspecified (RFC 4291)',
  '::ffff:0:0/96': 'IPv4-mapped addresses (RFC 4291)',
  'fe80::/10': 'link-local (RFC 4291)',
  'ff00::/8': 'multicast (RFC 4291)',
}).map(([text, meaning]) => ({ text, meaning, cidr: parseCidr(text)! }))

export interface SegmentPlan {
  readonly name: string
  readonly cidrs: readonly Cidr[]
}

export interface Networks {
  /** Of the pod network. */
  readonly families: readonly Family[]
  /** Whether anything speaks IPv6: pods, or hosts on a segment with an IPv6 network. */
  readonly ipv6: boolean
  readonly pods: readonly Cidr[]
  readonly services: readonly Cidr[]
  readonly segments: readonly SegmentPlan[]
  readonly hostPrefix: Readonly<Record<Family, number>>
}

/** `192.168.50.0/24` → `fd00:192:168:50::/64`: the same digits, so that people see which belongs to which. */
function derivedIpv6(v4: Cidr): Cidr {
  if (v4.prefix <= 24) return parseCidr(`fd00:${formatIp(4, v4.base).split('.').slice(0, 3).join(':')}::/64`)!
  const [high, low] = [v4.base >> 16n, v4.base & 0xffffn].map((n) => n.toString(16))
  return parseCidr(`fd00:${high}:${low}:1::/64`)!
}

/**
 * Reads the address plan out of the topology. Hosts get an IPv6 underlay address when pods have one:
 * direct routes need an IPv6 next hop, and node ↔ pod an IPv6 source.
 */
export function planNetworks(topology: Topology, problems: Problems): Networks {
  const { network, underlay } = topology
  const pods = network.podCIDR.map((c) => parseCidr(c)!)
  const families = pods.map((c) => c.family)
  const serviceText = network.serviceCIDR ?? families.map((f) => (f === 4 ? '10.96.0.0/16' : 'fd00:10:96::/112'))
  const services = serviceText.map((c) => parseCidr(c)!)

  const segments = Object.entries(underlay.segments).map(([name, list]) => {
    const cidrs = list.map((c) => parseCidr(c)!)
    const v4 = cidrs.find((c) => c.family === 4)
    if (!v4) {
      problems.error(
        ['underlay', 'segments', name],
        'segment-without-ipv4',
        `segment ${name} has no IPv4 network`,
        'Tunnels run over IPv4: write a list, such as [192.168.1.0/24, fd00:1::/64].',
      )
    } else if (families.includes(6) && cidrs.length === 1) {
      cidrs.push(derivedIpv6(v4))
    }
    return { name, cidrs }
  })

  const given = network.hostPrefix
  if (typeof given === 'number' && families.length > 1) {
    problems.error(
      ['network', 'hostPrefix'],
      'host-prefix-ambiguous',
      'one hostPrefix cannot serve two families',
      'Write { ipv4: 24, ipv6: 64 }.',
    )
  }
  const prefixOf = (family: Family, fallback: number): number =>
    typeof given === 'number' ? given : ((family === 4 ? given.ipv4 : given.ipv6) ?? fallback)
  const hostPrefix = { 4: prefixOf(4, 24), 6: prefixOf(6, 64) }
  pods.forEach((cidr, i) => {
    const prefix = hostPrefix[cidr.family]
    const most = cidr.family === 4 ? 30 : 126
    if (prefix > most) {
      problems.error(
        ['network', 'hostPrefix'],
        'block-too-small',
        `a /${prefix} block has no room for a gateway and pods`,
        `Use /${most} or shorter.`,
      )
    } else if (prefix < cidr.prefix) {
      problems.error(
        ['network', 'podCIDR', i],
        'network-too-small',
        `podCIDR ${formatCidr(cidr)} is smaller than one host's /${prefix} block`,
        `Widen podCIDR or set hostPrefix to ${cidr.prefix} or more.`,
      )
    }
  })
  checkOverlaps({ pods, services, segments }, topology, problems)
  const ipv6 = [...pods, ...segments.flatMap((s) => s.cidrs)].some((c) => c.family === 6)
  return { families, ipv6, pods, services, segments, hostPrefix }
}

function checkOverlaps(plan: Pick<Networks, 'pods' | 'services' | 'segments'>, topology: Topology, problems: Problems): void {
  const named: { what: string; path: Path; cidr: Cidr }[] = [
    ...plan.pods.map((cidr) => ({ what: 'podCIDR', path: ['network', 'podCIDR'], cidr })),
    ...plan.services.map((cidr) => ({ what: 'serviceCIDR', path: ['network', 'serviceCIDR'], cidr })),
    ...plan.segments.flatMap((s) => s.cidrs.map((cidr) => ({ what: `segment ${s.name}`, path: ['underlay', 'segments', s.name], cidr }))),
  ]
  for (const { what, path, cidr } of named) {
    const reserved = RESERVED.find((r) => overlaps(r.cidr, cidr))
    if (reserved)
      problems.error(
        path,
        'network-reserved',
        `${what} ${formatCidr(cidr)} overlaps ${reserved.text}, which is ${reserved.meaning}`,
        'Use a private network, such as one of 10.0.0.0/8 or fd00::/8.',
      )
  }
  for (const [name, external] of Object.entries(topology.externals)) {
    for (const address of external.address ?? []) {
      const ip = parseIp(address)!
      const reserved = RESERVED.find((r) => contains(r.cidr, ip))
      if (reserved)
        problems.error(
          ['externals', name, 'address'],
          'network-reserved',
          `external ${name}: ${address} lies in ${reserved.text}, which is ${reserved.meaning}`,
          'Pick the address of a machine, such as one of 203.0.113.0/24.',
        )
      const clash = named.find((n) => contains(n.cidr, ip))
      if (clash)
        problems.error(
          ['externals', name, 'address'],
          'address-inside-cluster',
          `external ${name}: ${address} lies in ${clash.what} ${formatCidr(clash.cidr)}`,
          'Externals live beyond the router: pick an address outside every network of the lab.',
        )
    }
  }
  if (Object.values(topology.externals).some((e) => e.address === undefined)) {
    EXTERNAL_NETWORKS.forEach((cidr) => named.push({ what: 'the network of externals', path: ['externals'], cidr }))
  }
  if (topology.underlay.routing !== 'static')
    FABRIC_NETWORKS.forEach((cidr) => named.push({ what: 'the network of routers', path: ['underlay', 'routing'], cidr }))
  named.forEach((a, i) => {
    for (const b of named.slice(0, i)) {
      if (overlaps(a.cidr, b.cidr))
        problems.error(
          a.path,
          'networks-overlap',
          `${a.what} ${formatCidr(a.cidr)} overlaps ${b.what} ${formatCidr(b.cidr)}`,
          'Every network of a lab needs addresses of its own.',
        )
    }
  })
}

/** What may be handed out in a network: neither its own address nor, in IPv4, its broadcast address. */
export function usable(cidr: Cidr): { first: bigint; last: bigint } {
  const small = cidr.prefix >= (cidr.family === 4 ? 31 : 127)
  return { first: cidr.base + (small ? 0n : 1n), last: cidr.base + sizeOf(cidr) - (cidr.family === 4 && !small ? 2n : 1n) }
}

/** Hands out free numbers of a range in order; never looks at the same one twice. */
export class Pool {
  readonly #taken = new Map<bigint, string>()
  #next: bigint
  #full = false

  constructor(
    readonly first: bigint,
    readonly last: bigint,
    start = first,
  ) {
    this.#next = start > last ? first : start
  }

  /** Marks a number as used by `owner`; returns its owner if it is taken already. */
  reserve(value: bigint, owner: string): string | undefined {
    const before = this.#taken.get(value)
    if (before === undefined) this.#taken.set(value, owner)
    return before
  }

  /** Lowest free number at or after the start, then below it; undefined when full. */
  take(owner: string): bigint | undefined {
    for (let seen = 0n; !this.#full && seen <= this.last - this.first; seen++) {
      const value = this.#next
      this.#next = value >= this.last ? this.first : value + 1n
      if (!this.#taken.has(value)) {
        this.#taken.set(value, owner)
        return value
      }
    }
    this.#full = true
    return undefined
  }
}
