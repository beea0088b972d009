import type { Family } from '../../topology/address.ts'
import { ipLine, option, Stage, type AnyObject, type Common, type ObjectKind, type Origin } from './kind.ts'
import { nextHopText, routeObjects } from './route.ts'

/**
 * A route that a daemon must bring about: it is never applied, but waited for, compared, and named with the daemon behind
 * it when it is missing.
 */
export interface Learned extends Common, Origin {
  readonly kind: 'learned'
  readonly family: Family
  /** `default` or a network in CIDR notation (with prefix even for one address). */
  readonly dst: string
  /** Routing table; absent: main. */
  readonly table?: number
  /** Compared where given. */
  readonly via?: string
  readonly dev?: string
  /** Where it has several next hops of equal cost, instead of `via` and `dev`: `100.64.128.0 dev l1-spine-1`, in their order as text. */
  readonly nexthops?: readonly string[]
  /** Its protocol in the words of iproute2: `bird`. */
  readonly protocol: string
  /**
   * How it gets here, each way as the ids of the daemons it comes by, the next one first and the one that announces it last:
   * neighbours have a {@link Session} with each other. Absent: it comes from no other daemon, or by a lease.
   */
  readonly ways?: readonly (readonly string[])[]
}

/** The learned routes among objects. */
export const learnedAmong = (objects: readonly AnyObject[]): Learned[] => objects.filter((o): o is Learned => o.kind === 'learned')

/** Which daemon brings an object about, if one does. */
export function originOf(o: AnyObject): Origin | undefined {
  return o.kind === 'learned' ? (o as Learned) : o.learned
}

const place = (o: Pick<AnyObject, 'family' | 'dst' | 'table'>): string => `${o.family} ${o.dst} ${o.table ?? 'main'}`

export const learned: ObjectKind<Learned> = {
  kind: 'learned',
  key: (o) => `learned ${o.ns} ${place(o)}`,
  describe: (o) => `route ${o.dst} in ${o.ns}`,
  stage: () => Stage.Learned,
  awaited: () => true,
  replaceable: () => true,
  // Never made. It goes with its daemon; what is left by one that was killed is taken away.
  render: ({ action, object: o }) =>
    action === 'delete' ? ipLine(o.ns, Stage.Learned, `route delete ${o.dst} proto ${o.protocol}${option('table', o.table)}`) : [],
  reader(asked) {
    const byNs = new Map<string, Learned[]>()
    for (const o of asked) byNs.set(o.ns, [...(byNs.get(o.ns) ?? []), o])
    return {
      namespace({ ns, routes = [], links }) {
        const here = byNs.get(ns)
        if (!here) return []
        const held = routeObjects(ns, routes, links)
        return here.flatMap(({ from: _from, note: _note, ...o }): Learned[] => {
          const found = held.find((route) => route.protocol === o.protocol && place(route) === place(o))
          if (!found) return []
          const { via: _via, dev: _dev, nexthops: asked, ...same } = o
          if (asked) return [{ ...same, nexthops: found.nexthops ?? [nextHopText(found)] }]
          return [
            {
              ...same,
              ...(found.nexthops ? { nexthops: found.nexthops } : {}),
              ...(o.via !== undefined && found.via !== undefined ? { via: found.via } : {}),
              ...(o.dev !== undefined && found.dev !== undefined ? { dev: found.dev } : {}),
            },
          ]
        })
      },
    }
  },
  owns: (o, other) => other.kind === 'route' && other.ns === o.ns && other.protocol === o.protocol && place(other) === place(o),
  absence: (o) => [`${o.by} has not brought it about`],
}
