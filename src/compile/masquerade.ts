/**
 * SNAT at the cluster's edge: what leaves the cluster gets the host's address, what stays in it is never
 * touched. The network model wants pods, hosts and pods of other hosts to see each other's own addresses,
 * so all of those are passed by name before anything is masqueraded (Flannel's and kube-proxy's order).
 */
import type { Chain } from '../kernel/objects.ts'
import { addressOf, type Host, type Lab } from '../lab/lab.ts'

const CHAIN = 'NETLAB-MASQ'

/** A rule as `iptables-save` prints it. */
const rule = (match: string, comment: string, target: string): string => `${match}-m comment --comment "${comment}" -j ${target}`

export function masquerade(host: Host, lab: Lab): Chain[] {
  if (!lab.masquerade) return []
  const here = { kind: 'chain', ns: host.netns, from: host.source, table: 'nat' } as const
  return lab.families.flatMap((family): Chain[] => {
    const ofFamily = (c: string): boolean => c.includes(':') === (family === 6)
    const length = family === 4 ? 32 : 128
    const multicast = family === 4 ? '224.0.0.0/4' : 'ff00::/8'
    const passed = [
      ...lab.podCIDRs.filter(ofFamily).map((c) => rule(`-d ${c} `, 'to pods: no NAT', 'RETURN')),
      ...lab.serviceCIDRs.filter(ofFamily).map((c) => rule(`-d ${c} `, 'to Services: no NAT', 'RETURN')),
      ...lab.segments.flatMap((s) => [
        // The router is on the segment but not of the cluster: it has no route back to pods.
        ...(lab.router
          ? s.gateways
              .filter((g) => g.family === family)
              .map((g) => rule(`-d ${g.ip}/${length} `, 'the router is outside the cluster', 'MASQUERADE --random-fully'))
          : []),
        ...s.cidrs.filter(ofFamily).map((c) => rule(`-d ${c} `, `to hosts on ${s.segment}: no NAT`, 'RETURN')),
      ]),
      ...lab.externals
        .filter((x) => x.podRoutes && addressOf(x, family))
        .map((x) => rule(`-d ${addressOf(x, family)}/${length} `, `${x.name} has routes to pods: no NAT`, 'RETURN')),
      rule(`-d ${multicast} `, 'multicast: no NAT', 'RETURN'),
      rule('', 'leaves the cluster', 'MASQUERADE --random-fully'),
    ]
    return [
      { ...here, family, chain: CHAIN, builtin: false, rules: passed, note: 'SNAT for what leaves the cluster, and only for that' },
      {
        ...here,
        family,
        chain: 'POSTROUTING',
        builtin: true,
        rules: lab.podCIDRs.filter(ofFamily).map((c) => rule(`-s ${c} `, 'from pods', CHAIN)),
      },
    ]
  })
}
