/**
 * A result as one page that needs nothing else: no network, no framework, no fonts. The packet goes from device to
 * device on a drawing of its way; the list of hops below says the same in words, and is there without JavaScript.
 */
import { basename } from 'node:path'
import type { Lab } from '../../lab/lab.ts'
import type { Drop, Evidence, Hop, TraceResult } from '../../trace/result.ts'
import { VERSION } from '../../version.ts'
import { withoutFolders } from '../formats/folders.ts'
import { embed, escape, hash } from '../formats/html.ts'
import { view, type Step, type View } from './trace-html-data.ts'
import { SCRIPT } from './trace-html-script.ts'
import { STYLE } from './trace-html-style.ts'
import { plural } from '../../plural.ts'

/** `TCP to port 8080, 44 bytes, DF, TTL 64`. */
function probeInWords({ probe }: TraceResult): string {
  const what = probe.protocol === 'icmp' ? 'ICMP echo' : `${probe.protocol.toUpperCase()} to port ${probe.port}`
  // 0: as the source sends by itself.
  const ttl = probe.ttl > 0 ? [`${probe.family === 6 ? 'hop limit' : 'TTL'} ${probe.ttl}`] : []
  return [what, `${probe.size} bytes`, ...(probe.df && probe.family === 4 ? ['DF'] : []), ...ttl].join(', ')
}

function evidenceInWords({ evidence: e }: TraceResult): string {
  const lost = e.lost > 0 ? `, ${e.lost} lost` : ''
  return `${plural(e.captured, 'frame')} captured, ${e.expected} expected when healthy; ${plural(e.kernelEvents, 'kernel event')}, ${plural(e.ruleEvents, 'rule trace')}${lost}`
}

const ms = (value: number): string => `${value.toFixed(3)} ms`

function headline({ outcome, rttMs, drop, to }: TraceResult): string {
  if (outcome === 'delivered') return `Delivered${rttMs === null ? '' : `, answered in ${ms(rttMs)}`}`
  if (!drop) return outcome === 'unanswered' ? `No answer from ${to.word}` : outcome === 'rejected' ? 'Rejected' : 'Dropped'
  const what =
    drop.leg === 'reply' ? `Reply ${outcome === 'rejected' ? 'rejected' : 'dropped'}` : outcome === 'rejected' ? 'Rejected' : 'Dropped'
  const by = drop.policies ? ` by ${drop.policies.length === 1 ? 'policy' : 'policies'} ${drop.policies.join(', ')}` : ''
  return `${what}${by} at ${drop.node}${drop.device ? `, on ${drop.device}` : ''}`
}

/** How the verdict is known, after "Known". */
const KNOWN: Readonly<Record<Evidence, string>> = {
  captured: 'from the frames on the wire',
  kernel: 'from the kernel',
  rule: 'from the rule trace',
  predicted: 'from the kernel before the probe, not seen',
  inferred: 'by inference',
}

const ABOUT_DROP: readonly (readonly [string, (d: Drop) => string | undefined])[] = [
  ['Rule', (d) => d.rule],
  ['From', (d) => d.source],
  ['Object', (d) => d.object],
  ['What to do', (d) => d.hint],
]

function verdictCard(result: TraceResult): string {
  const { drop } = result
  const facts = drop
    ? ABOUT_DROP.flatMap(([name, of]) =>
        of(drop) ? [`<dt>${name}</dt><dd>${name === 'What to do' ? escape(of(drop)!) : `<code>${escape(of(drop)!)}</code>`}</dd>`] : [],
      )
    : []
  return `<section class="verdict ${result.outcome}" aria-label="Verdict">
<strong>${escape(headline(result))}</strong>
${drop ? `<p>${escape(drop.text)}</p>` : ''}${facts.length > 0 ? `<dl>${facts.join('')}</dl>` : ''}
${drop ? `<p class="meta">Cause <code>${drop.cause}</code>, known ${KNOWN[drop.evidence]}${drop.kernelReason ? ` (<code>${escape(drop.kernelReason)}</code>)` : ''}</p>` : ''}</section>`
}

/** The drawing in one sentence, for who cannot see it. */
const drawingInWords = ({ stages }: View): string => (stages[0]?.nodes ?? []).map((n) => `${n.name} (${n.devices.join(', ')})`).join(' to ')

const ICONS = {
  first: ['First hop', 'M3 3h2v10H3zM13 3v10L6 8z'],
  back: ['Hop before', 'M11 3v10L4 8z'],
  play: ['Play', 'M4 2.5v11l9.5-5.5z'],
  next: ['Next hop', 'M5 3v10l7-5z'],
  last: ['Last hop', 'M11 3h2v10h-2zM3 3v10l7-5z'],
} as const
const button = (id: keyof typeof ICONS): string =>
  `<button type="button" id="${id}"${id === 'play' ? ' class="play"' : ''} aria-label="${ICONS[id][0]}"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[id][1]}"/></svg></button>`

/** Below the scrubber: how much of it is request, how much reply. */
function legs({ steps }: View): string {
  return (['forward', 'reply'] as const)
    .map((leg) => ({ leg, of: steps.filter((s) => s.leg === leg) }))
    .filter(({ of }) => of.length > 0)
    .map(
      ({ leg, of }) =>
        `<span data-leg="${leg}" data-grow="${of.length}"${of.some((s) => s.drop) ? ' class="bad"' : ''}>${leg === 'forward' ? 'Request' : 'Answer'}</span>`,
    )
    .join('')
}

