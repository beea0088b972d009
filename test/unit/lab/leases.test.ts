import { describe, expect, test } from 'vitest'
import type { Lab } from '../../../src/lab/lab.ts'
import { leasesOf } from '../../../src/lab/addressing/lease.ts'
import { cidrs, hostOf, ips, lab, labAfter, placeOf, podOf } from './fixture.ts'

const file = (hosts: string, pods: string, network = '') => `${network}hosts: { ${hosts} }\npods: { ${pods} }`

/** No node that is in both labs has moved. */
function expectStill(before: Lab, after: Lab): void {
  for (const host of after.hosts) {
    const was = before.hosts.find((h) => h.name === host.name)
    if (was) expect(placeOf(host)).toEqual(placeOf(was))
  }
  for (const pod of after.pods) {
    const was = before.pods.find((p) => p.key === pod.key)
    if (was) expect(placeOf(pod)).toEqual(placeOf(was))
  }
}

const RUNNING = lab(file('a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'))

describe('with the leases of a running lab', () => {
  test.each([
    ['nothing changes', 'a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'],
    ['a pod comes first', 'a: {}, b: {}, w: { replicas: 2 }', 'new: {}, p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'],
    ['a pod comes in the middle', 'a: {}, b: {}, w: { replicas: 2 }', 'p: {}, new: {}, q: {}, r: { replicas: 4 }, s: {}, shop/t: {}'],
    ['a pod goes', 'a: {}, b: {}, w: { replicas: 2 }', 'q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'],
    ['replicas come', 'a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 9 }, default/s: {}, shop/t: {}'],
    ['replicas go', 'a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 1 }, default/s: {}, shop/t: {}'],
    ['a host comes first', 'new: {}, a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'],
    ['a host comes last', 'a: {}, b: {}, w: { replicas: 3 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'],
    ['the order is turned around', 'w: { replicas: 2 }, b: {}, a: {}', 'shop/t: {}, default/s: {}, r: { replicas: 4 }, q: {}, p: {}'],
    [
      'everything at once',
      'new: {}, b: {}, w: { replicas: 3 }, a: {}',
      'new: { replicas: 3 }, shop/t: {}, s: {}, r: { replicas: 5 }, p: {}',
    ],
  ])('%s, and no node that stays moves', (_, hosts, pods) => {
    expectStill(RUNNING, labAfter(RUNNING, file(hosts, pods)))
  })

  test('a host goes, and only its pods move', () => {
    const after = labAfter(RUNNING, file('a: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}'))
    const stranded = RUNNING.pods.filter((p) => p.host === 'b').map((p) => p.key)
    expect(stranded.length).toBeGreaterThan(0)
    for (const pod of after.pods) {
      if (stranded.includes(pod.key)) expect(pod.host).not.toBe('b')
      else expect(placeOf(pod)).toEqual(placeOf(podOf(RUNNING, pod.key)))
    }
    for (const host of after.hosts) expect(placeOf(host)).toEqual(placeOf(hostOf(RUNNING, host.name)))
  })

  test('newcomers get what is free, the lowest first', () => {
    const running = lab(file('h: {}', 'a: {}, b: {}, c: {}'))
    const after = labAfter(running, file('h: {}', 'new: {}, c: {}, a: {}, newer: {}'))
    expect(after.pods.map((p) => [p.key, p.ordinal, ips(p)[0]])).toEqual([
      ['new', 2, '10.244.0.3'],
      ['c', 3, '10.244.0.4'],
      ['a', 1, '10.244.0.2'],
      ['newer', 4, '10.244.0.5'],
    ])
  })

  test('a new pod cannot be pinned to the address of one that stays', () => {
    const running = lab(file('h: {}', 'a: {}, b: {}'))
    expect(() => labAfter(running, file('h: {}', 'a: {}, b: {}, c: { ip: 10.244.0.2 }'))).toThrow(
      '2:28 address-taken: pod c: 10.244.0.2 belongs to pod a in the running lab',
    )
    const after = labAfter(running, file('h: {}', 'b: {}, c: { ip: 10.244.0.2 }'))
    expect(after.pods.map((p) => ips(p)[0])).toEqual(['10.244.0.3', '10.244.0.2'])
  })

  test('a new host can be pinned to what another has, which then moves', () => {
    const running = lab(file('h: {}', 'a: {}, b: {}'))
    const hosts = labAfter(running, file('h: {}, g: { address: 192.168.50.11, podCIDR: 10.244.0.0/24 }', ''))
    expect(hosts.hosts.map((h) => [ips(h)[0], cidrs(h)[0]])).toEqual([
      ['192.168.50.12', '10.244.1.0/24'],
      ['192.168.50.11', '10.244.0.0/24'],
    ])
  })

  test('a pinned node goes where the pin says, whatever it had', () => {
    const running = lab(file('a: {}, b: {}', 'p: { host: a }, q: { host: b }'))
    const after = labAfter(
      running,
      file(
        'a: { address: 192.168.50.77, podCIDR: 10.244.7.0/24 }, b: {}',
        'p: { host: a, ip: 10.244.7.77 }, q: { host: b, ip: 10.244.1.77 }',
      ),
    )
    expect([ips(after.hosts[0]!), cidrs(after.hosts[0]!), ...after.pods.map(ips)]).toEqual([
      ['192.168.50.77'],
      ['10.244.7.0/24'],
      ['10.244.7.77'],
      ['10.244.1.77'],
    ])
    expectStill(running, { ...after, hosts: after.hosts.slice(1), pods: [] })
  })

  test('hosts stay in their segments, though they would be dealt otherwise now', () => {
    const segments = 'underlay: { segments: { r1: 10.1.0.0/24, r2: 10.2.0.0/24 } }\n'
    const running = lab(file('a: {}, b: {}, c: {}', 'p: {}, q: {}', segments))
    const after = labAfter(running, file('new: {}, a: {}, b: {}, c: {}', 'p: {}, q: {}', segments))
    expect(after.hosts.map((h) => h.segment)).toEqual(['r1', 'r1', 'r2', 'r1'])
    expectStill(running, after)
  })

  test('a pod that is moved to another host gets an address there', () => {
    const running = lab(file('a: {}, b: {}', 'p: { host: a }, q: { host: b }'))
    const after = labAfter(running, file('a: {}, b: {}', 'p: { host: b }, q: { host: b }'))
    expect(after.pods.map((p) => [p.host, p.ordinal, ips(p)[0]])).toEqual([
      ['b', 2, '10.244.1.3'],
      ['b', 1, '10.244.1.2'],
    ])
  })

  test('one family pinned keeps the lease of the other', () => {
    const dual = 'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\n'
    const running = lab(file('a: {}, b: { address: 192.168.50.77 }', 'p: { host: b }, q: { host: b, ip: 10.244.1.77 }', dual))
    const after = labAfter(running, file('b: { address: 192.168.50.77 }', 'q: { host: b, ip: 10.244.1.77 }', dual))
    expect(ips(after.hosts[0]!)).toEqual(['192.168.50.77', 'fd00:192:168:50::c'])
    expectStill(running, after)
  })

  test('a family that is added leaves the other where it is', () => {
    const after = labAfter(
      RUNNING,
      file(
        'a: {}, b: {}, w: { replicas: 2 }',
        'p: {}, q: {}, r: { replicas: 4 }, s: {}, shop/t: {}',
        'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\n',
      ),
    )
    for (const pod of after.pods) expect(ips(pod)).toEqual([ips(podOf(RUNNING, pod.key))[0], expect.stringMatching(/^fd00:10:244:/)])
  })

  test('leases that no longer fit are forgotten', () => {
    const other = 'network: { podCIDR: 10.9.0.0/16, hostPrefix: 26 }\nunderlay: { segments: { elsewhere: 172.20.0.0/24 } }\n'
    const text = file('a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}', other)
    const after = labAfter(RUNNING, text)
    expect(after.hosts.map((h) => [h.segment, ...ips(h), ...cidrs(h)])).toEqual(
      lab(text).hosts.map((h) => [h.segment, ...ips(h), ...cidrs(h)]),
    )
    expect(after.pods.map(ips)).toEqual(lab(text).pods.map(ips))
  })

  test('an address that became a network or broadcast address is given up', () => {
    const running = lab('underlay: { segments: { lan: 10.0.0.0/23 } }\nhosts: { a: { address: 10.0.0.255 } }\npods: {}')
    const after = labAfter(running, 'underlay: { segments: { lan: 10.0.0.0/24 } }\nhosts: { a: {} }\npods: {}')
    expect(ips(after.hosts[0]!)).toEqual(['10.0.0.11'])
    const block = (prefix: number) => `network: { hostPrefix: ${prefix} }\nhosts: { h: {} }\npods: `
    const pod = lab(`${block(24)}{ p: { ip: 10.244.0.63 } }`)
    expect(ips(lab(`${block(26)}{ p: {} }`, leasesOf(pod)).pods[0]!)).toEqual(['10.244.0.2'])
  })
})

test('a lab resolved with its own leases is itself', () => {
  expect(
    labAfter(RUNNING, file('a: {}, b: {}, w: { replicas: 2 }', 'p: {}, q: {}, r: { replicas: 4 }, default/s: {}, shop/t: {}')),
  ).toEqual(RUNNING)
})
