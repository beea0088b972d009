/** One pair of pods of every ordered pair of hosts: for questions whose answer depends on the hosts alone. */
import { addressOf, type Host, type Lab, type Pod } from '../../../lab/lab.ts'
import type { Family } from '../../../topology/address.ts'
import { isAllowed } from './paths.ts'
import type { TestPlan } from '../../check-source.ts'
import { plural } from '../../../plural.ts'

export interface HostPair {
  readonly near: Host
  readonly far: Host
  readonly from: Pod
  readonly to: Pod
  readonly family: Family
  /** Of `to`. */
  readonly address: string
}

/** More ordered pairs of hosts are sampled. */
const MOST = 400
/** Pods of a host that are tried, until policies let one through. */
const TRIED = 6

function pairOf(lab: Lab, near: readonly Pod[], far: readonly Pod[], family: Family): [Pod, Pod] | undefined {
  for (const from of near.slice(0, TRIED)) {
    for (const to of far.slice(0, TRIED)) {
      if (from === to || addressOf(to, family) === undefined) continue
      // The answer must come back, and then it is an answer; but what is asked the other way round is a question of its own.
      if (isAllowed(lab, from, to, family, 'icmp', 0)) return [from, to]
    }
  }
  return undefined
}

export interface HostPairs {
  readonly pairs: readonly HostPair[]
  readonly untested: readonly string[]
}

const known = new WeakMap<TestPlan, HostPairs>()

/** Ordered pairs of hosts, and each host with itself where it has two pods. */
export function hostPairs(plan: TestPlan): HostPairs {
  let found = known.get(plan)
  if (!found) known.set(plan, (found = find(plan.lab)))
  return found
}

function find(lab: Lab): HostPairs {
  const podsOf = new Map(lab.hosts.map((h) => [h.name, lab.pods.filter((p) => p.host === h.name)]))
  const hosts = lab.hosts.filter((h) => podsOf.get(h.name)!.length > 0)
  const count = hosts.length * hosts.length
  // So many neighbours round the ring.
  const reach = count <= MOST ? hosts.length : Math.max(2, Math.floor(MOST / hosts.length))
  const pairs: HostPair[] = []
  const denied = new Set<string>()
  hosts.forEach((near, i) => {
    for (let distance = 0; distance < reach; distance++) {
      const far = hosts[(i + Math.floor((distance * hosts.length) / reach)) % hosts.length]!
      for (const family of lab.families) {
        const pair = pairOf(lab, podsOf.get(near.name)!, podsOf.get(far.name)!, family)
        if (pair) pairs.push({ near, far, from: pair[0], to: pair[1], family, address: addressOf(pair[1], family)! })
        else if (near !== far) denied.add(`${near.name} to ${far.name}`)
      }
    }
  })
  return {
    pairs,
    untested: [
      ...(count > MOST ? [`headers, sizes and loss: ${hosts.length * reach} of ${plural(count, 'ordered pair')} of hosts`] : []),
      ...(denied.size > 0
        ? [
            `headers, sizes and loss from ${[...denied].slice(0, 3).join(', ')}${denied.size > 3 ? ` and ${denied.size - 3} more` : ''}: policies let no echo through`,
          ]
        : []),
    ],
  }
}
