/** Splits the pod network into one block per host. */
import { formatCidr, formatIp, overlaps, parseCidr, sizeOf, within, type Cidr } from '../../topology/address.ts'
import { pinned, type Draft } from '../draft.ts'
import type { Block } from '../lab.ts'
import type { Leases } from './lease.ts'
import type { Networks } from './networks.ts'
import type { Problems } from '../problems.ts'
import { plural } from '../../plural.ts'

function block(cidr: Cidr): Block {
  return {
    family: cidr.family,
    cidr: formatCidr(cidr),
    network: formatIp(cidr.family, cidr.base),
    gateway: formatIp(cidr.family, cidr.base + 1n),
    prefix: cidr.prefix,
  }
}

/** Pinned blocks first, then those a running lab leased, then the lowest free ones. One list a host, one block a family. */
export function assignBlocks(drafts: readonly Draft[], networks: Networks, leases: Leases, problems: Problems): Block[][] {
  const result: Block[][] = drafts.map(() => [])
  for (const network of networks.pods) {
    const fixed = new Map<number, Cidr>()
    drafts.forEach((d, i) => {
      const cidr = pinnedBlock(d, network, problems)
      if (!cidr) return
      const clash = [...fixed].find(([, other]) => overlaps(other, cidr))
      if (clash)
        problems.error(
          [...d.path, 'podCIDR'],
          'networks-overlap',
          `host ${d.name}: ${formatCidr(cidr)} overlaps the block of ${drafts[clash[0]]!.name}`,
        )
      fixed.set(i, cidr)
    })
    drafts.forEach((d, i) => {
      const leased = leases.hosts
        .get(d.name)
        ?.blocks.map((b) => parseCidr(b)!)
        .find((b) => within(b, network))
      if (
        leased &&
        !fixed.has(i) &&
        leased.prefix === networks.hostPrefix[network.family] &&
        ![...fixed.values()].some((f) => overlaps(f, leased))
      )
        fixed.set(i, leased)
    })
    const next = freeBlocks(network, networks.hostPrefix[network.family], [...fixed.values()])
    for (const i of drafts.keys()) {
      const cidr = fixed.get(i) ?? next.next().value
      if (cidr) result[i]!.push(block(cidr))
      else {
        const blocks = sizeOf(network) / sizeOf({ ...network, prefix: networks.hostPrefix[network.family] })
        problems.error(
          ['network', 'podCIDR'],
          'network-too-small',
          `podCIDR ${formatCidr(network)} has ${plural(Number(blocks), 'block')} of /${networks.hostPrefix[network.family]} for ${plural(drafts.length, 'host')}`,
          'Widen podCIDR, or make blocks smaller with hostPrefix.',
        )
        break
      }
    }
  }
  return result
}

function pinnedBlock(d: Draft, network: Cidr, problems: Problems): Cidr | undefined {
  const text = pinned(d, 'podCIDR', network.family)
  if (text === undefined) return undefined
  const cidr = parseCidr(text)!
  const path = [...d.path, 'podCIDR']
  if (!within(cidr, network))
    problems.error(path, 'address-outside-network', `host ${d.name}: ${formatCidr(cidr)} is not inside podCIDR ${formatCidr(network)}`)
  else if (cidr.prefix > (cidr.family === 4 ? 30 : 126))
    problems.error(path, 'block-too-small', `host ${d.name}: ${formatCidr(cidr)} has no room for a gateway and pods`)
  else return cidr
  return undefined
}

/** Blocks of a network in order, past those that are taken. */
function* freeBlocks(network: Cidr, prefix: number, taken: readonly Cidr[]): Generator<Cidr, undefined> {
  if (prefix < network.prefix) return
  const step = sizeOf({ ...network, prefix })
  for (let base = network.base; base < network.base + sizeOf(network);) {
    const cidr: Cidr = { family: network.family, base, prefix }
    const other = taken.find((t) => overlaps(t, cidr))
    if (!other) yield cidr
    // A pinned block may be as large as billions of ordinary ones: past it in one step.
    base = other && other.prefix < prefix ? other.base + sizeOf(other) : base + step
  }
}
