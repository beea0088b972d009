import { Chalk } from 'chalk'
import { expect, test } from 'vitest'
import { dotString, graphDot } from '../../../src/report/graph/graph-dot.ts'
import { graphMermaid, mermaidLabel } from '../../../src/report/graph/graph-mermaid.ts'
import { graphText } from '../../../src/report/graph/graph-text.ts'
import { diagramLimits, picture, TEXT_LIMITS } from '../../../src/report/graph/graph.ts'
import { labFrom, SMALL, TWO_RACKS } from './labs.ts'

const plain = new Chalk({ level: 0 })
const text = (topology: string, chalk = plain): string => {
  const { lab, objects } = labFrom(topology)
  return graphText(picture(lab, objects, TEXT_LIMITS), chalk)
}
const diagram = (topology: string, draw: typeof graphDot): string => {
  const { lab, objects } = labFrom(topology)
  return draw(picture(lab, objects, diagramLimits(lab)))
}

test('a small lab is a tree of switch, hosts and pods', () => {
  expect(text(SMALL)).toBe(`Lab small: vxlan over bridge, 2 hosts, 2 pods, pod MTU 1450

switch-lan  192.168.50.0/24
├── node-1  192.168.50.11  pods 10.244.0.0/24  cni0, vxlan1 (VNI 1, UDP 8472)
│   └── pod-a  10.244.0.2
└── node-2  192.168.50.12  pods 10.244.1.0/24  cni0, vxlan1 (VNI 1, UDP 8472)
    └── pod-b  10.244.1.2
`)
})

test('two racks hang on the router, beside the externals; ports, differing MTUs and the tunnel are told', () => {
  expect(text(TWO_RACKS)).toBe(`Lab two-racks: vxlan over bridge, 3 hosts, 2 pods

router  192.168.1.1, 192.168.2.1
├── switch-rack-1  192.168.1.0/24
│   └── node-1  192.168.1.11  pods 10.244.0.0/24  cni0, vxlan7 (VNI 7, UDP 8472) across segments, pod MTU 1450
│       └── pod-a  10.244.0.2
├── switch-rack-2  192.168.2.0/24
│   ├── node-2  192.168.2.11  pods 10.244.1.0/24  cni0, vxlan7 (VNI 7, UDP 8472) across segments, pod MTU 1450
│   │   └── shop/cart  10.244.1.2  8080/tcp, 53/udp
│   └── end     192.168.2.12  pods 10.244.2.0/24  cni0, vxlan7 (VNI 7, UDP 8472) across segments, pod MTU 8950
├── client         203.0.113.10    external, 443/tcp
└── tor            203.0.113.11    external, has routes to pods
`)
})

test.each([
  ['direct', 'bridge', 'cni0, direct routes'],
  ['vpc', 'bridge', 'cni0, routes of the router'],
  ['ipip', 'routed', 'routed pods, ipip1'],
  ['{ type: gre, key: 9 }', '{ type: bridge, name: docker0 }', 'docker0, gre1 (key 9)'],
])('backend %s over %s says what a host has', (backend, attach, said) => {
  expect(text(`network: { backend: ${backend}, attach: ${attach} }\nhosts: { a: {}, b: {} }\npods: { p: {} }`)).toContain(`  ${said}\n`)
})

test('a host without peers claims no way to them', () => {
  expect(text('network: { backend: direct }\nhosts: { alone: {} }\npods: { p: {} }')).toMatch(/pods 10\.244\.0\.0\/24 {2}cni0\n/)
})

test('colours do not change the layout', () => {
  const coloured = text(TWO_RACKS, new Chalk({ level: 1 }))
  expect(coloured).toContain('\u001b[36mnode-1\u001b[39m')
  // oxlint-disable-next-line no-control-regex
  expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(text(TWO_RACKS))
})

test('of many pods on a host the first are drawn and the rest counted, never one alone', () => {
  const of = (n: number): string => text(`hosts: { a: {}, b: {} }\npods: { load: { host: a, replicas: ${n} } }`)
  expect(of(12)).not.toContain('more')
  expect(of(12)).toContain('└── load-12 ')
  expect(of(13)).toContain('├── load-11  10.244.0.12\n│   └── … and 2 more pods\n')
  expect(of(13)).not.toContain('load-12')
  expect(of(50)).toContain('└── … and 39 more pods\n')
})

