/**
 * Which failed checks come of which difference between the kernel and what was asked for. One missing entry breaks many
 * promises; what is known to follow from it is told from what it may be the cause of. Pure.
 */
import { findNode, hostOf, type Host, type Lab, type Node } from '../lab/lab.ts'
import type { Family } from '../topology/address.ts'
import type { CauseId, Drop } from '../trace/result.ts'
import type { Cause, Check, Difference } from './check.ts'

/** What the trace of a failed check came to. */
export interface TracedCheck {
  readonly check: Check
  readonly drop?: Pick<Drop, 'cause' | 'object'> | undefined
}

/** Causes that stop every packet of a pair, whatever its port and size: what else the pair was asked is lost there, too. */
const STOPS_ALL: ReadonlySet<CauseId> = new Set<CauseId>([
  'no-route',
  'no-route-back',
  'session-down',
  'lease',
  'agent-down',
  'blackhole',
  'prohibit',
  'unreachable-route',
  'route-wrong',
  'ip-forward',
  'fdb-missing',
  'fdb-wrong',
  'vni-mismatch',
  'tunnel-port-mismatch',
  'tunnel-peer',
  'forwarder-down',
  'forwarder-table',
  'wireguard-key',
  'wireguard-allowed-ips',
  'wireguard-endpoint',
  'interface-down',
  'not-on-bridge',
  'mac-mismatch',
  'neighbour-wrong',
  'neighbour-missing',
])

/** Both ends in either order, and the family: an answer of one question goes the way of the other's request. */
function pairKey(check: Check): string | undefined {
  const { from, to } = check
  return from === undefined || to === undefined ? undefined : `pair ${[from, to].sort().join(' ')} ${familyOf(check)}`
}

/** Causes at the entry of a tunnel that leads to a host: every pod of it is behind the same one. */
const OF_TUNNEL: ReadonlySet<CauseId> = new Set<CauseId>([
  'fdb-missing',
  'fdb-wrong',
  'vni-mismatch',
  'tunnel-port-mismatch',
  'tunnel-peer',
  'forwarder-down',
  'forwarder-table',
  'wireguard-key',
  'wireguard-allowed-ips',
  'wireguard-endpoint',
])

const familyOf = ({ reproduce = [] }: Check): Family => (reproduce[reproduce.indexOf('--family') + 1] === '6' ? 6 : 4)

/**
 * The hosts of two pods on different ones, or a host and that of a pod elsewhere, with what is one for all pods of a host, and the family;
 * undefined: it is about another pair.
 */
function hostsOf(lab: Lab, check: Check): { readonly key: string; readonly hosts: readonly Host[] } | undefined {
  const ends = [check.from, check.to].flatMap((word) => {
    const node = word === undefined ? undefined : findNode(lab, word)
    return node?.kind === 'pod' || node?.kind === 'host' ? [node] : []
  })
  const hosts = ends.map((end) => hostOf(lab, end))
  if (hosts.length < 2 || hosts[0] === hosts[1] || ends.every((end) => end.kind === 'host')) return undefined
  const names = ends.map((end) => (end.kind === 'pod' ? `pods of ${end.host}` : end.name)).sort()
  return { key: [...names, familyOf(check)].join(' '), hosts }
}

/** What pairs have in common that one trace speaks for, if it ends in a tunnel or at the route to a host; else the pair itself. */
export const traceKey = (lab: Lab, check: Check): string | undefined => {
  const key = hostsOf(lab, check)?.key
  return key === undefined ? pairKey(check) : `hosts ${key}`
}

/** Whether what stopped one pod's packet to a pod of another host stops those of all pods of these hosts. */
function isForAllPods(hosts: readonly Host[], family: Family, cause: CauseId, object: string): boolean {
  if (OF_TUNNEL.has(cause)) return true
  const blocks = hosts.map((h) => h.blocks.filter((b) => b.family === family))
  return STOPS_ALL.has(cause) && blocks.some((own) => own.length === 1 && object.startsWith(`route ${own[0]!.cidr} `))
}

/** Namespaces that packets between two ends may pass; undefined: any of the lab, as a Service's endpoint may be anywhere. */
function passedBy(lab: Lab, { from, to }: Check): ReadonlySet<string> | undefined {
  const ends: Node[] = []
  for (const word of [from, to]) {
    if (word === undefined) continue
    const node = findNode(lab, word)
    if (!node) return undefined
    ends.push(node)
  }
  const own = ends.flatMap((node) => {
    const host = node.kind === 'pod' ? lab.hosts.find((h) => h.name === node.host) : undefined
    return host ? [node.netns, host.netns] : [node.netns]
  })
  const hosts = new Set(ends.flatMap((node) => (node.kind === 'pod' ? node.host : node.name)))
  const between = hosts.size > 1 ? [...lab.segments, ...lab.routers].map((n) => n.netns) : []
  return new Set([...own, ...between])
}

/**
 * Failed checks with what they come of, as far as that is known, or may come of; all others as they are.
 * @param traced what was traced, for what is known
 */
export function withCauses(lab: Lab, checks: readonly Check[], drift: readonly Difference[], traced: readonly TracedCheck[]): Check[] {
  const known = new Map<Check | string, number>()
  for (const { check, drop } of traced) {
    const at = drop?.object === undefined ? -1 : drift.findIndex((d) => d.object === drop.object)
    if (!drop || at < 0) continue
    known.set(check, at)
    const key = pairKey(check)
    if (key !== undefined && STOPS_ALL.has(drop.cause)) known.set(key, at)
    const between = hostsOf(lab, check)
    if (between && isForAllPods(between.hosts, familyOf(check), drop.cause, drift[at]!.object)) known.set(`hosts ${between.key}`, at)
  }
  const causeOf = (check: Check): Cause | undefined => {
    const at = known.get(check) ?? known.get(pairKey(check) ?? '') ?? known.get(traceKey(lab, check) ?? '')
    if (at !== undefined) return { differences: [at], isKnown: true }
    // What is about the lab as a whole says nothing about where.
    if (check.from === undefined && check.to === undefined) return undefined
    const passed = passedBy(lab, check)
    const differences = drift.flatMap((d, i) => (d.netns === undefined || !passed || passed.has(d.netns) ? [i] : []))
    return differences.length > 0 ? { differences, isKnown: false } : undefined
  }
  return checks.map((check) => {
    const cause = check.status === 'failed' ? causeOf(check) : undefined
    return cause ? { ...check, cause } : check
  })
}
