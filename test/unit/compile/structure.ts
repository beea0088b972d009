/**
 * What holds of every compiled lab whatever it is made of: the list could be handed to a kernel. Each function
 * returns complaints in words, so that a failing test says what is wrong.
 */
import type { KernelObject, VethEnd } from '../../../src/kernel/objects.ts'
import { keyOf } from '../../../src/kernel/kinds/index.ts'
import { nodesOf, type Lab } from '../../../src/lab/lab.ts'
import { contains, parseCidr, parseIp } from '../../../src/topology/address.ts'

const at = (ns: string, dev: string): string => `${ns} ${dev}`
const host = (address: string): string => address.split('/')[0]!
const isLocal = (ip: string): boolean => ip.startsWith('fe80:') || ip.startsWith('169.254.')

/** Devices by `ns name`, and what made them. */
function devicesOf(objects: readonly KernelObject[]): Map<string, string[]> {
  const devices = new Map<string, string[]>()
  const add = (ns: string, name: string, type: string): void => void devices.set(at(ns, name), [...(devices.get(at(ns, name)) ?? []), type])
  for (const o of objects) {
    if (o.kind === 'link') add(o.ns, o.name, o.type)
    if (o.kind !== 'veth') continue
    add(o.ns, o.name, 'veth')
    add(o.peer.ns, o.peer.name, 'veth')
  }
  return devices
}

/** Everything at once. */
export function flaws(objects: readonly KernelObject[], lab: Lab): string[] {
  return [
    ...identityFlaws(objects, lab),
    ...deviceFlaws(objects),
    ...routeFlaws(objects),
    ...macFlaws(objects),
    ...ipv6Flaws(objects),
    ...addressFlaws(objects),
  ]
}

/** One object a key; every namespace is a node's, and every node has its namespace. */
function identityFlaws(objects: readonly KernelObject[], lab: Lab): string[] {
  const nodes = nodesOf(lab).map((n) => n.netns)
  const known = new Set(nodes)
  const seen = new Set<string>()
  const found = nodes.length === known.size ? [] : ['two nodes share a namespace']
  for (const o of objects) {
    if (seen.has(keyOf(o))) found.push(`twice: ${keyOf(o)}`)
    seen.add(keyOf(o))
    for (const ns of o.kind === 'veth' ? [o.ns, o.peer.ns] : [o.ns])
      if (!known.has(ns)) found.push(`${keyOf(o)}: no node has namespace ${ns}`)
    if (!o.from) found.push(`${keyOf(o)} does not know its line`)
  }
  return [...found, ...nodes.filter((ns) => !seen.has(`netns ${ns}`)).map((ns) => `namespace ${ns} is not made`)]
}

function deviceFlaws(objects: readonly KernelObject[]): string[] {
  const found: string[] = []
  const devices = devicesOf(objects)
  for (const [place, makers] of devices) {
    if (makers.length > 1) found.push(`${place} is made ${makers.length} times`)
    if (place.split(' ')[1]!.length > 15) found.push(`${place} is too long a name`)
  }
  const port = (o: KernelObject, end: VethEnd): void => {
    if (end.port && devices.get(at(end.ns, end.port.master))?.[0] !== 'bridge')
      found.push(`${keyOf(o)}: there is no bridge ${end.port.master}`)
  }
  for (const o of objects) {
    const dev = 'dev' in o ? o.dev : undefined
    if (dev !== undefined && !devices.has(at(o.ns, dev))) found.push(`${keyOf(o)}: there is no device ${dev}`)
    if (o.kind === 'veth') {
      port(o, o)
      port(o, o.peer)
      if (o.mtu !== o.peer.mtu) found.push(`${keyOf(o)}: the ends have MTU ${o.mtu} and ${o.peer.mtu}`)
    }
    if (o.kind === 'sysctl') {
      const name = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(o.key)?.[1]
      if (name !== undefined && name !== 'all' && name !== 'default' && o.dev !== name) found.push(`${keyOf(o)} does not wait for ${name}`)
    }
  }
  return found
}

