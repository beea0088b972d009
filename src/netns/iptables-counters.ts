/** Rules of iptables and what they count, as `iptables-save -c` prints them; shared by the modules that write such rules. */
import type { Counter, CounterReader } from './counter.ts'

/** A chain of `iptables-save -c`. */
export interface SavedChain {
  readonly table: string
  readonly chain: string
  /** Of a built-in chain: what becomes of a packet that no rule ends, and of how many. */
  readonly policy?: { readonly target: string; readonly packets: number }
  /** Without `-A CHAIN`. */
  readonly rules: { readonly rule: string; readonly packets: number }[]
}

export function savedChains(save: string): SavedChain[] {
  const chains = new Map<string, SavedChain>()
  let table = ''
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim()
    const head = /^:(\S+) (\S+) \[(\d+):/.exec(line)
    if (head) {
      const [, chain, target, packets] = head as unknown as [string, string, string, string]
      const policy = target === '-' ? {} : { policy: { target, packets: Number(packets) } }
      chains.set(`${table} ${chain}`, { table, chain, ...policy, rules: [] })
    }
    const rule = /^\[(\d+):\d+\] -A (\S+) (.*)$/.exec(line)
    if (rule) chains.get(`${table} ${rule[2]}`)?.rules.push({ rule: rule[3]!.trimEnd(), packets: Number(rule[1]) })
  }
  return [...chains.values()]
}

const ruleId = (chain: string, rule: string): string => `${chain} ${rule}`

/** Equal rules of a chain count as one. */
const reader = (program: string): CounterReader => ({
  name: program,
  steps: [{ run: [program, '-c', '-t', 'filter'] }],
  parse([result]) {
    const counts = new Map<string, number>()
    for (const { chain, table, rules } of savedChains(result?.stdout ?? '')) {
      if (table !== 'filter') continue
      for (const { rule, packets } of rules) counts.set(ruleId(chain, rule), (counts.get(ruleId(chain, rule)) ?? 0) + packets)
    }
    return counts
  },
})

const READERS = { 4: reader('iptables-save'), 6: reader('ip6tables-save') } as const

/** The counter of a rule of the filter table, in the words of `iptables-save`; people know it by its comment. */
export const ruleCounter = (ns: string, family: 4 | 6, chain: string, rule: string): Counter => ({
  ns,
  reader: READERS[family],
  id: ruleId(chain, rule),
  title: /--comment "([^"]*)"/.exec(rule)?.[1] ?? rule,
})
