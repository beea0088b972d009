/** Routes and rules as `ip -j` prints them → kernel objects. Pure. */
import { derives } from './connected.ts'
import type { Route, Rule } from '../objects.ts'
import { text, withNonDefault, type IpLink } from './iproute2.ts'

export interface IpRoute {
  readonly type?: string
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly table?: string
  readonly protocol?: string
  readonly prefsrc?: string
  readonly flags?: readonly string[]
  readonly metric?: number
  readonly tos?: string
  readonly metrics?: readonly Readonly<Record<string, unknown>>[]
  readonly nexthops?: readonly unknown[]
  readonly encap?: string
  /** A next hop of the other family. */
  readonly via?: { readonly host: string }
}

const withPrefix = (dst: string): string => (dst === 'default' || dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`)

/** Tables that have a name; routes of the local one come from addresses, or from somebody. */
const TABLE_NUMBERS: Readonly<Record<string, number>> = { default: 253, main: 254, local: 255 }
const tableNumber = (table: string): number => TABLE_NUMBERS[table] ?? Number(table)

/** What the kernel gives a route that names no metric: an IPv4 route none, an IPv6 route IP6_RT_PRIO_USER. */
const DEFAULT_METRIC: Readonly<Record<4 | 6, number>> = { 4: 0, 6: 1024 }

/** Routes somebody asked for; those the kernel derives from addresses are left out. */
export function routeObjects(ns: string, routes: readonly IpRoute[], links?: readonly IpLink[]): Route[] {
  const isDerived = links ? derives(links) : (r: IpRoute): boolean => r.protocol === 'kernel'
  return routes.flatMap((r): Route[] => {
    if (isDerived(r)) return []
    const gateway = r.gateway ?? r.via?.host
    const family = r.dst.includes(':') || r.gateway?.includes(':') ? 6 : 4
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
        ...(r.flags?.includes('onlink') ? { onlink: true } : {}),
        ...(r.prefsrc === undefined ? {} : { src: r.prefsrc }),
        ...(r.table === undefined || r.table === 'main' ? {} : { table: tableNumber(r.table) }),
        ...withNonDefault(nonDefault),
      },
    ]
  })
}

export interface IpRule extends Readonly<Record<string, unknown>> {
  readonly priority: number
  readonly src: string
  readonly srclen?: number
  readonly dst?: string
  readonly dstlen?: number
  /** What it does but to consult a table: `prohibit`. */
  readonly action?: string
  readonly table?: string
}

/** Rules every namespace has from the beginning (fib_default_rules_init, fib6_rules_net_init). */
export const STANDARD_RULES: Readonly<Record<4 | 6, Readonly<Record<number, string>>>> = {
  4: { 0: 'local', 32_766: 'main', 32_767: 'default' },
  6: { 0: 'local', 32_766: 'main' },
}

/** Rules but for those that every namespace has. */
export function ruleObjects(ns: string, family: 4 | 6, rules: readonly IpRule[]): Rule[] {
  return rules.flatMap((r): Rule[] => {
    const { priority, src: from, srclen, dst, dstlen, action, table, protocol: _protocol, ...others } = r
    const words = [
      ...(dst === undefined ? [] : [`to ${dst}${dstlen === undefined ? '' : `/${dstlen}`}`]),
      ...Object.entries(others).map(([word, value]) => (value === null || value === true ? word : `${word} ${text(value)}`)),
      ...(action === undefined ? [] : [action]),
    ]
    if (from === 'all' && words.length === 0 && table === STANDARD_RULES[family][priority]) return []
    const src = from === 'all' ? from : srclen === undefined ? withPrefix(from) : `${from}/${srclen}`
    const qualifier = [...(from === 'all' ? ['from all'] : []), ...words].join(' ')
    return [
      { kind: 'rule', ns, family, priority, src, table: table === undefined ? 0 : tableNumber(table), ...(qualifier ? { qualifier } : {}) },
    ]
  })
}
