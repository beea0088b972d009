/** Who is who: nodes that begin or answer connections, by namespace and by address. */
import { compile } from '../../../compile/compile.ts'
import { nodesOf, type External, type Lab, type Node } from '../../../lab/lab.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import { canonicalIp, type Family } from '../../../topology/address.ts'

/** Actors by their network namespace and by their addresses. */
const directories = new WeakMap<Lab, ReadonlyMap<string, Actor>>()
const holders = new WeakMap<Lab, ReadonlyMap<string, Node>>()

const isParty = (node: Node): node is Actor => node.kind === 'pod' || node.kind === 'host' || node.kind === 'external'

/**
 * The node whose kernel was given an address: besides its own, a host has those of its bridge and its tunnel device,
 * depending on the modules, and the router those of its ports.
 */
export function holderOf(lab: Lab, address: string): Node | undefined {
  let found = holders.get(lab)
  if (!found) {
    const nodes = new Map(nodesOf(lab).map((n) => [n.netns, n]))
    const given = compile(lab).objects.flatMap((o) => {
      const node = o.kind === 'address' ? nodes.get(o.ns) : undefined
      return o.kind === 'address' && node ? [[o.address.replace(/\/.*/, ''), node] as const] : []
    })
    holders.set(lab, (found = new Map(given)))
  }
  return found.get(canonicalIp(address))
}

function directory(lab: Lab): ReadonlyMap<string, Actor> {
  let found = directories.get(lab)
  if (!found) {
    const actors = nodesOf(lab).filter(isParty)
    directories.set(lab, (found = new Map(actors.flatMap((p) => [p.netns, ...p.addresses.map((a) => a.ip)].map((key) => [key, p])))))
  }
  return found
}

export const actorIn = (lab: Lab, netns: string): Actor | undefined => directory(lab).get(netns)

/** Who answers at an address: the node that is known by it, else the host that holds it too. */
export function actorAt(lab: Lab, address: string): Actor | undefined {
  const known = directory(lab).get(address)
  if (known) return known
  const holder = holderOf(lab, address)
  return holder && isParty(holder) ? holder : undefined
}

/** A peer at an address that no pod, host or external has: the router's, or no node's. Policies match it by the address. */
export const unknownActorAt = (lab: Lab, ip: string, family: Family): External => ({
  kind: 'external',
  name: ip,
  netns: '',
  source: { line: 1, column: 1, path: '' },
  index: lab.externals.length,
  addresses: [{ family, ip, prefix: family === 4 ? 32 : 128 }],
  mac: '',
  podRoutes: false,
})

export const isLoopback = (address: string): boolean => /^127\.|^::1$/.test(address)

/** `10.0.0.1:80`, `[fd00::1]:80` → the address. An address alone stays what it is. */
export const withoutPort = (end: string): string =>
  /^\[.*\]:\d+$|^[\d.]+:\d+$/.test(end) ? end.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') : end
