/** What `ip -j -d`, `bridge -j` and `iptables-save` print → kernel objects. Pure. */
import type { Address, BridgePort, Chain, Fdb, Ipset, KernelObject, Neighbour, Route, Rule } from './objects.ts'

/** The part of `ip -j -d address show` that we read (iproute2 ip/ipaddress.c). */
export interface IpLink {
  readonly ifindex: number
  readonly ifname: string
  readonly flags: readonly string[]
  readonly operstate?: string
  readonly mtu: number
  readonly address?: string
  readonly master?: string
  /** Index of the other end (veth) or of the lower device, in its own namespace. */
  readonly link_index?: number
  readonly link?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_slave_kind?: string
    readonly info_slave_data?: { readonly hairpin?: boolean; readonly state?: string }
    readonly info_data?: Readonly<Record<string, unknown>>
  }
  readonly addr_info?: readonly { readonly family: string; readonly local: string; readonly prefixlen: number; readonly scope: string }[]
}

interface IpRoute {
  readonly type?: string
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly table?: string
  readonly protocol?: string
  readonly prefsrc?: string
  readonly flags?: readonly string[]
}

/** Documents `ip -j -batch` printed, one a line and command. */
export const jsonLines = (output: string): unknown[][] =>
  output
    .split('\n')
    .filter((l) => l.startsWith('['))
    .map((l) => JSON.parse(l) as unknown[])

/** iproute2 prints the same field as a number or as text, depending on its version. */
const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const withPrefix = (dst: string): string => (dst === 'default' || dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`)

export function bridgePort(link: IpLink): BridgePort | undefined {
  if (link.linkinfo?.info_slave_kind !== 'bridge' || link.master === undefined) return undefined
  return { master: link.master, ...(link.linkinfo.info_slave_data?.hairpin ? { hairpin: true } : {}) }
}

/**
 * Whether frames pass already. A device whose other end came up later is activated, and a bridge port starts
 * to forward, only when the kernel's link watch gets to it: up to a second later (net/core/link_watch.c).
 */
export function operational(link: IpLink): boolean {
  if (link.linkinfo?.info_slave_kind === 'bridge' && link.linkinfo.info_slave_data?.state !== 'forwarding') return false
  return link.operstate === 'UP'
}

/** Everything but veth ends, which need the other namespace to make a pair. Unknown device types give nothing. */
export function linkObject(ns: string, link: IpLink): KernelObject | undefined {
  const common = { kind: 'link', ns, name: link.ifname, ...(link.flags.includes('UP') ? {} : { down: true as const }) } as const
  const data = link.linkinfo?.info_data ?? {}
  const mac = link.address ?? ''
  switch (link.linkinfo?.info_kind) {
    case 'bridge':
      return { ...common, type: 'bridge', mac, mtu: link.mtu }
    case 'vxlan':
      return {
        ...common,
        type: 'vxlan',
        mac,
        mtu: link.mtu,
        vni: Number(data['id']),
        port: Number(data['port']),
        local: text(data['local']),
        dev: text(data['link'] ?? link.link),
      }
    case 'gre':
    case 'ipip': {
      const key = data['okey'] ?? data['ikey']
      return {
        ...common,
        type: link.linkinfo.info_kind,
        mtu: link.mtu,
        local: text(data['local']),
        ...(key === undefined ? {} : { key: keyNumber(text(key)) }),
      }
    }
    case undefined:
      return link.flags.includes('LOOPBACK') ? { ...common, type: 'loopback' } : undefined
    default:
      return undefined
  }
}

/** GRE keys are printed as a number or, by older iproute2, as a dotted quad. */
const keyNumber = (text: string): number =>
  text.includes('.') ? text.split('.').reduce((n, part) => n * 256 + Number(part), 0) : Number(text)

/** Addresses of a device. Loopback's own and automatic IPv6 link-local ones are the kernel's, not ours. */
export function addressObjects(ns: string, link: IpLink, isOurs: (address: string) => boolean): Address[] {
  return (link.addr_info ?? []).flatMap((a): Address[] => {
    const address = `${a.local}/${a.prefixlen}`
    if (a.scope === 'host' || (a.family === 'inet6' && a.scope === 'link' && !isOurs(address))) return []
    return [{ kind: 'address', ns, dev: link.ifname, address, ...(a.family === 'inet' && a.scope === 'link' ? { scope: 'link' } : {}) }]
  })
}

/** Routes somebody asked for; those the kernel derives from addresses are left out. */
export function routeObjects(ns: string, routes: readonly IpRoute[]): Route[] {
  return routes.flatMap((r): Route[] => {
    if (r.protocol === 'kernel' || r.table === 'local') return []
    const family = r.dst.includes(':') || r.gateway?.includes(':') ? 6 : 4
    const special = r.type === 'blackhole' || r.type === 'unreachable' || r.type === 'prohibit' ? r.type : undefined
    return [
      {
        kind: 'route',
        ns,
        family,
        dst: withPrefix(r.dst),
        ...(special ? { type: special } : {}),
        ...(r.gateway === undefined ? {} : { via: r.gateway }),
        ...(r.dev === undefined || special ? {} : { dev: r.dev }),
        ...(r.flags?.includes('onlink') ? { onlink: true } : {}),
        ...(r.prefsrc === undefined ? {} : { src: r.prefsrc }),
        ...(r.table === undefined || r.table === 'main' ? {} : { table: Number(r.table) }),
      },
    ]
  })
}

export function ruleObjects(
  ns: string,
  family: 4 | 6,
  rules: readonly { priority: number; src: string; srclen?: number; table?: string }[],
): Rule[] {
  return rules.flatMap((r): Rule[] => {
    if (r.src === 'all' || r.table === undefined) return []
    const src = r.srclen === undefined ? withPrefix(r.src) : `${r.src}/${r.srclen}`
    return [{ kind: 'rule', ns, family, priority: r.priority, src, table: Number(r.table) }]
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

export function fdbObjects(
  ns: string,
  entries: readonly { mac: string; ifname: string; dst?: string; flags?: readonly string[]; state?: string }[],
): Fdb[] {
  return entries.flatMap((f): Fdb[] =>
    f.dst !== undefined && f.flags?.includes('self') && f.state === 'permanent'
      ? [{ kind: 'fdb', ns, dev: f.ifname, mac: f.mac, dst: f.dst }]
      : [],
  )
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
