import { savedChains } from '../../netns/iptables-save.ts'
import type { Family } from '../../topology/address.ts'
import { netfilterFeatures } from '../features/netfilter.ts'
import { Stage, type Common, type ObjectKind } from './kind.ts'
import { ipsetKey } from './ipset.ts'

/** An iptables chain with exactly these rules, in the form `iptables-save` prints them (without `-A CHAIN`). */
export interface Chain extends Common {
  readonly kind: 'chain'
  readonly family: Family
  readonly table: 'filter' | 'nat' | 'mangle' | 'raw'
  readonly chain: string
  /** Hooks such as POSTROUTING exist by themselves. */
  readonly builtin: boolean
  readonly rules: readonly string[]
  /** Only ever observed: a hook that lets nothing pass which no rule accepted. */
  readonly policy?: 'DROP'
}

const MATCH_SET = /(--match-set )(\S+)/g

/**
 * The lines that put a chain in place or take it away. `iptables-restore` commits a table at once, so no packet
 * sees half of a change: that is why chains go away in the same transaction that stops jumping to them.
 */
function lines(o: Chain, remove: boolean, before?: Chain): string[] {
  if (remove && !o.builtin) return [`-F ${o.chain}`, `-X ${o.chain}`]
  const clear = o.builtin ? `-F ${o.chain}` : `:${o.chain} - [0:0]`
  const policy = (remove ? o : before)?.policy === undefined ? [] : [`:${o.chain} ACCEPT [0:0]`]
  return [...policy, clear, ...(remove ? [] : o.rules.map((rule) => `-A ${o.chain} ${rule}`))]
}

const isTable = (name: string): name is Chain['table'] => ['filter', 'nat', 'mangle', 'raw'].includes(name)

/** Chains as `iptables-save` prints them. Built-in chains that do nothing are left out: they always exist. */
export function chainObjects(ns: string, family: 4 | 6, save: string): Chain[] {
  return savedChains(save).flatMap(({ table, chain, policy, rules }): Chain[] => {
    const drops = policy?.target === 'DROP' ? ({ policy: 'DROP' } as const) : {}
    const isIdle = policy !== undefined && policy.target !== 'DROP' && rules.length === 0
    if (!isTable(table) || isIdle) return []
    return [{ kind: 'chain', ns, family, table, chain, builtin: policy !== undefined, ...drops, rules: rules.map((r) => r.rule) }]
  })
}

export const chain: ObjectKind<Chain, (typeof netfilterFeatures)[number]['name']> = {
  kind: 'chain',
  key: (o) => `chain ${o.ns} ${o.family} ${o.table} ${o.chain}`,
  describe: (o) => `${o.family === 4 ? 'iptables' : 'ip6tables'} chain ${o.table}/${o.chain} in ${o.ns}`,
  stage: () => Stage.Config,
  replaceable: () => true,
  wants: (asked) => [
    ...(asked.some((o) => o.family === 4) ? (['chains4'] as const) : []),
    ...(asked.some((o) => o.family === 6) ? (['chains6'] as const) : []),
  ],
  reader: () => ({
    namespace: ({ ns, chains4 = '', chains6 = '' }) => [...chainObjects(ns, 4, chains4), ...chainObjects(ns, 6, chains6)],
  }),
  render(change) {
    const { action, object: o } = change
    const [text, ...more] = lines(o, action === 'delete', action === 'replace' ? change.before : undefined) as [string, ...string[]]
    const tool = o.family === 4 ? 'iptables-restore' : 'ip6tables-restore'
    return [{ ns: o.ns, tool, stage: Stage.Config, text, more, section: o.table, removes: false }]
  },
  features: netfilterFeatures,
  atomic: {
    group: (o) => `${o.ns} ${o.family}`,
    reads: (o) => [...new Set(o.rules.flatMap((rule) => [...rule.matchAll(MATCH_SET)].map((m) => ipsetKey(o.ns, m[2]!))))],
    redirect: (o, standIns) => ({
      ...o,
      rules: o.rules.map((rule) =>
        rule.replaceAll(MATCH_SET, (_, match: string, name: string) => `${match}${standIns.get(ipsetKey(o.ns, name)) ?? name}`),
      ),
    }),
  },
  details: (o) => [...(o.policy ? [`policy is ${o.policy}`] : []), ...o.rules.map((r) => `rule added: ${r}`)],
}
