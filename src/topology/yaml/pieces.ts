/**
 * The text of a manifest file, which may be large: what `kubectl get` prints of a cluster. JSON is read as such; documents of a long
 * YAML text, and items of a List in it, are read one by one, so that the tree of one is gone before the next is made. What is asked for
 * the place of something in such a piece reads the piece once more.
 */
import type { LineCounter } from 'yaml'
import type { Diagnostic, Path, Position } from '../diagnostics.ts'
import { JsonPositions, jsonValues, readJson, type JsonStream, type Span } from './json.ts'
import type { Positions } from './positions.ts'
import {
  allPieces,
  countLines,
  MAX_DEPTH,
  MAX_DOCUMENTS,
  oneTree,
  parsePart,
  parseYaml,
  tooLarge,
  tooManyLines,
  type Effort,
  type ParsedYaml,
  type YamlDocument,
} from './yaml.ts'

/** Characters from which on YAML is read piece by piece: as one tree it takes a hundred times its size. */
const LARGE = 512 * 1024
/** Commas and brackets of JSON: what 16 MiB of kubectl's have, three times. */
const MAX_SIGNS = 1_500_000

/**
 * The documents of a manifest file. Never throws, whatever the text.
 * @param large from how many characters on YAML is read piece by piece
 */
export function parseManifest(text: string, file: string, large = LARGE): ParsedYaml {
  const stream = jsonValues(text, MAX_DOCUMENTS)
  if (!stream && text.length < large) return parseYaml(text, file)
  const lines = countLines(text)
  const refused = tooManyLines(lines, file)
  if (refused) return refused
  if (stream) return parseJson(text, file, lines, stream)
  return parsePieces({ text, file, lines }) ?? parsePart(text, file, lines, 0, oneTree())
}

function parseJson(text: string, file: string, lines: LineCounter, { values, signs }: JsonStream): ParsedYaml {
  if (values.length > MAX_DOCUMENTS)
    return tooLarge(`more than ${MAX_DOCUMENTS} documents up to here`, file, positionAt(lines, values[MAX_DOCUMENTS]!.start))
  if (signs > MAX_SIGNS) return tooLarge(`more than ${MAX_SIGNS} values up to here`, file, positionAt(lines, text.length))
  const documents: YamlDocument[] = []
  const diagnostics: Diagnostic[] = []
  const effort = allPieces()
  for (const span of values) {
    const read = span.depth <= MAX_DEPTH ? readJson(text, span) : undefined
    if (read) {
      const positions = new JsonPositions(text, { lines, from: span.start })
      documents.push({ value: read.value, positions, isEmpty: false, ...positionAt(lines, span.start) })
    } else {
      const parsed = readSpan({ text, file, lines }, span, effort)
      documents.push(...parsed.documents)
      diagnostics.push(...parsed.diagnostics)
      if (parsed.diagnostics.some((d) => d.code === 'file-too-large')) break
    }
  }
  return { documents, diagnostics }
}

function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

/** A List whose items are block style: each is a piece. */
interface ListSpan extends Span {
  /** From the line behind `items:` to behind the last one. */
  readonly inside: Span
  readonly items: readonly Span[]
}

/** The pieces of a YAML text, in order; undefined where it cannot be told without reading it where they begin. */
function piecesOf(text: string): readonly (Span | ListSpan)[] | undefined {
  // Directives belong to what follows them, and "..." ends what need not be followed by "---".
  if (/^(?:%|\.\.\.\s)/m.test(text)) return undefined
  const marks = offsets(text, /^---(?=\s)/gm)
  const starts = marks[0] === 0 ? marks : [0, ...marks]
  return starts.map((start, i) => listIn(text, { start, end: starts[i + 1] ?? text.length }))
}

/** Where a pattern is found: so often that it is too often, and no more. */
function offsets(text: string, pattern: RegExp): number[] {
  const found: number[] = []
  for (const { index } of text.matchAll(pattern)) if (found.push(index) > MAX_DOCUMENTS) break
  return found
}

