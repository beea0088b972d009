/**
 * What the live kernel answers about the nodes on the way: links, neighbours, FDB, settings, and where it would send
 * a packet. Asked before the probe, all nodes at once; whatever the walk asks beyond that is asked when it comes up.
 */
import { ABSENT, type NamespacePool, type StepResult } from '../../netns/namespace-pool.ts'
import { withReader, type NetlinkReader, type RouteQuery } from '../../netns/netlink/reader.ts'
import { NetlinkError } from '../../netns/netlink/socket.ts'
import type { IpFdb, IpLink, IpNeighbour, IpRoute } from '../../netns/netlink/types.ts'
import type { Forwarders } from './forwarders.ts'

/** "How would you send this?" `iif`: it came in there; absent: you made it yourself. */
export type RouteQuestion = RouteQuery

/** One of several next hops of equal cost. */
export interface NextHop {
  readonly via?: string
  readonly dev?: string
}

/** The kernel's answer; `error` is its own word for "not at all". */
export interface RouteAnswer {
  readonly error?: string
  readonly local?: boolean
  readonly dev?: string
  readonly via?: string
  readonly src?: string
  /** The FIB entry: `10.244.1.0/24 via 10.244.1.0 dev vxlan1`. */
  readonly entry?: string
  /** Destination network of the entry. */
  readonly network?: string
  readonly table?: string
  /** Next hops of equal cost, where there are several. */
  readonly nexthops?: readonly NextHop[]
}

export interface Snapshot {
  readonly links: readonly IpLink[]
  readonly neighbours: readonly IpNeighbour[]
  readonly fdb: readonly IpFdb[]
  readonly sysctls: ReadonlyMap<string, string>
  readonly routes: Map<string, RouteAnswer>
}

const keyOf = (q: RouteQuestion): string => `${q.dst}|${q.src ?? ''}|${q.iif ?? ''}|${q.protocol ?? ''}`

/** The kernel's words where it refuses. */
function said<T>(ask: () => T): T | string {
  try {
    return ask()
  } catch (error) {
    if (error instanceof NetlinkError) return error.message
    throw error
  }
}

/** How the node that the thread is in would send it, and by which entry of its tables. */
function ask(reader: NetlinkReader, q: RouteQuestion): RouteAnswer {
  const [route, entry] = [said(() => reader.route(q)), said(() => reader.route(q, true))]
  const named = typeof entry === 'string' ? {} : { network: entry.dst, entry: entryText(entry), ...equalPaths(entry) }
  if (typeof route === 'string') return { error: route, ...named }
  const via = route.gateway ?? route.via?.host
  return {
    ...named,
    ...(route.type === 'local' ? { local: true } : {}),
    ...(route.dev === undefined ? {} : { dev: route.dev }),
    ...(via === undefined ? {} : { via }),
    ...(route.prefsrc === undefined ? {} : { src: route.prefsrc }),
    ...(route.table === undefined ? {} : { table: route.table }),
  }
}

const equalPaths = ({ nexthops = [] }: IpRoute): Pick<RouteAnswer, 'nexthops'> =>
  nexthops.length < 2
    ? {}
    : {
        nexthops: nexthops.map(({ gateway, dev }) => ({
          ...(gateway === undefined ? {} : { via: gateway }),
          ...(dev === undefined ? {} : { dev }),
        })),
      }

function entryText(r: IpRoute): string {
  const via = r.gateway ?? r.via?.host
  const table = r.table === undefined || r.table === 'main' || r.table === 'local' ? '' : ` table ${r.table}`
  return `${r.type === undefined || r.type === 'unicast' ? '' : `${r.type} `}${r.dst}${via ? ` via ${via}` : ''}${r.dev ? ` dev ${r.dev}` : ''}${table}`
}

export class LiveState {
  readonly #pool: NamespacePool
  readonly #snapshots = new Map<string, Snapshot>()
  readonly #pending = new Map<string, Promise<Snapshot>>()
  readonly #settingsOf: (ns: string) => readonly string[]

  /**
   * @param settingsOf keys below /proc/sys that matter in a namespace, beside those that do in all
   * @param forwarders programs that carry the packets of devices
   */
  constructor(
    pool: NamespacePool,
    settingsOf: (ns: string) => readonly string[],
    readonly forwarders: Forwarders,
  ) {
    this.#pool = pool
    this.#settingsOf = settingsOf
  }

