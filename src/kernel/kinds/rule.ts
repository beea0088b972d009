import type { Family } from '../../topology/address.ts'
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

export const rule: ObjectKind<Rule> = {
  kind: 'rule',
  key: (o) => `rule ${o.ns} ${o.family} ${o.priority}${o.qualifier === undefined ? '' : ` ${o.qualifier}`}`,
  describe: (o) => `routing rule ${o.priority}${o.qualifier === undefined ? '' : ` (${o.qualifier})`} in ${o.ns}`,
  stage: () => Stage.Config,
  replaceable: () => false,
  render: ({ action, object: o }) => [
    {
      ns: o.ns,
      // Unlike a route's, the family of a rule does not follow from its addresses: without -6 it is IPv4.
      tool: o.family === 4 ? 'ip' : 'ip -6',
      stage: Stage.Config,
      text: `rule ${action === 'delete' ? 'delete' : 'add'} from ${o.src} table ${o.table} priority ${o.priority}`,
    },
  ],
}
