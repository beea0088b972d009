/** A lab as a tree: router, switches, hosts, pods. */
import type { ChalkInstance } from 'chalk'
import { gatewayOf, routerPorts, type Router } from '../../lab/lab.ts'
import { addresses, outside, ports, type HostPicture, type Picture, type SegmentPicture } from './graph.ts'
import { width } from '../formats/width.ts'
import { paint } from '../formats/terminal.ts'
import { plural } from '../../plural.ts'

/** A line of the tree, in columns that line up with those of its siblings. */
interface Branch {
  readonly cells: readonly string[]
  readonly below?: readonly Branch[]
}

/** The tree as lines, depth first. Roots stand at the margin, without a connector. */
function* draw(siblings: readonly Branch[], dim: (text: string) => string, indent?: string): Generator<string> {
  // A remark of one cell ("… and 38 more") is free to be longer than its siblings' names.
  const rows = siblings.map((s) => s.cells).filter((cells) => cells.length > 1)
  const widthOf = (column: number): number => Math.max(0, ...rows.map((cells) => width(cells[column] ?? '')))
  for (const [i, { cells, below = [] }] of siblings.entries()) {
    const last = i === siblings.length - 1
    const padded = cells.map(
      (cell, column) => cell + ' '.repeat(Math.max(0, column < cells.length - 1 ? widthOf(column) - width(cell) : 0)),
    )
    yield `${indent === undefined ? '' : dim(indent + (last ? '└── ' : '├── '))}${padded.join('  ')}`.trimEnd()
    yield* draw(below, dim, indent === undefined ? '' : indent + (last ? '    ' : '│   '))
  }
}

/** @param chalk colours nodes by what they are */
export function graphText(picture: Picture, chalk: ChalkInstance): string {
  const { lab } = picture
  const color = paint(chalk)
  const remark = (text: string): Branch => ({ cells: [chalk.dim(text)] })

  const hostBranch = ({ host, channel, access, podMTU, pods, hidden }: HostPicture): Branch => ({
    cells: [
      color.host(host.name),
      addresses(host),
      `pods ${host.blocks.map((b) => b.cidr).join(', ')}`,
      chalk.dim([access, ...(channel === undefined ? [] : [channel]), ...(picture.mixedMTU ? [`pod MTU ${podMTU}`] : [])].join(', ')),
    ],
    below: [
      ...pods.map((p) => ({ cells: [color.pod(p.key), addresses(p), chalk.dim(ports(p))] })),
      ...(hidden > 0 ? [remark(`… and ${plural(hidden, 'more pod')}`)] : []),
    ],
  })
  const segmentBranch = ({ segment, hosts, hidden }: SegmentPicture): Branch => ({
    cells: [color.switch(segment.name), segment.cidrs.join(', ')],
    below: [
      ...hosts.map(hostBranch),
      ...(hidden.hosts > 0 ? [remark(`… and ${plural(hidden.hosts, 'more host')} with ${plural(hidden.pods, 'pod')}`)] : []),
    ],
  })

  const segments = picture.segments.map(segmentBranch)
  const externals = lab.externals.map((x): Branch => ({ cells: [color.external(x.name), addresses(x), chalk.dim(outside(x))] }))
  const linked = (router: Router): string =>
    `links to ${routerPorts(lab, router.name)
      .map(({ far }) => far.router)
      .join(', ')}`
  const below = (router: Router): Branch[] => [
    ...picture.segments.flatMap(({ segment }, i) => (router.segments.includes(segment.segment) ? [segments[i]!] : [])),
    ...(router.isEdge ? externals : []),
  ]
  const routers = lab.routers.map((r): Branch => ({
    cells: [color.router(r.name), addresses(r), ...(lab.fabric ? [chalk.dim(linked(r))] : [])],
    below: below(r),
  }))
  const roots = [...routers, ...segments.filter((_, i) => !gatewayOf(lab, picture.segments[i]!.segment.segment))]
  return `${[`${chalk.bold(`Lab ${lab.name}`)}: ${picture.facts}`, '', ...draw(roots, chalk.dim)].join('\n')}\n`
}