  #keysOf(ns: string): readonly string[] {
    return [...SYSCTLS, ...this.#settingsOf(ns)]
  }

  /** Reads namespaces, all at once, with answers to questions that will come up. */
  async read(wanted: ReadonlyMap<string, readonly RouteQuestion[]>): Promise<void> {
    const list = [...wanted]
    const settle = new Map<string, (s: Snapshot) => void>()
    for (const [ns] of list) this.#pending.set(ns, new Promise((resolve) => settle.set(ns, resolve)))
    await this.#pool.run(
      list.map(([ns, questions]) => ({ ns, steps: stepsFor(this.#keysOf(ns), questions) })),
      (index, results) => {
        const [ns] = list[index]!
        const snapshot = snapshotOf(this.#keysOf(ns), results)
        this.#snapshots.set(ns, snapshot)
        settle.get(ns)!(snapshot)
      },
    )
  }

  at(ns: string): Promise<Snapshot> {
    let pending = this.#pending.get(ns)
    if (!pending) this.#pending.set(ns, (pending = this.#fetch(ns)))
    return pending
  }

  /** What has been read of a namespace so far. */
  seen(ns: string): Snapshot | undefined {
    return this.#snapshots.get(ns)
  }

  /** All answers a namespace gave about an address. */
  routesTo(ns: string, dst: string): RouteAnswer[] {
    return [...(this.#snapshots.get(ns)?.routes ?? [])].flatMap(([key, a]) => (key.startsWith(`${dst}|`) ? [a] : []))
  }

  async route(ns: string, q: RouteQuestion): Promise<RouteAnswer> {
    const snapshot = await this.at(ns)
    const known = snapshot.routes.get(keyOf(q))
    if (known) return known
    const [result] = await this.#pool.one({ ns, steps: [{ call: () => withReader((reader) => ask(reader, q)) }] })
    const found = result?.code === 0 ? (result.value as RouteAnswer) : { error: result?.stderr.trim() ?? 'no answer' }
    snapshot.routes.set(keyOf(q), found)
    return found
  }

  async #fetch(ns: string): Promise<Snapshot> {
    const keys = this.#keysOf(ns)
    const snapshot = snapshotOf(keys, await this.#pool.one({ ns, steps: stepsFor(keys, []) }))
    this.#snapshots.set(ns, snapshot)
    return snapshot
  }
}

const stepsFor = (keys: readonly string[], questions: readonly RouteQuestion[]) => [
  { get: keys.map((key) => `/proc/sys/${key}`) },
  { call: () => withReader((reader) => read(reader, questions)) },
]

const read = (reader: NetlinkReader, questions: readonly RouteQuestion[]): Omit<Snapshot, 'sysctls'> => ({
  links: reader.links(),
  // As `ip neighbour` shows them: groups and what else needs no ARP are left out.
  neighbours: reader.neighbours().filter((n) => !n.state?.includes('NOARP')),
  fdb: reader.fdb(),
  routes: new Map(questions.map((q) => [keyOf(q), ask(reader, q)])),
})

/** Of a namespace that is gone there is nothing. */
function snapshotOf(keys: readonly string[], [settings, netlink]: readonly StepResult[]): Snapshot {
  const values = (settings?.stdout ?? '').split('\0')
  return {
    ...((netlink?.value as Omit<Snapshot, 'sysctls'> | undefined) ?? { links: [], neighbours: [], fdb: [], routes: new Map() }),
    sysctls: new Map(keys.flatMap((key, i) => (values[i] === undefined || values[i] === ABSENT ? [] : [[key, values[i]]]))),
  }
}

const SYSCTLS = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  'net/ipv4/conf/all/rp_filter',
  'net/ipv4/fib_multipath_hash_policy',
  'net/ipv6/fib_multipath_hash_policy',
  'net/ipv4/icmp_echo_ignore_all',
  'net/ipv6/icmp/echo_ignore_all',
  'net/bridge/bridge-nf-call-iptables',
  'net/bridge/bridge-nf-call-ip6tables',
] as const
