import { describe, expect, test } from 'vitest'
import { attachModules } from '../../../src/attach/index.ts'
import { refusals } from '../../../src/compile/compile.ts'
import { compiled, lab as labOf } from '../lab/fixture.ts'
import { addresses, link, of, podVeth, racks, routes, sysctls, type Family } from './facts.ts'
import { flaws } from './structure.ts'
import { optionTypes } from '../../../src/topology/schema/schema.ts'

const FAMILIES: Family[] = ['ipv4', 'ipv6', 'dual']
const only = <T>(family: Family, four: T[], six: T[]): T[] => [...(family === 'ipv6' ? [] : four), ...(family === 'ipv4' ? [] : six)]

describe.each(FAMILIES)('bridge, %s', (family) => {
  const c = racks('vxlan', 'bridge', family)

  test('the bridge has the gateway address of each block', () => {
    expect(link(c, 'node-1', 'bridge')).toMatchObject({ name: 'cni0', mac: '02:05:00:00:00:00' })
    expect(addresses(c, 'node-1').filter((a) => a.endsWith('cni0'))).toEqual(
      only(family, ['10.244.0.1/24 dev cni0'], ['fd00:10:244::1/64 dev cni0']),
    )
  })

  test('pods are its ports, with hairpin, addressed from the block, and leave by it', () => {
    expect(podVeth(c, 'pod-b')).toMatchObject({
      ns: 'lab.node-1',
      name: 'p2-pod-b',
      port: { master: 'cni0', hairpin: true },
      peer: { name: 'eth0', mac: '02:01:00:00:00:02' },
    })
    expect(podVeth(c, 'pod-b').peer).not.toHaveProperty('port')
    expect(addresses(c, 'pod-b')).toEqual(only(family, ['10.244.0.3/24 dev eth0'], ['fd00:10:244::3/64 dev eth0']))
    expect(routes(c, 'pod-b')).toEqual(only(family, ['default via 10.244.0.1 dev eth0'], ['default via fd00:10:244::1 dev eth0']))
  })

  test('br_netfilter is on in hosts and off in switches', () => {
    expect(c.needs).toContain('br_netfilter')
    for (const [node, value] of [
      ['node-1', '1'],
      ['node-3', '1'],
      ['switch-r1', '0'],
      ['switch-r2', '0'],
    ] as const) {
      expect(sysctls(c, node)).toMatchObject({ 'net/bridge/bridge-nf-call-iptables': value, 'net/bridge/bridge-nf-call-ip6tables': value })
    }
    expect(Object.keys(sysctls(c, 'router')).filter((k) => k.includes('bridge'))).toEqual([])
  })
})

test('the bridge can be called otherwise', () => {
  const c = racks('vxlan', '{ type: bridge, name: docker0 }')
  expect(link(c, 'node-1', 'bridge')).toMatchObject({ name: 'docker0' })
  expect(podVeth(c, 'pod-a').port).toEqual({ master: 'docker0', hairpin: true })
  expect(flaws(c.objects, c.lab)).toEqual([])
})

test.each<[string, boolean]>([
  ['docker0', true],
  ['br', true],
  ['up', true],
  ['bridge', true],
  ['b2345678901234', true],
  ['b23456789012345', false],
  ['0br', false],
  ['br-0', true],
  ['p1-a', false],
  ['-br', false],
  ['br 0', false],
  ['br0;reboot', false],
  ['', false],
  ...['eth0', 'eth12', 'lo', 'p1', 'gre0', 'gretap0', 'erspan0', 'tunl0', 'sit0', 'ip6tnl0', 'ip6gre0', 'all', 'default'].map(
    (n): [string, boolean] => [n, false],
  ),
])('%j as name of the bridge: %s', (name, fine) => {
  expect(attachModules['bridge']!.options(optionTypes).safeParse({ name }).success).toBe(fine)
})

