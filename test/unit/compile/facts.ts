/** Looking things up in a compiled list. */
import type { Chain, KernelObject, Link, Route, Veth } from '../../../src/kernel/objects.ts'
import { compile, type Compiled } from '../../../src/compile/compile.ts'
import { lab } from '../lab/fixture.ts'

export type Of<K extends KernelObject['kind']> = Extract<KernelObject, { kind: K }>

/** Objects of one kind in a namespace of the lab `lab`: `of(objects, 'route', 'node-1')`. */
export const of = <K extends KernelObject['kind']>({ objects }: Compiled, kind: K, node?: string): Of<K>[] =>
  objects.filter((o): o is Of<K> => o.kind === kind && (node === undefined || o.ns === `lab.${node}`))

/** `10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink`, as `ip route` prints it. */
export const route = (r: Route): string =>
  [r.type, r.dst, r.via && `via ${r.via}`, r.dev && `dev ${r.dev}`, r.onlink && 'onlink', r.table && `table ${r.table}`]
    .filter(Boolean)
    .join(' ')

export const routes = (c: Compiled, node: string): string[] => of(c, 'route', node).map(route)
export const addresses = (c: Compiled, node: string): string[] => of(c, 'address', node).map((a) => `${a.address} dev ${a.dev}`)
export const link = (c: Compiled, node: string, type: Link['type']): Link | undefined => of(c, 'link', node).find((l) => l.type === type)
export const sysctls = (c: Compiled, node: string): Record<string, string> =>
  Object.fromEntries(of(c, 'sysctl', node).map((s) => [s.key, s.value]))
export const chain = (c: Compiled, node: string, name: string, family: 4 | 6 = 4): Chain | undefined =>
  of(c, 'chain', node).find((x) => x.chain === name && x.family === family)

/** The veth pair that ends in a pod. */
export const podVeth = (c: Compiled, pod: string): Veth => {
  const veth = of(c, 'veth').find((v) => v.peer.ns === `lab.${pod}`)
  if (!veth) throw new Error(`no veth of ${pod}`)
  return veth
}

/** MTU of every device of the lab but loopback: `node-1 cni0` → 1450. */
export function mtus({ objects }: Compiled): Record<string, number> {
  const found: Record<string, number> = {}
  const short = (ns: string) => ns.replace(/^lab\./, '')
  for (const o of objects) {
    if (o.kind === 'link' && o.type !== 'loopback') found[`${short(o.ns)} ${o.name}`] = o.mtu
    if (o.kind !== 'veth') continue
    found[`${short(o.ns)} ${o.name}`] = o.mtu
    found[`${short(o.peer.ns)} ${o.peer.name}`] = o.peer.mtu
  }
  return found
}

export type Family = 'ipv4' | 'ipv6' | 'dual'
const POD_CIDR: Readonly<Record<Family, string>> = {
  ipv4: '10.244.0.0/16',
  ipv6: '"fd00:10:244::/48"',
  dual: '[10.244.0.0/16, "fd00:10:244::/48"]',
}

/** Three hosts in two racks, the first with two pods, one with a smaller link. */
export function racks(backend: string, attach = 'bridge', family: Family = 'ipv4', rest = ''): Compiled {
  return compile(
    lab(`network: { podCIDR: ${POD_CIDR[family]}, backend: ${backend}, attach: ${attach} }
underlay: { segments: { r1: 192.168.1.0/24, r2: 192.168.2.0/24 } }
hosts: { node-1: { segment: r1 }, node-2: { segment: r1, mtu: 1400 }, node-3: { segment: r2, mtu: 9000 } }
pods: { pod-a: { host: node-1 }, pod-b: { host: node-1 }, pod-c: { host: node-2 }, pod-d: { host: node-3 } }
${rest}`),
  )
}
