/** Second half of the page's script: the packet, its decisions, the controls. */
import { STAGE_SCRIPT } from './trace-html-stage.ts'

const PLAYER_SCRIPT = String.raw`
function layerRow(layer, wrapped) {
  const fields = h('span', { class: 'fields' }, ...layer.fields.map(([label, value, changed]) =>
    h('span', {}, h('i', {}, label + ' '), h(changed ? 'mark' : 'span', changed ? { title: 'changed since the hop before', class: 'mono' } : { class: 'mono' }, value))))
  const size = layer.bytes === null || layer.type === 'payload' ? '' : layer.bytes + ' B'
  return h('div', { class: 'layer ' + layer.type + (layer.tunnel ? ' encapsulation ' : ' ') + layer.state + (wrapped ? ' wrap' : '') }, h('b', {}, layer.name), fields,
    layer.state === 'added' ? h('span', { class: 'tag' }, 'new') : h('span', { class: 'bytes' }, size))
}

const tallest = Math.max(1, ...steps.map((x) => x.layers.length))
function showPacket(step) {
  const wrapEnd = step.tunnel ? step.layers.findLastIndex((l) => l.type === 'ipv4' || l.type === 'ipv6') : -1
  const rows = step.layers.map((l, i) => layerRow(l, i < wrapEnd && !(i > 0 && l.type === 'ethernet')))
  const gone = step.gone.length && !step.drop ? [h('div', { class: 'gone' }, 'Taken off: ', h('s', {}, step.gone.join(', ')))] : []
  $('stack').style.minHeight = tallest * 39 + 'px'
  $('stack').replaceChildren(...gone, ...rows, ...(rows.length ? [] : [h('p', { class: 'hint' }, step.drop ? 'Never seen on any device.' : 'Not seen here; it must have passed.')]))
  $('packet-title').textContent = step.drop ? 'The packet as it was last seen' : 'The packet'
  $('packet-size').textContent = step.size === null ? '' : step.size + ' bytes on the wire'
}

const KINDS = { route: 'Route', neighbour: 'Neighbour', fdb: 'Forwarding', rule: 'Rule', nat: 'NAT', encap: 'Wrapped', decap: 'Unwrapped', deliver: 'Delivered', icmp: 'ICMP' }
const EVIDENCE = { captured: 'seen on the wire', kernel: 'the kernel said so', rule: 'the rule trace said so', predicted: 'asked before the probe', inferred: 'concluded' }
const decision = (d) => h('li', {}, h('span', { class: 'what' }, KINDS[d.kind] || d.kind), h('code', {}, d.text),
  h('small', {}, (d.source ? d.source + ' \u00b7 ' : '') + (EVIDENCE[d.evidence] || d.evidence)))

function showDecisions(step) {
  $('decisions-card').classList.toggle('dropped-here', step.drop)
  $('decisions-title').textContent = step.drop ? (outcome === 'rejected' ? 'Rejected here' : 'Dropped here') : 'Decided at ' + step.node
  $('decisions-where').textContent = step.drop ? step.node + ' ' + step.device : ''
  const list = []
  if (step.drop) {
    list.push(h('p', {}, drop.text))
    const facts = [['Rule', drop.rule], ['From', drop.source], ['Object', drop.object], ['Kernel', drop.kernelReason], ['What to do', drop.hint]]
    list.push(h('ul', { class: 'decisions' }, ...facts.filter(([, v]) => v).map(([k, v]) => h('li', {}, h('span', { class: 'what' }, k), h(k === 'What to do' ? 'span' : 'code', {}, v)))))
  } else if (step.decisions.length) list.push(h('ul', { class: 'decisions' }, ...step.decisions.map(decision)))
  else list.push(h('p', { class: 'hint' }, step.last ? 'The end of the way: it arrived.' : 'Nothing to decide: the packet passes on as it is.'))
  $('decisions').replaceChildren(...list)
}

let current = 0, timer = 0
const clock = (step) => step.at === null ? '' : '+' + step.at.toFixed(3) + ' ms'
const rowsOf = [...document.querySelectorAll('[data-step]')]
const words = (step, i) => 'Step ' + (i + 1) + ' of ' + steps.length + ', ' + step.leg + ': ' + (step.drop ? '' : step.node + ' ' + step.device + ' ' + step.direction + ', ') + step.text

/** Puts the packet where it is now. */
let moved = false
function place(step) {
  if (!drawn || drawn.index !== step.stage) draw(step.stage)
  const { point, nodes, tunnels, trail, dots, token, at } = drawn
  const here = point(step.place)
  token.style.transform = 'translate(' + here.x + 'px, ' + here.y + 'px)'
  drawHeaders(token, step)
  const passed = steps.slice(0, current + 1).filter((x) => x.leg === step.leg && x.stage === step.stage).map((x) => x.place)
  trail.setAttribute('points', passed.map((p) => point(p).x + ',' + point(p).y).join(' '))
  nodes.forEach((n, k) => n.classList.toggle('here', k === step.place[0]))
  dots.forEach(({ p, dot, label }) => {
    dot.classList.toggle('passed', passed.some((q) => same(p, q)))
    label.classList.toggle('here', same(p, step.place))
  })
  tunnels.forEach((t) => t.classList.toggle('in', step.tunnel))
  const view = $('stage').parentElement
  if (at.wide && view.scrollWidth > view.clientWidth) view.scrollTo({ left: here.x - view.clientWidth / 2, behavior: calm.matches ? 'auto' : 'smooth' })
  if (!at.wide && moved) dots.find(({ p }) => same(p, step.place)).dot.scrollIntoView({ block: 'nearest', behavior: calm.matches ? 'auto' : 'smooth' })
  moved = true
}

function show(i, quiet) {
  if (!steps.length) return
  current = Math.max(0, Math.min(steps.length - 1, i))
  const step = steps[current]
  place(step)
  showPacket(step)
  showDecisions(step)
  $('scrubber').value = current
  $('scrubber').style.setProperty('--done', (steps.length > 1 ? current / (steps.length - 1) : 0) * 100 + '%')
  $('scrubber').setAttribute('aria-valuetext', words(step, current))
  $('where').textContent = (current + 1) + ' / ' + steps.length + (clock(step) ? '  ' + clock(step) : '')
  for (const part of document.querySelectorAll('.legs span')) part.classList.toggle('now', part.dataset.leg === step.leg)
  for (const row of rowsOf) {
    if (Number(row.dataset.step) === current) row.setAttribute('aria-current', 'step')
    else row.removeAttribute('aria-current')
  }
  if (!quiet) $('live').textContent = words(step, current)
}

const ICONS = { play: 'M4 2.5v11l9.5-5.5z', pause: 'M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z' }
function playing(on) {
  clearTimeout(timer)
  timer = 0
  $('play').setAttribute('aria-label', on ? 'Pause' : 'Play')
  $('play').querySelector('path').setAttribute('d', on ? ICONS.pause : ICONS.play)
  if (on) timer = setTimeout(tick, calm.matches ? 1200 : 750)
}
function tick() {
  if (current >= steps.length - 1) return playing(false)
  show(current + 1, true)
  playing(current < steps.length - 1)
}
function toggle() {
  if (timer) return playing(false)
  if (current >= steps.length - 1) show(0)
  playing(true)
}
function go(i) {
  playing(false)
  show(i)
}
const BUTTONS = { first: () => go(0), back: () => go(current - 1), play: toggle, next: () => go(current + 1), last: () => go(steps.length - 1) }
for (const [id, act] of Object.entries(BUTTONS)) $(id).addEventListener('click', act)
$('scrubber').addEventListener('input', () => go(Number($('scrubber').value)))
for (const row of rowsOf) row.querySelector('button').addEventListener('click', () => go(Number(row.dataset.step)))
const KEYS = { ArrowLeft: BUTTONS.back, ArrowRight: BUTTONS.next, Home: BUTTONS.first, End: BUTTONS.last, ' ': toggle }
addEventListener('keydown', (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !KEYS[event.key]) return
  // A button under the focus is pressed by the space bar, as everywhere.
  if (event.key === ' ' && event.target instanceof HTMLButtonElement) return
  event.preventDefault()
  KEYS[event.key]()
})
for (const part of document.querySelectorAll('.legs span')) part.style.flexGrow = part.dataset.grow
// Also says the first width, which a page that is loaded out of sight does not have yet.
let width = $('stage').parentElement.clientWidth
new ResizeObserver(([entry]) => {
  const now = Math.round(entry.target.clientWidth)
  if (now === width || !steps.length) return
  width = now
  drawn = undefined
  place(steps[current])
}).observe($('stage').parentElement)
document.documentElement.classList.add('ready')
// Where it was dropped is what the page is opened for.
show(steps.findIndex((x) => x.drop), true)
`

export const SCRIPT = STAGE_SCRIPT + PLAYER_SCRIPT
