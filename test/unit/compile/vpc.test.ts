/** Routes of the fabric: what the router holds of hosts, pods and what is outside. */
import { describe, expect, test } from 'vitest'
import { backendOf, carriage } from '../../../src/backends/index.ts'
import { compiled } from '../lab/fixture.ts'
import { chain, of, racks, routes, sysctls } from './facts.ts'
import { flaws } from './structure.ts'

const ONE = 'hosts: { a: {}, b: {} }\npods: { p: { host: a } }'
const one = (options: string, rest = '') => compiled(`network: { backend: ${options} }\n${ONE}\n${rest}`)

describe('on one segment', () => {
  const c = one('vpc')

  test('there is a router, and the line that asks for it is the backend', () => {
    expect(c.lab.routers[0]).toMatchObject({ netns: 'lab.router', source: { path: 'network.backend' } })
    expect(flaws(c.objects, c.lab)).toEqual([])
  })

  test('hosts have a default route alone, and the router the blocks', () => {
    expect(routes(c, 'a')).toEqual(['default via 192.168.50.1 dev eth0'])
    expect(routes(c, 'router')).toEqual(['10.244.0.0/24 via 192.168.50.11 dev s1-lan', '10.244.1.0/24 via 192.168.50.12 dev s1-lan'])
  })

  test('the router tells of no shorter way', () => {
    const keys = Object.entries(sysctls(c, 'router')).filter(([key]) => key.endsWith('/send_redirects'))
    expect(keys).toEqual([
      ['net/ipv4/conf/all/send_redirects', '0'],
      ['net/ipv4/conf/s1-lan/send_redirects', '0'],
    ])
  })

  test('other backends have no router there', () => {
    expect(one('direct').lab.routers).toEqual([])
  })
})

test('packets are bare, and the router takes one from the TTL; to a host of the segment they need none', () => {
  const { lab } = racks('vpc')
  const [a, b, far] = lab.hosts
  expect(carriage(lab, a!, b!)).toMatchObject({ headers: [], overhead: 0, device: 'eth0', hops: 3, hopsToHost: 1 })
  expect(carriage(lab, a!, far!)).toMatchObject({ headers: [], hops: 3, hopsToHost: 2, source: { 4: '192.168.1.11' } })
})

test('from outside nothing leads to pods, but for who knows the way', () => {
  const c = racks('vpc', 'bridge', 'dual', 'externals: { x: {}, y: { podRoutes: true } }')
  const closed = of(c, 'route', 'router').filter((r) => r.type === 'unreachable')
  expect(closed.map((r) => [r.dst, r.table])).toEqual([
    ['10.244.0.0/16', 10],
    ['fd00:10:244::/48', 10],
  ])
  expect(of(c, 'rule', 'router').flatMap((r) => (r.table === 10 ? [[r.src, r.priority]] : []))).toEqual([
    ['203.0.113.10/32', 10_000],
    ['2001:db8:ffff::a/128', 10_000],
  ])
  expect(of(one('vpc', 'externals: { y: { podRoutes: true } }'), 'rule', 'router').map((r) => r.table)).toEqual([100])
})

describe('the source/destination check', () => {
  const c = racks('{ type: vpc, sourceDestCheck: true }', 'bridge', 'dual')

  test('is off unless asked for, and needs rules that match a MAC', () => {
    expect(of(racks('vpc'), 'chain', 'router')).toEqual([])
    expect(backendOf(racks('vpc').lab.backend).needs).toEqual([])
    expect(backendOf(c.lab.backend).needs).toEqual(['mac-match'])
    expect(flaws(c.objects, c.lab)).toEqual([])
  })

  test("knows who sends by the port's MAC, and lets it use its own addresses and its pods'", () => {
    expect(chain(c, 'router', 'FORWARD')?.rules.slice(0, 2)).toEqual(['-i s1-r1 -j VPC-FROM-s1-r1', '-o s1-r1 -j VPC-TO-s1-r1'])
    expect(chain(c, 'router', 'VPC-FROM-s1-r1')?.rules).toEqual([
      '-m mac --mac-source 02:03:00:00:00:00 -m comment --comment "port of node-1" -g VPC-h1-node-1',
      '-m mac --mac-source 02:03:00:01:00:00 -m comment --comment "port of node-2" -g VPC-h2-node-2',
      '-m comment --comment "source/destination check: no host of r1 has this MAC" -j DROP',
    ])
    expect(chain(c, 'router', 'VPC-h1-node-1', 6)?.rules.slice(0, 2)).toEqual([
      '-s fd00:192:168:1::b/128 -j RETURN',
      '-s fd00:10:244::/64 -j RETURN',
    ])
    expect(chain(c, 'router', 'VPC-TO-s2-r2')?.rules.slice(0, 2)).toEqual(['-d 192.168.2.11/32 -j RETURN', '-d 10.244.2.0/24 -j RETURN'])
  })

  test('is told from other rules by what drops', () => {
    const backend = backendOf(c.lab.backend)
    const [last] = chain(c, 'router', 'VPC-h1-node-1')!.rules.slice(-1)
    expect(backend.explain!(`-A VPC-h1-node-1 ${last}`)).toBe('node-1 may send only from its own addresses and those of its pods')
    expect(backend.explain!('-A FORWARD -s 10.244.0.0/24 -j DROP')).toBeUndefined()
  })
})
