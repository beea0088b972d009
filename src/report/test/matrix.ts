/**
 * Who reached whom, drawn: rows from, columns to, one sheet for each port and family. Sheets that look the same
 * are one; in a big lab, actors of one kind share a line. Every square has a sign of its own, so that nothing
 * is lost without colours.
 */
import type { ChalkInstance } from 'chalk'
import type { Line } from '../../lab/policy/reachability.ts'
import { familyName, type Family } from '../../topology/address.ts'
import type { Cell } from '../../verify/check.ts'
import { width } from '../formats/width.ts'

/**
 * `reached`, `denied`: as promised. `leaked`: reached, and should not have been. `lost`: not reached, and should have been.
 * `unproven`: not reached, as it should be, but no policy stopped it. `elsewhere`: answered, but not by who was asked.
 * `mixed`: several pairs in one square, some reached and some not, all as promised. Absent: not measured.
 */
export type Square = 'reached' | 'denied' | 'leaked' | 'lost' | 'unproven' | 'elsewhere' | 'mixed'

export interface MatrixSheet {
  /** `80/tcp`, `icmp IPv6`. */
  readonly titles: readonly string[]
  readonly squares: readonly (readonly (Square | undefined)[])[]
}

export interface Matrix {
  readonly rows: readonly Line[]
  readonly columns: readonly Line[]
  /** Those with broken promises first. */
  readonly sheets: readonly MatrixSheet[]
}

/** Up to this many actors have a line each. */
const MAX_UNFOLDED = 16
/** A matrix larger than this is drawn only when asked for. */
const SMALL = { lines: 16, sheets: 6 }

const SIGNS: Readonly<Record<Square, string>> = {
  reached: '+',
  denied: '-',
  leaked: '!',
  lost: '✗',
  elsewhere: '≠',
  unproven: '?',
  mixed: '±',
}
const NOT_MEASURED = '·'

const LEGEND: Readonly<Record<Square, string>> = {
  reached: 'reached',
  denied: 'denied, as promised',
  leaked: 'REACHED, SHOULD BE DENIED',
  lost: 'NOT REACHED, SHOULD BE',
  elsewhere: 'ANSWERED, BUT NOT BY WHO WAS ASKED',
  unproven: 'NOT REACHED, BUT NO POLICY DENIED IT',
  mixed: 'some reached and some denied, as promised',
}

/** Promises broken, the worst first. */
const BROKEN: readonly (Square | undefined)[] = ['leaked', 'lost', 'elsewhere', 'unproven']

export const isBroken = (square: Square | undefined): boolean => BROKEN.includes(square)

function squareOf({ expected, measured, but }: Cell): Square {
  if (but !== undefined) return but
  if (expected === measured) return expected === 'allow' ? 'reached' : 'denied'
  return measured === 'allow' ? 'leaked' : 'lost'
}

/** What two pairs come to in one square: the worse of both. */
function joined(a: Square | undefined, b: Square): Square {
  if (a === undefined || a === b) return b
  return BROKEN.find((square) => square === a || square === b) ?? 'mixed'
}

/** The lines of both sides: actors of a kind together when there are many. Ordered as `kinds` are, others follow. */
function linesOf(cells: readonly Cell[], kinds: readonly Line[]): { rows: Line[]; columns: Line[]; lineOf: (actor: string) => Line } {
  const from = new Set(cells.map((c) => c.from))
  const to = new Set(cells.map((c) => c.to))
  const actors = new Set([...kinds.flatMap((k) => k.members).filter((m) => from.has(m) || to.has(m)), ...from, ...to])
  const alone = (actor: string): Line => ({ label: actor, members: [actor] })
  const lines = new Map<string, Line>()
  if (actors.size > MAX_UNFOLDED)
    for (const kind of kinds) {
      const members = kind.members.filter((m) => actors.has(m))
      const line = { label: `${members[0]}${members.length > 1 ? ` (+${members.length - 1})` : ''}`, members }
      for (const m of members) lines.set(m, line)
    }
  const lineOf = (actor: string): Line => {
    const line = lines.get(actor) ?? alone(actor)
    lines.set(actor, line)
    return line
  }
  const side = (side: ReadonlySet<string>): Line[] => [...new Set([...actors].filter((p) => side.has(p)).map(lineOf))]
  return { rows: side(from), columns: side(to), lineOf }
}

/** @param kinds actors that policies treat alike, as `reachability` tells them apart */
export function matrixOf(cells: readonly Cell[], kinds: readonly Line[] = []): Matrix {
  const { rows, columns, lineOf } = linesOf(cells, kinds)
  const [rowAt, columnAt] = [rows, columns].map((lines) => new Map(lines.map((l, i) => [l, i]))) as [Map<Line, number>, Map<Line, number>]
  const measured = new Map<string, { port: string; family: Family; squares: (Square | undefined)[][] }>()
  for (const cell of cells) {
    const key = `${cell.port} ${cell.family}`
    let sheet = measured.get(key)
    if (!sheet) measured.set(key, (sheet = { port: cell.port, family: cell.family, squares: rows.map(() => columns.map(() => undefined)) }))
    const row = sheet.squares[rowAt.get(lineOf(cell.from))!]!
    const at = columnAt.get(lineOf(cell.to))!
    row[at] = joined(row[at], squareOf(cell))
  }
  const families = new Set([...measured.values()].map((m) => m.family)).size
  const alike = new Map<string, { ports: Map<string, Family[]>; squares: (Square | undefined)[][] }>()
  for (const { port, family, squares } of measured.values()) {
    const key = JSON.stringify(squares)
    let sheet = alike.get(key)
    if (!sheet) alike.set(key, (sheet = { ports: new Map(), squares }))
    sheet.ports.set(port, [...(sheet.ports.get(port) ?? []), family])
  }
  const sheets = [...alike.values()].map(({ ports, squares }): MatrixSheet => ({
    titles: [...ports].map(([port, f]) => (f.length === families ? port : `${port} ${f.map(familyName).join(' ')}`)),
    squares,
  }))
  const broken = (s: MatrixSheet): boolean => s.squares.some((row) => row.some(isBroken))
  return { rows, columns, sheets: [...sheets.filter(broken), ...sheets.filter((s) => !broken(s))] }
}

