/** Routers that speak BGP: who is joined with whom, what each must learn, and what BIRD is told. */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { carriage } from '../../../src/backends/index.ts'
import { refusals, type Compiled } from '../../../src/compile/compile.ts'
import { describe as inWords } from '../../../src/kernel/kinds/index.ts'
import { routerPorts } from '../../../src/lab/lab.ts'
import { compiled, lab, problems } from '../lab/fixture.ts'
import { addresses, of } from './facts.ts'

const SEGMENTS = 'segments: { a: 10.1.0.0/24, b: 10.2.0.0/24 }'
const HOSTS = 'hosts: { h1: { segment: a }, h2: { segment: a }, h3: { segment: b } }\npods: {}'
const fabric = (backend: string, more = '', podCIDR = '10.244.0.0/16'): string =>
  `network: { podCIDR: ${podCIDR}, backend: ${backend} }\nunderlay: { routing: bgp, ${more}${SEGMENTS} }\n${HOSTS}`
const TOR = '{ type: bgp, mode: tor }'
const DUAL = '[10.244.0.0/16, "fd00:10:244::/48"]'
const conf = (c: Compiled, node: string): string => of(c, 'daemon', node)[0]!.files[0]!.content
const learned = (c: Compiled, node: string): Record<string, readonly string[]> =>
  Object.fromEntries(of(c, 'learned', node).map((l) => [l.dst, l.nexthops ?? [`${l.via} dev ${l.dev}`]]))

describe('two racks and two spines', () => {
  const c = compiled(fabric('vxlan'))

  test('every router of a segment has a link to every spine, and a session over it', () => {
    expect(c.lab.routers.map((r) => [r.name, r.bgp!.asn, r.segments])).toEqual([
      ['spine-1', 64_600, []],
      ['spine-2', 64_600, []],
      ['tor-a', 65_001, ['a']],
      ['tor-b', 65_002, ['b']],
    ])
    expect(routerPorts(c.lab, 'tor-a').map(({ own, far }) => [own.device, own.addresses[0]!.ip, far.router, far.device])).toEqual([
      ['l1-spine-1', '100.64.128.1', 'spine-1', 'l1-tor-a'],
      ['l2-spine-2', '100.64.128.3', 'spine-2', 'l1-tor-a'],
    ])
    expect(of(c, 'session').map(inWords)).toEqual(
      ['spine-1–tor-a', 'spine-1–tor-b', 'spine-2–tor-a', 'spine-2–tor-b'].map((s) => `BGP session ${s}`),
    )
    expect(addresses(c, 'tor-a')).toEqual([
      '100.64.0.3/32 dev lo',
      '10.1.0.1/24 dev s1-a',
      '100.64.128.1/31 dev l1-spine-1',
      '100.64.128.3/31 dev l2-spine-2',
    ])
  })

  test('the router of a segment must learn all equal paths to the others, and spines one to each', () => {
    expect(learned(c, 'tor-a')).toEqual({
      '100.64.0.1/32': ['100.64.128.0 dev l1-spine-1'],
      '100.64.0.2/32': ['100.64.128.2 dev l2-spine-2'],
      '100.64.0.4/32': ['100.64.128.0 dev l1-spine-1', '100.64.128.2 dev l2-spine-2'],
      '10.2.0.0/24': ['100.64.128.0 dev l1-spine-1', '100.64.128.2 dev l2-spine-2'],
    })
    // Nothing of the other spine, which is in the same system.
    expect(learned(c, 'spine-1')).toEqual({
      '100.64.0.3/32': ['100.64.128.1 dev l1-tor-a'],
      '10.1.0.0/24': ['100.64.128.1 dev l1-tor-a'],
      '100.64.0.4/32': ['100.64.128.5 dev l2-tor-b'],
      '10.2.0.0/24': ['100.64.128.5 dev l2-tor-b'],
    })
    expect(of(c, 'learned', 'tor-a').find((l) => l.dst === '10.2.0.0/24')!.ways).toEqual([
      ['spine-1.bird', 'tor-b.bird'],
      ['spine-2.bird', 'tor-b.bird'],
    ])
  })

  test('a connection keeps to one path', () => {
    for (const router of c.lab.routers)
      expect(of(c, 'sysctl', router.name)).toContainEqual(
        expect.objectContaining({ key: 'net/ipv4/fib_multipath_hash_policy', value: '1' }),
      )
    expect(c.needs).toContain('bird')
  })

  test('hosts are as behind one router', () => {
    expect(of(c, 'daemon', 'h1')).toEqual([])
    expect(of(c, 'route', 'h1')).toContainEqual(expect.objectContaining({ dst: 'default', via: '10.1.0.1' }))
    expect(carriage(c.lab, c.lab.hosts[0]!, c.lab.hosts[2]!).hops).toBe(2)
  })

  test('both ends of a link watch each other, if they are to', () => {
    expect(conf(c, 'spine-1')).not.toContain('bfd')
    const watched = compiled(fabric('vxlan', 'bfd: true, '))
    for (const router of watched.lab.routers) expect(conf(watched, router.name).match(/direct; bfd on;/g)).toHaveLength(2)
  })
})

