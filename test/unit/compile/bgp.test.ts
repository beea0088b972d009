import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { backendOf, carriage } from '../../../src/backends/index.ts'
import type { Compiled } from '../../../src/compile/compile.ts'
import { describe as inWords } from '../../../src/kernel/kinds/index.ts'
import { compiled } from '../lab/fixture.ts'
import { addresses, link, of, racks } from './facts.ts'

const hosts = (backend: string, number: number, podCIDR = '10.244.0.0/16'): Compiled =>
  compiled(`network: { podCIDR: ${podCIDR}, backend: ${backend} }\nhosts: { n: { replicas: ${number} } }\npods: {}`)
const conf = (c: Compiled, node: string): string => of(c, 'daemon', node)[0]!.files[0]!.content
const sessions = (c: Compiled): string[] => of(c, 'session').map(inWords)

describe('a mesh', () => {
  const c = hosts('bgp', 4, '[10.244.0.0/16, "fd00:10:244::/48"]')

  test('has a session between any two hosts, and each learns the blocks of the others from their owner', () => {
    expect(sessions(c)).toEqual(['n-1–n-2', 'n-1–n-3', 'n-1–n-4', 'n-2–n-3', 'n-2–n-4', 'n-3–n-4'].map((s) => `BGP session ${s}`))
    expect(of(c, 'learned', 'n-1').map((l) => [l.dst, l.via, l.dev, l.ways])).toEqual(
      [2, 3, 4].flatMap((i) => [
        [`10.244.${i - 1}.0/24`, `192.168.50.1${i}`, 'eth0', [[`n-${i}.bird`]]],
        [`fd00:10:244:${i - 1}::/64`, `fd00:192:168:50::${(i + 10).toString(16)}`, 'eth0', [[`n-${i}.bird`]]],
      ]),
    )
    expect(of(c, 'route', 'n-1')).toEqual([])
  })

  test('both ends call the session what BIRD does', () => {
    const [first] = of(c, 'session')
    expect(first!.ends.map((end) => [end.daemon, end.name])).toEqual([
      ['n-1.bird', 'h2-n-2'],
      ['n-2.bird', 'h1-n-1'],
    ])
    expect(conf(c, 'n-1')).toContain("protocol bgp 'h2-n-2' from host { neighbor 192.168.50.12 as 64512; direct; }")
    expect(conf(c, 'n-2')).toContain("protocol bgp 'h1-n-1' from host { neighbor 192.168.50.11 as 64512; direct; }")
  })

  test('BIRD may do what it must, and no more', () => {
    expect(of(c, 'daemon').map((d) => d.capabilities)).toEqual(Array.from({ length: 4 }, () => ['net_admin', 'net_bind_service']))
  })
})

describe('reflectors', () => {
  test('by default the first host: all have a session with it alone', () => {
    const c = hosts('{ type: bgp, mode: route-reflector }', 3)
    expect(sessions(c)).toEqual(['BGP session n-1–n-2', 'BGP session n-1–n-3'])
    expect(conf(c, 'n-1').match(/rr client; rr cluster id 192\.168\.50\.11;/g)).toHaveLength(2)
    expect(conf(c, 'n-2')).not.toContain('rr client')
    expect(of(c, 'learned', 'n-2').map((l) => [l.dst, l.via, l.ways])).toEqual([
      ['10.244.0.0/24', '192.168.50.11', [['n-1.bird']]],
      ['10.244.2.0/24', '192.168.50.13', [['n-1.bird', 'n-3.bird']]],
    ])
  })

  test('two: clients have two sessions and two ways, the reflectors one with each other', () => {
    const c = hosts('{ type: bgp, mode: route-reflector, reflectors: [n-2, n-4] }', 4)
    expect(sessions(c)).toEqual(['n-1–n-2', 'n-1–n-4', 'n-2–n-3', 'n-2–n-4', 'n-3–n-4'].map((s) => `BGP session ${s}`))
    expect(of(c, 'learned', 'n-1').find((l) => l.dst === '10.244.2.0/24')!.ways).toEqual([
      ['n-2.bird', 'n-3.bird'],
      ['n-4.bird', 'n-3.bird'],
    ])
    expect(conf(c, 'n-2')).toMatch(/'h4-n-4' from host \{ neighbor 192\.168\.50\.14 as 64512; direct; \}/)
    for (const reflector of ['n-2', 'n-4']) expect(conf(c, reflector)).toContain('rr cluster id 192.168.50.12;')
  })
})

