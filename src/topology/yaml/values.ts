/**
 * A composed YAML document → plain JavaScript values.
 *
 * An alias becomes the very object its anchor became, so that a file of nested aliases (a "billion
 * laughs") costs nothing here; what it would cost to walk the value is counted and refused.
 * Merge keys (`<<: *base`) work as users of anchors expect: own keys win, then the first source.
 */
import { isAlias, isMap, isScalar, isSeq, type Alias, type Node, type YAMLMap, type YAMLSeq } from 'yaml'
import { indexEntries, keyText, type Entries, type Entry, type Targets } from './positions.ts'
import { quote } from '../schema/format.ts'

/** Values that aliases may repeat. Many times what 50 000 pods sharing their labels need. */
const MAX_ALIASED = 1_000_000

export type Report = (code: string, offset: number, message: string, hint?: string) => void

export interface Values {
  readonly value: unknown
  /** The node each alias stands for. */
  readonly targets: Targets
  /** All entries of the maps that merge keys took part in: their own and the merged ones. */
  readonly merged: ReadonlyMap<YAMLMap, Entries>
}

/** Converts a document's content and reports what YAML allows but a topology cannot mean. */
export function toValue(contents: Node | null, report: Report): Values {
  const reader = new Reader(report)
  return { value: reader.read(contents), targets: reader.targets, merged: reader.merged }
}

/** What has been read: the value and how many values it holds, itself included. */
interface Done {
  readonly value: unknown
  readonly size: number
}

class Reader {
  readonly targets = new Map<Alias, Node>()
  readonly merged = new Map<YAMLMap, Entries>()
  readonly #report: Report
  readonly #anchors = new Map<string, Node>()
  readonly #done = new Map<Node, Done>()
  #size = 0
  #aliased = 0

  constructor(report: Report) {
    this.#report = report
  }

  read(node: Node | null): unknown {
    if (isAlias(node)) return this.#alias(node)
    const before = this.#size++
    if (node?.anchor !== undefined) this.#anchors.set(node.anchor, node)
    const value = isMap(node) ? this.#map(node) : isSeq(node) ? this.#seq(node) : scalar(node)
    if (node?.anchor !== undefined) this.#done.set(node, { value, size: this.#size - before })
    return value
  }

  #alias(alias: Alias): unknown {
    const at = offset(alias)
    const target = this.#anchors.get(alias.source)
    if (!target) {
      const hint = 'an anchor must be set (&name) before it is used; quote a text that begins with "*"'
      this.#report('unknown-alias', at, `there is no anchor &${alias.source} before this alias`, hint)
      return null
    }
    const done = this.#done.get(target)
    if (!done) {
      this.#report('recursive-alias', at, `the alias *${alias.source} stands inside what it stands for`)
      return null
    }
    this.targets.set(alias, target)
    return this.#repeat(done.size, at) ? done.value : null
  }

  /** Books values that are repeated; false once they are too many. */
  #repeat(size: number, at: number): boolean {
    const wasFine = this.#aliased <= MAX_ALIASED
    this.#aliased += size
    this.#size += size
    if (this.#aliased <= MAX_ALIASED) return true
    if (wasFine) this.#report('too-many-aliases', at, `the aliases of this file repeat more than ${MAX_ALIASED} values`)
    return false
  }

  #seq(seq: YAMLSeq): unknown[] {
    return seq.items.map((item) => this.read(item as Node | null))
  }

  #map(map: YAMLMap): Record<string, unknown> {
    const value: Record<string, unknown> = {}
    const entries: Entries = new Map()
    let merge: { readonly pair: Entry; readonly sources: unknown } | undefined
    for (const pair of map.items as Entry[]) {
      const key = this.#key(pair.key)
      const item = this.read(pair.value)
      if (key === undefined) continue
      const isMerge = key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN'
      if (isMerge ? merge !== undefined : entries.has(key)) {
        const hint = isMerge ? 'merge several with `<<: [*a, *b]`' : 'remove one of the two, or rename it'
        this.#report('duplicate-key', offset(pair.key), `the key ${quote(key)} is given twice`, hint)
      } else if (isMerge) merge = { pair, sources: item }
      else {
        entries.set(key, pair)
        value[key] = item
      }
    }
    if (merge) {
      this.#merge(merge.pair, merge.sources, value, entries)
      this.merged.set(map, entries)
    }
    return value
  }

  /** The text of a key. Reports and skips what cannot be one. */
  #key(node: Node | null): string | undefined {
    const at = offset(node)
    this.read(node)
    const text = keyText(node, this.targets)
    const hint = 'keys are plain text; quote a text that begins with "{" or "["'
    if (text === undefined) this.#report('not-a-key', at, 'a mapping or list cannot be a key', hint)
    else if (text === '' && isScalar(node) && node.type === 'PLAIN') this.#report('not-a-key', at, 'the key before ":" is missing')
    else if (text === '__proto__') this.#report('not-a-key', at, '"__proto__" cannot be a key')
    else return text
    return undefined
  }

  /** Adds to `value` and `entries` what `<<` brings and they do not have. `sources` is the value beside `<<`, already read. */
  #merge(merge: Entry, sources: unknown, value: Record<string, unknown>, entries: Entries): void {
    const beside = this.#resolve(merge.value)
    if (beside === undefined) return // an alias of nothing: reported
    const nodes = isSeq(beside) ? (beside.items as (Node | null)[]) : [merge.value]
    const values = isSeq(beside) ? ((sources ?? []) as unknown[]) : [sources]
    for (const [i, node] of nodes.entries()) {
      const source = this.#resolve(node)
      if (source === undefined) continue // an alias of nothing: reported
      if (!isMap(source)) {
        const hint = 'write `<<: *anchor`, with the anchor on a mapping'
        const at = offset((isAlias(merge.value) ? merge.value : node) ?? merge.key) // not inside what an alias stands for
        this.#report('bad-merge', at, '`<<` merges mappings, and this is none', hint)
        continue
      }
      const brought = this.merged.get(source) ?? indexEntries(source, this.targets)
      this.merged.set(source, brought)
      if (!values[i]) continue // refused: too many
      for (const [key, pair] of brought) {
        if (entries.has(key) || !Object.hasOwn(values[i], key)) continue
        entries.set(key, pair)
        value[key] = (values[i] as Record<string, unknown>)[key]
      }
    }
  }

  /** The node itself, or what it is an alias of; undefined if that is nothing. */
  #resolve(node: Node | null): Node | null | undefined {
    return isAlias(node) ? this.targets.get(node) : node
  }
}

const offset = (node: Node | null): number => node?.range?.[0] ?? 0

/** The value of a scalar. What YAML 1.2 does not know (a date of an older version) stays as written. */
function scalar(node: Node | null): unknown {
  if (!isScalar(node)) return null
  const { value, source } = node
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : (source ?? '')
}
