/** Who is who: nodes that begin or answer connections, by namespace and by address. */
import { nodesOf, type External, type Lab } from '../../model/lab.ts'
import type { Party } from '../../model/verdict.ts'
import type { Family } from '../../topology/address.ts'

interface Directory {
  readonly byNetns: ReadonlyMap<string, Party>
  readonly byAddress: ReadonlyMap<string, Party>
}

const directories = new WeakMap<Lab, Directory>()

function directory(lab: Lab): Directory {
  let found = directories.get(lab)
  if (!found) {
    const parties = nodesOf(lab).filter((n): n is Party => n.kind === 'pod' || n.kind === 'host' || n.kind === 'external')
    found = {
      byNetns: new Map(parties.map((p) => [p.netns, p])),
      byAddress: new Map(parties.flatMap((p) => p.addresses.map((a) => [a.ip, p]))),
    }
    directories.set(lab, found)
  }
  return found
}

export const partyIn = (lab: Lab, netns: string): Party | undefined => directory(lab).byNetns.get(netns)
export const partyAt = (lab: Lab, address: string): Party | undefined => directory(lab).byAddress.get(address)

/** Somebody at an address that no pod, host or external has: the router, or nobody. Policies judge it by the address. */
export const strangerAt = (lab: Lab, ip: string, family: Family): External => ({
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
