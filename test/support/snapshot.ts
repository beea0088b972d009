/** Snapshots to compare: of the machine (before and after a lab) and of a lab (before and after doing nothing). */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { alone } from './machine.ts'
import { inside, output, sh } from './run.ts'

/** Rules without packet counters and without the comments that carry the time. */
const rules = (save: string): string => save.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '[]')

/** Counts of what goes on, not settings. */
const RESTLESS = /^net\.(netfilter\.nf_conntrack_count|ipv4\.tcp_fastopen_key|netfilter\.nf_conntrack_buckets)/

/** Of the tests themselves: it stays to run more commands. */
const RESIDENT = 'resident-process.mjs'

/** Programs netlab starts in the machine's own namespace. */
const OURS = /netlab|worker\.pl|supervisor\.pl|responder|packet-listener\.pl|events\.pl|prober\.pl/

/**
 * Processes a lab may have left. Where others use the machine too, those in another network namespace than the
 * machine's, and netlab's own programs.
 */
function processes(): string[] {
  const home = readlinkSync('/proc/1/ns/net')
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return []
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      if (command.includes(RESIDENT)) return []
      if (alone) return [`${pid} ${command || '(no command line)'}`]
      const isSuspect = command !== '' && (OURS.test(command) || readlinkSync(`/proc/${pid}/ns/net`) !== home)
      return isSuspect ? [`${pid} ${command}`] : []
    } catch {
      return []
    }
  })
}

/** Everything; or where netlab writes, and the temporary files of the interpreters it starts. */
const FILES = alone
  ? 'find /run /tmp /dev/shm -not -path "/tmp/netlab-test-*" -not -path "/tmp/tsx-*" -print'
  : "find /run/netlab* /run/netns /dev/shm -print 2>/dev/null; find /tmp -maxdepth 1 -name 'PerlIO*' 2>/dev/null || true"

const SECTIONS: Readonly<Record<string, string>> = {
  addresses: 'ip -j addr',
  routes: 'ip -j route show table all; ip -6 -j route show table all',
  rules: 'ip -j rule; ip -6 -j rule',
  neighbours: 'ip -j neigh',
  iptables: 'iptables-save; ip6tables-save',
  nft: 'nft list ruleset',
  sysctls: 'sysctl -a --pattern "^net\\." 2>/dev/null || true',
  files: FILES,
  mounts: 'cut -d" " -f5- /proc/self/mountinfo',
}

export type Snapshot = Readonly<Record<string, string | readonly string[]>>

/** Everything of this machine that a lab must leave alone. */
export async function machineSnapshot(): Promise<Snapshot> {
  // A test that called functions of netlab's left the machine's namespace for an empty one; the parent is in it still.
  const text = await sh(
    `exec nsenter --net=/proc/${process.ppid}/ns/net sh -c "$1"`,
    Object.values(SECTIONS)
      .map((command) => `{ ${command}; } && printf '\\001' || exit 1`)
      .join('\n'),
  )
  const parts = text.split('\u0001')
  const named = Object.fromEntries(Object.keys(SECTIONS).map((name, i) => [name, parts[i]!]))
  return {
    ...named,
    iptables: rules(named['iptables']!),
    nft: rules(named['nft']!),
    sysctls: named['sysctls']!.split('\n').filter((l) => !RESTLESS.test(l)),
    files: named['files']!.split('\n').sort(),
    processes: processes().sort(),
  }
}

/** The machine as it is once what netlab started has had the time to end. */
export async function settledSnapshot(before: Snapshot): Promise<Snapshot> {
  let now = await machineSnapshot()
  for (let tries = 0; tries < 100 && String(now['processes']) !== String(before['processes']); tries++) {
    await sleep(20)
    now = await machineSnapshot()
  }
  return now
}

interface Link {
  readonly ifindex: number
  readonly ifname: string
  readonly [key: string]: unknown
}

const LINK_FIELDS = ['ifindex', 'ifname', 'link_index', 'master', 'mtu', 'address', 'flags', 'operstate', 'addr_info']

const pick = (o: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(keys.flatMap((k) => (k in o ? [[k, o[k]]] : [])))

/** All devices of a namespace by name. */
export async function links(ns: string): Promise<Record<string, Link>> {
  const list = JSON.parse(await sh('nsenter --net="/run/netns/$1" ip -j -d addr', ns)) as Link[]
  return Object.fromEntries(list.map((l) => [l.ifname, l]))
}

/** What every namespace is asked, by one process. */
const READS = 'address show\nroute show table all\nneighbour show nud permanent\n'

/** What only hosts have. */
const HOST_READS = 'bridge -j fdb; iptables-save; ip6tables-save'

/**
 * Waits until the kernel has told of each bridge that is up whether it has a carrier, which takes it up to a second
 * (`linkwatch_run_queue`): until then its state is unknown.
 */
export async function carriersKnown(nodes: readonly { readonly netns: string; readonly kind: string }[]): Promise<void> {
  for (const { netns } of nodes.filter((n) => n.kind === 'host' || n.kind === 'switch'))
    for (let tries = 0; tries < 60; tries++) {
      const bridges = JSON.parse(await output(inside(netns, ['ip', '-j', 'link', 'show', 'type', 'bridge']))) as { operstate?: string }[]
      if (bridges.every((b) => b.operstate !== 'UNKNOWN')) break
      await sleep(50)
    }
}

/**
 * A lab's namespaces and devices by identity (inode, index: a device that is made again gets another one), what
 * hangs on them, and every process in them.
 */
export async function labSnapshot(nodes: readonly { readonly netns: string; readonly kind: string }[]): Promise<Record<string, unknown>> {
  await carriersKnown(nodes)
  const lines = (list: unknown): string[] => (list as unknown[]).map((o) => JSON.stringify(o)).sort()
  const each = nodes.map(async ({ netns, kind }) => {
    const { ino } = statSync(`/run/netns/${netns}`)
    const text = await output(inside(netns, ['ip', '-j', '-batch', '-']), { input: READS })
    const [addresses = [], routes, neighbours] = text
      .split('\n')
      .filter(Boolean)
      .map((l) => JSON.parse(l) as Record<string, unknown>[])
    const more = kind === 'host' ? await output(inside(netns, ['sh', '-c', HOST_READS])) : '[]'
    const fdb = (JSON.parse(more.split('\n')[0]!) as { state?: string; dst?: string }[]).filter(
      (f) => f.state === 'permanent' && f.dst !== undefined,
    )
    return {
      netns,
      inode: ino,
      links: Object.fromEntries(addresses.map((l) => [String(l['ifname']), pick(l, LINK_FIELDS)])),
      routes: lines(routes),
      neighbours: lines(neighbours),
      fdb: lines(fdb),
      rules: more.split('\n').filter((l) => l.startsWith('-A ')),
      processes: processesIn(ino),
    }
  })
  return Object.fromEntries((await Promise.all(each)).map(({ netns, ...rest }) => [netns, rest]))
}

/** Packets each rule of a host has met; a rule that is made again starts over. */
export async function ruleCounters(ns: string): Promise<Record<string, number>> {
  const text = await output(inside(ns, ['sh', '-c', 'iptables-save -c; ip6tables-save -c']))
  return Object.fromEntries([...text.matchAll(/^\[(\d+):\d+\] -A (.*)$/gm)].map((m) => [m[2]!, Number(m[1])]))
}

/** Pids of the processes in a network namespace, by its inode. */
export function processesIn(inode: number): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]` ? [Number(pid)] : []
    } catch {
      return []
    }
  })
}
