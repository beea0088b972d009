// Are two labs the same to the kernel? Reads every namespace of both with the tools alone and compares what they
// print, but for what must differ: names of the labs, MAC and interface numbers, order.
import { writeFileSync } from 'node:fs'
import { namespacesOf, scratch } from './labs.ts'
import { run } from './measure.ts'

/** What a visit to a namespace prints. Hosts and switches are asked for more; there are few of them. */
const visit = (ns: string, host: boolean): string => `echo '== ${ns.slice(ns.indexOf('.') + 1)}'
nsenter --net=/run/netns/${ns} sh -c '
ip -oneline -details -batch - <<END
link show
address show
route show table all
neighbour show nud permanent
END
cd /proc/sys/net
grep -s . ipv4/ip_forward ipv4/conf/all/rp_filter ipv6/conf/eth0/disable_ipv6 bridge/bridge-nf-call-ip*tables
${host ? 'bridge fdb show; iptables-save' : ':'}'`

const CHANCE =
  /\b(link-netnsid|link-netns|ifindex|master_ifindex|valid_lft|preferred_lft|\w*timer|designated_port|port_no|port_id|bridge_id|designated_bridge|designated_root|root_port|path_cost|root_path_cost)\s+\S+/g

/** A namespace's lines without what is the kernel's own choice. */
function normalize(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !/scope host|table local|^#|^:|\bvlan \d+ /.test(line))
    .map((line) =>
      line
        .replaceAll('\\', ' ')
        .replace(/^\d+: /, '')
        .replace(/@\w+(?=:)/, '')
        .replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
        .replaceAll(/\[\d+:\d+\]/g, '')
        .replaceAll(CHANCE, '')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter(Boolean)
    .toSorted()
}

/** What the tools print of each node, in lines. */
type Snapshot = ReadonlyMap<string, readonly string[]>

/** Everything in a lab's namespaces, by the node's name. */
export async function snapshot(name: string): Promise<Snapshot> {
  const file = scratch(`${name}.snapshot.sh`)
  writeFileSync(
    file,
    `set -e\n${namespacesOf(name)
      .map((ns) => visit(ns, !ns.includes('.pod-')))
      .join('\n')}\n`,
  )
  const { stdout } = await run(['sh', file])
  return new Map(
    stdout
      .split('== ')
      .slice(1)
      .map((part) => {
        const end = part.indexOf('\n')
        return [part.slice(0, end), normalize(part.slice(end + 1))]
      }),
  )
}

/** The first difference in words; undefined where there is none. */
export function difference(a: Snapshot, b: Snapshot): string | undefined {
  for (const node of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(node), b.get(node)]
    if (!x || !y) return `${node} is only in ${x ? 'the first' : 'the second'}`
    const only = [...x.filter((l) => !y.includes(l)).map((l) => `< ${l}`), ...y.filter((l) => !x.includes(l)).map((l) => `> ${l}`)]
    if (only.length > 0 || x.length !== y.length) return `${node}: ${only.slice(0, 4).join('\n    ') || 'another number of lines'}`
  }
  return undefined
}

/** How many lines were compared. */
export const size = (snapshot: Snapshot): number => [...snapshot.values()].reduce((n, lines) => n + lines.length, 0)