/** Every next hop is on a link: by an address, by a route to it, or because the route says so. */
function routeFlaws(objects: readonly KernelObject[]): string[] {
  const onLink = new Map<string, { dev: string; cidr: string }[]>()
  const add = (ns: string, dev: string, cidr: string): void => void onLink.set(ns, [...(onLink.get(ns) ?? []), { dev, cidr }])
  for (const o of objects) {
    if (o.kind === 'address') {
      add(o.ns, o.dev, o.address)
      if (o.address.includes(':')) add(o.ns, o.dev, 'fe80::/64')
    }
    if (o.kind === 'route' && o.via === undefined && o.dev !== undefined && o.dst !== 'default') add(o.ns, o.dev, o.dst)
  }
  return objects.flatMap((o) => {
    if (o.kind !== 'route') return []
    const family = o.dst === 'default' ? o.via!.includes(':') : o.dst.includes(':')
    if (family !== (o.family === 6)) return [`${keyOf(o)}: not a route of IPv${o.family}`]
    if (o.dst !== 'default' && !parseCidr(o.dst)) return [`${keyOf(o)}: not a network`]
    if (o.type !== undefined) return (o.via ?? o.dev) ? [`${keyOf(o)}: a ${o.type} leads nowhere`] : []
    if (o.via === undefined) return o.dev === undefined ? [`${keyOf(o)} leads nowhere`] : []
    if (o.via.includes(':') !== family) return [`${keyOf(o)}: next hop ${o.via} is of the other family`]
    if (o.onlink) return o.dev === undefined ? [`${keyOf(o)}: onlink on no link`] : []
    const via = parseIp(o.via)!
    const reached = (onLink.get(o.ns) ?? []).some((l) => (o.dev === undefined || l.dev === o.dev) && contains(parseCidr(l.cidr)!, via))
    return reached ? [] : [`${keyOf(o)}: next hop ${o.via} is on no link`]
  })
}

/** MAC addresses are unique on each L2 domain: what veths and bridges join, and the inside of each tunnel. */
function macFlaws(objects: readonly KernelObject[]): string[] {
  const parent = new Map<string, string>()
  const root = (x: string): string => {
    const p = parent.get(x)
    return p === undefined ? x : root(p)
  }
  const join = (a: string, b: string): void => {
    const [x, y] = [root(a), root(b)]
    if (x !== y) parent.set(x, y)
  }
  const macs: [place: string, mac: string][] = []
  const inside = (end: VethEnd): void => {
    macs.push([at(end.ns, end.name), end.mac])
    if (end.port) join(at(end.ns, end.name), at(end.ns, end.port.master))
  }
  for (const o of objects) {
    if (o.kind === 'link' && o.type === 'bridge') macs.push([at(o.ns, o.name), o.mac])
    if (o.kind === 'link' && o.type === 'vxlan') {
      macs.push([at(o.ns, o.name), o.mac])
      join(at(o.ns, o.name), `VNI ${o.vni}`)
    }
    if (o.kind !== 'veth') continue
    inside(o)
    inside(o.peer)
    join(at(o.ns, o.name), at(o.peer.ns, o.peer.name))
  }
  const seen = new Map<string, string>()
  return macs.flatMap(([place, mac]) => {
    const key = `${root(place)} ${mac}`
    const before = seen.get(key)
    seen.set(key, place)
    if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || Number.parseInt(mac.slice(0, 2), 16) % 4 !== 2)
      return [`${place}: ${mac} is no MAC of ours`]
    return before === undefined ? [] : [`${before} and ${place} are on one link and both have ${mac}`]
  })
}

/** No IPv6 address where IPv6 is switched off: the kernel refuses it. */
function ipv6Flaws(objects: readonly KernelObject[]): string[] {
  const off = new Set(objects.flatMap((o) => (o.kind === 'sysctl' && o.key.endsWith('/disable_ipv6') && o.value === '1' ? [o.ns] : [])))
  return objects.flatMap((o) => (o.kind === 'address' && o.address.includes(':') && off.has(o.ns) ? [`${keyOf(o)}: IPv6 is off`] : []))
}

/** An address belongs to one node of the lab, but for those that mean "this link". */
function addressFlaws(objects: readonly KernelObject[]): string[] {
  const seen = new Map<string, string>()
  return objects.flatMap((o) => {
    if (o.kind !== 'address') return []
    const ip = host(o.address)
    const before = seen.get(ip)
    seen.set(ip, o.ns)
    return before === undefined || before === o.ns || isLocal(ip) ? [] : [`${keyOf(o)}: ${before} has this address, too`]
  })
}
