/** NAT and the firewall of the border router as iptables rules; what they let pass is decided in lab/underlay/border.ts. */
import type { Chain } from '../kernel/objects.ts'
import { addressOf, edgeRouter, hasIpv6, type BorderRule, type Lab, type Router } from '../lab/lab.ts'
import { ruleCounter } from '../netns/iptables-save.ts'
import type { Counter } from '../netns/counter.ts'
import { bits, type Family } from '../topology/address.ts'
import type { Feature } from '../kernel/features/feature.ts'

const NAT = 'BORDER-NAT'
const FIREWALL = 'BORDER-FIREWALL'
/** The router's ports to externals, by the beginning of their names. */
const OUTSIDE = 'x+'

const comment = (text: string): string => `-m comment --comment "${text}"`
const DROP = `${comment('border: allowed to no external')} -j DROP`
const ANSWERS = `-m conntrack --ctstate RELATED,ESTABLISHED ${comment('border: belongs to a connection that was allowed')} -j ACCEPT`

const familiesOf = (lab: Lab): readonly Family[] => (hasIpv6(lab) ? [4, 6] : [4])

export const borderNeeds = (lab: Lab): readonly Feature[] =>
  lab.border?.nat || lab.border?.firewall ? familiesOf(lab).map((f) => (f === 4 ? 'border' : 'border6')) : []

/** What the border router does with packets besides forwarding them. */
export function borderRules(router: Router, lab: Lab): Chain[] {
  const { border } = lab
  if (!border || !router.isEdge) return []
  return familiesOf(lab).flatMap((family) => [...(border.nat ? nat(router, lab, family) : []), ...firewall(router, lab, family)])
}

/** `-s 203.0.113.10/32 `; nothing for all, as `iptables-save` prints it. */
const match = (flag: string, cidr: string | undefined): string => (cidr === undefined || cidr.endsWith('/0') ? '' : `${flag} ${cidr} `)

function nat(router: Router, lab: Lab, family: Family): Chain[] {
  const here = { kind: 'chain', ns: router.netns, from: lab.border!.source, family, table: 'nat' } as const
  const own = addressOf({ addresses: router.bgp!.loopback }, family)!
  const externals = lab.externals.flatMap((x) => {
    const ip = addressOf(x, family)
    return ip === undefined ? [] : [{ ...x, cidr: `${ip}/${bits(family)}` }]
  })
  return [
    {
      ...here,
      chain: NAT,
      builtin: false,
      note: 'what leaves for externals gets an address of the border',
      rules: [
        ...externals.map((x) => `-s ${x.cidr} ${comment(`border: ${x.name} is outside itself`)} -j RETURN`),
        ...externals
          .filter((x) => x.podRoutes)
          .map((x) => `-d ${x.cidr} ${comment(`border: ${x.name} has routes to the inside`)} -j RETURN`),
        `${comment('border: leaves for an external')} -j SNAT --to-source ${own}`,
      ],
    },
    { ...here, chain: 'POSTROUTING', builtin: true, rules: [`-o ${OUTSIDE} ${comment('border: to externals')} -j ${NAT}`] },
  ]
}

/** The rules of an entry of `allow`, as `iptables-save` prints them. */
export function allowRules({ text, from, to, protocol, port }: BorderRule, family: Family): string[] {
  const ofFamily = (cidrs: readonly string[]): readonly (string | undefined)[] =>
    cidrs.length === 0 ? [undefined] : cidrs.filter((c) => c.includes(':') === (family === 6))
  const name = protocol === 'icmp' && family === 6 ? 'ipv6-icmp' : protocol
  const wanted = (name === undefined ? '' : `-p ${name} `) + (port === undefined ? '' : `-m ${name} --dport ${port} `)
  return ofFamily(from).flatMap((s) =>
    ofFamily(to).map((d) => `${match('-s', s)}${match('-d', d)}${wanted}${comment(`border: allow ${text}`)} -j ACCEPT`),
  )
}

function firewall(router: Router, lab: Lab, family: Family): Chain[] {
  const wanted = lab.border!.firewall
  if (!wanted) return []
  const here = { kind: 'chain', ns: router.netns, from: wanted.source, family, table: 'filter' } as const
  return [
    {
      ...here,
      chain: FIREWALL,
      builtin: false,
      note: 'what externals may begin',
      rules: [ANSWERS, ...wanted.allow.flatMap((rule) => allowRules(rule, family)), DROP],
    },
    {
      ...here,
      chain: 'FORWARD',
      builtin: true,
      rules: [
        `-i ${OUTSIDE} -o ${OUTSIDE} ${comment('border: among externals')} -j ACCEPT`,
        `-i ${OUTSIDE} ${comment('border: from externals')} -j ${FIREWALL}`,
      ],
    },
  ]
}

/** Whether a rule (as `iptables-save` prints it) is the one that ends what the firewall does not allow. */
export const isBorderDrop = (rule: string): boolean => rule === `-A ${FIREWALL} ${DROP}`

/** Where the packets are counted that the firewall drops. */
export const borderDrops = (lab: Lab, family: Family): Counter => ruleCounter(edgeRouter(lab)!.netns, family, FIREWALL, DROP)
