import { describe, expect, test } from 'vitest'
import { hasIpv6 } from '../../../src/lab/lab.ts'
import { compiled } from '../lab/fixture.ts'
import { addresses, mtus, of, racks, route, routes, sysctls } from './facts.ts'
import { flaws } from './structure.ts'

const ONE = 'hosts: { a: {}, b: {} }\npods: { p: {} }\n'

describe('a segment', () => {
  const c = compiled(ONE)
  test('is a bridge in a namespace of its own, without addresses, and hosts are its ports', () => {
    expect(of(c, 'link', 'switch-lan').map((l) => [l.type, l.name])).toEqual([['bridge', 'br0']])
    expect(of(c, 'address', 'switch-lan')).toEqual([])
    expect(sysctls(c, 'switch-lan')['net/ipv6/conf/default/disable_ipv6']).toBe('1')
    expect(
      of(c, 'veth', 'a')
        .filter((v) => v.name === 'eth0')
        .map((v) => [v.peer.ns, v.peer.name, v.peer.port]),
    ).toEqual([['lab.switch-lan', 'h1-a', { master: 'br0' }]])
  })
  test('alone needs neither router nor default route', () => {
    expect(of(c, 'netns').map((o) => o.ns)).not.toContain('lab.router')
    expect(routes(c, 'a').filter((r) => r.startsWith('default'))).toEqual([])
    expect(addresses(c, 'a')).toContain('192.168.50.11/24 dev eth0')
  })
})

describe('the router', () => {
  const c = racks('vxlan', 'bridge', 'dual')
  test('is plugged into every segment and is its gateway', () => {
    expect(of(c, 'veth', 'router').map((v) => [v.name, v.peer.ns, v.peer.name])).toEqual([
      ['s1-r1', 'lab.switch-r1', 'router'],
      ['s2-r2', 'lab.switch-r2', 'router'],
    ])
    expect(addresses(c, 'router')).toEqual([
      '192.168.1.1/24 dev s1-r1',
      'fd00:192:168:1::1/64 dev s1-r1',
      '192.168.2.1/24 dev s2-r2',
      'fd00:192:168:2::1/64 dev s2-r2',
    ])
    expect(routes(c, 'node-1').filter((r) => r.startsWith('default'))).toEqual([
      'default via 192.168.1.1 dev eth0',
      'default via fd00:192:168:1::1 dev eth0',
    ])
    expect(routes(c, 'router')).toEqual([])
  })
  test('carries what each segment carries', () => {
    expect(mtus(c)).toMatchObject({ 'router s1-r1': 1400, 'router s2-r2': 9000 })
  })
})

describe('settings', () => {
  const c = racks('vxlan', 'bridge', 'ipv4', 'externals: { x: {} }')
  const dual = racks('vxlan', 'bridge', 'dual', 'externals: { x: {} }')
  test('hosts and router forward, pods and externals do not', () => {
    // Loose in hosts; off in the router, which has no route to pods that talk to hosts of other segments.
    for (const [node, rp] of [
      ['node-1', '2'],
      ['router', '0'],
    ] as const) {
      expect(sysctls(c, node)).toMatchObject({
        'net/ipv4/ip_forward': '1',
        'net/ipv4/conf/all/rp_filter': rp,
        'net/ipv4/conf/default/rp_filter': rp,
        'net/ipv6/conf/default/disable_ipv6': '1',
      })
      expect(sysctls(dual, node)).toMatchObject({
        'net/ipv6/conf/all/forwarding': '1',
        'net/ipv6/conf/default/accept_dad': '0',
        'net/ipv6/conf/default/accept_ra': '0',
      })
      // Said either way, so that a running lab can get or lose its second family.
      for (const which of ['all', 'default']) {
        expect(sysctls(c, node)).toHaveProperty([`net/ipv6/conf/${which}/disable_ipv6`], '1')
        expect(sysctls(dual, node)).toHaveProperty([`net/ipv6/conf/${which}/disable_ipv6`], '0')
      }
    }
    for (const node of ['pod-a', 'x']) {
      expect(sysctls(c, node)).toEqual({ 'net/ipv4/ip_forward': '0', 'net/ipv6/conf/eth0/disable_ipv6': '1' })
      expect(sysctls(dual, node)).toEqual({
        'net/ipv4/ip_forward': '0',
        'net/ipv6/conf/all/accept_dad': '0',
        'net/ipv6/conf/eth0/accept_dad': '0',
        'net/ipv6/conf/eth0/accept_ra': '0',
        'net/ipv6/conf/eth0/disable_ipv6': '0',
      })
    }
  })
  test('loopback is up in every node but switches', () => {
    const up = of(c, 'link')
      .filter((l) => l.type === 'loopback')
      .map((l) => l.ns)
    expect(up.toSorted()).toEqual(
      of(c, 'netns')
        .map((n) => n.ns)
        .filter((ns) => !ns.includes('switch'))
        .toSorted(),
    )
  })
})

