import type { Family } from '../../topology/address.ts'
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
  const policy = before?.policy === undefined ? [] : [`:${o.chain} ACCEPT [0:0]`]
  return [...policy, clear, ...(remove ? [] : o.rules.map((rule) => `-A ${o.chain} ${rule}`))]
}

export const chain: ObjectKind<Chain> = {
  kind: 'chain',
  key: (o) => `chain ${o.ns} ${o.family} ${o.table} ${o.chain}`,
  describe: (o) => `${o.family === 4 ? 'iptables' : 'ip6tables'} chain ${o.table}/${o.chain} in ${o.ns}`,
  stage: () => Stage.Config,
  replaceable: () => true,
  render(change) {
    const { action, object: o } = change
    const [text, ...more] = lines(o, action === 'delete', action === 'replace' ? change.before : undefined) as [string, ...string[]]
    const tool = o.family === 4 ? 'iptables-restore' : 'ip6tables-restore'
    return [{ ns: o.ns, tool, stage: Stage.Config, text, more, section: o.table, removes: false }]
  },
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
