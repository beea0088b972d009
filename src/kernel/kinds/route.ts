import type { Family } from '../../topology/address.ts'
import { ipLine, option, Stage, type Common, type ObjectKind } from './kind.ts'

/** A route as in iproute2: to a destination, in a table. */
export interface Route extends Common {
  readonly kind: 'route'
  readonly family: Family
  /** `default` or a network in CIDR notation (with prefix even for one address). */
  readonly dst: string
  readonly type?: 'blackhole' | 'unreachable' | 'prohibit'
  /** Only ever observed: what makes it another route to the same destination, `metric 5`. Never asked for. */
  readonly qualifier?: string
  readonly via?: string
  readonly dev?: string
  /** The next hop is on the link although no address says so. */
  readonly onlink?: boolean
  readonly src?: string
  /** Routing table; absent: main. */
  readonly table?: number
}

export const route: ObjectKind<Route> = {
  kind: 'route',
  key: (o) => `route ${o.ns} ${o.family} ${o.dst} ${o.table ?? 'main'}${o.qualifier === undefined ? '' : ` ${o.qualifier}`}`,
  describe: (o) => `route ${o.dst}${o.qualifier === undefined ? '' : ` (${o.qualifier})`} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  render({ action, object: o }) {
    // A batch line cannot carry -6: the family shows in the destination or, for `default`, in the next hop.
    const target = o.type ? `${o.type} ${o.dst}` : o.dst
    const words = `${option('via', o.via)}${option('dev', o.dev)}${o.onlink ? ' onlink' : ''}${option('src', o.src)}${option('table', o.table)}`
    return ipLine(o.ns, Stage.Config, `route ${action === 'delete' ? 'delete' : 'replace'} ${target}${words}`)
  },
}
