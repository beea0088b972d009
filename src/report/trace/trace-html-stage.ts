/** First half of the page's script: the drawing. Plain JavaScript; every text goes in as text, never as markup. */
export const STAGE_SCRIPT = String.raw`
'use strict'
const { stages, steps, drop, outcome } = JSON.parse(document.getElementById('result').textContent)
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
    return { wide, boxes, ports, title: 12, width: Math.max(width, x - gap + 12), height: stage.tunnels.length ? 196 : 160 }
  }
  let y = 8
  stage.nodes.forEach((n) => {
    const h = 48 + n.devices.length * 30
    boxes.push({ x: 10, y, w: width - 20, h })
    ports.push(n.devices.map((d, j) => ({ x: 68, y: y + 62 + j * 30, lx: 50, ly: 4, anchor: 'start' })))
    y += h + 12
  })
  return { wide, boxes, ports, title: 108, width, height: y }
}

let drawn
function draw(index) {
  const stage = stages[index], svg = $('stage')
  const at = layout(stage, Math.max(280, svg.parentElement.clientWidth - 16))
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
      s('text', { x: b.x + at.title, y: b.y + 23 }, n.name), s('text', { class: 'facts', x: b.x + at.title, y: b.y + 40 }, n.facts))
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
    const [lx, ly] = at.wide ? [(a.x + b.x) / 2, 174] : [26, (a.y + b.y) / 2]
    const half = t.label.length * 3.4 + 8
    const label = s('g', { transform: 'translate(' + lx + ' ' + ly + ')' + (at.wide ? '' : ' rotate(-90)') },
      s('rect', { class: 'plate', x: -half, y: -9, width: 2 * half, height: 18 }),
      s('text', { class: 'tunnel-label', y: 4, 'text-anchor': 'middle' }, t.label))
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
    nodes[stage.drop[0]].classList.add('dropped')
    svg.append(s('g', { class: 'end', role: 'img', 'aria-label': outcome + ' here' },
      s('circle', { class: 'cross-back', cx: x, cy: y, r: 12 }), s('path', { class: 'cross', d: 'M' + (x - 5) + ' ' + (y - 5) + 'l10 10m0 -10l-10 10' })))
  }
  const token = s('g', { class: 'token' })
  svg.append(token)
  drawn = { index, at, point, nodes, tunnels, trail, dots, token }
}

/** The packet in small: one bar a header, outermost first. */
function drawHeaders(token, step) {
  const parts = step.layers.length ? step.layers : []
  const width = Math.max(16, parts.length * 9 + 3)
  token.replaceChildren(s('rect', { class: 'back', x: -width / 2 - 3, y: -12, width: width + 6, height: 24, rx: 6 }))
  parts.forEach((l, i) => token.append(s('rect', { class: 'part ' + l.type + (l.tunnel ? ' encapsulation' : ''), x: -width / 2 + 2 + i * 9, y: -8, width: 7, height: 16, rx: 1.5 })))
  token.classList.toggle('dropped', step.drop)
  if (step.drop) token.replaceChildren(s('circle', { class: 'back', r: 16 }), s('path', { class: 'cross', d: 'M-6 -6l12 12m0 -12l-12 12' }))
}
`