describe('IP in IP between segments', () => {
  const c = racks('{ type: bgp, tunnel: cross-segment }')

  test('routes lead through the tunnel where the next hop is beyond the router', () => {
    expect(of(c, 'learned', 'node-1').map((l) => [l.dst, l.via, l.dev])).toEqual([
      ['10.244.1.0/24', '192.168.1.12', 'eth0'],
      ['10.244.2.0/24', '192.168.2.11', 'ipip1'],
    ])
    expect(link(c, 'node-1', 'ipip')).toMatchObject({ name: 'ipip1', mtu: 1480, local: '192.168.1.11' })
    expect(addresses(c, 'node-1')).toContain('10.244.0.0/32 dev ipip1')
    const [a, b, far] = c.lab.hosts
    expect(carriage(c.lab, a!, b!).headers).toEqual([])
    expect(carriage(c.lab, a!, far!).headers).toEqual([{ type: 'ipv4', fields: { protocol: 4 } }])
  })

  test('BIRD looks the next hop up in a table that says so', () => {
    expect(conf(c, 'node-1')).toContain('route 192.168.2.11/32 via 192.168.2.11%ipip1 onlink;')
    expect(conf(c, 'node-1')).not.toContain('route 192.168.1.12/32')
    expect(conf(c, 'node-1')).toContain('igp table nexthops_ipv4;')
  })

  test('needs the device of the kernel', () => {
    expect(backendOf(c.lab.backend).needs).toEqual(['bird', 'ipip'])
    expect(backendOf(hosts('bgp', 2).lab.backend).needs).toEqual(['bird'])
  })
})

/** What BIRD itself complains of in a configuration. Through a pipe: what Node gives a child is a socket, which has no path. */
const complaint = (text: string): string => spawnSync('sh', ['-c', 'cat | bird -p -c /dev/stdin'], { input: text, encoding: 'utf8' }).stderr

describe.skipIf(spawnSync('bird', ['--version']).error)(
  'BIRD takes every configuration (skipped without bird: scripts/setup.sh test)',
  () => {
    test.each([
      [hosts('{ type: bgp, bfd: true, asn: 4200000000, holdTime: 3 }', 3, '[10.244.0.0/16, "fd00:10:244::/48"]')],
      [hosts('bgp', 2, '"fd00:10:244::/48"')],
      [hosts('{ type: bgp, mode: route-reflector, reflectors: [n-1, n-2] }', 3)],
      [racks('{ type: bgp, tunnel: cross-segment }')],
      [racks('{ type: bgp, tunnel: always, mode: route-reflector }')],
      [compiled('network: { backend: bgp }\nhosts: { bgp: {}, ipv4: {}, all: {}, protocol: {} }\npods: {}')],
    ])('case %#', (c) => {
      for (const { files } of of(c, 'daemon')) expect(complaint(files[0]!.content)).toBe('')
    })
    test('and complains where there is something', () => expect(complaint('nonsense;')).toContain('syntax error'))
  },
)

describe('what it refuses', () => {
  const refused = (c: Compiled): string[] =>
    backendOf(c.lab.backend)
      .refuse(c.lab)
      .map((r) => r.message)

  test.each([
    [hosts('bgp', 2), []],
    [hosts('{ type: bgp, mode: tor }', 2), [/^mode tor needs routers that speak BGP/]],
    [hosts('{ type: bgp, reflectors: [n-1] }', 2), [/^mode mesh has no reflectors$/]],
    [hosts('{ type: bgp, mode: route-reflector, reflectors: [n-9] }', 2), [/^there is no host "n-9"/]],
    [racks('bgp'), [/^routes learned by BGP cannot cross segments \(r1, r2\) without a tunnel/]],
    [racks('{ type: bgp, tunnel: always }', 'bridge', 'dual'), [/^IP in IP cannot carry IPv6/]],
  ])('case %#', (c, expected) => {
    const found = refused(c)
    expect(found).toHaveLength(expected.length)
    expected.forEach((pattern, i) => expect(found[i]).toMatch(pattern))
  })
})
