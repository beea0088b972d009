/**
 * Rules that the kernel does not trace. Those of iptables-legacy count what they match: the one whose counter went up
 * while the probe was under way did it. Those of nftables' bridge and netdev families are only read.
 */
import { savedChains } from '../../netns/iptables-save.ts'
import { ABSENT, type NamespacePool } from '../../netns/namespace-pool.ts'
import { findTool } from '../../kernel/features/probe.ts'

/** A rule (or a chain's policy) that ends packets, and how often it did. */
export interface CountedRule {
  readonly family: 'ip' | 'ip6'
  readonly table: string
  readonly chain: string
  /** Chain of the hook from which packets get there. */
  readonly base: string
  /** As `iptables-save` prints it, `-A CHAIN` included; absent: the policy of the chain. */
  readonly text?: string
  readonly packets: number
}

/** Rules that drop or reject, out of `iptables-save -c`. */
export function endingRules(save: string, family: 'ip' | 'ip6'): CountedRule[] {
  const chains = savedChains(save)
  const jumps = new Map<string, string>()
  const found: Omit<CountedRule, 'base'>[] = []
  for (const { table, chain, policy, rules } of chains) {
    if (policy?.target === 'DROP') found.push({ family, table, chain, packets: policy.packets })
    for (const { rule, packets } of rules) {
      // A comment may say anything.
      const target = /(?:^| )-[jg] (\S+)/.exec(rule.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'))?.[1] ?? ''
      if (!jumps.has(`${table} ${target}`)) jumps.set(`${table} ${target}`, chain)
      if (target === 'DROP' || target === 'REJECT') found.push({ family, table, chain, text: `-A ${chain} ${rule}`, packets })
    }
  }
  const bases = new Set(chains.flatMap((c) => (c.policy ? `${c.table} ${c.chain}` : [])))
  const baseOf = (table: string, chain: string): string => {
    let at = chain
    for (let i = 0; i < 100 && !bases.has(`${table} ${at}`) && jumps.has(`${table} ${at}`); i++) at = jumps.get(`${table} ${at}`)!
    return at
  }
  return found.map((r) => ({ ...r, base: baseOf(r.table, r.chain) }))
}

const keyOf = (r: CountedRule): string => `${r.table} ${r.chain} ${r.text ?? ''}`

/** Those that ended more packets than before. Equal rules count as one. */
export function moved(before: readonly CountedRule[], after: readonly CountedRule[]): CountedRule[] {
  const sum = (rules: readonly CountedRule[], key: string): number => rules.reduce((n, r) => n + (keyOf(r) === key ? r.packets : 0), 0)
  return after.filter((r, i) => {
    const key = keyOf(r)
    return after.findIndex((o) => keyOf(o) === key) === i && sum(after, key) > sum(before, key)
  })
}

/** Counters of iptables-legacy in the namespaces that use it, before and after. */
export class LegacyCounters {
  readonly #before = new Map<string, readonly CountedRule[]>()
  readonly #pool: NamespacePool
  readonly #family: 'ip' | 'ip6'
  readonly #program: string

  constructor(pool: NamespacePool, family: 4 | 6) {
    this.#pool = pool
    this.#family = family === 4 ? 'ip' : 'ip6'
    const prefix = `${this.#family}tables`
    // Where both exist, the plain name may be either.
    this.#program = findTool(`${prefix}-legacy-save`) ? `${prefix}-legacy-save` : `${prefix}-save`
  }

  /** Notes the counters of the namespaces that have tables of iptables-legacy. */
  async start(namespaces: readonly string[]): Promise<void> {
    const files = [`/proc/net/${this.#family}_tables_names`]
    await Promise.all(
      namespaces.map(async (ns) => {
        const [names] = await this.#pool.one({ ns, steps: [{ get: files }] })
        if (names === undefined || names.stdout === ABSENT || names.stdout.trim() === '') return
        this.#before.set(ns, await this.#read(ns))
      }),
    )
  }

  /** Rules that ended packets since, by namespace. */
  async moved(): Promise<Map<string, readonly CountedRule[]>> {
    const found = await Promise.all([...this.#before].map(async ([ns, before]) => [ns, moved(before, await this.#read(ns))] as const))
    return new Map(found)
  }

  async #read(ns: string): Promise<CountedRule[]> {
    const [result] = await this.#pool.one({ ns, steps: [{ run: [this.#program, '-c'] }] })
    return endingRules(result?.stdout ?? '', this.#family)
  }
}

/** A rule of native nftables. */
export interface NativeRule {
  readonly family: string
  readonly table: string
  readonly chain: string
  /** Without counters. */
  readonly text: string
  /** What nft knows it by in its table. */
  readonly handle: number
}

/** Rules of nftables' bridge and netdev families and of ingress hooks that drop or reject, out of `nft -a list ruleset`. */
export function untracedRules(ruleset: string): NativeRule[] {
  let [family, table, chain] = ['', '', '']
  let isIngress = false
  return ruleset.split('\n').flatMap((line) => {
    const opened = /^table (\S+) (\S+) \{/.exec(line)
    if (opened) [, family = '', table = ''] = opened
    const named = /^\tchain (\S+) \{/.exec(line)
    if (named) {
      chain = named[1]!
      isIngress = false
    }
    if (/^\t\ttype .* hook ingress/.test(line)) isIngress = true
    const isUntraced = family === 'bridge' || family === 'netdev' || isIngress
    return isUntraced && /^\t\t(?!type ).*\b(?:drop|reject)\b/.test(line)
      ? [
          {
            family,
            table,
            chain,
            text: line
              .trim()
              .replace(/ # handle \d+$/, '')
              .replace(/counter packets \d+ bytes \d+ ?/, ''),
            handle: Number(/ # handle (\d+)$/.exec(line)?.[1]),
          },
        ]
      : []
  })
}