describe('IPv6 in the underlay alone', () => {
  const c = compiled(`underlay: { segments: { lan: [10.9.0.0/24, "fd00:9::/64"] } }\n${ONE}externals: { x: {} }`)
  test('is switched on where it is, and off in pods', () => {
    expect(hasIpv6(c.lab)).toBe(true)
    expect(c.needs).toContain('ipv6')
    expect(flaws(c.objects, c.lab)).toEqual([])
    expect(addresses(c, 'a')).toContain('fd00:9::b/64 dev eth0')
    expect(sysctls(c, 'a')).toMatchObject({ 'net/ipv6/conf/all/forwarding': '1' })
    expect(sysctls(c, 'p')).toMatchObject({ 'net/ipv6/conf/eth0/disable_ipv6': '1' })
    expect(addresses(c, 'x')).toEqual(['203.0.113.10/32 dev eth0', '2001:db8:ffff::a/128 dev eth0'])
  })
})

describe('externals', () => {
  const c = racks(
    'direct',
    'routed',
    'dual',
    'externals: { stranger: {}, partner: { podRoutes: true }, old: { address: 8.8.8.8, podRoutes: true } }',
  )
  test('hang on the router by a link without a network', () => {
    expect(routes(c, 'stranger')).toEqual(['169.254.1.1/32 dev eth0', 'default via 169.254.1.1 dev eth0', 'default via fe80::1 dev eth0'])
    expect(addresses(c, 'stranger')).toEqual(['203.0.113.10/32 dev eth0', '2001:db8:ffff::a/128 dev eth0'])
    expect(addresses(c, 'router').filter((a) => a.endsWith('x1-stranger'))).toEqual([
      '169.254.1.1/32 dev x1-stranger',
      'fe80::1/64 dev x1-stranger',
    ])
    expect(
      of(c, 'address', 'router')
        .filter((a) => a.address.startsWith('169.254'))
        .every((a) => a.scope === 'link'),
    ).toBe(true)
    expect(mtus(c)['stranger eth0']).toBe(9000)
  })

  test('of the router know the way to each other and to hosts; to pods only those with podRoutes', () => {
    const main = of(c, 'route', 'router')
      .filter((r) => r.table === undefined)
      .map(route)
    expect(main).toEqual([
      '203.0.113.10/32 dev x1-stranger',
      '2001:db8:ffff::a/128 dev x1-stranger',
      '203.0.113.11/32 dev x2-partner',
      '2001:db8:ffff::b/128 dev x2-partner',
      '8.8.8.8/32 dev x3-old',
    ])
    expect(of(c, 'rule', 'router').map((r) => [r.family, r.src, r.table, r.priority])).toEqual([
      [4, '203.0.113.11/32', 101, 101],
      [6, '2001:db8:ffff::b/128', 101, 101],
      [4, '8.8.8.8/32', 102, 102],
    ])
    expect(
      of(c, 'route', 'router')
        .filter((r) => r.table === 101)
        .map(route),
    ).toEqual([
      '10.244.0.0/24 via 192.168.1.11 dev s1-r1 table 101',
      '10.244.1.0/24 via 192.168.1.12 dev s1-r1 table 101',
      '10.244.2.0/24 via 192.168.2.11 dev s2-r2 table 101',
      'fd00:10:244::/64 via fd00:192:168:1::b dev s1-r1 table 101',
      'fd00:10:244:1::/64 via fd00:192:168:1::c dev s1-r1 table 101',
      'fd00:10:244:2::/64 via fd00:192:168:2::b dev s2-r2 table 101',
    ])
  })

  test('in whatever number never take the tables the kernel has', () => {
    const many = compiled(`${ONE}externals: { ${Array.from({ length: 200 }, (_, i) => `x${i}: { podRoutes: true }`).join(', ')} }`)
    const tables = of(many, 'rule', 'router').map((r) => r.table)
    expect(new Set(tables).size).toBe(200)
    for (const reserved of [0, 253, 254, 255]) expect(tables).not.toContain(reserved)
    expect(Math.max(...of(many, 'rule', 'router').map((r) => r.priority))).toBeLessThan(32_766)
    expect(flaws(many.objects, many.lab)).toEqual([])
  })
})

test('containers become processes with names that are safe as files', () => {
  const c = compiled(
    'hosts: { a: {} }\npods: { p: { containers: [{ name: web, ports: [{ containerPort: 80 }, { containerPort: 53, protocol: UDP }] }, { name: run, command: [sleep, "1"], ports: [{ containerPort: 81 }] }] }, shop/p: { containers: [{ name: web }] } }',
  )
  expect(of(c, 'process').map(({ from: _from, ...o }) => o)).toEqual([
    {
      kind: 'process',
      ns: 'lab.p',
      id: 'p.web',
      hostname: 'p',
      pod: 'p',
      container: 'web',
      listen: [
        { port: 80, protocol: 'TCP' },
        { port: 53, protocol: 'UDP' },
      ],
      addresses: ['10.244.0.2'],
    },
    {
      kind: 'process',
      ns: 'lab.p',
      id: 'p.run',
      hostname: 'p',
      pod: 'p',
      container: 'run',
      command: ['sleep', '1'],
      listen: [],
      addresses: ['10.244.0.2'],
    },
    {
      kind: 'process',
      ns: 'lab.shop.p',
      id: 'shop.p.web',
      hostname: 'p',
      pod: 'shop/p',
      container: 'web',
      listen: [],
      addresses: ['10.244.0.3'],
    },
  ])
})
