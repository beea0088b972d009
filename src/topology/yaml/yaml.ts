/**
 * YAML text → plain JavaScript values, with every complaint located.
 *
 * The `yaml` package lexes, parses and composes; what its defaults leave open to a hostile or
 * merely huge file is decided here: nesting is limited while parsing (its composer recurses),
 * duplicate keys are found by hashing (its own check compares every key with every other), and
 * aliases are shared rather than copied (see `values.ts`).
 */
import { Lexer, LineCounter, Parser, type CST } from 'yaml'
import { byPosition, type Diagnostic, type Path, type Position } from '../diagnostics.ts'
import { composeTokens, errorOf, MAX_FINDINGS, type Composed, type Finding } from './compose.ts'
import { TreePositions, type Positions } from './positions.ts'
import { toValue } from './values.ts'

/** Levels a document may have: deeper than any topology or Kubernetes object, far shallower than the stack. */
export const MAX_DEPTH = 100
/**
 * Words and signs a tree may have, of which each becomes part of it: what 20 000 pods on a line each need, or 3 MB of what kubectl
 * prints. At most some 300 MB while it is read.
 */
const MAX_WORDS = 420_000
/** Lexical pieces of all sorts, white space and comments among them. */
const MAX_LEXEMES = 1_000_000
/** Aliases a tree may have, of which each costs a kB: twice what 50 000 pods that share their labels need. */
const MAX_ALIASES = 100_000
/** Characters a text in quotes may have, which costs a hundred times as many bytes. No object of Kubernetes is so large. */
const MAX_QUOTED = 2_000_000
/** Lines a text may have: the largest file then has 16 bytes a line. */
const MAX_LINES = 1_000_000
const SPLIT =
  'Manifests may be several files: `manifests:` takes globs and directories, and kubectl get has -n and -l. With -o json it prints what is read sooner.'
/** Documents a text may have: each costs some 2 kB, and no cluster has so many objects in a file. */
export const MAX_DOCUMENTS = 20_000
/** One slip of the pen derails the rest of the file: after so many complaints the next ones say nothing new. */
const MAX_SYNTAX_ERRORS = 20
/** Errors of other kinds do not follow from one another, but no reader gets further. */
const MAX_DIAGNOSTICS = 10_000

export interface YamlDocument {
  /** Plain objects, arrays, strings, numbers, booleans and null. */
  readonly value: unknown
  readonly positions: Positions
  /** True if the document says nothing at all, like what follows a last `---`. */
  readonly isEmpty: boolean
  /** Where its content begins. */
  readonly line: number
  readonly column: number
  /** Of an item of a List that was read by itself: where it stands, and the List without its items. */
  readonly item?: { readonly at: Path; readonly list: Readonly<Record<string, unknown>> }
}

export interface ParsedYaml {
  /** Empty if the text is not YAML. */
  readonly documents: readonly YamlDocument[]
  readonly diagnostics: readonly Diagnostic[]
}

/** Reads every document of a YAML 1.2 text (`<<` merge keys are honoured). Never throws, whatever the text. */
export function parseYaml(text: string, file: string): ParsedYaml {
  const lines = countLines(text)
  return tooManyLines(lines, file) ?? parsePart(text, file, lines, 0, oneTree())
}

/** What has been read of a file, tree after tree, and how much may be. */
export interface Effort {
  words: number
  lexemes: number
  readonly maxWords: number
  readonly maxLexemes: number
}

/** For what is one tree. */
export const oneTree = (): Effort => ({ words: 0, lexemes: 0, maxWords: MAX_WORDS, maxLexemes: MAX_LEXEMES })
/** For the pieces of a file: 7 MB of what kubectl prints. One at a time is in memory, but a MB takes 0.6 s of a processor. */
export const allPieces = (): Effort => ({ words: 0, lexemes: 0, maxWords: 800_000, maxLexemes: 2_000_000 })

/** Why a text of so many lines is not read. */
export function tooManyLines({ lineStarts }: LineCounter, file: string): ParsedYaml | undefined {
  if (lineStarts.length <= MAX_LINES) return undefined
  return tooLarge(`more than ${MAX_LINES} lines up to here`, file, { line: MAX_LINES, column: 1 })
}

/** A file that is refused for its size. */
export const tooLarge = (message: string, file: string, at: Position): ParsedYaml => ({
  documents: [],
  diagnostics: [{ code: 'file-too-large', severity: 'error', message, file, ...at, hint: SPLIT }],
})

/**
 * Reads a part of a text by itself.
 * @param lines of the whole text
 * @param from where in it this part begins
 * @param effort to which what it takes is added
 */
