import { describe, expect, test } from 'vitest'
import { ips, lab, problems } from './fixture.ts'

const REST = 'hosts: { h: {} }\npods: { p: {} }\n'
const DUAL = 'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\n'

describe('externals', () => {
  test('live in documentation networks, alone in theirs', () => {
    const l = lab(`${DUAL}${REST}externals: { x: {}, y: {} }`)
    expect(l.externals.map((x) => x.addresses)).toEqual([
      [
        { family: 4, ip: '203.0.113.10', prefix: 32 },
        { family: 6, ip: '2001:db8:ffff::a', prefix: 128 },
      ],
      [
        { family: 4, ip: '203.0.113.11', prefix: 32 },
        { family: 6, ip: '2001:db8:ffff::b', prefix: 128 },
      ],
    ])
    expect(l.externals.map((x) => x.mac)).toEqual(['02:09:00:00:00:00', '02:09:00:01:00:00'])
  })

  test('have no IPv6 where nothing has it', () => {
    expect(lab(`${REST}externals: { x: {} }`).externals.map(ips)).toEqual([['203.0.113.10']])
  })

  test('can be pinned anywhere outside the cluster; the others get what is left', () => {
    const l = lab(`${REST}externals: { x: {}, y: { address: 203.0.113.10 }, z: { address: 8.8.8.8, podRoutes: true } }`)
    expect(l.externals.map((x) => [...ips(x), x.podRoutes])).toEqual([
      ['203.0.113.11', false],
      ['203.0.113.10', false],
      ['8.8.8.8', true],
    ])
  })

  test('pinned to one family of two have that family alone', () => {
    expect(ips(lab(`${DUAL}${REST}externals: { x: { address: 8.8.8.8 } }`).externals[0]!)).toEqual(['8.8.8.8'])
    expect(ips(lab(`${DUAL}${REST}externals: { x: { address: [8.8.8.8, "2001:4860::8888"] } }`).externals[0]!)).toEqual([
      '8.8.8.8',
      '2001:4860::8888',
    ])
  })

  test('with one address are refused where it stands', () => {
    expect(problems(`${REST}externals:\n  x: { address: 8.8.8.8 }\n  y: { address: 8.8.8.8 }`)).toEqual(['5:8 address-taken'])
  })

  test('with an IPv6 address where there is no IPv6 are refused', () => {
    expect(problems(`${REST}externals:\n  x: { address: "2001:db8::1" }`)).toEqual(['4:8 family-not-in-lab'])
  })

  test('have containers as pods have', () => {
    const server = 'containers: [{ name: web, ports: [{ name: http, containerPort: 80 }] }, { name: job, command: ["true"] }]'
    const [x, y] = lab(`${REST}externals: { x: { ${server} }, y: {} }`).externals
    expect(x!.containers).toEqual([
      { name: 'web', ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }] },
      { name: 'job', command: ['true'], ports: [] },
    ])
    expect(y!.containers).toBeUndefined()
    const twice = 'containers: [{ name: a, ports: [{ containerPort: 80 }] }, { name: a, ports: [{ containerPort: 80 }] }]'
    expect(problems(`${REST}externals:\n  x: { ${twice} }`)).toEqual(['4:68 name-taken', '4:85 port-taken'])
  })

  test('are as many as there are addresses for them', () => {
    const text = (n: number) => `${REST}externals: { ${Array.from({ length: n }, (_, i) => `x${i}: {}`).join(', ')} }`
    expect(new Set(lab(text(254)).externals.flatMap(ips)).size).toBe(254)
    expect(problems(text(255))).toEqual([expect.stringContaining('too-many')])
  })
})

describe('the router', () => {
  test.each([
    ['one segment, nothing outside', REST, false],
    ['an external', `${REST}externals: { x: {} }`, true],
    ['a backend that needs one', `${REST}network: { backend: vpc }`, true],
    ['two segments', `${REST}underlay: { segments: { a: 10.1.0.0/24, b: 10.2.0.0/24 } }`, true],
  ])('%s', (_, text, there) => {
    expect(lab(text).routers.length > 0).toBe(there)
  })

  test('has the first address of each segment, whether it is there or not', () => {
    expect(lab(REST).segments[0]!.gateways).toEqual([{ family: 4, ip: '192.168.50.1', prefix: 24 }])
  })
})

test("a segment's MTU is the least of the links plugged in, or the underlay's", () => {
  const text = 'underlay: { mtu: 4000, segments: { a: 10.1.0.0/24, b: 10.2.0.0/24, c: 10.3.0.0/24 } }\n'
  const l = lab(`${text}hosts: { h: { segment: a }, g: { segment: a, mtu: 1400 }, f: { segment: b, mtu: 9000 } }\npods: {}`)
  expect(l.segments.map((s) => s.mtu)).toEqual([1400, 9000, 4000])
  expect(l.hosts.map((h) => h.mtu)).toEqual([4000, 1400, 9000])
})