test.each(['vxlan', 'gre', 'ipip'])('the bridge cannot have the name of the %s device', (backend) => {
  const text = (name: string) =>
    `network: { backend: ${backend}, attach: { type: bridge, name: ${name} } }\nhosts: { a: {}, b: {} }\npods: { p: { host: a } }`
  expect(refusals(labOf(text(`${backend}1`))).map((r) => r.code)).toEqual(['device-name-taken'])
  expect(refusals(labOf(text(`${backend}2`)))).toEqual([])
})

describe.each(FAMILIES)('routed, %s', (family) => {
  const c = racks('direct', 'routed', family, 'externals: { x: {} }')
  const alone =
    racks('direct', 'routed', family).lab.routers.length > 0
      ? compiled(
          `network: { backend: direct, attach: routed, podCIDR: ${{ ipv4: '10.244.0.0/16', ipv6: '"fd00:10:244::/48"', dual: '[10.244.0.0/16, "fd00:10:244::/48"]' }[family]} }\nhosts: { node-1: {}, node-2: {} }\npods: { pod-a: { host: node-1 } }`,
        )
      : undefined

  test('a pod has its address alone and a gateway that no node has', () => {
    expect(addresses(c, 'pod-b')).toEqual(only(family, ['10.244.0.3/32 dev eth0'], ['fd00:10:244::3/128 dev eth0']))
    expect(routes(c, 'pod-b')).toEqual(
      only(family, ['169.254.1.1/32 dev eth0', 'default via 169.254.1.1 dev eth0'], ['default via fe80::ecee:eeff:feee:eeee dev eth0']),
    )
  })

  test('the host answers for the gateway and routes each pod by its own address', () => {
    expect(podVeth(c, 'pod-b')).toMatchObject({ mac: 'ee:ee:ee:ee:ee:ee', name: 'p2-pod-b' })
    expect(podVeth(c, 'pod-b')).not.toHaveProperty('port')
    expect(routes(c, 'node-1').filter((r) => r.endsWith('dev p2-pod-b'))).toEqual(
      only(family, ['10.244.0.3/32 dev p2-pod-b'], ['fd00:10:244::3/128 dev p2-pod-b']),
    )
    const set = sysctls(c, 'node-1')
    expect([set['net/ipv4/conf/p2-pod-b/proxy_arp'], set['net/ipv4/neigh/p2-pod-b/proxy_delay']]).toEqual(
      family === 'ipv6' ? [undefined, undefined] : ['1', '0'],
    )
    expect(set['net/ipv6/conf/p2-pod-b/proxy_ndp']).toBe(family === 'ipv4' ? undefined : '1')
  })

  test('the rest of the block is a blackhole', () => {
    expect(routes(c, 'node-1').filter((r) => r.startsWith('blackhole'))).toEqual(
      only(family, ['blackhole 10.244.0.0/24'], ['blackhole fd00:10:244::/64']),
    )
  })

  test('there is no bridge in a host, and bridged packets stay out of iptables', () => {
    expect(link(c, 'node-1', 'bridge')).toBeUndefined()
    expect(c.needs).not.toContain('br_netfilter')
    expect(c.objects.filter((o) => o.kind === 'sysctl' && o.key.startsWith('net/bridge'))).toEqual([])
  })

  test('where no default route leads to 169.254.1.1, a route of its own does', () => {
    const extra = (routesOf: string[]) => routesOf.filter((r) => r.startsWith('169.254.1.1/32'))
    expect(extra(routes(c, 'node-1'))).toEqual([])
    expect(extra(routes(alone!, 'node-1'))).toEqual(family === 'ipv6' ? [] : ['169.254.1.1/32 dev eth0'])
  })
})

test('settings of a device wait for it, and are set again with it', () => {
  for (const o of of(racks('vxlan', 'routed', 'dual'), 'sysctl'))
    expect(o.key.includes('/p') || o.key.includes('/eth0/') ? o.dev : undefined).toBe(/\/(p\d+-pod-\w|eth0)\//.exec(o.key)?.[1])
})
