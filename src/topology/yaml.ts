/**
 * YAML text → plain JavaScript values, with every complaint located.
 *
 * The `yaml` package lexes, parses and composes; what its defaults leave open to a hostile or
 * merely huge file is decided here: nesting is limited while parsing (its composer recurses),
 * duplicate keys are found by hashing (its own check compares every key with every other), and
 * aliases are shared rather than copied (see `values.ts`).
 */
import { Composer, Lexer, LineCounter, Parser, type Document } from 'yaml'
import type { Diagnostic } from './diagnostics.ts'
import { Positions } from './positions.ts'
import { toValue } from './values.ts'

/** Deeper than any topology or Kubernetes object, far shallower than the stack. */
const MAX_DEPTH = 100
/** One slip of the pen derails the rest of the file: after so many complaints the next ones say nothing new. */
const MAX_SYNTAX_ERRORS = 20

export interface YamlDocument {
  /** Plain objects, arrays, strings, numbers, booleans and null. */
  readonly value: unknown
  readonly positions: Positions
  /** True if the document says nothing at all, like what follows a last `---`. */
  readonly isEmpty: boolean
  /** Where its content begins. */
  readonly line: number
  readonly column: number
}

export interface ParsedYaml {
  /** Empty if the text is not YAML. */
  readonly documents: readonly YamlDocument[]
  readonly diagnostics: readonly Diagnostic[]
}

/** Reads every document of a YAML 1.2 text (`<<` merge keys are honoured). Never throws, whatever the text. */
export function parseYaml(text: string, file: string): ParsedYaml {
  const lines = new LineCounter()
  const diagnostics: Diagnostic[] = []
  const at = (offset: number) => {
    const { line, col } = lines.linePos(Math.min(Math.max(offset, 0), text.length))
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const report = (severity: Diagnostic['severity'], code: string, offset: number, message: string, hint?: string) =>
    diagnostics.push({ code, severity, message, file, ...at(offset), ...(hint === undefined ? {} : { hint }) })

  const composed = compose(text, lines)
  if ('tooDeepAt' in composed) {
    report('error', 'too-deep', composed.tooDeepAt, `nested more than ${MAX_DEPTH} levels deep`, 'no part of a topology needs that')
    return { documents: [], diagnostics }
  }

  const errors = composed.flatMap((document) => document.errors).sort((a, b) => a.pos[0] - b.pos[0])
  const firstOnLine = new Set<number>()
  for (const { code, message, pos } of errors) {
    const { line } = at(pos[0])
    if (firstOnLine.has(line) || firstOnLine.size >= MAX_SYNTAX_ERRORS) continue
    firstOnLine.add(line)
    report('error', 'yaml-syntax', pos[0], oneLine(message), SYNTAX_HINTS[code])
  }
  for (const { code, message, pos } of composed.flatMap((document) => document.warnings)) {
    const hint = code === 'TAG_RESOLVE_FAILED' ? 'tags (!something) mean nothing in a topology: remove it' : SYNTAX_HINTS[code]
    report('warning', code === 'TAG_RESOLVE_FAILED' ? 'unknown-tag' : 'yaml-syntax', pos[0], oneLine(message), hint)
  }
  if (errors.length > 0) return { documents: [], diagnostics }

  const documents = composed.map((document): YamlDocument => {
    const { value, targets, merged } = toValue(document.contents, (...finding) => report('error', ...finding))
    const start = document.contents?.range?.[0] ?? document.range?.[0] ?? 0
    const isEmpty = value === null && !text.slice(start, document.contents?.range?.[1] ?? start).trim()
    return { value, positions: new Positions(document.contents, lines, targets, merged), isEmpty, ...at(start) }
  })
  return { documents, diagnostics }
}

/** The composed documents (at least one, empty for an empty text), or where the nesting became too deep. */
function compose(text: string, lines: LineCounter): Document.Parsed[] | { readonly tooDeepAt: number } {
  lines.addNewLine(0)
  const parser = new Parser(lines.addNewLine)
  const tokens = []
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token)
    if (parser.stack.length > MAX_DEPTH) return { tooDeepAt: parser.offset - lexeme.length }
  }
  for (const token of parser.end()) tokens.push(token)
  const composer = new Composer({ uniqueKeys: false, schema: 'core', resolveKnownTags: false, logLevel: 'silent' })
  return [...composer.compose(tokens, true, text.length)] as Document.Parsed[]
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
