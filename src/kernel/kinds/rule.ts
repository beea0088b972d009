import type { Family } from '../../topology/address.ts'
import { STANDARD_RULES, type IpRule } from '../dumps/content.ts'
import { text } from '../links/link-type.ts'
import { tableNumber, withPrefix } from './route.ts'
import { Stage, type Common, type ObjectKind } from './kind.ts'

/** Policy routing: packets from `src` consult `table`. */
export interface Rule extends Common {
  readonly kind: 'rule'
  readonly family: Family
  readonly priority: number
  readonly src: string
  readonly table: number
  /** Only ever observed: further conditions, and what it does but to consult a table: `to 10.0.0.0/8 blackhole`. */
  readonly qualifier?: string
}

/** Rules but for those that every namespace has. */
export function ruleObjects(ns: string, family: Family, rules: readonly IpRule[]): Rule[] {
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

export const rule: ObjectKind<Rule> = {
  kind: 'rule',
  key: (o) => `rule ${o.ns} ${o.family} ${o.priority}${o.qualifier === undefined ? '' : ` ${o.qualifier}`}`,
  describe: (o) => `routing rule ${o.priority}${o.qualifier === undefined ? '' : ` (${o.qualifier})`} in ${o.ns}`,
  stage: () => Stage.Config,
  replaceable: () => false,
  wants: () => ['rules4', 'rules6'],
  reader: () => ({
    namespace: ({ ns, rules4 = [], rules6 = [] }) => [...ruleObjects(ns, 4, rules4), ...ruleObjects(ns, 6, rules6)],
  }),
  render: ({ action, object: o }) => [
    {
      ns: o.ns,
      // Unlike a route's, the family of a rule does not follow from its addresses: without -6 it is IPv4.
      tool: o.family === 4 ? 'ip' : 'ip -6',
      stage: Stage.Config,
      // One with further conditions was made by others: its priority finds it.
      text:
        action === 'delete' && o.qualifier !== undefined
          ? `rule delete priority ${o.priority}`
          : `rule ${action === 'delete' ? 'delete' : 'add'} from ${o.src} table ${o.table} priority ${o.priority}`,
    },
  ],
}
