/**
 * The network under the cluster: a switch a segment, a router where there is more than one segment, anything
 * outside, or a backend that has it do something; externals beyond the router. With `routing: bgp` routers are those of fabric.ts.
 *
 *   node-1 eth0 ── switch-rack-1 ── router ── switch-rack-2 ── eth0 node-2
 *                                     └── eth0 client (external)
 */
import type { KernelObject, Sysctl } from '../kernel/objects.ts'
import { fabricLinks, fabricRouter } from './fabric.ts'
import {
  addressOf,
  blockOf,
  edgeRouter,
  gatewayOf,
  hasIpv6,
  type External,
  type Host,
  type Lab,
  type Router,
  type Segment,
} from '../lab/lab.ts'
import { interfaceName, mac, routerPort, switchPort } from '../lab/names.ts'
import type { Family } from '../topology/address.ts'
import type { Source } from '../topology/diagnostics.ts'

const SWITCH = 'br0'
/** Externals and the router's ports to them share no network: any address can be external. */
const POINT_TO_POINT: Readonly<Record<Family, string>> = { 4: '169.254.1.1', 6: 'fe80::1' }

/** Switches, router and externals; what belongs to hosts is {@link hostUplink}. */
export function underlay(lab: Lab): KernelObject[] {
  return [
    ...lab.segments.flatMap((s) => segmentSwitch(s)),
    ...lab.routers.flatMap((r) => routerObjects(r, lab)),
    ...(lab.fabric ? fabricLinks(lab.fabric, lab) : []),
    ...lab.externals.flatMap((x) => externalObjects(x, lab)),
  ]
}

/** Reverse path filters (ip-sysctl.rst, RFC 3704): a host knows the way back to every sender it serves, the router need not. */
export const HOST_RP_FILTER = ['2', 'loose: replies may take another way than requests'] as const
const ROUTER_RP_FILTER = ['0', 'off: pods talk to hosts of other segments, and the router need not have routes to pods'] as const

/** A node that forwards (host, router): its namespace, loopback, and settings its devices inherit. */
export function forwarder(ns: string, from: Source, lab: Lab, rpFilter: readonly [value: string, why: string]): KernelObject[] {
  const set = (key: string, value: string, note?: string): Sysctl => ({
    kind: 'sysctl',
    ns,
    from,
    key,
    value,
    ...(note === undefined ? {} : { note }),
  })
  const v6 = hasIpv6(lab)
    ? [
        set('net/ipv6/conf/all/forwarding', '1'),
        set('net/ipv6/conf/all/accept_dad', '0', 'addresses are unique by construction: usable at once'),
        set('net/ipv6/conf/default/accept_dad', '0'),
        set('net/ipv6/conf/default/accept_ra', '0'),
        // A running lab may get its second family now: `all` reaches the devices there are, `default` those to come.
        set('net/ipv6/conf/all/disable_ipv6', '0'),
        set('net/ipv6/conf/default/disable_ipv6', '0'),
      ]
    : [
        set('net/ipv6/conf/all/disable_ipv6', '1', 'a lab without IPv6 has no link-local addresses either'),
        set('net/ipv6/conf/default/disable_ipv6', '1'),
      ]
  return [
    { kind: 'netns', ns, from },
    // A new namespace inherits IPv4 settings from the machine: say what we rely on.
    set('net/ipv4/ip_forward', '1'),
    set('net/ipv4/conf/all/rp_filter', rpFilter[0], rpFilter[1]),
    set('net/ipv4/conf/default/rp_filter', rpFilter[0]),
    ...v6,
    { kind: 'link', ns, from, type: 'loopback', name: 'lo' },
  ]
}

/**
 * A node at the end of a link (pod, external). Its settings wait for its one device, which others make for it,
 * but come before the device is up: so a pod costs one visit to its namespace, not two.
 */
export function endNode(ns: string, from: Source, families: readonly Family[]): KernelObject[] {
  const set = (key: string, value: string): Sysctl => ({ kind: 'sysctl', ns, from, key, value, dev: 'eth0' })
  const v6 = families.includes(6)
    ? [
        set('net/ipv6/conf/all/accept_dad', '0'),
        set('net/ipv6/conf/eth0/accept_dad', '0'),
        set('net/ipv6/conf/eth0/accept_ra', '0'),
        set('net/ipv6/conf/eth0/disable_ipv6', '0'),
      ]
    : [set('net/ipv6/conf/eth0/disable_ipv6', '1')]
  return [{ kind: 'netns', ns, from }, set('net/ipv4/ip_forward', '0'), ...v6, { kind: 'link', ns, from, type: 'loopback', name: 'lo' }]
}

function segmentSwitch(segment: Segment): KernelObject[] {
  const { netns: ns, source: from } = segment
  return [
    { kind: 'netns', ns, from },
    {
      kind: 'sysctl',
      ns,
      from,
      key: 'net/ipv6/conf/default/disable_ipv6',
      value: '1',
      note: 'a switch forwards frames and has no addresses',
    },
    { kind: 'link', ns, from, type: 'bridge', name: SWITCH, mac: mac('switch', segment.index), mtu: segment.mtu },
  ]
}

