/** The way in for what is outside the cluster. */
import type { KernelObject } from '../kernel/objects.ts'
import { addressOf, type Lab, type Router } from '../lab/lab.ts'

/** Table, and priorities of the rules that consult it, for what comes from outside. */
const EDGE = { table: 10, priority: 10_000 } as const

/** What keeps externals away from pods, but for those that know the way: those have a table of their own. */
export function edge(router: Router, lab: Lab): KernelObject[] {
  const outside = lab.externals.filter((x) => !x.podRoutes)
  const families = lab.families.filter((family) => outside.some((x) => addressOf(x, family) !== undefined))
  const at = { ns: router.netns, table: EDGE.table } as const
  return [
    ...lab.podCIDRs
      .filter((cidr) => families.includes(cidr.includes(':') ? 6 : 4))
      .map((dst): KernelObject => ({
        ...at,
        kind: 'route',
        from: router.source,
        note: 'from outside nothing leads to pods',
        family: dst.includes(':') ? 6 : 4,
        dst,
        type: 'unreachable',
      })),
    ...outside.flatMap((x) =>
      x.addresses
        .filter((a) => families.includes(a.family))
        .map((a): KernelObject => ({
          ...at,
          kind: 'rule',
          from: x.source,
          family: a.family,
          priority: EDGE.priority + x.index,
          src: `${a.ip}/${a.prefix}`,
        })),
    ),
  ]
}
