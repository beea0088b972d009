/**
 * The routers of an underlay that speak BGP, as in data centres (RFC 7938): one a segment (the top of its rack), spines that each of
 * them has a link to, and one at the border that externals are plugged into.
 *
 *   spine-1   spine-2     AS 64600
 *     │    ╳    │
 *   tor-a     tor-b       AS 65001, 65002
 */
import { formatIp, type Family } from '../../topology/address.ts'
import type { LoadedTopology } from '../../topology/loaded.ts'
import type { Fabric, Lab, NodeAddress, Router, RouterPort, Segment } from '../lab.ts'
import { FABRIC_NETWORKS, type Networks } from '../addressing/networks.ts'
import { interfaceName, mac, netnsName } from '../names.ts'
import type { Problems } from '../problems.ts'

/** Autonomous systems, of those for private use (RFC 6996): all spines are in one, so that none passes on what another told. */
const AS = { spines: 64_600, border: 64_700, firstTor: 65_001 } as const
const LAST_AS = 65_534
/** Spines unless the topology says how many. */
const SPINES = 2
/** In each network of the fabric routers have the addresses below it, and links a pair each from it on. */
const FIRST_LINK = 0x8000n

/** @param one what there is where the underlay is no fabric */
export function resolveFabric(
  loaded: LoadedTopology,
  lab: string,
  segments: readonly Segment[],
  networks: Networks,
  problems: Problems,
  one: () => Router[],
): Pick<Lab, 'routers' | 'fabric'> {
  const { underlay, externals } = loaded.topology
  if (underlay.routing === 'static') {
    for (const key of ['spines', 'bfd', 'border'] as const) {
      if (underlay[key] === undefined) continue
      problems.error(
        ['underlay', key],
        'no-fabric',
        `underlay.${key} is for routers that speak BGP, and this underlay has none`,
        'Add routing: bgp, or remove the key.',
      )
    }
    return { routers: one() }
  }
  if (segments.length > LAST_AS - AS.firstTor)
    problems.error(['underlay', 'segments'], 'too-many', `a fabric has ${LAST_AS - AS.firstTor} segments at most`)
  const families: readonly Family[] = networks.ipv6 ? [4, 6] : [4]
  const at = (offset: bigint, prefixes: Readonly<Record<Family, number>>): NodeAddress[] =>
    FABRIC_NETWORKS.filter((c) => families.includes(c.family)).map(({ family, base }) => ({
      family,
      ip: formatIp(family, base + offset),
      prefix: prefixes[family],
    }))
  let made = 0
  const router = (name: string, asn: number, path: readonly string[], segment?: Segment): Router => {
    made++
    const loopback = at(BigInt(made), { 4: 32, 6: 128 })
    return {
      kind: 'router',
      name,
      netns: netnsName(lab, name),
      source: loaded.source(path),
      segments: segment ? [segment.segment] : [],
      isEdge: name === BORDER,
      addresses: [...loopback, ...(segment?.gateways ?? [])],
      bgp: { asn, loopback },
    }
  }
  const spines = Array.from({ length: underlay.spines ?? SPINES }, (_, i) =>
    router(`spine-${i + 1}`, AS.spines, ['underlay', underlay.spines === undefined ? 'routing' : 'spines']),
  )
  const border = Object.keys(externals).length > 0 ? [router(BORDER, AS.border, ['externals'])] : []
  const tors = segments.map((s) => router(`tor-${s.segment}`, AS.firstTor + s.index, ['underlay', 'segments', s.segment], s))
  const ports = new Map<string, number>()
  const port = (own: Router, far: Router, link: number, end: 0 | 1): RouterPort => {
    const number = (ports.get(own.name) ?? 0) + 1
    ports.set(own.name, number)
    return {
      router: own.name,
      device: interfaceName('l', number, far.name),
      mac: mac('routerLink', link, end),
      addresses: at(FIRST_LINK + BigInt(2 * link + end), { 4: 31, 6: 127 }),
    }
  }
  const links = [...border, ...tors].flatMap((leaf, i) =>
    spines.map((spine, j): Fabric['links'][number] => {
      const link = i * spines.length + j
      return { ends: [port(spine, leaf, link, 0), port(leaf, spine, link, 1)] }
    }),
  )
  const mtu = Math.max(underlay.mtu, ...segments.map((s) => s.mtu))
  return { routers: [...spines, ...border, ...tors], fabric: { links, mtu, bfd: underlay.bfd ?? false } }
}

const BORDER = 'border'
