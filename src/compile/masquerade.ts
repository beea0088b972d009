/** SNAT at the cluster's edge as iptables rules; what leaves the cluster and what does not is decided in lab/masquerade.ts. */
import type { Chain } from '../kernel/objects.ts'
import type { Host, Lab } from '../lab/lab.ts'
import { edgeRules } from '../lab/masquerade.ts'

const CHAIN = 'NETLAB-MASQ'
const MASQUERADE = 'MASQUERADE --random-fully'

/** A rule as `iptables-save` prints it. */
const rule = (match: string, comment: string, target: string): string => `${match}-m comment --comment "${comment}" -j ${target}`

export function masquerade(host: Host, lab: Lab): Chain[] {
  if (!lab.masquerade) return []
  const name = lab.masqueradeChain ?? CHAIN
  const here = { kind: 'chain', ns: host.netns, from: host.source, table: 'nat' } as const
  return lab.families.flatMap((family): Chain[] => {
    const rules = [
      ...edgeRules(lab, family).map((r) => rule(`-d ${r.cidr} `, r.why, r.masquerade ? MASQUERADE : 'RETURN')),
      rule('', 'leaves the cluster', MASQUERADE),
    ]
    const sources = lab.podCIDRs.filter((c) => c.includes(':') === (family === 6))
    return [
      { ...here, family, chain: name, builtin: false, rules, note: 'SNAT for what leaves the cluster, and only for that' },
      { ...here, family, chain: 'POSTROUTING', builtin: true, rules: sources.map((c) => rule(`-s ${c} `, 'from pods', name)) },
    ]
  })
}