function row(step: Step, i: number, before: Step | undefined): string {
  const device = `${step.device}${step.direction ? ` ${step.direction}` : ''}`
  const first = before?.node !== step.node || before.leg !== step.leg
  const same = before?.leg === step.leg && before.text === step.text
  const decided = step.decisions
    .map((d) => `<div><span class="same">${d.kind}:</span> <code>${escape(d.text)}</code>${d.source ? ` (${escape(d.source)})` : ''}</div>`)
    .join('')
  return `<tr data-step="${i}"${step.drop ? ' class="bad"' : ''}><td class="node">${first ? escape(step.node) : ''}</td>
<td><button type="button" aria-label="${escape(`Go to step ${i + 1}: ${step.node} ${device}`)}"><code>${step.drop ? '✕' : escape(device)}</code></button></td>
<td>${same ? '<span class="same">unchanged</span>' : escape(step.text)}${decided}</td><td class="time">${step.at === null ? '' : step.at.toFixed(3)}</td></tr>`
}

function hopList({ steps, never }: View): string {
  const part = (leg: Step['leg']): string =>
    steps.map((s, i) => (s.leg === leg ? row(s, i, steps[i - 1]) : '')).join('') +
    never
      .filter((n) => n.leg === leg)
      .map(
        (n, i, all) =>
          `<tr class="never"><td class="node">${(i > 0 ? all[i - 1] : steps.findLast((s) => s.leg === leg))?.node === n.node ? '' : escape(n.node)}</td><td><code>${escape(`${n.device} ${n.direction}`)}</code></td><td>never reached</td><td class="time"></td></tr>`,
      )
      .join('')
  return `<section class="card"><table class="hops"><caption>Every hop</caption>
<thead><tr><th scope="col">Node</th><th scope="col">Device</th><th scope="col">Packet and decisions</th><th scope="col" class="time">ms</th></tr></thead>
<tbody>${part('forward')}</tbody><tbody>${part('reply')}</tbody></table></section>`
}

function more(result: TraceResult): string {
  const lists = [
    ['Expected otherwise', result.differences],
    ['Notes', result.notes],
    ['What this machine could not tell', result.evidence.missing],
  ] as const
  return lists
    .filter(([, lines]) => lines.length > 0)
    .map(
      ([title, lines]) => `<section class="card"><h2>${title}</h2><ul>${lines.map((l) => `<li>${escape(l)}</li>`).join('')}</ul></section>`,
    )
    .join('')
}

/** The page may be passed on: the file's path on this machine stays private. */
function anywhere(result: TraceResult): TraceResult {
  const short = (text: string): string => withoutFolders(text, result.file)
  const source = <T extends { readonly source?: string }>(x: T): T => (x.source === undefined ? x : { ...x, source: short(x.source) })
  const hops = (all: readonly Hop[]): Hop[] => all.map((h) => ({ ...h, decisions: h.decisions.map(source) }))
  const { drop } = result
  return {
    ...result,
    file: basename(result.file),
    forward: hops(result.forward),
    reply: hops(result.reply),
    ...(drop ? { drop: { ...source(drop), ...(drop.hint === undefined ? {} : { hint: short(drop.hint) }) } } : {}),
  }
}

/** @param lab gives the nodes their addresses and networks */
export function traceHtml(whole: TraceResult, lab: Lab): string {
  const result = anywhere(whole)
  const shown = view(result, lab)
  const title = `${result.from.word} → ${result.to.word}`
  const data = { stages: shown.stages, steps: shown.steps, outcome: result.outcome, drop: result.drop ?? null }
  const policy = `default-src 'none'; img-src data:; style-src ${hash(STYLE)}; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="netlab ${escape(VERSION)}">
<link rel="icon" href="data:,">
<title>${escape(`${title}: ${result.outcome} · netlab trace`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escape(result.from.word)} <span class="arrow" aria-label="to">→</span> ${escape(result.to.word)}</h1>
<p class="meta"><code>${escape(result.from.address)}</code> to <code>${escape(result.to.address)}</code> · ${escape(probeInWords(result))} · lab ${escape(result.lab)} (<code>${escape(result.file)}</code>)</p>
</header>
${verdictCard(result)}
<noscript><p class="meta">Without JavaScript there is no animation; the list of hops says everything.</p></noscript>
<section class="card player-card" aria-label="The way of the packet">
<div class="stage"><svg id="stage" role="img" aria-label="${escape(drawingInWords(shown))}"></svg></div>
<div class="player">${button('first')}${button('back')}${button('play')}${button('next')}${button('last')}
<div class="scrub"><input type="range" id="scrubber" min="0" max="${Math.max(0, shown.steps.length - 1)}" value="0" step="1" aria-label="Hop">
<div class="legs" aria-hidden="true">${legs(shown)}</div></div><output id="where" class="where"></output></div>
</section>
<div class="now-at">
<section class="card"><h2><b id="packet-title">The packet</b><span id="packet-size"></span></h2><div id="stack" class="stack"></div></section>
<section class="card" id="decisions-card"><h2><b id="decisions-title">Decisions</b><span id="decisions-where"></span></h2><div id="decisions"></div></section>
</div>
<p class="hidden" id="live" aria-live="polite"></p>
${hopList(shown)}
<div class="more">${more(result)}</div>
<p class="keys"><kbd>space</kbd> plays and pauses, <kbd>←</kbd> <kbd>→</kbd> step, <kbd>Home</kbd> <kbd>End</kbd> go to the ends. ${escape(evidenceInWords(result))}.</p>
</main>
<script type="application/json" id="result">${embed(data)}</script>
<script>${SCRIPT}</script>
</body>
</html>
`
}
