/**
 * A lab as a Mermaid flowchart, which GitHub and many editors draw inside Markdown.
 *
 * A frame per segment, in it a frame per host, in that the host's own network stack and the pods plugged into it.
 * Ids are made up (a name such as `end` is a keyword there); names appear in quoted labels only.
 */
import { edgeRouter, gatewayOf, type Router } from '../../lab/lab.ts'
import { addresses, outside, ports, type HostPicture, type Picture } from './graph.ts'
import { plural } from '../../plural.ts'

/** Characters that end a label, begin an entity or are read as HTML or Markdown. */
const SPECIAL = /["#&<>`\\[\]{}|*_]/g

/** A quoted label of several lines. */
export function mermaidLabel(...lines: readonly string[]): string {
  const escaped = lines.filter((l) => l !== '').map((l) => l.replaceAll(SPECIAL, (c) => `#${c.charCodeAt(0)};`))
  return `"${escaped.join('<br>')}"`
}

const STYLES = [
  'classDef host fill:#e0f7fa,stroke:#00838f,color:#003c43',
  'classDef pod fill:#e8f5e9,stroke:#2e7d32,color:#0d3311',
  'classDef switch fill:#e3f2fd,stroke:#1565c0,color:#0a2a52',
  'classDef router fill:#f3e5f5,stroke:#7b1fa2,color:#36094a',
  'classDef external fill:#fffde7,stroke:#f9a825,color:#4d3500',
  'classDef more fill:none,stroke:none',
]

export function graphMermaid(picture: Picture): string {
  const { lab } = picture
  const lines: string[] = ['flowchart LR']
  const edges: string[] = []
  const add = (depth: number, line: string): number => lines.push(`${'  '.repeat(depth)}${line}`)
  const routerId = (router: Router): string => `router${lab.routers.indexOf(router) || ''}`
  for (const r of lab.routers) add(1, `${routerId(r)}{{${mermaidLabel(r.name, ...r.addresses.map((a) => a.ip))}}}:::router`)

  const host = (id: string, { host: h, channel, access, podMTU, pods, hidden }: HostPicture): void => {
    add(2, `subgraph ${id}[${mermaidLabel(h.name)}]`)
    add(
      3,
      `${id}net(${mermaidLabel(`eth0 ${addresses(h)}`, channel ?? '', `${access} ${h.blocks.map((b) => b.cidr).join(', ')}`, picture.mixedMTU ? `pod MTU ${podMTU}` : '')}):::host`,
    )
    pods.forEach((p, i) => {
      add(3, `${id}p${i}[${mermaidLabel(p.key, addresses(p), ports(p))}]:::pod`)
      edges.push(`${id}net --- ${id}p${i}`)
    })
    if (hidden > 0) {
      add(3, `${id}more[${mermaidLabel(pods.length > 0 ? `… and ${plural(hidden, 'more pod')}` : plural(hidden, 'pod'))}]:::more`)
      edges.push(`${id}net --- ${id}more`)
    }
    add(2, 'end')
  }

  picture.segments.forEach(({ segment, hosts, hidden }, s) => {
    add(1, `subgraph s${s}[${mermaidLabel(`segment ${segment.segment}`)}]`)
    add(2, `s${s}switch[[${mermaidLabel(segment.name, segment.cidrs.join(', '))}]]:::switch`)
    const router = gatewayOf(lab, segment.segment)
    if (router) edges.push(`${routerId(router)} --- s${s}switch`)
    hosts.forEach((h, i) => {
      host(`s${s}h${i}`, h)
      edges.push(`s${s}switch --- s${s}h${i}net`)
    })
    if (hidden.hosts > 0) {
      add(2, `s${s}more[${mermaidLabel(`… and ${plural(hidden.hosts, 'more host')}`, `with ${plural(hidden.pods, 'pod')}`)}]:::more`)
      edges.push(`s${s}switch --- s${s}more`)
    }
    add(1, 'end')
  })
  lab.externals.forEach((x, i) => {
    add(1, `external${i}([${mermaidLabel(x.name, addresses(x), outside(x))}]):::external`)
    edges.push(`${routerId(edgeRouter(lab)!)} --- external${i}`)
  })
  const byName = new Map(lab.routers.map((r) => [r.name, routerId(r)]))
  for (const { ends } of lab.fabric?.links ?? []) edges.push(`${byName.get(ends[0].router)} --- ${byName.get(ends[1].router)}`)
  for (const edge of edges) add(1, edge)
  for (const style of STYLES) add(1, style)
  return `${lines.join('\n')}\n`
}
