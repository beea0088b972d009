/** The documentation as data: files, fenced blocks, links, headings, and the command lines it shows. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A block between ``` lines. */
export interface Fence {
  readonly language: string
  /** What follows the language on the opening line. */
  readonly info: string
  readonly lines: readonly string[]
  /** Line number of the opening. */
  readonly at: number
}

export interface Document {
  /** Path from the root of the repository. */
  readonly path: string
  readonly text: string
  readonly fences: readonly Fence[]
  /** The text outside fenced blocks, line numbers kept. */
  readonly prose: string
}

function parse(path: string, text: string): Document {
  const fences: Fence[] = []
  const prose: string[] = []
  let open: { language: string; info: string; lines: string[]; at: number } | undefined
  for (const [i, line] of text.split('\n').entries()) {
    const mark = /^```(\w*) ?(.*)$/.exec(line)
    if (mark && !open) open = { language: mark[1]!, info: mark[2]!, lines: [], at: i + 1 }
    else if (mark && open) {
      fences.push(open)
      open = undefined
    } else open?.lines.push(line)
    prose.push(mark || open ? '' : line)
  }
  if (open) throw new Error(`${path}:${open.at}: this block is never closed`)
  return { path, text, fences, prose: prose.join('\n') }
}

const read = (path: string): Document => parse(path, readFileSync(join(ROOT, path), 'utf8'))

export const documents: readonly Document[] = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
    .sort(),
].map(read)

export const documentOf = (path: string): Document | undefined => documents.find((d) => d.path === path)

/** Topologies, by file name. */
export const topologies: readonly string[] = readdirSync(join(ROOT, 'topologies')).filter((name) => name.endsWith('.yaml'))

/** Targets of `[text](target)`, with the line they are on. */
export function links(document: Document): { target: string; line: number }[] {
  return document.prose
    .split('\n')
    .flatMap((line, i) => [...line.matchAll(/\]\(([^)\s]+)\)/g)].map((m) => ({ target: m[1]!, line: i + 1 })))
}

/** Anchors of a document's headings, as GitHub makes them. */
export function anchors(document: Document): Set<string> {
  const headings = document.prose.split('\n').flatMap((line) => /^#+ (.*)$/.exec(line)?.[1] ?? [])
  const slugs = headings.map((h) =>
    h
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
  return new Set(
    slugs.map((slug, i) => (slugs.indexOf(slug) === i ? slug : `${slug}-${slugs.slice(0, i).filter((s) => s === slug).length}`)),
  )
}

/** Rows of a table that begin with this header cell; cells trimmed, separator and header left out. */
export function tableRows(document: Document, firstHeader: string): string[][] {
  const rows = document.prose.split('\n')
  const start = rows.findIndex((line) => line.startsWith(`| ${firstHeader} |`))
  if (start < 0) return []
  const end = rows.findIndex((line, i) => i > start && !line.startsWith('|'))
  return rows.slice(start + 2, end < 0 ? undefined : end).map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  )
}

/** A command line for the reader to type. */
export interface CommandLine {
  readonly text: string
  readonly where: string
}

/** What people are told to type: lines after a prompt, lines of shell blocks, inline code. */
function typed(document: Document): CommandLine[] {
  const inFences = document.fences.flatMap((f) =>
    f.lines.flatMap((text, i) => {
      const where = `${document.path}:${f.at + i + 1}`
      if (f.language === 'console') return text.startsWith('$ ') ? [{ text: text.slice(2), where }] : []
      return f.language === 'sh' && f.info === '' ? [{ text, where }] : []
    }),
  )
  const inline = document.prose
    .split('\n')
    .flatMap((line, i) => [...line.matchAll(/`([^`]+)`/g)].map((m) => ({ text: m[1]!, where: `${document.path}:${i + 1}` })))
  return [...inFences, ...inline]
}

/** The same of a topology's comments. */
function typedInTopology(name: string): CommandLine[] {
  const lines = readFileSync(join(ROOT, 'topologies', name), 'utf8').split('\n')
  return lines.flatMap((line, i) =>
    line.startsWith('#') ? [{ text: line.replace(/^#\s*(Try: )?/, '').replace(/ {2,}.*$/, ''), where: `topologies/${name}:${i + 1}` }] : [],
  )
}

/** A call of netlab within a command line: its words up to a pipe, a list, or the end of a quotation. */
export interface Call extends CommandLine {
  readonly words: readonly string[]
}

/** Every call of netlab the documentation shows. */
export const calls: readonly Call[] = [...documents.flatMap(typed), ...topologies.flatMap(typedInTopology)].flatMap(({ text, where }) =>
  [...text.replace(/\s#\s.*$/, '').matchAll(/(?:^|sudo |time |vm-run\.sh |&& |; |\(|')netlab ([^|;&'()]+)/g)].map((m) => ({
    text,
    where,
    words: m[1]!.trim().split(/\s+/),
  })),
)

export const fromRoot = (path: string): string => relative(ROOT, path)
