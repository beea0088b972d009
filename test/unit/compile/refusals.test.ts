/** What cannot work is refused with the reason, where the file asks for it. */
import { describe, expect, test } from 'vitest'
import { compile, refusals } from '../../../src/compile/compile.ts'
import { lab } from '../lab/fixture.ts'
import { routes } from './facts.ts'
import { flaws } from './structure.ts'

describe('refusals', () => {
  const refused = (text: string) => refusals(lab(text)).map((r) => [r.code, r.path.join('.'), r.forceable])
  const RACKS = 'underlay: { segments: { r1: 192.168.1.0/24, r2: 192.168.2.0/24 } }\nhosts: { a: {}, b: {} }\npods: {}\n'

  test.each(['ipip', 'udp'])('%s carries no IPv6, and force does not help', (backend) => {
    for (const podCIDR of ['"fd00:10:244::/48"', '[10.244.0.0/16, "fd00:10:244::/48"]']) {
      expect(refused(`network: { backend: ${backend}, podCIDR: ${podCIDR} }\nhosts: { a: {} }\npods: {}`)).toEqual([
        [`${backend}-carries-no-ipv6`, 'network.podCIDR', false],
      ])
    }
    expect(refused(`network: { backend: ${backend} }\nhosts: { a: {} }\npods: {}`)).toEqual([])
  })

  test('direct does not cross segments, unless forced', () => {
    expect(refused(`network: { backend: direct }\n${RACKS}`)).toEqual([['direct-across-segments', 'network.backend', true]])
    expect(refused(`network: { backend: direct }\n${RACKS.replace('b: {}', 'b: { segment: r1 }')}`)).toEqual([])
    expect(refused(`network: { backend: vxlan }\n${RACKS}`)).toEqual([])
  })

  test('forced, the next hop is said to be on the link, where it is not', () => {
    const c = compile(lab(`network: { backend: direct }\n${RACKS}`))
    expect(routes(c, 'a')).toEqual(['default via 192.168.1.1 dev eth0', '10.244.1.0/24 via 192.168.2.11 dev eth0 onlink'])
    expect(flaws(c.objects, c.lab)).toEqual([])
  })

  test.each([
    ['vxlan, IPv4', 'vxlan', '10.244.0.0/16', 576 + 50],
    ['vxlan, IPv6', 'vxlan', '"fd00:10:244::/48"', 1280 + 50],
    ['gre with a key, IPv6', '{ type: gre, key: 1 }', '"fd00:10:244::/48"', 1280 + 28],
    ['ipip', 'ipip', '10.244.0.0/16', 576 + 20],
    ['direct, dual', 'direct', '[10.244.0.0/16, "fd00:10:244::/48"]', 1280],
  ])('%s: the link carries at least what is asked for', (_, backend, podCIDR, least) => {
    const text = (mtu: number) =>
      `network: { backend: ${backend}, podCIDR: ${podCIDR} }\nunderlay: { mtu: ${mtu} }\nhosts: { a: {}, b: {} }\npods: {}`
    expect(refused(text(least))).toEqual([])
    expect(refused(text(least - 1))).toEqual([['mtu-too-small', 'underlay.mtu', false]])
    expect(refusals(lab(text(least - 1)))[0]!.hint).toContain(String(least))
  })

  test("a host's own MTU is judged as well, and named where it is written", () => {
    const text = 'underlay: { mtu: 1500 }\nhosts: { a: {}, b: { mtu: 600 } }\npods: {}'
    expect(refused(text)).toEqual([['mtu-too-small', 'hosts.b.mtu', false]])
    expect(refusals(lab(text))[0]!.message).toContain('host b: link MTU 600 less 50 bytes of vxlan leaves pods 550')
    expect(refused('hosts: { a: {}, w: { replicas: 3, mtu: 600 } }\npods: {}')).toEqual([['mtu-too-small', 'hosts.w.mtu', false]])
  })

  test('an underlay with IPv6 needs what IPv6 needs, although pods have none', () => {
    const text = (mtu: number) =>
      `network: { backend: direct }\nunderlay: { mtu: ${mtu}, segments: { a: [10.9.0.0/24, "fd00:9::/64"] } }\nhosts: { a: {} }\npods: {}`
    expect(refused(text(1280))).toEqual([])
    expect(refused(text(1279))).toEqual([['mtu-too-small', 'underlay.mtu', false]])
  })
})
