/** What tells cheaply whether a namespace holds anything that a new one does not. Pure. */
import { NO_QUEUE, type NftTable, type Qdisc } from '../../netns/netlink/queues-tables.ts'
import { STANDARD_RULES, type IpRule, type NonDefaultState } from './content.ts'

/** @param rules undefined: this kernel lacks the family */
function isStandard(family: 4 | 6, rules: readonly IpRule[] | undefined): boolean {
  if (!rules) return true
  const standard = STANDARD_RULES[family]
  return (
    rules.length === Object.keys(standard).length &&
    rules.every(
      ({ priority, src, table, protocol: _protocol, ...conditions }) =>
        src === 'all' && table === standard[priority] && Object.keys(conditions).length === 0,
    )
  )
}

/** What of these is not as in a new namespace. */
export function stateOf(
  rules: Readonly<Record<4 | 6, readonly IpRule[] | undefined>>,
  qdiscs: readonly Qdisc[],
  tables: readonly NftTable[],
): NonDefaultState {
  return {
    rules: ([4, 6] as const).filter((family) => !isStandard(family, rules[family])),
    qdiscs: qdiscs.filter((q) => !NO_QUEUE.has(q.kind) && !q.isDefault),
    tables,
  }
}
