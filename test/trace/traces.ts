/** What a trace may leave behind, to compare: rules, settings, routes, connections, tracing instances. */
import { inside, sh } from '../support/run.ts'

const IN_NODE = `
iptables-save | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'; ip6tables-save 2>/dev/null | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'
nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//'
ip route show table all; ip -6 route show table all; ip rule
sysctl -a --pattern '^net\\.' 2>/dev/null | grep -v 'conntrack_count\\|fastopen_key\\|route.*flush'
bridge fdb show | grep permanent; ip neigh show nud permanent
ip -o link | sed 's/qdisc.*//'`

/** Tracing instances of traces; tracefs may have to be mounted to look, which other processes do not see. */
export const instances = async (): Promise<string[]> =>
  (
    await sh(
      `unshare -m sh -c 'mount --make-rprivate /; [ -d /sys/kernel/tracing/instances ] || mount -t tracefs t /sys/kernel/tracing; ls /sys/kernel/tracing/instances'`,
    )
  )
    .split('\n')
    .filter((l) => l.startsWith('netlab-'))

/** State of every node of a lab, but for connections. */
export async function nodeStates(namespaces: readonly string[]): Promise<Record<string, string>> {
  const states: Record<string, string> = {}
  for (const ns of namespaces) states[ns] = await sh(inside(ns, ['sh', '-c', '"$1"']).join(' '), IN_NODE)
  return states
}

/** Connections tracked in a namespace. */
export const connections = async (ns: string): Promise<string[]> =>
  (await sh(`nsenter --net="/run/netns/$1" cat /proc/net/nf_conntrack 2>/dev/null || true`, ns)).split('\n').filter((l) => l !== '')

/** Helper processes of netlab that this machine can see, as `pid command line`. */
export const helpers = async (): Promise<string[]> =>
  (
    await sh(
      `for p in /proc/[0-9]*; do c=$(tr '\\0' ' ' <$p/cmdline 2>/dev/null); case $c in "perl "*/dist/*.pl*) echo "\${p#/proc/} $c" ;; esac; done`,
    )
  )
    .split('\n')
    .filter((l) => l !== '' && !/responder|supervisor/.test(l))
