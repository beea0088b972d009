/**
 * The rules a packet met: trace messages grouped by the hook they were sent from, tied to the packet they are about,
 * and put into the words `iptables-save` or `nft list ruleset` has for them.
 */
import { savedChains } from '../../netns/iptables-save.ts'
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import { headerOf } from '../../packet/headers.ts'
import { isOurTable, type ReceivedTrace, type RuleTraces } from '../collect/rule-traces.ts'
import type { Sighting } from './identity.ts'

/** One hook's chains, from the first rule that spoke to the last. */
export interface RuleGroup {
  readonly ns: string
  readonly family: string
  readonly table: string
  /** Chain the hook calls. */
  readonly base: string
  readonly iif?: number
  readonly oif?: number
  /** IP header of the packet. */
  readonly network?: Buffer
  readonly transport?: Buffer
  readonly steps: ReceivedTrace[]
}

/** Trace messages → groups. Only the first message of a hook carries the packet. */
export function groupTraces(traces: readonly ReceivedTrace[]): RuleGroup[] {
  const groups: RuleGroup[] = []
  const open = new Map<string, RuleGroup>()
  for (const t of traces) {
    if (isOurTable(t.table)) continue
    const key = `${t.ns} ${t.packet} ${t.family} ${t.table}`
    let group = open.get(key)
    if (!group || t.network) {
      group = {
        ns: t.ns,
        family: t.family,
        table: t.table,
        base: t.chain,
        ...(t.iif === undefined ? {} : { iif: t.iif }),
        ...(t.oif === undefined ? {} : { oif: t.oif }),
        ...(t.network ? { network: t.network } : {}),
        ...(t.transport ? { transport: t.transport } : {}),
        steps: [],
      }
      groups.push(group)
      open.set(key, group)
    }
    group.steps.push(t)
  }
  return groups
}

/** The verdict of a group: of its last step. */
export const verdictOf = (g: RuleGroup): ReceivedTrace | undefined => g.steps.at(-1)
export const isDrop = (g: RuleGroup): boolean => verdictOf(g)?.verdict === 'drop'

/** The sighting whose packet this group is about: same IP header but for what a hop changes. */
export function packetOf(g: RuleGroup, sightings: readonly Sighting[]): Sighting | undefined {
  const header = g.network
  if (!header || header.length < 20) return undefined
  const six = header[0]! >> 4 === 6
  const same = (bytes: Buffer, start: number): boolean => {
    if (bytes.length < start + (six ? 40 : 20)) return false
    if (six)
      return (
        bytes.subarray(start, start + 7).equals(header.subarray(0, 7)) &&
        bytes.subarray(start + 8, start + 40).equals(header.subarray(8, 40))
      )
    // Total length, id and flags, protocol; addresses may be translated.
    return bytes.subarray(start + 2, start + 8).equals(header.subarray(2, 8)) && bytes[start + 9] === header[9]
  }
  const found = sightings.filter((s) => {
    if (s.role === 'neighbour') return false
    let start = s.hardware === 1 || s.hardware === 772 ? 14 : 0
    if (same(s.bytes, start)) return true
    // What an error quotes is not the packet itself.
    if (s.role === 'error') return false
    for (const layer of s.layers) {
      if (headerOf(layer).encapsulates) {
        start = s.bytes.indexOf(header.subarray(2, 8), start + 20) - 2
        return start > 0 && same(s.bytes, start)
      }
    }
    const inner = s.bytes.indexOf(header.subarray(2, 8), start + 20) - 2
    return inner > 0 && same(s.bytes, inner)
  })
  return found.findLast((s) => s.netns === g.ns) ?? found.at(-1)
}

const IPTABLES_TABLES = new Set(['filter', 'nat', 'mangle', 'raw', 'security'])

/** Rule texts of namespaces, read when a trace needs them. */
export class RuleTexts {
  readonly #pool: NamespacePool
  readonly #rules: RuleTraces
  readonly #saves = new Map<string, Promise<string>>()
  readonly #handles = new Map<string, number[]>()

  constructor(pool: NamespacePool, rules: RuleTraces) {
    this.#pool = pool
    this.#rules = rules
  }

  #read(ns: string, argv: readonly string[]): Promise<string> {
    const key = `${ns} ${argv.join(' ')}`
    let pending = this.#saves.get(key)
    if (!pending) this.#saves.set(key, (pending = this.#pool.one({ ns, steps: [{ run: argv }] }).then((r) => r[0]?.stdout ?? '')))
    return pending
  }

  /** Reads what will likely be asked for while there is time. */
  prefetch(ns: string, families: readonly string[]): void {
    for (const f of families) void this.#read(ns, [f === 'ip6' ? 'ip6tables-save' : 'iptables-save']).catch(() => {})
  }

  /** A chain's rules by `iptables-save`. It gives up while others change rules, as we just did: then once more. */
  async #saved(t: ReceivedTrace): Promise<string[]> {
    const argv = [t.family === 'ip6' ? 'ip6tables-save' : 'iptables-save']
    const rules = chainRules(await this.#read(t.ns, argv), t.table, t.chain)
    if (rules.length > 0) return rules
    this.#saves.delete(`${t.ns} ${argv.join(' ')}`)
    return chainRules(await this.#read(t.ns, argv), t.table, t.chain)
  }

  #handlesOf({ ns, family, table, chain }: ReceivedTrace): number[] {
    const key = `${ns} ${family} ${table} ${chain}`
    let handles = this.#handles.get(key)
    if (!handles) this.#handles.set(key, (handles = this.#rules.handles(ns, family, table, chain)))
    return handles
  }

  async text(t: ReceivedTrace): Promise<string | undefined> {
    if (t.kind !== 'rule' || t.handle === undefined) return undefined
    if ((t.family === 'ip' || t.family === 'ip6') && IPTABLES_TABLES.has(t.table)) {
      const text = (await this.#saved(t))[this.#handlesOf(t).indexOf(t.handle)]
      if (text !== undefined) return text
    }
    const listing = await this.#read(t.ns, ['nft', '-a', 'list', 'table', t.family, t.table])
    return nativeRule(listing, t.chain, t.handle)
  }
}

/** Rules of one chain as `iptables-save` prints them, `-A CHAIN` included. */
const chainRules = (save: string, table: string, chain: string): string[] =>
  savedChains(save).flatMap((c) => (c.table === table && c.chain === chain ? c.rules.map((r) => `-A ${chain} ${r.rule}`) : []))

/** A rule by its handle in `nft -a list table`, without the counters that change. */
function nativeRule(listing: string, chain: string, handle: number): string | undefined {
  let here = ''
  for (const line of listing.split('\n')) {
    const named = /^\s*chain (\S+) \{/.exec(line)
    if (named) here = named[1]!
    else if (here === chain && line.endsWith(`# handle ${handle}`)) {
      return line
        .replace(/ # handle \d+$/, '')
        .replace(/counter packets \d+ bytes \d+ ?/, '')
        .trim()
    }
  }
  return undefined
}
