/**
 * From a path in the topology to a line and column of the file.
 *
 * Looking up is a walk down the parsed document, one hash look-up a level: a map's keys are
 * indexed when the first path through it is asked for, so a file without errors pays nothing.
 */
import { isAlias, isMap, isScalar, isSeq, type Alias, type LineCounter, type Node, type Pair, type YAMLMap } from 'yaml'
import type { Path, Position } from '../diagnostics.ts'

export type Entry = Pair<Node, Node | null>
/** A map's entries by the text of their keys. */
export type Entries = Map<string, Entry>
/** What each alias stands for. */
export type Targets = ReadonlyMap<Alias, Node>

/** What stands at a path, or at its nearest ancestor that the file has. */
interface Found {
  /** Where the key is (or the list item, or the whole document). */
  readonly key: number
  readonly node: Node | null
}

/** How offsets of a document become lines: those of its file, in which it begins at `from`. */
export interface Place {
  readonly lines: LineCounter
  readonly from: number
}

export interface Positions {
  /** The key of an entry, or the beginning of a list item. What the file does not have is at its nearest ancestor. */
  key(path: Path): Position
  /** The value itself where a caret under it helps: a scalar or a `[…]`/`{…}`. A block begins a line later, so its key stands for it. */
  value(path: Path): Position
  /** The text of a scalar as written, without quotes: `1.10`, where the value is the number 1.1. */
  written(path: Path): string | undefined
}

/** Positions in a YAML document: its tree is walked. */
export class TreePositions implements Positions {
  readonly #root: Node | null
  readonly #place: Place
  readonly #targets: Targets
  readonly #entries: Map<YAMLMap, Entries>

  /** @param merged all entries of the maps with merge keys: their own and the merged ones */
  constructor(root: Node | null, place: Place, targets: Targets, merged: ReadonlyMap<YAMLMap, Entries>) {
    this.#root = root
    this.#place = place
    this.#targets = targets
    this.#entries = new Map(merged)
  }

  key(path: Path): Position {
    return this.#at(this.#find(path).key)
  }

  value(path: Path): Position {
    const { key, node } = this.#find(path)
    const isBlock = (isMap(node) || isSeq(node)) && !node.flow
    const isEmpty = isScalar(node) && node.source === '' && node.type === 'PLAIN'
    return this.#at(node?.range && !isBlock && !isEmpty ? node.range[0] : key)
  }

  written(path: Path): string | undefined {
    const { node } = this.#find(path)
    const target = isAlias(node) ? this.#targets.get(node) : node
    return isScalar(target) ? target.source : undefined
  }

  #find(path: Path): Found {
    let found: Found = { key: 0, node: this.#root }
    for (const part of path) {
      const parent = isAlias(found.node) ? this.#targets.get(found.node) : found.node
      if (isMap(parent)) {
        const pair = this.#entriesOf(parent).get(String(part))
        if (!pair) break
        found = { key: pair.key.range?.[0] ?? found.key, node: pair.value }
      } else if (isSeq(parent) && typeof part === 'number' && part < parent.items.length) {
        const node = parent.items[part] as Node
        found = { key: node.range?.[0] ?? found.key, node }
      } else break
    }
    return found
  }

  #entriesOf(map: YAMLMap): Entries {
    let entries = this.#entries.get(map)
    if (!entries) this.#entries.set(map, (entries = indexEntries(map, this.#targets)))
    return entries
  }

  #at(offset: number): Position {
    const { line, col } = this.#place.lines.linePos(this.#place.from + offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

/** The entries a map has itself, without those it merges. Of a key that is given twice the first counts. */
export function indexEntries(map: YAMLMap, targets: Targets): Entries {
  const entries: Entries = new Map()
  for (const pair of map.items as Entry[]) {
    const key = keyText(pair.key, targets)
    if (key !== undefined && !entries.has(key)) entries.set(key, pair)
  }
  return entries
}

/** A key as text. A plain one is taken as written, so that `1.10` does not become `1.1` nor `0x10` `16`. Undefined if it is no scalar. */
export function keyText(node: Node | null, targets: Targets): string | undefined {
  const target = isAlias(node) ? targets.get(node) : node
  return isScalar(target) ? (target.source ?? String(target.value)) : undefined
}
