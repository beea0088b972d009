/** The script of the page: draws the stage, moves the packet. Plain JavaScript; every text goes in as text, never as markup. */
export const SCRIPT = String.raw`
'use strict'
const { stages, steps, drop, outcome } = JSON.parse(document.getElementById('story').textContent)
const $ = (id) => document.getElementById(id)
const SVG = 'http://www.w3.org/2000/svg'
function make(space, tag, attributes, children) {
  const e = space ? document.createElementNS(space, tag) : document.createElement(tag)
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v)
  e.append(...children)
  return e
}
const h = (tag, attributes, ...children) => make(null, tag, attributes, children)
const s = (tag, attributes, ...children) => make(SVG, tag, attributes, children)
const calm = matchMedia('(prefers-reduced-motion: reduce)')
const monoWidth = (text) => text.length * 6.7
const same = (a, b) => a && b && a[0] === b[0] && a[1] === b[1]

/** Where everything is, from left to right or, on narrow screens, from top to bottom. */
function layout(stage, width) {
  const count = stage.nodes.reduce((n, node) => n + node.devices.length, 0)
  const wide = width >= 720
  const ports = [], boxes = []
  if (wide) {
    const gap = width < 1000 ? 18 : 26, pad = 12
    const title = (n) => Math.max(monoWidth(n.facts) + 24, n.name.length * 7.6 + 24)
    const room = width - 24 - gap * (stage.nodes.length - 1) - 2 * pad * stage.nodes.length
    const pitch = Math.max(54, Math.min(130, room / count))
    const natural = stage.nodes.map((n) => Math.max(n.devices.length * pitch + 2 * pad, title(n)))
    const total = natural.reduce((a, b) => a + b, 0) + gap * (stage.nodes.length - 1)
    // Boxes that their title made wider take the room from the others, as long as those can give it.
    const over = Math.max(0, total - (width - 24))
    const give = natural.map((w, i) => Math.max(0, w - Math.max(title(stage.nodes[i]), stage.nodes[i].devices.length * 50 + 2 * pad)))
    const all = give.reduce((a, b) => a + b, 0) || 1
    let x = 12
    stage.nodes.forEach((n, i) => {
      const w = natural[i] - Math.min(give[i], over * give[i] / all)
      const step = (w - 2 * pad) / n.devices.length
      const stagger = n.devices.some((d) => monoWidth(d) > step - 6)
      boxes.push({ x, y: 14, w, h: 136 })
      ports.push(n.devices.map((d, j) => ({ x: x + pad + step * (j + 0.5), y: 94, lx: 0, ly: stagger && j % 2 ? 44 : 28, anchor: 'middle' })))
      x += w + gap
    })
    return { wide, boxes, ports, width: Math.max(width, x - gap + 12), height: stage.tunnels.length ? 196 : 160 }
  }
  let y = 8
  stage.nodes.forEach((n) => {
    const h = 48 + n.devices.length * 30
    boxes.push({ x: 10, y, w: width - 20, h })
    ports.push(n.devices.map((d, j) => ({ x: 64, y: y + 62 + j * 30, lx: 54, ly: 4, anchor: 'start' })))
    y += h + 12
  })
  return { wide, boxes, ports, width, height: y }
}

let drawn
function draw(index) {
  const stage = stages[index], svg = $('stage')
  const at = layout(stage, svg.parentElement.clientWidth - 16)
  svg.replaceChildren()
  svg.setAttribute('width', at.width)
  svg.setAttribute('height', at.height)
  svg.setAttribute('viewBox', '0 0 ' + at.width + ' ' + at.height)
  const never = (p) => stage.unreached.some((q) => same(p, q))
  const flat = stage.nodes.flatMap((n, i) => n.devices.map((_, j) => [i, j]))
  const point = ([i, j]) => at.ports[i][j]
  const nodes = stage.nodes.map((n, i) => {
    const b = at.boxes[i]
    const none = n.devices.every((_, j) => never([i, j])) && !(stage.drop && stage.drop[0] === i)
    const g = s('g', { class: 'node' + (none ? ' never' : '') },
      s('rect', { class: 'box ' + n.kind, x: b.x, y: b.y, width: b.w, height: b.h, rx: 9 }),
      s('text', { x: b.x + 12, y: b.y + 23 }, n.name), s('text', { class: 'facts', x: b.x + 12, y: b.y + 40 }, n.facts))
    svg.append(g)
    return g
  })
  for (let i = 1; i < flat.length; i++) {
    const a = point(flat[i - 1]), b = point(flat[i])
    svg.append(s('line', { class: 'wire' + (never(flat[i]) || never(flat[i - 1]) ? ' never' : ''), x1: a.x, y1: a.y, x2: b.x, y2: b.y }))
  }
  const tunnels = stage.tunnels.map((t) => {
    const a = point(t.from), b = point(t.to)
    const bend = at.wide
      ? [[a.x, a.y + a.ly + 7], [a.x, 174], [b.x, 174], [b.x, b.y + b.ly + 7]]
      : [[a.x, a.y], [26, a.y], [26, b.y], [b.x, b.y]]
    const r = 10
    const [p, q, u, v] = bend
    const turn = at.wide
      ? 'M' + p + ' L' + [q[0], q[1] - r] + ' Q' + q + ' ' + [q[0] + Math.sign(u[0] - q[0]) * r, q[1]] + ' L' + [u[0] - Math.sign(u[0] - q[0]) * r, u[1]] + ' Q' + u + ' ' + [u[0], u[1] - r] + ' L' + v
      : 'M' + p + ' L' + [q[0] + r, q[1]] + ' Q' + q + ' ' + [q[0], q[1] + Math.sign(u[1] - q[1]) * r] + ' L' + [u[0], u[1] - Math.sign(u[1] - q[1]) * r] + ' Q' + u + ' ' + [u[0] + r, u[1]] + ' L' + v
    const line = s('path', { class: 'tunnel', d: turn })
    const label = at.wide
      ? s('text', { class: 'tunnel-label', x: (a.x + b.x) / 2, y: 178, 'text-anchor': 'middle' }, t.label)
      : s('text', { class: 'tunnel-label', transform: 'translate(30 ' + (a.y + b.y) / 2 + ') rotate(-90)', 'text-anchor': 'middle' }, t.label)
    svg.append(line, label)
    return line
  })
  const trail = s('polyline', { class: 'trail' })
  svg.append(trail)
  const dots = flat.map((p) => {
    const { x, y, lx, ly, anchor } = point(p)
    const name = stage.nodes[p[0]].devices[p[1]]
    const dot = s('circle', { class: 'dot' + (never(p) ? ' never' : ''), cx: x, cy: y, r: 5 })
    const label = s('text', { class: 'port' + (never(p) ? ' never' : ''), x: x + lx, y: y + ly, 'text-anchor': anchor }, name)
    svg.append(dot, label)
    return { p, dot, label }
  })
  if (stage.drop) {
    const { x, y } = point(stage.drop)
    nodes[stage.drop[0]].classList.add('died')
    svg.append(s('g', { class: 'end', role: 'img', 'aria-label': outcome + ' here' },
      s('circle', { class: 'cross-back', cx: x, cy: y, r: 12 }), s('path', { class: 'cross', d: 'M' + (x - 5) + ' ' + (y - 5) + 'l10 10m0 -10l-10 10' })))
  }
  const token = s('g', { class: 'token' })
  svg.append(token)
  drawn = { index, at, point, nodes, tunnels, trail, dots, token }
}

/** The packet in small: one bar a header, outermost first. */
function dress(token, step) {
  const parts = step.layers.length ? step.layers : []
  const width = Math.max(16, parts.length * 9 + 3)
  token.replaceChildren(s('rect', { class: 'back', x: -width / 2 - 3, y: -12, width: width + 6, height: 24, rx: 6 }))
  parts.forEach((l, i) => token.append(s('rect', { class: 'part ' + l.type, x: -width / 2 + 2 + i * 9, y: -8, width: 7, height: 16, rx: 1.5 })))
  token.classList.toggle('died', step.drop)
  if (step.drop) token.replaceChildren(s('circle', { class: 'back', r: 16 }), s('path', { class: 'cross', d: 'M-6 -6l12 12m0 -12l-12 12' }))
}

function layerRow(layer, wrapped) {
  const fields = h('span', { class: 'fields' }, ...layer.fields.map(([label, value, changed]) =>
    h('span', {}, h('i', {}, label + ' '), h(changed ? 'mark' : 'span', changed ? { title: 'changed since the hop before', class: 'mono' } : { class: 'mono' }, value))))
  const size = layer.bytes === null || layer.type === 'payload' ? '' : layer.bytes + ' B'
  return h('div', { class: 'layer ' + layer.type + ' ' + layer.state + (wrapped ? ' wrap' : '') }, h('b', {}, layer.name), fields,
    layer.state === 'added' ? h('span', { class: 'tag' }, 'new') : h('span', { class: 'bytes' }, size))
}

const tallest = Math.max(1, ...steps.map((x) => x.layers.length))
function showPacket(step) {
  const wrapEnd = step.tunnel ? step.layers.findLastIndex((l) => l.type === 'ipv4' || l.type === 'ipv6') : -1
  const rows = step.layers.map((l, i) => layerRow(l, i < wrapEnd && !(step.layers[i].type === 'ethernet' && step.layers.slice(0, i).some((o) => o.type === 'vxlan'))))
  const gone = step.gone.length && !step.drop ? [h('div', { class: 'gone' }, 'Taken off: ', h('s', {}, step.gone.join(', ')))] : []
  $('stack').style.minHeight = tallest * 39 + 'px'
  $('stack').replaceChildren(...gone, ...rows, ...(rows.length ? [] : [h('p', { class: 'hint' }, step.drop ? 'Never seen on any device.' : 'Not seen here; it must have passed.')]))
  $('packet-title').textContent = step.drop ? 'The packet as it was last seen' : 'The packet'
  $('packet-size').textContent = step.size === null ? '' : step.size + ' bytes on the wire'
}

const KINDS = { route: 'Route', neighbour: 'Neighbour', fdb: 'Forwarding', rule: 'Rule', nat: 'NAT', encap: 'Wrapped', decap: 'Unwrapped', deliver: 'Delivered', icmp: 'ICMP' }
const EVIDENCE = { captured: 'seen on the wire', kernel: 'the kernel said so', rule: 'the rule trace said so', predicted: 'asked before the probe', inferred: 'concluded' }
const decision = (d) => h('li', {}, h('span', { class: 'what' }, KINDS[d.kind] || d.kind), h('code', {}, d.text),
  h('small', {}, (d.source ? d.source + ' · ' : '') + (EVIDENCE[d.evidence] || d.evidence)))

function showDecisions(step) {
  $('decisions-card').classList.toggle('died-here', step.drop)
  $('decisions-title').textContent = step.drop ? (outcome === 'rejected' ? 'Rejected here' : 'Dropped here') : 'Decided at ' + step.node
  $('decisions-where').textContent = step.drop ? step.node + ' ' + step.device : ''
  const list = []
  if (step.drop) {
    list.push(h('p', {}, drop.text))
    const facts = [['Rule', drop.rule], ['From', drop.source], ['Object', drop.object], ['Kernel', drop.kernelReason], ['What to do', drop.hint]]
    list.push(h('ul', { class: 'decisions' }, ...facts.filter(([, v]) => v).map(([k, v]) => h('li', {}, h('span', { class: 'what' }, k), h(k === 'What to do' ? 'span' : 'code', {}, v)))))
  } else if (step.decisions.length) list.push(h('ul', { class: 'decisions' }, ...step.decisions.map(decision)))
  else list.push(h('p', { class: 'hint' }, 'Nothing to decide: the packet passes on as it is.'))
  $('decisions').replaceChildren(...list)
}

let current = 0, timer = 0
const clock = (step) => step.at === null ? '' : '+' + step.at.toFixed(3) + ' ms'
const rowsOf = [...document.querySelectorAll('[data-step]')]
const words = (step, i) => 'Step ' + (i + 1) + ' of ' + steps.length + ', ' + step.leg + ': ' + (step.drop ? '' : step.node + ' ' + step.device + ' ' + step.direction + ', ') + step.text

/** Puts the packet where it is now. */
function place(step) {
  if (!drawn || drawn.index !== step.stage) draw(step.stage)
  const { point, nodes, tunnels, trail, dots, token, at } = drawn
  const here = point(step.place)
  token.style.transform = 'translate(' + here.x + 'px, ' + here.y + 'px)'
  dress(token, step)
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
let resized
addEventListener('resize', () => {
  cancelAnimationFrame(resized)
  resized = requestAnimationFrame(() => { drawn = undefined; if (steps.length) place(steps[current]) })
})
document.documentElement.classList.add('ready')
show(0, true)
`
