/**
 * What was brought into a lab's namespaces that is no kernel object of netlab's, and can stop packets all the
 * same: devices of other types, qdiscs, nftables, neighbours by proxy, entries of a bridge, settings. `up` leaves it
 * alone, `up --reset` undoes it; `status` names it. Pure.
 */
import { STANDARD_RULES, type IpFdb, type IpLink, type IpNeighbour, type IpRule, type NonDefaultState } from '../dumps/content.ts'
import { KINDS, type KernelObject } from '../kinds/index.ts'
import type { ObjectKind } from '../kinds/kind.ts'
import { isAutomatic } from '../links/index.ts'
import type { Step } from '../../netns/namespace-pool.ts'
import { nonDefaultSettings, type WatchedSettings } from './sysctls.ts'

export interface UnmanagedObject {
  readonly state: 'unexpected' | 'changed' | 'missing'
  readonly ns: string
  readonly object: string
  readonly details: readonly string[]
  /** Steps that put it right in its namespace, each whether or not the others did. Absent: nothing but a new namespace does. */
  readonly undo?: readonly Step[]
}

const run = (...argv: readonly string[]): Step => ({ run: argv })

const unexpected = (ns: string, object: string, undo: readonly Step[], details: readonly string[] = []): UnmanagedObject => ({
  state: 'unexpected',
  ns,
  object: `${object} in ${ns}`,
  details,
  undo,
})

const isManaged = (link: IpLink): boolean => KINDS.some((k) => (k as unknown as ObjectKind<KernelObject, string>).shows?.(link))

/** Devices of types that netlab does not make, and programs on devices. @param expected names of devices that are asked for */
export function unmanagedDevices(ns: string, links: readonly IpLink[], expected: ReadonlySet<string> = new Set()): UnmanagedObject[] {
  return links.flatMap((link): UnmanagedObject[] => {
    const isKnown = expected.has(link.ifname) || isManaged(link) || isAutomatic(link.ifname)
    return [
      ...(isKnown
        ? []
        : [
            unexpected(ns, `${link.linkinfo?.info_kind ?? 'unknown'} device ${link.ifname}`, [
              run('ip', 'link', 'delete', 'dev', link.ifname),
            ]),
          ]),
      ...(link.xdp
        ? [
            unexpected(
              ns,
              `XDP program on ${link.ifname}`,
              ['xdpgeneric', 'xdpdrv', 'xdpoffload'].map((mode) => run('ip', 'link', 'set', 'dev', link.ifname, mode, 'off')),
            ),
          ]
        : []),
    ]
  })
}

/** Neighbours that are never asked for again (`noarp`), but for groups, which the kernel has by itself. */
export function unmanagedNeighbours(ns: string, noarp: readonly IpNeighbour[], proxied: readonly IpNeighbour[]): UnmanagedObject[] {
  const isUnicast = ({ dst, lladdr = '' }: IpNeighbour): boolean =>
    /^([\da-f]{2}:){5}[\da-f]{2}$/.test(lladdr) &&
    lladdr !== '00:00:00:00:00:00' &&
    (Number.parseInt(lladdr.slice(0, 2), 16) & 1) === 0 &&
    !/^(ff|22[4-9]\.|23\d\.)/.test(dst)
  return [
    ...noarp
      .filter(isUnicast)
      .map((n) =>
        unexpected(
          ns,
          `neighbour ${n.dst} on ${n.dev}`,
          [run('ip', 'neigh', 'delete', n.dst, 'dev', n.dev)],
          [`lladdr is ${n.lladdr}, without ARP`],
        ),
      ),
    ...proxied.map((n) =>
      unexpected(ns, `proxied neighbour ${n.dst} on ${n.dev}`, [run('ip', 'neigh', 'delete', 'proxy', n.dst, 'dev', n.dev)]),
    ),
  ]
}

