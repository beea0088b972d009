/**
 * Everything in a lab's namespaces beyond what was asked for: read along with the objects, in the same visit, and
 * without a program more where everything is as in a new namespace. `up` does without, for it leaves alone what others added.
 */
import { LEGACY_TABLES, type NamespaceDumps, type Wanted } from '../dumps/content.ts'
import { namespacesOf, providedBy, type KernelObject } from '../kinds/index.ts'
import type { Scope } from '../scope.ts'
import {
  changedSettings,
  iptablesFamilies,
  legacyTables,
  missingRules,
  unmanagedDevices,
  unmanagedForwarding,
  unmanagedNeighbours,
  unmanagedState,
  type UnmanagedObject,
} from './findings.ts'
import { Watch, type SysctlBaseline, type WatchedSettings } from './sysctls.ts'

/** What is known beforehand of a namespace. */
interface Site {
  readonly watched: WatchedSettings
  readonly devices: ReadonlySet<string>
  readonly hasBridge: boolean
  /** Families whose chains are asked for. */
  readonly chains: ReadonlySet<4 | 6>
}

export class Survey {
  readonly found: UnmanagedObject[] = []
  readonly #sites = new Map<string, Site>()

  /**
   * @param baseline settings on record from when the namespaces were made
   * @param scope namespaces to look at; absent: all
   */
  constructor(hints: readonly KernelObject[], baseline?: SysctlBaseline, scope?: Scope) {
    const watch = new Watch(baseline)
    const byNs = new Map<string, KernelObject[]>()
    for (const o of hints) {
      for (const ns of namespacesOf(o)) {
        if (scope && !scope.has(ns)) continue
        const here = byNs.get(ns)
        if (here) here.push(o)
        else byNs.set(ns, [o])
      }
    }
    for (const [ns, objects] of byNs) {
      const own = objects.filter((o) => o.ns === ns)
      const places = objects.flatMap((o) => providedBy(o)).filter((place) => place.startsWith(`${ns} `))
      const devices = new Set(places.map((place) => place.slice(ns.length + 1)))
      this.#sites.set(ns, {
        watched: watch.of(own, devices),
        devices,
        hasBridge: own.some((o) => o.kind === 'link' && o.type === 'bridge'),
        chains: new Set(own.flatMap((o) => (o.kind === 'chain' ? [o.family] : []))),
      })
    }
  }

  /** What to read of a namespace beyond what the objects need. */
  wants(ns: string): readonly Wanted[] {
    const site = this.#sites.get(ns)
    if (!site) return []
    const { watched, hasBridge } = site
    return [
      'neighbours',
      'noarp',
      'proxied',
      'state',
      LEGACY_TABLES[4],
      LEGACY_TABLES[6],
      ...(hasBridge ? (['fdb'] as const) : []),
      ...watched.paths,
    ]
  }

  /** What has to be read because of what was found: rules of policy routing or of iptables where none were asked for. */
  further({ ns, state, rules4, rules6, chains4, chains6 }: NamespaceDumps): readonly Wanted[] {
    if (!state || !this.#sites.has(ns)) return []
    const iptables = iptablesFamilies(state)
    return [
      ...(state.rules.includes(4) && !rules4 ? (['rules4'] as const) : []),
      ...(state.rules.includes(6) && !rules6 ? (['rules6'] as const) : []),
      ...(iptables.includes(4) && chains4 === undefined ? (['chains4'] as const) : []),
      ...(iptables.includes(6) && chains6 === undefined ? (['chains6'] as const) : []),
    ]
  }

  /** Finds what was not asked for in what was read. @returns whether there was nothing */
  read({
    ns,
    links = [],
    noarp = [],
    proxied = [],
    fdb = [],
    state,
    files = new Map(),
    rules4 = [],
    rules6 = [],
  }: NamespaceDumps): boolean {
    const site = this.#sites.get(ns)
    if (!site || !state) return false
    const before = this.found.length
    this.found.push(
      ...unmanagedDevices(ns, links, site.devices),
      ...unmanagedNeighbours(ns, noarp, proxied),
      ...unmanagedState(ns, state, links),
      // Where the older iptables is the one in use, its chains are read as objects.
      ...([4, 6] as const).flatMap((f) => (site.chains.has(f) ? [] : legacyTables(ns, f, files.get(LEGACY_TABLES[f]) ?? ''))),
      ...changedSettings(ns, site.watched, files),
      ...(site.hasBridge ? unmanagedForwarding(ns, fdb, links) : []),
      ...state.rules.flatMap((family) => missingRules(ns, family, family === 4 ? rules4 : rules6)),
    )
    return this.found.length === before
  }
}