/** Sysctls of switches that exist only where br_netfilter is loaded. */
export function switchFilterOff(segment: Segment): KernelObject[] {
  const here = { ns: segment.netns, from: segment.source, kind: 'sysctl', value: '0' } as const
  return [
    { ...here, key: 'net/bridge/bridge-nf-call-iptables', note: 'a real switch has no iptables' },
    { ...here, key: 'net/bridge/bridge-nf-call-ip6tables' },
  ]
}

/** The host's own link: a veth into its segment's switch, its addresses, its way out. */
export function hostUplink(host: Host, lab: Lab): KernelObject[] {
  const segment = lab.segments.find((s) => s.segment === host.segment)!
  const here = { ns: host.netns, from: host.source }
  return [
    {
      ...here,
      kind: 'veth',
      note: `${host.name} is plugged into ${segment.name}`,
      name: 'eth0',
      mac: host.mac,
      mtu: host.mtu,
      peer: {
        ns: segment.netns,
        name: switchPort(host),
        mac: mac('switchPort', host.index),
        mtu: host.mtu,
        port: { master: SWITCH },
      },
    },
    ...host.addresses.map((a): KernelObject => ({ ...here, kind: 'address', dev: 'eth0', address: `${a.ip}/${a.prefix}` })),
    ...(gatewayOf(lab, segment.segment)
      ? segment.gateways.map((g): KernelObject => ({ ...here, kind: 'route', family: g.family, dst: 'default', via: g.ip, dev: 'eth0' }))
      : []),
  ]
}

function routerObjects(router: Router, lab: Lab): KernelObject[] {
  const objects = forwarder(router.netns, router.source, lab, ROUTER_RP_FILTER)
  if (router.bgp) objects.push(...fabricRouter(router, lab))
  for (const s of lab.segments.filter(({ segment }) => router.segments.includes(segment))) {
    const here = { ns: router.netns, from: s.source }
    const name = routerPort(s)
    objects.push({
      ...here,
      kind: 'veth',
      name,
      mac: mac('router', s.index),
      mtu: s.mtu,
      peer: { ns: s.netns, name: 'router', mac: mac('routerPort', s.index), mtu: s.mtu, port: { master: SWITCH } },
    })
    objects.push(...s.gateways.map((g): KernelObject => ({ ...here, kind: 'address', dev: name, address: `${g.ip}/${g.prefix}` })))
  }
  return objects
}

/** Table numbers of externals that know the way to pods: from 100, past 253 to 255, which are the kernel's. */
const podTable = (index: number): number => (index < 153 ? 100 + index : 256 + index)

function externalObjects(x: External, lab: Lab): KernelObject[] {
  const router = edgeRouter(lab)!
  const port = interfaceName('x', x.index + 1, x.name)
  const mtu = Math.max(...lab.segments.map((s) => s.mtu))
  const atRouter = { ns: router.netns, from: x.source }
  const inside = { ns: x.netns, from: x.source, dev: 'eth0' }
  const objects = endNode(
    x.netns,
    x.source,
    x.addresses.map((a) => a.family),
  )
  objects.push({
    ...atRouter,
    kind: 'veth',
    name: port,
    mac: mac('externalPort', x.index),
    mtu,
    peer: { ns: x.netns, name: 'eth0', mac: x.mac, mtu },
  })
  for (const { family, ip, prefix } of x.addresses) {
    const gateway = POINT_TO_POINT[family]
    objects.push(
      {
        ...atRouter,
        kind: 'address',
        dev: port,
        address: `${gateway}/${family === 4 ? 32 : 64}`,
        ...(family === 4 ? { scope: 'link' as const } : {}),
      },
      { ...atRouter, kind: 'route', family, dst: `${ip}/${prefix}`, dev: port },
      { ...inside, kind: 'address', address: `${ip}/${prefix}` },
      ...(family === 4 ? [{ ...inside, kind: 'route' as const, family, dst: `${gateway}/32` }] : []),
      { ...inside, kind: 'route', family, dst: 'default', via: gateway },
    )
    // Routers that speak BGP know where pods are; others have to be told.
    if (!x.podRoutes || lab.fabric) continue
    const table = podTable(x.index)
    objects.push({
      ...atRouter,
      kind: 'rule',
      family,
      priority: table,
      src: `${ip}/${prefix}`,
      table,
      note: `${x.name} knows the way to pods, as a BGP peer would`,
    })
    for (const host of lab.hosts) {
      const block = blockOf(host, family)
      const via = addressOf(host, family)
      const segment = lab.segments.find((s) => s.segment === host.segment)!
      if (block && via)
        objects.push({
          ...atRouter,
          kind: 'route',
          family,
          dst: block.cidr,
          via,
          dev: routerPort(segment),
          table,
        })
    }
  }
  return objects
}
