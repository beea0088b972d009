/** What `ip -j -d`, `bridge -j` and `iptables-save` print → kernel objects. Pure. */
import type { Connected } from './connected.ts'
import type { Address, Chain, Fdb, Ipset, Neighbour } from '../objects.ts'
import { withNonDefault, type IpFdb, type IpLink } from './iproute2.ts'

/**
 * Whether frames pass already. A device whose other end came up later is activated, and a bridge port starts
 * to forward, only when the kernel's link watch gets to it: up to a second later (net/core/link_watch.c).
 */
export function operational(link: IpLink): boolean {
  if (link.linkinfo?.info_slave_kind === 'bridge' && link.linkinfo.info_slave_data?.state !== 'forwarding') return false
  return link.operstate === 'UP'
}

/** Addresses of a device. Loopback's own and automatic IPv6 link-local ones are the kernel's, not ours. */
export function addressObjects(ns: string, link: IpLink, isOurs: (address: string) => boolean, connected?: Connected): Address[] {
  return (link.addr_info ?? []).flatMap((a): Address[] => {
    const address = `${a.local}/${a.prefixlen}`
    if (a.scope === 'host' || (a.family === 'inet6' && a.scope === 'link' && !isOurs(address))) return []
    const scope = a.family === 'inet' && a.scope === 'link' ? { scope: 'link' as const } : {}
    return [{ kind: 'address', ns, dev: link.ifname, address, ...scope, ...withNonDefault(connected?.nonDefault(link, a) ?? []) }]
  })
}

export function neighbourObjects(
  ns: string,
  entries: readonly { dst: string; dev: string; lladdr?: string; state?: readonly string[] }[],
): Neighbour[] {
  return entries.flatMap((n): Neighbour[] =>
    n.state?.includes('PERMANENT') && n.lladdr !== undefined
      ? [{ kind: 'neighbour', ns, dev: n.dev, address: n.dst, lladdr: n.lladdr }]
      : [],
  )
}

export function fdbObjects(ns: string, entries: readonly IpFdb[]): Fdb[] {
  return entries.flatMap((f): Fdb[] => {
    if (f.dst === undefined || !f.flags?.includes('self') || f.state !== 'permanent') return []
    const nonDefault = (['port', 'vni', 'via'] as const).flatMap((word) => (f[word] === undefined ? [] : [`${word} ${f[word]}`]))
    return [{ kind: 'fdb', ns, dev: f.ifname, mac: f.mac, dst: f.dst, ...withNonDefault(nonDefault) }]
  })
}

const TABLES = new Set(['filter', 'nat', 'mangle', 'raw'])

/** Chains as `iptables-save` prints them, with or without counters. Built-in chains that do nothing are left out: they always exist. */
export function chainObjects(ns: string, family: 4 | 6, save: string): Chain[] {
  const chains: Chain[] = []
  let table = ''
  let here = new Map<string, { builtin: boolean; policy?: 'DROP'; rules: string[] }>()
  for (const printed of save.split('\n')) {
    const line = printed.replace(/^\[\d+:\d+\] /, '')
    if (line.startsWith('*')) {
      table = line.slice(1).trim()
      here = new Map()
    } else if (line.startsWith(':')) {
      const [chain, policy] = line.slice(1).split(' ') as [string, string]
      here.set(chain, { builtin: policy !== '-', ...(policy === 'DROP' ? { policy } : {}), rules: [] })
    } else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3)
      here.get(line.slice(3, end))?.rules.push(line.slice(end + 1).trimEnd())
    } else if (line.startsWith('COMMIT') && TABLES.has(table)) {
      for (const [chain, content] of here) {
        const acts = !content.builtin || content.rules.length > 0 || content.policy !== undefined
        if (acts) chains.push({ kind: 'chain', ns, family, table: table as Chain['table'], chain, ...content })
      }
    }
  }
  return chains
}

/** Sets as `ipset save` prints them. Types netlab does not make are left out. */
export function ipsetObjects(ns: string, save: string): Ipset[] {
  const sets = new Map<string, Ipset & { members: string[] }>()
  for (const line of save.split('\n')) {
    const [verb, name, ...rest] = line.split(' ')
    if (verb === 'create' && name !== undefined) {
      const type = rest[0]
      if (type !== 'hash:ip' && type !== 'hash:net' && type !== 'hash:ip,port') continue
      sets.set(name, { kind: 'ipset', ns, name, type, family: rest[rest.indexOf('family') + 1] === 'inet6' ? 6 : 4, members: [] })
    } else if (verb === 'add' && name !== undefined) sets.get(name)?.members.push(rest.join(' '))
  }
  for (const set of sets.values()) set.members.sort()
  return [...sets.values()]
}