/** Whether it can be shown unasked. */
export const isSmall = ({ rows, columns, sheets }: Matrix): boolean =>
  sheets.length > 0 && sheets.length <= SMALL.sheets && Math.max(rows.length, columns.length) <= SMALL.lines

export interface MatrixStyle {
  readonly chalk: ChalkInstance
  /** Of the terminal. Wider matrices have numbered columns, and those that are wider still come in parts. */
  readonly columns: number
  /** What signs mean where nothing was measured. */
  readonly legend?: Partial<Record<Square | 'absent', string>>
}

/** One actor and itself, which is nothing to measure. */
const isSelf = ({ rows, columns }: Matrix, row: number, column: number): boolean =>
  rows[row]!.members.length === 1 && rows[row]!.members[0] === columns[column]!.members[0]

const pad = (text: string, to: number): string => text + ' '.repeat(Math.max(0, to - width(text)))

/** All sheets, and what the signs in them mean. */
export function matrixText(matrix: Matrix, { chalk, columns: room, legend: words = {} }: MatrixStyle): string {
  if (matrix.sheets.length === 0) return ''
  const color: Readonly<Record<Square, (text: string) => string>> = {
    reached: chalk.green,
    denied: chalk.blue,
    leaked: chalk.bgRed.whiteBright.bold,
    lost: chalk.red.bold,
    elsewhere: chalk.red.bold,
    unproven: chalk.red.bold,
    mixed: chalk.cyan,
  }
  const named = { labels: matrix.rows.map((r) => r.label), heads: matrix.columns.map((c) => c.label) }
  const wide = (t: typeof named): number => Math.max(9, ...t.labels.map(width)) + t.heads.reduce((sum, h) => sum + 2 + width(h), 0)
  const layout = wide(named) <= room ? named : numbered(matrix)
  const labels = Math.max(9, ...layout.labels.map(width))
  const parts = partsOf(layout.heads, room - labels)
  const sheet = ({ titles, squares }: MatrixSheet): string =>
    parts
      .map((columns) => {
        const head = [chalk.dim(pad('from \\ to', labels)), ...columns.map((c) => chalk.dim(layout.heads[c]!))].join('  ')
        const body = squares.map((row, i) => {
          const signs = columns.map((c) => {
            const square = row[c]
            const absent = isSelf(matrix, i, c) ? ' ' : chalk.dim(NOT_MEASURED)
            const sign = square === undefined ? absent : color[square](SIGNS[square])
            return pad(sign, width(layout.heads[c]!))
          })
          return [pad(layout.labels[i]!, labels), ...signs].join('  ').trimEnd()
        })
        return `${[head, ...body].join('\n')}\n`
      })
      .map((part) => `${chalk.bold(titles.join(', '))}\n${part}`)
      .join('\n')
  const used = new Set(matrix.sheets.flatMap((s) => s.squares.flatMap((row, i) => row.filter((_, c) => !isSelf(matrix, i, c)))))
  const legend = (Object.keys(SIGNS) as Square[])
    .filter((s) => used.has(s))
    .map((s) => `${color[s](SIGNS[s])} ${words[s] ?? LEGEND[s]}`)
    .concat(used.has(undefined) ? [`${NOT_MEASURED} ${words.absent ?? 'not measured'}`] : [])
  const key = layout === named ? '' : unlisted(matrix)
  return `${matrix.sheets.map(sheet).join('\n')}\n${key}${legend.join('   ')}\n`
}

/** Columns by number, which rows of the same name carry in front. */
function numbered({ rows, columns }: Matrix): { labels: string[]; heads: string[] } {
  const number = new Map(columns.map((c, i) => [c.label, String(i + 1)]))
  const digits = String(columns.length).length
  return {
    labels: rows.map((r) => `${(number.get(r.label) ?? '').padStart(digits)} ${r.label}`),
    heads: columns.map((c) => number.get(c.label)!),
  }
}

/** The names of numbered columns that are no row. */
function unlisted({ rows, columns }: Matrix): string {
  const known = new Set(rows.map((r) => r.label))
  const missing = columns.flatMap((c, i) => (known.has(c.label) ? [] : [`${i + 1} ${c.label}`]))
  return missing.length > 0 ? `Columns: ${missing.join(', ')}\n` : ''
}

/** Runs of columns that fit. */
function partsOf(heads: readonly string[], room: number): number[][] {
  const parts: number[][] = [[]]
  let left = room
  for (const [i, head] of heads.entries()) {
    const takes = 2 + width(head)
    if (left < takes && parts.at(-1)!.length > 0) {
      parts.push([])
      left = room
    }
    parts.at(-1)!.push(i)
    left -= takes
  }
  return parts
}
