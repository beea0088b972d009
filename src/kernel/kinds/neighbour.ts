import type { IpNeighbour } from '../dumps/content.ts'
import { ipLine, Stage, type Common, type ObjectKind } from './kind.ts'

/** A permanent neighbour entry. On a GRE device the link-layer address is the far end's IPv4 address. */
export interface Neighbour extends Common {
  readonly kind: 'neighbour'
  readonly dev: string
  readonly address: string
  readonly lladdr: string
}

export function neighbourObjects(ns: string, entries: readonly IpNeighbour[]): Neighbour[] {
  return entries.flatMap((n): Neighbour[] =>
    n.state?.includes('PERMANENT') && n.lladdr !== undefined
      ? [{ kind: 'neighbour', ns, dev: n.dev, address: n.dst, lladdr: n.lladdr }]
      : [],
  )
}

export const neighbour: ObjectKind<Neighbour> = {
  kind: 'neighbour',
  key: (o) => `neighbour ${o.ns} ${o.dev} ${o.address}`,
  describe: (o) => `neighbour ${o.address} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  wants: () => ['neighbours'],
  reader: () => ({ namespace: ({ ns, neighbours = [] }) => neighbourObjects(ns, neighbours) }),
  render({ action, object: o }) {
    const text =
      action === 'delete'
        ? `neigh delete ${o.address} dev ${o.dev}`
        : `neigh replace ${o.address} lladdr ${o.lladdr} dev ${o.dev} nud permanent`
    return ipLine(o.ns, Stage.Config, text)
  },
}
