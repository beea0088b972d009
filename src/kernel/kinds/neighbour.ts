import type { IpNeighbour } from '../dumps/content.ts'
import { ipLine, notBroughtAbout, Stage, withOrigins, type Common, type ObjectKind, type Origin } from './kind.ts'

/** A permanent neighbour entry. On a GRE device the link-layer address is the far end's IPv4 address. */
export interface Neighbour extends Common {
  readonly kind: 'neighbour'
  readonly dev: string
  readonly address: string
  readonly lladdr: string
  /** It is never made, but waited for: a daemon brings it about. */
  readonly learned?: Origin
}

export function neighbourObjects(ns: string, entries: readonly IpNeighbour[]): Neighbour[] {
  return entries.flatMap((n): Neighbour[] =>
    n.state?.includes('PERMANENT') && n.lladdr !== undefined
      ? [{ kind: 'neighbour', ns, dev: n.dev, address: n.dst, lladdr: n.lladdr }]
      : [],
  )
}

const key = (o: Neighbour): string => `neighbour ${o.ns} ${o.dev} ${o.address}`

export const neighbour: ObjectKind<Neighbour> = {
  kind: 'neighbour',
  key,
  describe: (o) => `neighbour ${o.address} on ${o.dev} in ${o.ns}`,
  stage: () => Stage.Config,
  device: (o) => o.dev,
  replaceable: () => true,
  awaited: (o) => o.learned !== undefined,
  wants: () => ['neighbours'],
  reader(asked) {
    const withOrigin = withOrigins(key, asked)
    return { namespace: ({ ns, neighbours = [] }) => neighbourObjects(ns, neighbours).map(withOrigin) }
  },
  absence: notBroughtAbout,
  render({ action, object: o }) {
    if (o.learned && action !== 'delete') return []
    const text =
      action === 'delete'
        ? `neigh delete ${o.address} dev ${o.dev}`
        : `neigh replace ${o.address} lladdr ${o.lladdr} dev ${o.dev} nud permanent`
    return ipLine(o.ns, Stage.Config, text)
  },
}
