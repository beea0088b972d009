/**
 * What the kernel says of every node of a lab, before and after it is asked: devices, routes, settings, counters.
 */
import { containers } from '../../compile/containers.ts'
import { ABSENT, type NamespacePool, type Job } from '../../netns/namespace-pool.ts'
import type { IpLink } from '../../netns/netlink/types.ts'
import { withReader } from '../../netns/netlink/reader.ts'
import { containerOwners, type ContainerOwner, type Lab } from '../../lab/lab.ts'
import { networkNamespace, namedNamespace } from '../../process/proc.ts'
import { isRunning, recordedProcesses } from '../../process/records.ts'
import { processDir } from '../../state/store.ts'
import type { ContainerState } from './containers.ts'

/** An address of a device, with what the kernel thinks of it. */
export interface LinkAddress {
  readonly family: string
  readonly local: string
  readonly prefixlen: number
  readonly scope: string
  /** Duplicate address detection is under way, or found a duplicate (RFC 4862). */
  readonly tentative?: boolean
  readonly dadfailed?: boolean
}

export interface Device extends Omit<IpLink, 'addr_info'> {
  readonly addr_info?: readonly LinkAddress[]
}

interface RouteLine {
  readonly dst: string
  readonly table?: string
  readonly dev?: string
  readonly gateway?: string
  readonly type?: string
}

export type Counters = Readonly<Record<string, number>>

export interface NodeReading {
  readonly devices: readonly Device[]
  readonly routes: readonly RouteLine[]
  /** Settings by their path below /proc/sys; those that do not exist are missing. */
  readonly settings: Readonly<Record<string, string>>
  /** `Ip.FragCreates`, `TcpExt.IPReversePathFilter`, `Ip6FragCreates`, `conntrack.invalid`. */
  readonly before: Counters
  after: Counters
}

/** A running container, and the network namespace it is in. */
export interface ContainerReading {
  readonly id: string
  readonly owner: ContainerOwner
  readonly isInPlace: boolean
}

export interface Readings {
  /** By network namespace; nodes whose namespace is gone are missing. */
  readonly nodes: ReadonlyMap<string, NodeReading>
  readonly containers: readonly ContainerReading[]
  /** Every container of the topology, as it was before the test listened anywhere; whether it runs, also after it was asked. */
  readonly states?: readonly ContainerState[]
}

const SETTINGS = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  ...['all', 'default'].map((device) => `net/ipv4/conf/${device}/rp_filter`),
]
const COUNTERS = ['snmp', 'snmp6', 'netstat', 'stat/nf_conntrack'].map((f) => `/proc/net/${f}`)
const NETLINK = {
  call: () => withReader((reader): Pick<NodeReading, 'devices' | 'routes'> => ({ devices: reader.links(), routes: reader.routes() })),
}

/** Two lines a protocol: names, then values (snmp, netstat). */
function pairsOfLines(text: string): [string, number][] {
  const lines = text.split('\n').map((l) => l.split(' '))
  return lines.flatMap((names, i) => {
    const values = lines[i + 1]
    if (i % 2 === 1 || !values) return []
    return names.slice(1).map((name, n): [string, number] => [`${names[0]!.replace(':', '')}.${name}`, Number(values[n + 1])])
  })
}

/** One line a processor, hexadecimal. */
function perProcessor(name: string, text: string): [string, number][] {
  const [head = '', ...lines] = text.split('\n').filter((l) => l.trim() !== '')
  const rows = lines.map((l) => l.trim().split(/\s+/))
  return head
    .trim()
    .split(/\s+/)
    .map((column, i) => [`${name}.${column}`, rows.reduce((n, r) => n + Number.parseInt(r[i] ?? '0', 16), 0)])
}

/** The counters of a namespace, from the texts of the files in {@link COUNTERS}; one that is missing gives none. */
export function countersOf(texts: readonly string[]): Counters {
  const [snmp = ABSENT, snmp6 = ABSENT, netstat = ABSENT, conntrack = ABSENT] = texts
  const there = (text: string): boolean => text !== ABSENT
  return Object.fromEntries([
    ...(there(snmp) ? pairsOfLines(snmp) : []),
    ...(there(snmp6) ? snmp6.split('\n').map((l): [string, number] => [l.split(/\s+/)[0]!, Number(l.split(/\s+/)[1])]) : []),
    ...(there(netstat) ? pairsOfLines(netstat) : []),
    ...(there(conntrack) ? perProcessor('conntrack', conntrack) : []),
  ])
}

const spaces = (lab: Lab): string[] => [
  ...lab.hosts.map((h) => h.netns),
  ...lab.routers.map((r) => r.netns),
  ...lab.pods.map((p) => p.netns),
  ...lab.externals.map((x) => x.netns),
]

/** What can be read of a lab before it is asked. Namespaces that are gone are left out: asking them tells. */
export async function readBefore(lab: Lab, pool: NamespacePool): Promise<Readings> {
  const list = spaces(lab)
  const jobs = list.map((ns): Job => ({ ns, steps: [{ get: COUNTERS }, { get: SETTINGS.map((s) => `/proc/sys/${s}`) }, NETLINK] }))
  const nodes = new Map<string, NodeReading>()
  await pool.run(jobs, (index, results) => {
    const [counters, settings, netlink] = results
    if (!counters || !settings || !netlink || results.some((r) => r.code !== 0)) return
    const values = settings.stdout.split('\0')
    nodes.set(list[index]!, {
      ...(netlink.value as Pick<NodeReading, 'devices' | 'routes'>),
      settings: Object.fromEntries(SETTINGS.flatMap((s, i) => (values[i] === ABSENT ? [] : [[s, values[i]!]]))),
      before: countersOf(counters.stdout.split('\0')),
      after: {},
    })
  })
  return { nodes, containers: containersOf(lab) }
}

/** Reads the counters once more. */
export async function readAfter(readings: Readings, pool: NamespacePool): Promise<void> {
  const list = [...readings.nodes]
  await pool.run(
    list.map(([ns]): Job => ({ ns, steps: [{ get: COUNTERS }] })),
    (index, [counters]) => {
      if (counters?.code === 0) list[index]![1].after = countersOf(counters.stdout.split('\0'))
    },
  )
}

function containersOf(lab: Lab): ContainerReading[] {
  const owners = new Map(containerOwners(lab).flatMap((owner) => containers(owner).map((c) => [c.id, owner] as const)))
  return recordedProcesses(processDir(lab.name)).flatMap((r) => {
    const owner = owners.get(r.id)
    return owner && isRunning(r) ? [{ id: r.id, owner, isInPlace: networkNamespace(r.pid) === namedNamespace(owner.netns) }] : []
  })
}

/** How much a counter grew; 0 where it does not exist. */
export const growth = (node: NodeReading, counter: string): number => (node.after[counter] ?? 0) - (node.before[counter] ?? 0)