export function parsePart(text: string, file: string, lines: LineCounter, from: number, effort: Effort): ParsedYaml {
  const diagnostics: Diagnostic[] = []
  const at = (offset: number) => {
    const { line, col } = lines.linePos(from + Math.min(Math.max(offset, 0), text.length))
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const report = (severity: Diagnostic['severity'], code: string, offset: number, message: string, hint?: string) => {
    if (diagnostics.length >= MAX_DIAGNOSTICS) return
    diagnostics.push({ code, severity, message, file, ...at(offset), ...(hint === undefined ? {} : { hint }) })
  }

  const composed = compose(text, effort)
  if ('message' in composed) {
    report('error', composed.code, composed.at, composed.message, composed.hint ?? 'no topology needs that')
    return { documents: [], diagnostics }
  }

  const errors = composed.errors.toSorted((a, b) => a.at - b.at)
  let nextLine = 0 // further errors on a line follow from the first
  for (const error of errors) {
    if (error.at < nextLine) continue
    if (diagnostics.length >= MAX_SYNTAX_ERRORS) break
    report('error', 'yaml-syntax', error.at, oneLine(error.message), SYNTAX_HINTS[error.code])
    nextLine = (lines.lineStarts[at(error.at).line] ?? Infinity) - from
  }
  for (const warning of composed.warnings) {
    const isTag = warning.code === 'TAG_RESOLVE_FAILED'
    const hint = isTag ? 'tags (!something) mean nothing in a topology: remove it' : SYNTAX_HINTS[warning.code]
    report('warning', isTag ? 'unknown-tag' : 'yaml-syntax', warning.at, oneLine(warning.message), hint)
  }
  if (errors.length > 0) return { documents: [], diagnostics: diagnostics.sort(byPosition) }

  const documents = composed.documents.map((document): YamlDocument => {
    const { value, targets, merged } = toValue(document.contents, (...finding) => report('error', ...finding))
    const start = document.contents?.range?.[0] ?? document.range?.[0] ?? 0
    const isEmpty = value === null && !text.slice(start, document.contents?.range?.[1] ?? start).trim()
    return { value, positions: new TreePositions(document.contents, { lines, from }, targets, merged), isEmpty, ...at(start) }
  })
  return { documents, diagnostics: diagnostics.sort(byPosition) }
}

/** Where lines begin. Counted here, because the parser loses count in texts that are broken. */
export function countLines(text: string): LineCounter {
  const lines = new LineCounter()
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at !== -1 && lines.lineStarts.length <= MAX_LINES; at = text.indexOf('\n', at + 1))
    lines.addNewLine(at + 1)
  return lines
}

/** Why a text is not even parsed to its end. */
interface Refusal {
  readonly code: string
  readonly at: number
  readonly message: string
  readonly hint?: string
}

/** What lexemes begin with that are no words: white space, comments, and marks of the lexer's own (BOM, document, flow error, scalar). */
const FILLING: ReadonlySet<string | undefined> = new Set([' ', '\t', '\n', '\r', '#', '\uFEFF', '\u0002', '\u0018', '\u001F'])

/** The composed documents, or why the text is refused. */
function compose(text: string, effort: Effort): Composed | Refusal {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  const before = { ...effort }
  const errors: Finding[] = []
  let documents = 0
  let aliases = 0
  const take = (token: CST.Token): void => {
    if (token.type === 'error') errors.push(errorOf(token))
    else tokens.push(token)
    if (token.type === 'document') documents++
  }
  for (const lexeme of new Lexer().lex(text)) {
    const at = parser.offset
    if (lexeme.length > MAX_QUOTED && (lexeme[0] === '"' || lexeme[0] === "'"))
      return { code: 'file-too-large', at, message: `a text of more than ${MAX_QUOTED} characters`, hint: 'is there a quote missing?' }
    for (const token of parser.next(lexeme)) take(token)
    if (errors.length >= MAX_FINDINGS) break
    if (documents > MAX_DOCUMENTS) return { code: 'file-too-large', at, message: `more than ${MAX_DOCUMENTS} documents up to here` }
    if (lexeme[0] === '*' && ++aliases > MAX_ALIASES)
      return { code: 'file-too-large', at, message: `more than ${MAX_ALIASES} aliases up to here` }
    if (parser.stack.length > MAX_DEPTH + 1) return { code: 'too-deep', at, message: `nested more than ${MAX_DEPTH} levels deep` }
    effort.lexemes++
    if (!FILLING.has(lexeme[0])) effort.words++
    const message =
      tooMany(effort.words, effort.maxWords, before.words, MAX_WORDS, 'words and signs') ??
      tooMany(effort.lexemes, effort.maxLexemes, before.lexemes, MAX_LEXEMES, 'words, signs, lines and blanks')
    if (message) return { code: 'file-too-large', at, message, hint: SPLIT }
  }
  for (const token of parser.end()) take(token)
  return composeTokens(tokens, text.length, errors)
}

/** @param before what had been read when this tree began @param maxTree how many one tree may have */
function tooMany(count: number, max: number, before: number, maxTree: number, what: string): string | undefined {
  if (count <= max && count - before <= maxTree) return undefined
  return `more than ${count > max ? max : maxTree} ${what} up to here`
}

/** yaml's message without what surrounds it when it quotes a piece of the file. */
function oneLine(message: string): string {
  const line = message.split('\n', 1)[0]!.trim()
  const short = line.length > 120 ? `${line.slice(0, 120)}…` : line
  return short.charAt(0).toLowerCase() + short.slice(1)
}

/** What the author of a topology most likely did, by yaml's error code. */
const SYNTAX_HINTS: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'quote a text that begins with "*" or "&"',
  BAD_DQ_ESCAPE: 'in double quotes a backslash begins an escape: use single quotes, or \\\\',
  BAD_INDENT: 'entries of one mapping or list must begin in the same column',
  BAD_SCALAR_START: 'quote the text',
  BLOCK_AS_IMPLICIT_KEY: 'begin a new line after "key:", or quote a text that holds ": "',
  BLOCK_IN_FLOW: 'inside { } and [ ] everything is written with { } and [ ]',
  MISSING_CHAR: 'is there a ":" , a quote or a closing bracket missing?',
  MULTILINE_IMPLICIT_KEY: 'is there a ":" missing at the end of the line, or is the next line indented too far?',
  TAB_AS_INDENT: 'indent with spaces',
  UNEXPECTED_TOKEN: 'is there a bracket or a quote too many, or one missing before?',
}
