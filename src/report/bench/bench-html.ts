/**
 * A benchmark as one page that needs nothing else: no network, no scripts, no fonts. A chart a measure: a bar is a median of ratios to
 * host to host, the line over it reaches from the least round to the most. The tables below have the same numbers, and the values.
 */
import { MEASURE_IDS, MEASURES, type MeasureId } from '../../bench/measures.ts'
import { disturbances, limits, rowsOf, type BenchReport, type BenchRow, type LabBench } from '../../bench/rows.ts'
import { plural } from '../../plural.ts'
import { VERSION } from '../../version.ts'
import { withoutFolders } from '../formats/folders.ts'
import { escape, hash } from '../formats/html.ts'
import { networkText, roundsText } from './bench-text.ts'
import { digits, ratioText, valueText } from './bench-words.ts'

const STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --ink: #16202c; --soft: #526070; --line: #d9dfe6; --bar: #1d5fd1; --base: #c4162a }
@media (prefers-color-scheme: dark) { :root { --page: #10151b; --card: #18202a; --ink: #e6ebf1; --soft: #9fadbd; --line: #2e3a47; --bar: #6ea2ff; --base: #ff8a8a } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 3rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .25rem } h3 { font-size: 1rem; margin: 0 }
.meta { color: var(--soft); margin: .25rem 0 1rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; margin: 1rem 0; overflow-x: auto }
svg { display: block; width: 100%; min-width: 34rem; height: auto }
svg text { fill: var(--ink); font: 13px system-ui, sans-serif } svg .soft { fill: var(--soft) }
.bar { fill: var(--bar) } .spread { stroke: var(--ink); stroke-width: 1.5 } .base { stroke: var(--base); stroke-dasharray: 4 3 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 } td span { display: block; color: var(--soft); font-size: .85em } ul { padding-left: 1.2rem }
`

/** Sizes of a chart, in units of its own. */
const WIDTH = 900
const LEFT = 250
const RIGHT = 190
const ROW = 26

interface Bar {
  readonly label: string
  readonly row: BenchRow
}

/** The bars of one measure, one below the other, on one scale. */
function chart(measure: MeasureId, bars: readonly Bar[]): string {
  const room = WIDTH - LEFT - RIGHT
  const most = bars.reduce((top, { row }) => Math.max(top, row.ratio!.max), 1)
  const at = (ratio: number): number => LEFT + (ratio / most) * room
  const height = bars.length * ROW + 24
  const drawn = bars.map(({ label, row }, i) => {
    const { median, min, max } = row.ratio!
    const y = 20 + i * ROW
    const middle = y + ROW / 2 - 2
    const px = (x: number): string => x.toFixed(1)
    return `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${escape(label)}</text>
<rect class="bar" x="${LEFT}" y="${y + 3}" width="${px(at(median) - LEFT)}" height="${ROW - 10}" rx="2"><title>${escape(`${label}: ${ratioText(row.ratio!)}, ${valueText(row.value.median, measure)}`)}</title></rect>
<path class="spread" d="M${px(at(min))} ${middle}H${px(at(max))}M${px(at(min))} ${middle - 4}v8M${px(at(max))} ${middle - 4}v8"/>
<text class="soft" x="${WIDTH - RIGHT + 12}" y="${middle + 4}">${escape(`${digits(median)} ×, ${valueText(row.value.median, measure)}`)}</text>`
  })
  const { title, about, better } = MEASURES[measure]
  const base = at(1).toFixed(1)
  return `<section class="card"><h3>${escape(title)}</h3><p class="meta">${escape(about)}; ${better} is better</p>
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(`${title}: ${bars.map((b) => `${b.label} ${ratioText(b.row.ratio!)}`).join('; ')}`)}">
<path class="base" d="M${base} 14V${height - 4}"/><text class="soft" x="${base}" y="11" text-anchor="middle">host to host</text>
${drawn.join('\n')}</svg></section>`
}

/** The paths of one lab that compare with host to host. */
const labBars = (rows: readonly BenchRow[], measure: MeasureId): Bar[] =>
  rows.filter((r) => r.measure === measure && r.ratio && r.path.id !== 'host-host').map((row) => ({ label: row.path.title, row }))

/** Charts of all measures that have bars. */
const charts = (bars: (measure: MeasureId) => readonly Bar[]): string =>
  MEASURE_IDS.map((id) => ({ id, own: bars(id) }))
    .filter(({ own }) => own.length > 0)
    .map(({ id, own }) => chart(id, own))
    .join('\n')

const list = (title: string, items: readonly string[]): string =>
  items.length === 0
    ? ''
    : `<section class="card"><h3>${title}</h3><ul>${items.map((i) => `<li>${escape(i)}</li>`).join('')}</ul></section>`

function values(rows: readonly BenchRow[], { run }: LabBench): string {
  const cell = (row: BenchRow): string =>
    `<td>${escape(valueText(row.value.median, row.measure))}<span>${row.ratio && row.path.id !== 'host-host' ? escape(ratioText(row.ratio)) : ''}</span></td>`
  const body = run.results.map(
    ({ path }) =>
      `<tr><th scope="row">${escape(path.title)}</th>${rows
        .filter((r) => r.path === path)
        .map(cell)
        .join('')}</tr>`,
  )
  return `<section class="card"><table><thead><tr><th scope="col">Path</th>${MEASURE_IDS.map((id) => `<th scope="col">${escape(MEASURES[id].title)}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></section>`
}

function labSection(bench: LabBench): string {
  const rows = rowsOf(bench.run)
  return `<h2>Lab ${escape(bench.lab)}</h2><p class="meta">${escape(`${networkText(bench)}; ${roundsText(bench)}`)}</p>
${charts((measure) => labBars(rows, measure))}
${bench.run.results.length === 0 ? '' : values(rows, bench)}
${list(
  'Notes',
  disturbances(bench.run).concat(
    bench.run.unmeasured.map(({ id, reason }) => `${id}: not measured: ${withoutFolders(reason, bench.file)}`),
  ),
)}`
}

/** Labs beside each other, by what it costs to reach another host. */
function comparison(labs: readonly LabBench[]): string {
  const rows = labs.map((bench) => ({ lab: bench.lab, own: rowsOf(bench.run).filter((r) => r.path.id === 'other-host' && r.ratio) }))
  if (rows.filter(({ own }) => own.length > 0).length < 2) return ''
  return `<h2>From pod to pod of another host</h2>${charts((measure) =>
    rows.flatMap(({ lab, own }) => own.filter((r) => r.measure === measure).map((row) => ({ label: lab, row }))),
  )}`
}

/** The page. */
export function benchHtml({ machine, labs, skipped }: BenchReport): string {
  const about = `${machine.model}, ${plural(machine.processors, 'processor')}, Linux ${machine.kernel}`
  const policy = `default-src 'none'; img-src data:; style-src ${hash(STYLE)}; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="netlab ${escape(VERSION)}">
<link rel="icon" href="data:,">
<title>${escape(`${labs.map((l) => l.lab).join(', ')} · netlab bench`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>What the network costs</h1>
<p class="meta">${escape(about)}. Bars are ratios to host to host, medians of the rounds; the line over a bar reaches from the least round to the most.</p>
${comparison(labs)}
${labs.map(labSection).join('\n')}
${list(
  'Not measured',
  skipped.map((s) => `${withoutFolders(s.file, s.file)}: ${s.reasons.join('; ')}`),
)}
${list('What cannot be compared on this machine', limits(machine))}
</main>
</body>
</html>
`
}
