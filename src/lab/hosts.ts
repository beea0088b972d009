/** Hosts: replicas expanded, plugged into segments, addressed, each with its block of the pod network. */
import { contains, familyName, formatCidr, formatIp, parseCidr, parseIp, sizeOf, type Family } from '../topology/address.ts'
import type { Path } from '../topology/diagnostics.ts'
import { nodeLabels } from '../topology/kubernetes/node-labels.ts'
import type { LoadedTopology } from '../topology/loaded.ts'
import type { HostSpec } from '../topology/schema/schema.ts'
import { suggest } from '../topology/suggest.ts'
import { assignBlocks } from './addressing/blocks.ts'
import { pinned, type Draft } from './draft.ts'
import { expand, inFileOrder, type Entry } from './expand.ts'
import type { Host, NodeAddress } from './lab.ts'
import type { Leases } from './addressing/lease.ts'
import { mac, netnsName } from './names.ts'
import { Pool, usable, type Networks, type SegmentPlan } from './addressing/networks.ts'
import { Numbers } from './addressing/numbers.ts'
import type { Problems } from './problems.ts'
import { plural } from '../plural.ts'

/** Hosts in file order. Pinned values first, then what a running lab leased, then the lowest free ones. */
export function resolveHosts(loaded: LoadedTopology, lab: string, networks: Networks, leases: Leases, problems: Problems): Host[] {
  const drafts = plug(loaded, networks, leases, problems)
  const addresses = assignAddresses(drafts, networks, leases, problems)
  const blocks = assignBlocks(drafts, networks, leases, problems)
  return drafts.map((d, i) => ({
    kind: 'host',
    name: d.name,
    netns: netnsName(lab, d.name),
    source: loaded.source(d.path),
    index: d.index,
    segment: d.segment.name,
    addresses: addresses[i]!,
    blocks: blocks[i]!,
    mac: mac('host', d.index),
    mtu: d.spec.mtu ?? loaded.topology.underlay.mtu,
    labels: nodeLabels(d.name, d.spec.labels),
  }))
}

/** Complaints about an entry are made once, not once a replica. */
const isFirst = ({ name, spec }: Entry<HostSpec>): boolean => spec.replicas === undefined || name.endsWith('-1')

function plug(loaded: LoadedTopology, networks: Networks, leases: Leases, problems: Problems): Draft[] {
  const numbers = new Numbers(0)
  const byName = new Map(networks.segments.map((s) => [s.name, s]))
  const entries = [...expand(inFileOrder(loaded, 'hosts', loaded.topology.hosts), ['hosts'], problems)]
  for (const e of entries) {
    const lease = leases.hosts.get(e.name)
    if (lease) numbers.keep(e.name, lease.index)
    for (const field of ['address', 'podCIDR'] as const) {
      if (isFirst(e) && e.spec.replicas !== undefined && e.spec[field])
        problems.error(
          [...e.path, field],
          'pinned-replicas',
          `${field} cannot be pinned for ${e.spec.replicas} replicas at once`,
          'Write the hosts out, or leave it to netlab.',
        )
    }
  }
  let next = 0
  const drafts: Draft[] = []
  for (const e of entries) {
    const lease = leases.hosts.get(e.name)
    let segment: SegmentPlan | undefined
    if (e.spec.segment !== undefined) {
      segment = byName.get(e.spec.segment)
      if (!segment && isFirst(e)) {
        const near = suggest(e.spec.segment, [...byName.keys()])
        problems.error(
          [...e.path, 'segment'],
          'unknown-segment',
          `host ${e.name}: there is no segment "${e.spec.segment}"`,
          near ? `did you mean "${near}"?` : `Segments: ${[...byName.keys()].join(', ')}.`,
        )
      }
    } else {
      segment = (lease && byName.get(lease.segment)) ?? networks.segments[next % networks.segments.length]
      next++
    }
    if (segment) drafts.push({ name: e.name, spec: e.spec, path: e.path, index: numbers.of(e.name), segment })
  }
  return drafts
}