/** Static entries of bridges: frames for these addresses do not go where the bridge learned. Ports' own addresses are there by themselves. */
export function unmanagedForwarding(ns: string, entries: readonly IpFdb[], links: readonly IpLink[]): UnmanagedObject[] {
  const own = new Set(links.map((l) => l.address))
  return entries
    .filter((f) => f.master !== undefined && (f.state === 'static' || f.state === 'permanent') && !own.has(f.mac))
    .filter((f) => (Number.parseInt(f.mac.slice(0, 2), 16) & 1) === 0)
    .map((f) =>
      unexpected(
        ns,
        `FDB entry ${f.mac} on ${f.ifname}`,
        [run('bridge', 'fdb', 'delete', f.mac, 'dev', f.ifname, 'master')],
        [`${f.state} in bridge ${f.master}`],
      ),
    )
}

/** Tables that iptables makes: their chains are kernel objects. Those of a trace go with it. */
const isIptables = ({ family, name }: NonDefaultState['tables'][number]): boolean =>
  (family === 'ip' || family === 'ip6') && ['filter', 'nat', 'mangle', 'raw'].includes(name)

/** Families whose iptables are in use. */
export const iptablesFamilies = ({ tables }: NonDefaultState): readonly (4 | 6)[] =>
  ([4, 6] as const).filter((f) => tables.some((t) => isIptables(t) && t.family === (f === 4 ? 'ip' : 'ip6')))

/** Qdiscs that queue nothing: places for filters beside the root. */
const HOOKS = new Set(['clsact', 'ingress'])

/** Qdiscs, and tables of nftables other than those of iptables. */
export function unmanagedState(ns: string, { qdiscs, tables }: NonDefaultState, links: readonly IpLink[]): UnmanagedObject[] {
  const name = (ifindex: number): string => links.find((l) => l.ifindex === ifindex)?.ifname ?? `if${ifindex}`
  return [
    ...qdiscs.map((q) =>
      unexpected(ns, `qdisc ${q.kind} on ${name(q.ifindex)}`, [
        run('tc', 'qdisc', 'delete', 'dev', name(q.ifindex), HOOKS.has(q.kind) ? q.kind : 'root'),
      ]),
    ),
    ...tables
      .filter((t) => !isIptables(t) && !t.name.startsWith('netlab_trace_'))
      .map((t) => unexpected(ns, `nftables table ${t.family} ${t.name}`, [run('nft', 'delete', 'table', t.family, t.name)])),
  ]
}

/** Rules of policy routing that every namespace has, and this one no more. */
export function missingRules(ns: string, family: 4 | 6, rules: readonly IpRule[]): UnmanagedObject[] {
  return Object.entries(STANDARD_RULES[family])
    .filter(([priority, table]) => !rules.some((r) => r.priority === Number(priority) && r.src === 'all' && r.table === table))
    .map(([priority, table]) => ({
      state: 'missing',
      ns,
      object: `IPv${family} routing rule ${priority} in ${ns}`,
      details: [`every namespace consults table ${table} by it`],
      undo: [run('ip', `-${family}`, 'rule', 'add', 'from', 'all', 'table', table, 'priority', priority)],
    }))
}

/** Tables of the other iptables, which this one does not show: `filter`, one a line of /proc/net/ip_tables_names. */
export function legacyTables(ns: string, family: 4 | 6, names: string): UnmanagedObject[] {
  return names
    .split('\n')
    .filter(Boolean)
    .map((name) => unexpected(ns, `legacy ${family === 4 ? 'iptables' : 'ip6tables'} table ${name}`, []))
}

export function changedSettings(ns: string, watched: WatchedSettings, files: ReadonlyMap<string, string>): UnmanagedObject[] {
  return nonDefaultSettings(watched, files).map((s) => ({
    state: 'changed',
    ns,
    object: `sysctl ${s.key} in ${ns}`,
    details: [`value is ${s.value}, baseline is ${s.expected}`],
    undo: [{ put: [[`/proc/sys/${s.key}`, s.expected.split(' or ')[0]!]] }],
  }))
}
