/**
 * What the live kernel answers about the nodes on the way: links, neighbours, FDB, settings, and where it would send
 * a packet. Asked before the probe, all nodes at once; whatever the walk asks beyond that is asked when it comes up.
 */
import { ABSENT, type NamespacePool, type Step, type StepResult } from '../../netns/namespace-pool.ts'
import type { IpLink } from '../../kernel/dumps/content.ts'
import { jsonLines } from '../../kernel/dumps/take.ts'

export interface Neighbour {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
  readonly state?: readonly string[]
}
export interface FdbEntry {
  readonly mac: string
  readonly ifname: string
  readonly dst?: string
  readonly master?: string
  readonly state?: string
  readonly flags?: readonly string[]
}

/** "How would you send this?" `iif`: it came in there; absent: you made it yourself. */
export interface RouteQuestion {
  readonly dst: string
  readonly src?: string
  readonly iif?: string
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
}

export interface Snapshot {
  readonly links: readonly IpLink[]
  readonly neighbours: readonly Neighbour[]
  readonly fdb: readonly FdbEntry[]
  readonly sysctls: ReadonlyMap<string, string>
  readonly routes: Map<string, RouteAnswer>
}

const keyOf = (q: RouteQuestion): string => `${q.dst}|${q.src ?? ''}|${q.iif ?? ''}`

interface RouteJson {
  readonly type?: string
  readonly dst?: string
  readonly gateway?: string
  readonly via?: { readonly host?: string }
  readonly dev?: string
  readonly prefsrc?: string
  readonly table?: string
}

const lines = (q: RouteQuestion): string[] => {
  const rest = `${q.dst}${q.src === undefined ? '' : ` from ${q.src}`}${q.iif === undefined ? '' : ` iif ${q.iif}`}`
  return [`route get ${rest}`, `route get fibmatch ${rest}`]
}

/** What each line of an `ip -force -j -batch` printed: a document, or why it failed. */
function batchResults(count: number, stdout: string, stderr: string): (unknown[] | string)[] {
  const failed = new Map<number, string>()
  let last = ''
  for (const line of stderr.split('\n')) {
    const at = /^Command failed [^:]*:(\d+)$/.exec(line)
    if (at) failed.set(Number(at[1]) - 1, last)
    else if (line !== '') last = line.replace(/^RTNETLINK answers: |^Error: /, '')
  }
  const documents = jsonLines(stdout)
  return Array.from({ length: count }, (_, i) => failed.get(i) ?? documents.shift() ?? [])
}

function answer(get: unknown[] | string | undefined, match: unknown[] | string | undefined): RouteAnswer {
  const entry = Array.isArray(match) ? (match[0] as RouteJson | undefined) : undefined
  const named = entry?.dst === undefined ? {} : { network: entry.dst, entry: entryText(entry) }
  if (typeof get === 'string') return { error: get, ...named }
  const r = get?.[0] as RouteJson | undefined
  if (!r) return { error: 'no answer', ...named }
  const via = r.gateway ?? r.via?.host
  return {
    ...named,
    ...(r.type === 'local' ? { local: true } : {}),
    ...(r.dev === undefined ? {} : { dev: r.dev }),
    ...(via === undefined ? {} : { via }),
    ...(r.prefsrc === undefined ? {} : { src: r.prefsrc }),
    ...(r.table === undefined ? {} : { table: r.table }),
  }
}

function entryText(r: RouteJson): string {
  const via = r.gateway ?? r.via?.host
  const table = r.table === undefined || r.table === 'main' || r.table === 'local' ? '' : ` table ${r.table}`
  return `${r.type === undefined || r.type === 'unicast' ? '' : `${r.type} `}${r.dst}${via ? ` via ${via}` : ''}${r.dev ? ` dev ${r.dev}` : ''}${table}`
}

export class LiveState {
  readonly #pool: NamespacePool
  readonly #snapshots = new Map<string, Snapshot>()
  readonly #pending = new Map<string, Promise<Snapshot>>()

  constructor(pool: NamespacePool) {
    this.#pool = pool
  }

  /** Reads namespaces, all at once, with answers to questions that will come up. */
  async read(wanted: ReadonlyMap<string, readonly RouteQuestion[]>): Promise<void> {
    const list = [...wanted]
    const settle = new Map<string, (s: Snapshot) => void>()
    for (const [ns] of list) this.#pending.set(ns, new Promise((resolve) => settle.set(ns, resolve)))
    await this.#pool.run(
      list.map(([ns, questions]) => ({ ns, steps: stepsFor(questions) })),
      (index, results) => {
        const [ns, questions] = list[index]!
        const snapshot = snapshotOf(questions, results)
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
    const [result] = await this.#pool.one({
      ns,
      steps: [{ run: ['ip', '-force', '-j', '-batch', '-'], input: `${lines(q).join('\n')}\n` }],
    })
    const [get, match] = batchResults(2, result?.stdout ?? '', result?.stderr ?? '')
    const found = answer(get, match)
    snapshot.routes.set(keyOf(q), found)
    return found
  }

  async #fetch(ns: string): Promise<Snapshot> {
    const snapshot = snapshotOf([], await this.#pool.one({ ns, steps: stepsFor([]) }))
    this.#snapshots.set(ns, snapshot)
    return snapshot
  }
}

const asked = (questions: readonly RouteQuestion[]): string[] => ['addr show', 'neigh show', ...questions.flatMap(lines)]

const stepsFor = (questions: readonly RouteQuestion[]): Step[] => [
  { get: SYSCTLS.map((key) => `/proc/sys/${key}`) },
  { run: ['bridge', '-j', 'fdb', 'show'] },
  // Last: a question without an answer makes the whole batch fail.
  { run: ['ip', '-force', '-j', '-d', '-batch', '-'], input: `${asked(questions).join('\n')}\n` },
]

function snapshotOf(questions: readonly RouteQuestion[], [settings, fdb, ip]: readonly StepResult[]): Snapshot {
  const values = (settings?.stdout ?? '').split('\0')
  const [links, neighbours, ...routes] = batchResults(asked(questions).length, ip?.stdout ?? '', ip?.stderr ?? '')
  return {
    links: Array.isArray(links) ? (links as IpLink[]) : [],
    neighbours: Array.isArray(neighbours) ? (neighbours as Neighbour[]) : [],
    fdb: (jsonLines(fdb?.stdout ?? '')[0] ?? []) as FdbEntry[],
    sysctls: new Map(SYSCTLS.flatMap((key, i) => (values[i] === undefined || values[i] === ABSENT ? [] : [[key, values[i]]]))),
    routes: new Map(questions.map((q, i) => [keyOf(q), answer(routes[2 * i], routes[2 * i + 1])])),
  }
}

const SYSCTLS = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding', 'net/ipv4/conf/all/rp_filter'] as const
