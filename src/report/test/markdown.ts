/** The summary of a run as Markdown, for the page that GitHub shows of a job (GITHUB_STEP_SUMMARY). */
import { Chalk } from 'chalk'
import { attributed, consequences } from './causes.ts'
import { matrixOf, matrixText } from './matrix.ts'
import { titlesOf, type Outcome, type Status } from '../trace/outcome.ts'
import { commandOf, oneLine, pairOf, reasonOf, shortPath, someOf } from './test-failures.ts'
import { countsOf, placeOf, testedIn } from './test-json.ts'
import { GROUPS, groups } from './test-text.ts'
import { plural } from '../../plural.ts'

const MAX_FAILURES = 50
/** GitHub refuses a step's summary above 1 MiB; matrices are what makes one large. */
const MAX_BYTES = 900_000
const WIDTH = 160

/** What Markdown, HTML or a table would take for its own. */
const text = (raw: string): string =>
  oneLine(raw)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/[\\`*_[\]|~#@!]/g, (c) => `&#${c.charCodeAt(0)};`)

/** Code in a cell of a table: only the pipe would end it, and backticks. */
const code = (raw: string): string => `<code>${text(raw)}</code>`

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `${row(head)}${row(head.map(() => '---'))}${rows.map(row).join('')}`

const SIGNS: Readonly<Record<Status, string>> = { passed: '✅ passed', failed: '❌ failed', skipped: '⏭️ skipped', error: '💥 error' }

function overview(outcomes: readonly Outcome[], base: string): string {
  return tableOf(
    ['lab', 'result', 'passed', 'failed', 'skipped', 'probes', 'seconds', 'topology'],
    outcomes.map((o) => {
      const checks = o.run?.checks ?? []
      const { passed, failed, skipped } = countsOf(checks)
      const counts = [passed, failed, skipped, testedIn(checks)].map(String)
      return [text(o.lab), SIGNS[o.status], ...counts, (o.tookMs / 1000).toFixed(1), code(shortPath(o.file, base))]
    }),
  )
}

function reasons(o: Outcome, base: string): string {
  return o.diagnostics
    .map((d) => {
      const place = [d.file === undefined ? undefined : shortPath(d.file, base), d.line, d.column].filter((p) => p !== undefined).join(':')
      return `- ${place === '' ? '' : `${code(place)}: `}${text(d.message)}${d.hint === undefined ? '' : ` (${text(d.hint)})`}\n`
    })
    .join('')
}

const MAX_DIFFERENCES = 20

/** Drift, with what is known to follow from each difference. */
function drift({ run }: Outcome, base: string): string {
  if (!run?.drift?.length) return ''
  const found = attributed(run)
  const rows = found.drift.slice(0, MAX_DIFFERENCES).map(({ difference, follows }) => {
    const { checks: ids, pairs } = consequences(follows)
    return [
      difference.state,
      text([difference.object, ...difference.details].join('; ')),
      text(difference.node ?? ''),
      difference.source === undefined ? '' : code(shortPath(difference.source, base)),
      follows.length === 0 ? '' : text(`${plural(follows.length, 'failed check')}: ${ids}; ${pairs}`),
    ]
  })
  const more = found.drift.length > rows.length ? `\n… and ${plural(found.drift.length - rows.length, 'more difference')}\n` : ''
  const maybe = found.possible.length > 0 ? `\nDrift found; may be the cause of ${plural(found.possible.length, 'failed check')}.\n` : ''
  return `${tableOf(['drift', 'object', 'node', 'asked for by', 'what follows'], rows)}${more}${maybe}`
}

function failures({ run, lab }: Outcome, base: string): string {
  if (!run) return ''
  const found = attributed(run)
  const { shown, hidden } = someOf([...found.possible, ...found.rest], MAX_FAILURES)
  if (shown.length === 0) return ''
  const rows = shown.map((c) => {
    const place = placeOf(c, run)
    const command = commandOf(c, lab)
    const pair = pairOf(c)
    return [
      text(c.title),
      pair === '' ? '' : code(pair),
      text(reasonOf(c, base)),
      place === undefined ? '' : code(shortPath(place, base)),
      command === undefined ? '' : code(command),
    ]
  })
  const rest = hidden.map((h) => `\n… and ${h.count} more of ${text(h.title)}\n`).join('')
  return `${tableOf(['promise', 'pair', 'why', 'asked for by', 'to see it'], rows)}${rest}`
}

const details = (title: string, body: string): string => `<details><summary>${title}</summary>\n\n${body}\n</details>\n\n`

function checks({ run }: Outcome): string {
  if (!run) return ''
  const rows = groups.flatMap((group) =>
    run.checks
      .filter((c) => c.group === group && c.status !== 'failed')
      .map((c) => [
        GROUPS[group],
        c.status,
        text([c.title, pairOf(c)].filter(Boolean).join(': ')),
        String(c.tested),
        c.detail === undefined ? '' : text(c.detail),
      ]),
  )
  return rows.length === 0 ? '' : details(`Other checks (${rows.length})`, tableOf(['group', 'result', 'promise', 'probes', ''], rows))
}

function matrix({ run, kinds }: Outcome): string {
  const drawn = run ? matrixText(matrixOf(run.cells, kinds), { chalk: new Chalk({ level: 0 }), columns: WIDTH }) : ''
  return drawn === '' ? '' : details('Who reached whom', `\`\`\`\`text\n${drawn}\`\`\`\`\n`)
}

function section(o: Outcome, title: string, base: string): string {
  const untested = (o.run?.untested ?? []).map((u) => `- not tested: ${text(u)}\n`).join('')
  const parts = [reasons(o, base), drift(o, base), failures(o, base), untested].filter((p) => p !== '')
  return `### ${text(title)}: ${SIGNS[o.status]}\n\n${parts.map((p) => `${p}\n`).join('')}`
}

/** @param base directory that paths are written from */
export function markdown(outcomes: readonly Outcome[], base: string): string {
  const of = (status: Status): number => outcomes.filter((o) => o.status === status).length
  const bad = of('failed') + of('error')
  const skipped = of('skipped') > 0 ? `, ${of('skipped')} skipped` : ''
  const title = (bad > 0 ? `${bad} of ${plural(outcomes.length, 'lab')} failed` : `${plural(of('passed'), 'lab')} passed`) + skipped
  const titles = titlesOf(outcomes, base)
  let page = `## netlab: ${title}\n\n${overview(outcomes, base)}\n`
  const bytes = (): number => Buffer.byteLength(page)
  const order: readonly Status[] = ['error', 'failed', 'skipped', 'passed']
  let cut = 0
  for (const o of order.flatMap((status) => outcomes.filter((each) => each.status === status))) {
    const whole = [section(o, titles.get(o)!, base), matrix(o), checks(o)]
    for (const part of whole) {
      if (bytes() + Buffer.byteLength(part) <= MAX_BYTES) page += part
      else cut++
    }
  }
  if (cut > 0) page += `\n${plural(cut, 'part')} left out: GitHub shows no more than 1 MiB.\n`
  return page
}