function listIn(text: string, document: Span): Span | ListSpan {
  const whole = text.slice(document.start, document.end)
  const head = /^items:[ \t]*(?:#.*)?\r?\n(?=(?:[ \t]*(?:#.*)?\r?\n)*( *)-\s)/m.exec(whole)
  if (!head) return document
  const indent = head[1]!
  const from = head.index + head[0].length
  // What begins further to the left, comments aside, is no item.
  const behind = new RegExp(indent === '' ? '^[^\\s#-]' : `^(?! {${indent.length}}|[ \\t\\r]*(?:#|$))`, 'm')
  const rest = whole.slice(from)
  const end = from + (behind.exec(rest)?.index ?? rest.length)
  const inside = whole.slice(from, end)
  const starts = offsets(inside, new RegExp(`^ {${indent.length}}-(?=\\s)`, 'gm')).map((at) => document.start + from + at)
  const stop = document.start + end
  return {
    ...document,
    inside: { start: document.start + from, end: stop },
    items: starts.map((start, i) => ({ start, end: starts[i + 1] ?? stop })),
  }
}

/** The file that pieces are of. */
interface Source {
  readonly text: string
  readonly file: string
  readonly lines: LineCounter
}

const readSpan = ({ text, file, lines }: Source, { start, end }: Span, effort: Effort): ParsedYaml =>
  parsePart(text.slice(start, end), file, lines, start, effort)

/** Undefined: only as a whole. */
function parsePieces(source: Source): ParsedYaml | undefined {
  const { text, file } = source
  const pieces = piecesOf(text)
  if (!pieces) return undefined
  const count = pieces.reduce((n, piece) => n + ('items' in piece ? piece.items.length : 1), 0)
  if (count > MAX_DOCUMENTS) return tooLarge(`more than ${MAX_DOCUMENTS} objects in this file`, file, { line: 1, column: 1 })
  const documents: YamlDocument[] = []
  const diagnostics: Diagnostic[] = []
  const effort = allPieces()
  for (const piece of pieces) {
    const read = ('items' in piece ? readList(source, piece, effort) : undefined) ?? readPiece(source, piece, effort)
    documents.push(...read.documents)
    diagnostics.push(...read.diagnostics)
    // What follows from a slip of the pen, or from what is too large, says nothing new.
    if (read.documents.length === 0) return { documents: [], diagnostics }
  }
  return { documents, diagnostics }
}

const isList = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && 'kind' in value && String(value.kind).endsWith('List')

/** Undefined: it is no List, or its items do not stand alone. */
function readList(source: Source, { start, end, inside, items }: ListSpan, effort: Effort): ParsedYaml | undefined {
  const { text, file, lines } = source
  const around = `${text.slice(start, inside.start)}${' '.repeat(inside.end - inside.start - 1)}\n${text.slice(inside.end, end)}`
  const { documents, diagnostics } = parsePart(around, file, lines, start, effort)
  const [list] = documents
  if (documents.length !== 1 || !isList(list?.value)) return undefined
  const found = [...documents]
  const all = [...diagnostics]
  for (const [i, item] of items.entries()) {
    const read = readPiece(source, item, effort, { at: ['items', i], list: list.value })
    // Its anchor may be in another item.
    if (read.diagnostics.some((d) => d.code === 'unknown-alias')) return undefined
    if (read.documents.length === 0) return read
    found.push(...read.documents)
    all.push(...read.diagnostics)
  }
  return { documents: found, diagnostics: all }
}

/** What every object is asked for. */
const NAME: Path = ['metadata', 'name']

/** @param item of which List it is one, if it is one */
function readPiece(source: Source, piece: Span, effort: Effort, item?: YamlDocument['item']): ParsedYaml {
  const { documents, diagnostics } = readSpan(source, piece, effort)
  const outer = item?.at ?? []
  const inner = item ? [0] : []
  return {
    documents: documents.map((document, i): YamlDocument => {
      const value = item ? (document.value as readonly unknown[])[0] : document.value
      const name = document.positions.key([...inner, ...NAME])
      const positions = new PiecePositions(() => readSpan(source, piece, oneTree()).documents[i]!.positions, outer, inner, name)
      return { ...document, value, positions, ...(item ? { item } : {}) }
    }),
    diagnostics,
  }
}

/** Places in a piece, whose tree is made anew when one is asked for that is not known: there is one at a time. */
class PiecePositions implements Positions {
  static #latest: { readonly of: PiecePositions; readonly tree: Positions } | undefined
  readonly #read: () => Positions
  readonly #outer: Path
  readonly #inner: Path
  readonly #name: Position

  /** @param outer what paths to the piece begin with @param inner the same in its own tree @param name where its name is */
  constructor(read: () => Positions, outer: Path, inner: Path, name: Position) {
    this.#read = read
    this.#outer = outer
    this.#inner = inner
    this.#name = name
  }

  key(path: Path): Position {
    const rest = path.slice(this.#outer.length)
    return rest.length === NAME.length && rest.every((part, i) => part === NAME[i]) ? this.#name : this.#tree().key(this.#inside(path))
  }

  value(path: Path): Position {
    return this.#tree().value(this.#inside(path))
  }

  written(path: Path): string | undefined {
    return this.#tree().written(this.#inside(path))
  }

  #inside(path: Path): Path {
    return [...this.#inner, ...path.slice(this.#outer.length)]
  }

  #tree(): Positions {
    if (PiecePositions.#latest?.of !== this) PiecePositions.#latest = { of: this, tree: this.#read() }
    return PiecePositions.#latest.tree
  }
}
