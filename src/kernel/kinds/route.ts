import type { Family } from '../../topology/address.ts'
import type { IpLink, IpRoute } from '../dumps/content.ts'
import { derives } from './connected.ts'
import { ipLine, option, Stage, withNonDefault, type Common, type ObjectKind } from './kind.ts'

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
  /** Only ever observed: next hops of equal cost, where there are several, as text and in its order. */
  readonly nexthops?: readonly string[]
  /** Only ever observed: what made it, in the words of iproute2, unless that was a command: `bird`. */
  readonly protocol?: string
  /** Routing table; absent: main. */
  readonly table?: number
}

/** `100.64.128.0 dev l1-spine-1`. */
export const nextHopText = ({ via, dev }: { readonly via?: string | undefined; readonly dev?: string | undefined }): string =>
  [...(via === undefined ? [] : [via]), ...(dev === undefined ? [] : [`dev ${dev}`])].join(' ')

/** A destination with prefix, even for one address. */
export const withPrefix = (dst: string): string => (dst === 'default' || dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`)

/** Tables that have a name; routes of the local one come from addresses, unless they were made by hand. */
const TABLE_NUMBERS: Readonly<Record<string, number>> = { default: 253, main: 254, local: 255 }
export const tableNumber = (table: string): number => TABLE_NUMBERS[table] ?? Number(table)

/** What the kernel gives a route that names no metric: an IPv4 route none, an IPv6 route IP6_RT_PRIO_USER. */
const DEFAULT_METRIC: Readonly<Record<Family, number>> = { 4: 0, 6: 1024 }

/** Protocols of routes that were added by a command, or that the kernel has by itself. */
const BY_COMMAND: ReadonlySet<string> = new Set(['boot', 'static', 'kernel'])

/** Routes that were asked for; those the kernel derives from addresses are left out. */
export function routeObjects(ns: string, routes: readonly IpRoute[], links?: readonly IpLink[]): Route[] {
  const isDerived = links ? derives(links) : (r: IpRoute): boolean => r.protocol === 'kernel'
  return routes.flatMap((r): Route[] => {
    if (isDerived(r)) return []
    const gateway = r.gateway ?? r.via?.host
    const family = [r.dst, r.gateway, ...(r.nexthops ?? []).map((n) => n.gateway)].some((text) => text?.includes(':')) ? 6 : 4
    const special = r.type === 'blackhole' || r.type === 'unreachable' || r.type === 'prohibit' ? r.type : undefined
    const qualifier = [
      ...(r.metric === undefined || r.metric === DEFAULT_METRIC[family] ? [] : [`metric ${r.metric}`]),
      ...(r.tos === undefined ? [] : [`tos ${r.tos}`]),
      ...(r.type === undefined || r.type === 'unicast' || special ? [] : [r.type]),
    ].join(' ')
    const nonDefault = [
      ...(r.metrics ?? []).flatMap((m) => Object.entries(m).map(([word, value]) => `${word} ${String(value)}`)),
      ...(r.nexthops ? [`${r.nexthops.length} next hops`] : []),
      ...(r.encap === undefined ? [] : [`encap ${r.encap}`]),
    ]
    return [
      {
        kind: 'route',
        ns,
        family,
        dst: withPrefix(r.dst),
        ...(special ? { type: special } : {}),
        ...(qualifier ? { qualifier } : {}),
        ...(gateway === undefined ? {} : { via: gateway }),
        ...(r.dev === undefined || special ? {} : { dev: r.dev }),
        ...(r.nexthops ? { nexthops: r.nexthops.map((n) => nextHopText({ via: n.gateway, dev: n.dev })).toSorted() } : {}),
        ...(r.flags?.includes('onlink') ? { onlink: true } : {}),
        ...(r.protocol === undefined || BY_COMMAND.has(r.protocol) ? {} : { protocol: r.protocol }),
        ...(r.prefsrc === undefined ? {} : { src: r.prefsrc }),
        ...(r.table === undefined || r.table === 'main' ? {} : { table: tableNumber(r.table) }),
        ...withNonDefault(nonDefault),
      },
    ]
  })
}

export const route: ObjectKind<Route> = {
  kind: 'route',
  key: (o) => `route ${o.ns} ${o.family} ${o.dst} ${o.table ?? 'main'}${o.qualifier === undefined ? '' : ` ${o.qualifier}`}`,
  describe: (o) => `route ${o.dst}${o.qualifier === undefined ? '' : ` (${o.qualifier})`} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  reader: () => ({ namespace: ({ ns, routes = [], links }) => routeObjects(ns, routes, links) }),
  render({ action, object: o }) {
    // A batch line cannot carry -6: the family shows in the destination or, for `default`, in the next hop.
    // A qualifier is read, and never asked for: a type, or what the route is told from others by.
    const qualifier = o.qualifier ?? ''
    const type = o.type ?? /(?:^| )([a-z]+)$/.exec(qualifier)?.[1]
    const target = type ? `${type} ${o.dst}` : o.dst
    const words = `${option('via', o.via)}${option('dev', o.dev)}${o.onlink ? ' onlink' : ''}${option('src', o.src)}${option('table', o.table)}${/(?: ?(?:metric|tos) \S+)*/.exec(qualifier)![0].replace(/^(?=\S)/, ' ')}`
    return ipLine(o.ns, Stage.Config, `route ${action === 'delete' ? 'delete' : 'replace'} ${target}${words}`)
  },
}
