/** What a trace may leave behind, to compare: rules, settings, routes, connections, processes. */
import { readdirSync, readFileSync } from 'node:fs'
import { CLOSING } from '../../src/netns/sockets/packet-socket.ts'
import { inside, sh } from '../support/run.ts'

const IN_NODE = `
iptables-save | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'; ip6tables-save 2>/dev/null | grep -v '^#' | sed 's/\\[[0-9:]*\\]//'
nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//'
ip route show table all; ip -6 route show table all; ip rule
sysctl -a --pattern '^net\\.' 2>/dev/null | grep -v 'conntrack_count\\|fastopen_key\\|route.*flush'
bridge fdb show | grep permanent; ip neigh show nud permanent
ip -o link | sed 's/qdisc.*//'`

/** State of every node of a lab, but for connections. */
export async function nodeStates(namespaces: readonly string[]): Promise<Record<string, string>> {
  const states: Record<string, string> = {}
  for (const ns of namespaces) states[ns] = await sh(inside(ns, ['sh', '-c', '"$1"']).join(' '), IN_NODE)
  return states
}

/** Connections tracked in a namespace. */
export const connections = async (ns: string): Promise<string[]> =>
  (await sh(`nsenter --net="/run/netns/$1" cat /proc/net/nf_conntrack 2>/dev/null || true`, ns)).split('\n').filter((l) => l !== '')

/** Processes that close what a trace had open. */
export const closing = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(CLOSING)
    } catch {
      // It has just ended.
      return false
    }
  })