test('mermaid: a frame a segment and a host, made-up ids, names in quoted labels', () => {
  const drawn = diagram(TWO_RACKS, graphMermaid)
  expect(drawn).toMatch(
    /^flowchart LR\n {2}router\{\{"router<br>192\.168\.1\.1<br>192\.168\.2\.1"\}\}:::router\n {2}subgraph s0\["segment rack-1"\]\n/,
  )
  expect(drawn).toContain(`
    subgraph s1h0["node-2"]
      s1h0net("eth0 192.168.2.11<br>vxlan7 (VNI 7, UDP 8472) across segments<br>cni0 10.244.1.0/24<br>pod MTU 1450"):::host
      s1h0p0["shop/cart<br>10.244.1.2<br>8080/tcp, 53/udp"]:::pod
    end
    subgraph s1h1["end"]
`)
  expect(drawn).toContain('  external1(["tor<br>203.0.113.11<br>external, has routes to pods"]):::external\n')
  const edges = drawn
    .split('\n')
    .filter((l) => l.includes(' --- '))
    .map((l) => l.trim())
  expect(edges.toSorted()).toEqual([
    'router --- external0',
    'router --- external1',
    'router --- s0switch',
    'router --- s1switch',
    's0h0net --- s0h0p0',
    's0switch --- s0h0net',
    's1h0net --- s1h0p0',
    's1switch --- s1h0net',
    's1switch --- s1h1net',
  ])
  const count = (pattern: RegExp): number => drawn.split('\n').filter((l) => pattern.test(l)).length
  expect(count(/^\s*subgraph /)).toBe(5)
  expect(count(/^\s*end$/)).toBe(5)
})

test('mermaid labels hold no character that would end or change them', () => {
  expect(mermaidLabel('a"b', '', '<script>#1 & `x`')).toBe('"a#34;b<br>#60;script#62;#35;1 #38; #96;x#96;"')
})

test('dot: clusters, one node a namespace, every edge between nodes that exist', () => {
  const drawn = diagram(TWO_RACKS, graphDot)
  expect(drawn).toMatch(/^graph "two-racks" \{\n/)
  expect(drawn).toContain('    subgraph "cluster two-racks.end" {\n      label="end"; style=rounded;')
  expect(drawn).toContain('"two-racks.shop.cart" [label="shop/cart\\n10.244.1.2\\n8080/tcp, 53/udp", shape=box')
  expect(drawn.split('{').length).toBe(drawn.split('}').length)
  const nodes = new Set([...drawn.matchAll(/^ *("[^"]+") \[label=/gm)].map((m) => m[1]))
  const edges = [...drawn.matchAll(/^ *("[^"]+") -- ("[^"]+")$/gm)]
  expect(edges).toHaveLength(9)
  for (const [, a, b] of edges) expect(nodes).toEqual(new Set([...nodes, a, b]))
})

test('dot strings escape quotes and backslashes', () => {
  expect(dotString('a"b\\', '', 'c')).toBe('"a\\"b\\\\\\nc"')
})

test.each([
  [2, 40, 12],
  [30, 600, 7],
  [200, 1000, 1],
])('diagrams of %i hosts and %i pods stay small enough to be drawn', (hosts, pods, podsPerHost) => {
  const topology = `hosts: { n: { replicas: ${hosts} } }\npods: { p: { replicas: ${pods} } }`
  expect(diagramLimits(labFrom(topology).lab).podsPerHost).toBe(podsPerHost)
  const drawn = diagram(topology, graphMermaid)
  // What GitHub's Mermaid accepts.
  expect(drawn.length).toBeLessThan(50_000)
  expect(drawn.split(' --- ').length).toBeLessThan(500)
  // Nothing is left out silently.
  const counted = [...drawn.matchAll(/(\d+) (more )?pods?"/g)].reduce((sum, m) => sum + Number(m[1]), 0)
  expect(counted + drawn.split(':::pod').length - 1).toBe(pods)
})
