/**
 * Everything in a lab's namespaces beyond what was asked for: read along with the objects, in the same visit, and
 * without a program more where nothing is unusual. `up` does without, for it leaves alone what others added.
 */
import { dumps } from './dumps.ts'
import { ABSENT, type NamespacePool, type Step } from '../../netns/namespace-pool.ts'
import type { KernelObject } from '../objects.ts'
import { keyOf } from '../kinds/index.ts'
import type { Part } from '../observe.ts'
import { chainObjects, neighbourObjects } from '../kinds/parse.ts'
import { ruleObjects, STANDARD_RULES, type IpRule } from '../kinds/parse-routes.ts'
import { jsonLines, type IpFdb, type IpLink } from '../kinds/iproute2.ts'
import { watchedSettings, type SysctlBaseline, type WatchedSettings } from './sysctls.ts'
import {
  devicesIn,
  strangeDevices,
  strangeDumps,
  strangeForwarding,
  strangeLegacyTables,
  strangeNeighbours,
  strangeSettings,
  type IpNeighbour,
  type UnmanagedObject,
} from './unmanaged-state.ts'

/** What is known beforehand of a namespace. */
interface Site {
  readonly watched: WatchedSettings
  readonly hasBridge: boolean
  /** Families whose rules are objects: `observe` reads them. */
  readonly chains: ReadonlySet<4 | 6>
  readonly hasRules: boolean
}

/** Files of iptables' older half, which nftables' does not show: there only where it is in use. */
const LEGACY = ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names']

/** What has to be read because of what was found: rules of policy routing or of iptables where none were asked for. */
interface Further {
  readonly ns: string
  readonly part: Part | 'rules4'
  readonly family: 4 | 6
  readonly run: readonly string[]
}

export class Survey {
  /** Lines for `ip -batch` beyond those that read the objects. */
  readonly lines = ['neighbour show nud permanent', 'neighbour show nud noarp', 'neighbour show proxy'] as const
  /** Objects in places where none of their kind were asked for. */
  readonly objects: KernelObject[] = []
  readonly strangers: UnmanagedObject[] = []
  readonly #sites = new Map<string, Site>()
  readonly #further: Further[] = []

  /** @param baseline settings on record from when the namespaces were made */
  constructor(hints: readonly KernelObject[], baseline?: SysctlBaseline) {
    const byNs = new Map<string, KernelObject[]>()
    const at = (ns: string): KernelObject[] => {
      const here = byNs.get(ns)
      if (here) return here
      const none: KernelObject[] = []
      byNs.set(ns, none)
      return none
    }
    for (const o of hints) {
      at(o.ns).push(o)
      if (o.kind === 'veth' && o.peer.ns !== o.ns) at(o.peer.ns).push(o)
    }
    for (const [ns, objects] of byNs) {
      this.#sites.set(ns, {
        watched: watchedSettings(
          objects.filter((o) => o.ns === ns),
          devicesIn(ns, objects),
          baseline,
        ),
        hasBridge: objects.some((o) => o.kind === 'link' && o.type === 'bridge' && o.ns === ns),
        chains: new Set(objects.flatMap((o) => (o.kind === 'chain' ? [o.family] : []))),
        hasRules: objects.some((o) => o.kind === 'rule'),
      })
    }
  }

  /** Steps for a namespace beyond those that read the objects. */
  steps(ns: string): Step[] {
    const site = this.#sites.get(ns)!
    return [
      dumps,
      { get: [...LEGACY, ...site.watched.files.map((file) => `/proc/sys/${file}`)] },
      ...(site.hasBridge ? [{ run: ['bridge', '-j', 'fdb', 'show'] }] : []),
    ]
  }

  /** @param documents what the lines printed @param outputs what the steps did */
  read(ns: string, links: readonly IpLink[], documents: readonly unknown[][], outputs: readonly string[]): void {
    const site = this.#sites.get(ns)!
    const [permanent = [], noarp = [], proxied = []] = documents as IpNeighbour[][]
    const [dumped = '', files = '', fdb] = outputs
    this.objects.push(...neighbourObjects(ns, permanent))
    const seen = strangeDumps(ns, dumped, links)
    const values = files.split('\0')
    this.strangers.push(
      ...strangeDevices(ns, links),
      ...strangeNeighbours(ns, noarp, proxied),
      ...seen.found,
      // Where the older iptables is the one in use, its chains are read as objects.
      ...([4, 6] as const).flatMap((family, i) =>
        values[i] === ABSENT || site.chains.has(family) ? [] : strangeLegacyTables(ns, family, values[i] ?? ''),
      ),
      ...strangeSettings(ns, site.watched, values.slice(LEGACY.length).join('\0')),
      ...(fdb === undefined ? [] : strangeForwarding(ns, (jsonLines(fdb)[0] ?? []) as IpFdb[], links)),
    )
    for (const family of seen.rules) {
      this.#further.push({ ns, family, part: family === 4 ? 'rules4' : 'rules6', run: ['ip', `-${family}`, '-j', 'rule', 'show'] })
    }
    for (const family of seen.iptables) {
      const [part, program] = family === 4 ? (['save4', 'iptables-save'] as const) : (['save6', 'ip6tables-save'] as const)
      if (!site.chains.has(family)) this.#further.push({ ns, family, part, run: [program] })
    }
  }

  /** Reads what was found to be unusual. */
  async finish(pool: NamespacePool): Promise<void> {
    const further = this.#further.splice(0)
    await pool.run(
      further.map(({ ns, run }) => ({ ns, steps: [{ run }] })),
      (index, [result]) => {
        const { ns, family, part } = further[index]!
        if (result?.code !== 0) throw new Error(`reading ${ns} back: ${part}: ${result?.stderr.trim()}`)
        if (part === 'save4' || part === 'save6') return void this.objects.push(...chainObjects(ns, family, result.stdout))
        this.#rules(ns, family, (jsonLines(result.stdout)[0] ?? []) as IpRule[])
      },
    )
  }

  #rules(ns: string, family: 4 | 6, rules: readonly IpRule[]): void {
    if (!this.#sites.get(ns)!.hasRules) this.objects.push(...ruleObjects(ns, family, rules))
    const standard = Object.entries(STANDARD_RULES[family])
    for (const [priority, table] of standard) {
      if (rules.some((r) => r.priority === Number(priority) && r.src === 'all' && r.table === table)) continue
      const details = [`every namespace consults table ${table} by it`]
      this.strangers.push({ state: 'missing', ns, object: `IPv${family} routing rule ${priority} in ${ns}`, details })
    }
  }

  /** Both lists as one, each object once. */
  with(observed: readonly KernelObject[]): KernelObject[] {
    const keys = new Set(observed.map(keyOf))
    return [...observed, ...this.objects.filter((o) => !keys.has(keyOf(o)))]
  }
}