describe('hosts that tell the router of their rack', () => {
  const c = compiled(fabric(TOR, 'spines: 3, '))

  test('have a session with it alone, and the next hop of a neighbour is the neighbour', () => {
    expect(of(c, 'session', 'h1').map(inWords)).toEqual(['BGP session h1–tor-a'])
    expect(learned(c, 'h1')).toEqual({ '10.244.1.0/24': ['10.1.0.12 dev eth0'], '10.244.2.0/24': ['10.1.0.1 dev eth0'] })
    expect(of(c, 'learned', 'h1').map((l) => l.ways)).toEqual([
      [['tor-a.bird', 'h2.bird']],
      [1, 2, 3].map((n) => ['tor-a.bird', `spine-${n}.bird`, 'tor-b.bird', 'h3.bird']),
    ])
  })

  test('are heard of in the whole fabric', () => {
    expect(learned(c, 'tor-a')).toMatchObject({
      '10.244.0.0/24': ['10.1.0.11 dev s1-a'],
      '10.244.2.0/24': [0, 2, 4].map((n, i) => `100.64.128.${n} dev l${i + 1}-spine-${i + 1}`),
    })
    expect(Object.keys(learned(c, 'spine-3')).filter((dst) => dst.startsWith('10.244.'))).toHaveLength(3)
  })

  test('are five hops apart in two racks, two in one', () => {
    const [h1, h2, h3] = c.lab.hosts
    expect([carriage(c.lab, h1!, h2!), carriage(c.lab, h1!, h3!)].map((x) => [x.hops, x.hopsToHost])).toEqual([
      [2, 1],
      [5, 4],
    ])
  })

  test('take routes to pods, and give the same', () => {
    expect(conf(c, 'h1')).toContain('import where net ~ [ 10.244.0.0/16+ ]; export where proto = "blocks_ipv4";')
    expect(conf(c, 'h1')).toContain('allow local as 1;')
    expect(conf(c, 'tor-a')).toContain('import where net ~ [ 10.244.0.0/16+ ];')
  })
})

describe('the border', () => {
  const c = compiled(`${fabric(TOR)}\nexternals: { x: {}, y: { podRoutes: true } }`)

  test('has the externals, announces everything else, and keeps pods from those that have no routes to them', () => {
    expect(of(c, 'route', 'border').map((r) => [r.dst, r.dev ?? r.type])).toEqual([
      ['203.0.113.10/32', 'x1-x'],
      ['203.0.113.11/32', 'x2-y'],
      ['10.244.0.0/16', 'unreachable'],
    ])
    expect(of(c, 'rule', 'border').map((r) => r.src)).toEqual(['203.0.113.10/32'])
    expect(learned(c, 'tor-b')['default']).toHaveLength(2)
    expect(learned(c, 'spine-1')['default']).toEqual([expect.stringContaining('dev l1-border')])
  })
})

describe.skipIf(spawnSync('bird', ['--version']).error)(
  'BIRD takes what routers are told (skipped without bird: scripts/setup.sh test)',
  () => {
    test.each([
      [fabric('vxlan', 'spines: 1, ')],
      [`${fabric('{ type: bgp, mode: tor, bfd: true }', 'bfd: true, ', DUAL)}\nexternals: { x: {} }`],
      [fabric(TOR, '', '"fd00:10:244::/48"')],
    ])('case %#', (text) => {
      for (const { files } of of(compiled(text), 'daemon'))
        expect(spawnSync('sh', ['-c', 'cat | bird -p -c /dev/stdin'], { input: files[0]!.content, encoding: 'utf8' }).stderr).toBe('')
    })
  },
)

describe('what is refused', () => {
  test.each([
    [fabric('vpc'), ['vpc-in-fabric']],
    [fabric('{ type: bgp, mode: tor, tunnel: always }'), ['bgp-tunnel-unused']],
    [fabric('{ type: bgp, mode: tor, asn: 65002 }'), ['bgp-asn-taken']],
    [fabric('{ type: bgp, mode: tor, asn: 65003 }'), []],
    [`${fabric('vxlan')}\nexternals: { x: { podRoutes: true } }`, ['pod-routes-unknown']],
    [`${fabric(TOR)}\nexternals: { x: { podRoutes: true } }`, []],
    [`network: { backend: ${TOR} }\n${HOSTS.replaceAll(/segment: ./g, '')}`, ['bgp-needs-fabric']],
  ])('case %#', (text, codes) => expect(refusals(lab(text)).map((r) => r.code)).toEqual(codes))

  test('keys of a fabric where there is none, and networks that are its own', () => {
    expect(problems('underlay: { spines: 2, bfd: false }\nhosts: { h: {} }\npods: {}')).toEqual(['1:13 no-fabric', '1:24 no-fabric'])
    expect(problems(fabric('vxlan', '', '100.64.0.0/16'))).toEqual([expect.stringContaining('networks-overlap')])
    expect(problems('network: { podCIDR: 100.64.0.0/16 }\nhosts: { h: {} }\npods: {}')).toEqual([])
  })
})