/** First host address of a segment: .11, so that .1 (router) and a few more stay free for people. */
const FIRST_HOST = 11n

function assignAddresses(drafts: readonly Draft[], networks: Networks, leases: Leases, problems: Problems): NodeAddress[][] {
  const result: NodeAddress[][] = drafts.map(() => [])
  for (const segment of networks.segments) {
    const here = drafts.flatMap((d, i) => (d.segment === segment ? [{ d, i }] : []))
    for (const { d } of here) checkSegmentFamilies(d, problems)
    for (const cidr of segment.cidrs) {
      const { first, last } = usable(cidr)
      const pool = new Pool(first, last, sizeOf(cidr) >= 64n ? cidr.base + FIRST_HOST : first + 1n)
      pool.reserve(first, 'the router')
      const kept = new Map<number, bigint>()
      for (const { d, i } of here) {
        const text = pinned(d, 'address', cidr.family)
        if (text === undefined) continue
        const ip = parseIp(text)!
        if (!contains(cidr, ip) || ip.value < first || ip.value > last) {
          problems.error(
            [...d.path, 'address'],
            'address-outside-network',
            `host ${d.name}: ${text} is not a host address of segment ${segment.name} (${formatCidr(cidr)})`,
          )
        } else {
          const owner = pool.reserve(ip.value, `host ${d.name}`)
          if (owner) problems.error([...d.path, 'address'], 'address-taken', `host ${d.name}: ${text} already belongs to ${owner}`)
        }
        kept.set(i, ip.value)
      }
      for (const { d, i } of here) {
        if (kept.has(i)) continue
        for (const text of leases.hosts.get(d.name)?.ips ?? []) {
          const ip = parseIp(text)!
          if (contains(cidr, ip) && ip.value >= first && ip.value <= last && pool.reserve(ip.value, `host ${d.name}`) === undefined)
            kept.set(i, ip.value)
        }
      }
      let full = false
      for (const { d, i } of here) {
        const value = kept.get(i) ?? pool.take(`host ${d.name}`)
        if (value !== undefined) result[i]!.push({ family: cidr.family, ip: formatIp(cidr.family, value), prefix: cidr.prefix })
        else if (!full) {
          full = true
          problems.error(
            ['underlay', 'segments', segment.name],
            'network-too-small',
            `segment ${segment.name}: ${formatCidr(cidr)} has no address left for ${d.name}`,
            `${plural(here.length, 'host')} to plug in: widen the network.`,
          )
        }
      }
    }
  }
  return result
}

/** Names a pinned address that would silently be ignored. */
function checkSegmentFamilies(d: Draft, problems: Problems): void {
  const families = d.segment.cidrs.map((c) => c.family)
  for (const family of ([4, 6] as const).filter((f) => !families.includes(f))) {
    const text = pinned(d, 'address', family)
    if (text !== undefined)
      problems.error(
        [...d.path, 'address'],
        'family-not-in-lab',
        `host ${d.name}: ${text} is ${familyName(family)}, which segment ${d.segment.name} does not carry`,
        'Add a network of that family to the segment.',
      )
  }
}

/** What to write instead of the name of a host that is none. */
export function unknownHostHint(name: string, known: readonly string[]): string {
  const near = suggest(name, known)
  return near ? `did you mean "${near}"?` : `Hosts: ${known.slice(0, 10).join(', ')}${known.length > 10 ? ', …' : ''}.`
}

/** Names a family the lab does not have, for pinned values that would silently be ignored. */
export function checkFamilies(
  what: string,
  path: Path,
  texts: readonly string[] | undefined,
  families: readonly Family[],
  problems: Problems,
): void {
  for (const text of texts ?? []) {
    const family = (parseIp(text) ?? parseCidr(text))!.family
    if (!families.includes(family))
      problems.error(
        path,
        'family-not-in-lab',
        `${what}: ${text} is ${familyName(family)}, which the pod network does not carry`,
        'Add a network of that family to network.podCIDR.',
      )
  }
}
