/** What `iptables-save` prints, with or without counters (`-c`), and counters of rules; shared by all that write or read such rules. */
import type { Counter, CounterReader } from './counter.ts'

export interface SavedChain {
  readonly table: string
  readonly chain: string
  /** Of a built-in chain: what becomes of a packet that no rule ends, and of how many. */
  readonly policy?: { readonly target: string; readonly packets: number }
  /** Without `-A CHAIN`. */
  readonly rules: { readonly rule: string; readonly packets: number }[]
}

/** Chains of the tables that were printed whole. */
export function savedChains(save: string): SavedChain[] {
  const chains: SavedChain[] = []
  let table = ''
  let here = new Map<string, SavedChain>()
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) {
      table = line.slice(1).trim()
      here = new Map()
    } else if (line.startsWith(':')) {
      const [chain, target, counters] = line.slice(1).split(' ') as [string, string, string?]
      const policy = target === '-' ? {} : { policy: { target, packets: Number.parseInt(counters?.slice(1) ?? '0') } }
      here.set(chain, { table, chain, ...policy, rules: [] })
    } else if (line.startsWith('COMMIT')) chains.push(...here.values())
    else {
      const rule = /^(?:\[(\d+):\d+\] )?-A (\S+) (.*)$/.exec(line)
      if (rule) here.get(rule[2]!)?.rules.push({ rule: rule[3]!.trimEnd(), packets: Number(rule[1] ?? 0) })
    }
  }
  return chains
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
