/** A lab as a Graphviz graph: a cluster per segment, in it a cluster per host. `netlab graph --format dot LAB | dot -Tsvg` draws it. */
import { edgeRouter, gatewayOf } from '../../lab/lab.ts'
import { addresses, outside, ports, type HostPicture, type Picture } from './graph.ts'
import { plural } from '../../plural.ts'

/** A quoted string: the only escapes of a DOT string are `\"` and, in labels, those that begin with a backslash. */
export const dotString = (...lines: readonly string[]): string =>
  `"${lines
    .filter((l) => l !== '')
    .map((l) => l.replaceAll('\\', '\\\\').replaceAll('"', '\\"'))
    .join('\\n')}"`

/** Fill and line of each kind of node; light enough for black text. */
const STYLE = {
  host: 'shape=box, style="rounded,filled", fillcolor="#e0f7fa", color="#00838f"',
  pod: 'shape=box, style=filled, fillcolor="#e8f5e9", color="#2e7d32"',
  switch: 'shape=box3d, style=filled, fillcolor="#e3f2fd", color="#1565c0"',
  router: 'shape=hexagon, style=filled, fillcolor="#f3e5f5", color="#7b1fa2"',
  external: 'shape=ellipse, style=filled, fillcolor="#fffde7", color="#f9a825"',
  more: 'shape=plaintext',
} as const

export function graphDot(picture: Picture): string {
  const { lab } = picture
  const lines: string[] = []
  const edges: string[] = []
  const add = (depth: number, line: string): number => lines.push(`${'  '.repeat(depth)}${line}`)
  const node = (depth: number, id: string, kind: keyof typeof STYLE, ...label: readonly string[]): number =>
    add(depth, `${dotString(id)} [label=${dotString(...label)}, ${STYLE[kind]}]`)
  const edge = (a: string, b: string): number => edges.push(`${dotString(a)} -- ${dotString(b)}`)
  const open = (depth: number, id: string, label: string, color: string): void => {
    add(depth, `subgraph ${dotString(`cluster ${id}`)} {`)
    add(depth + 1, `label=${dotString(label)}; style=rounded; color="${color}"`)
  }

  add(0, `graph ${dotString(lab.name)} {`)
  add(1, `graph [label=${dotString(`${lab.name}: ${picture.facts}`)}, labelloc=t, rankdir=LR, fontname="sans-serif"]`)
  add(1, 'node [fontname="sans-serif", fontsize=11]')
  for (const r of lab.routers) node(1, r.netns, 'router', r.name, ...r.addresses.map((a) => a.ip))

  const host = ({ host: h, channel, access, podMTU, pods, hidden }: HostPicture): void => {
    open(2, h.netns, h.name, '#00838f')
    node(
      3,
      h.netns,
      'host',
      `eth0 ${addresses(h)}`,
      channel ?? '',
      `${access} ${h.blocks.map((b) => b.cidr).join(', ')}`,
      picture.mixedMTU ? `pod MTU ${podMTU}` : '',
    )
    for (const p of pods) {
      node(3, p.netns, 'pod', p.key, addresses(p), ports(p))
      edge(h.netns, p.netns)
    }
    if (hidden > 0) {
      node(3, `${h.netns} more`, 'more', pods.length > 0 ? `… and ${plural(hidden, 'more pod')}` : plural(hidden, 'pod'))
      edge(h.netns, `${h.netns} more`)
    }
    add(2, '}')
  }

  for (const { segment, hosts, hidden } of picture.segments) {
    open(1, segment.netns, `segment ${segment.segment}`, '#1565c0')
    node(2, segment.netns, 'switch', segment.name, segment.cidrs.join(', '))
    const router = gatewayOf(lab, segment.segment)
    if (router) edge(router.netns, segment.netns)
    for (const h of hosts) {
      host(h)
      edge(segment.netns, h.host.netns)
    }
    if (hidden.hosts > 0) {
      node(2, `${segment.netns} more`, 'more', `… and ${plural(hidden.hosts, 'more host')}`, `with ${plural(hidden.pods, 'pod')}`)
      edge(segment.netns, `${segment.netns} more`)
    }
    add(1, '}')
  }
  for (const x of lab.externals) {
    node(1, x.netns, 'external', x.name, addresses(x), outside(x))
    edge(edgeRouter(lab)!.netns, x.netns)
  }
  const byName = new Map(lab.routers.map((r) => [r.name, r.netns]))
  for (const { ends } of lab.fabric?.links ?? []) edge(byName.get(ends[0].router)!, byName.get(ends[1].router)!)
  for (const e of edges) add(1, e)
  add(0, '}')
  return `${lines.join('\n')}\n`
}
