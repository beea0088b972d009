import { describe, expect, test } from 'vitest'
import { cidrs, hostOf, ips, lab, placeOf, podOf, problems, words } from './fixture.ts'

const HOSTS = 'hosts: { node-1: {}, node-2: {} }\n'

describe('without a running lab', () => {
  test('hosts, blocks and pods are numbered in file order', () => {
    const l = lab(`${HOSTS}pods: { a: { host: node-1 }, b: { host: node-1 }, shop/c: { host: node-2 } }`)
    expect(l.hosts.map((h) => [h.name, ...ips(h), ...cidrs(h), h.mac])).toEqual([
      ['node-1', '192.168.50.11', '10.244.0.0/24', '02:03:00:00:00:00'],
      ['node-2', '192.168.50.12', '10.244.1.0/24', '02:03:00:01:00:00'],
    ])
    expect(l.pods.map((p) => [p.key, p.host, ...ips(p), p.mac, p.hostMac, p.hostInterface, p.netns])).toEqual([
      ['a', 'node-1', '10.244.0.2', '02:01:00:00:00:01', '02:02:00:00:00:01', 'p1-a', 'lab.a'],
      ['b', 'node-1', '10.244.0.3', '02:01:00:00:00:02', '02:02:00:00:00:02', 'p2-b', 'lab.b'],
      ['shop/c', 'node-2', '10.244.1.2', '02:01:00:01:00:01', '02:02:00:01:00:01', 'p1-shop-c', 'lab.shop.c'],
    ])
  })

  test('a block names its own address and the gateway', () => {
    const [host] = lab(`${HOSTS}pods: {}`).hosts
    expect(host!.blocks).toEqual([{ family: 4, cidr: '10.244.0.0/24', network: '10.244.0.0', gateway: '10.244.0.1', prefix: 24 }])
  })

  test('the same text gives the same lab', () => {
    const text = `${HOSTS}pods: { a: { replicas: 20 }, b: {} }\nexternals: { x: {}, y: {} }`
    expect(lab(text)).toEqual(lab(text))
  })

  test('a lab survives JSON', () => {
    const l = lab(`${HOSTS}pods: { a: { containers: [{ name: c, ports: [{ containerPort: 80 }] }] } }\nexternals: { x: {} }`)
    expect(JSON.parse(JSON.stringify(l))).toEqual(l)
  })

  test('pods are dealt round-robin over the hosts, hosts over the segments', () => {
    const segments = 'underlay: { segments: { r1: 10.1.0.0/24, r2: 10.2.0.0/24 } }\n'
    const l = lab(`${segments}hosts: { h: { replicas: 5 } }\npods: { p: { replicas: 7 }, q: { host: h-3 }, r: {} }`)
    expect(l.hosts.map((h) => h.segment)).toEqual(['r1', 'r2', 'r1', 'r2', 'r1'])
    expect(l.pods.map((p) => p.host)).toEqual(['h-1', 'h-2', 'h-3', 'h-4', 'h-5', 'h-1', 'h-2', 'h-3', 'h-3'])
  })

  test.each([
    ['a pod', `${HOSTS}pods: { a: {}, b: {}, c: { host: node-1 }`, ', last: {} }'],
    ['replicas of a pod', `${HOSTS}pods: { a: {}, b: {}, c: { host: node-1 }`, ', last: { replicas: 5 } }'],
    ['an external', `${HOSTS}pods: { a: {} }\nexternals: { x: {}`, ', y: {} }'],
  ])('%s at the end moves no address', (_, head, added) => {
    const before = lab(`${head} }`)
    const after = lab(`${head}${added}`)
    for (const host of before.hosts) expect(placeOf(hostOf(after, host.name))).toEqual(placeOf(host))
    for (const pod of before.pods) expect(placeOf(podOf(after, pod.key))).toEqual(placeOf(pod))
    expect(after.externals.slice(0, before.externals.length)).toEqual(before.externals)
  })

  test('a host at the end moves no host, and no pod that names its host', () => {
    const before = lab('hosts: { a: {}, b: {} }\npods: { p: { host: a }, q: { host: b } }')
    const after = lab('hosts: { a: {}, b: {}, c: {} }\npods: { p: { host: a }, q: { host: b } }')
    for (const host of before.hosts) expect(placeOf(hostOf(after, host.name))).toEqual(placeOf(host))
    for (const pod of before.pods) expect(placeOf(podOf(after, pod.key))).toEqual(placeOf(pod))
  })
})

describe('`default/x` is `x`', () => {
  test('in every respect', () => {
    const [a, b] = [lab(`${HOSTS}pods: { default/x: {} }`), lab(`${HOSTS}pods: { x: {} }`)]
    expect(placeOf(a.pods[0]!)).toEqual(placeOf(b.pods[0]!))
    expect(a.pods[0]).toMatchObject({ key: 'x', namespace: 'default', netns: 'lab.x', hostInterface: 'p1-x' })
  })

  test('so a file with both has it twice, and is told where the second stands', () => {
    expect(problems(`${HOSTS}pods:\n  x: {}\n  default/x: {}`)).toEqual(['4:3 name-taken'])
    expect(problems(`${HOSTS}pods:\n  default/x: {}\n  x: {}`)).toEqual(['4:3 name-taken'])
  })
})

describe('pinned values', () => {
  test('of hosts are respected, and the others get what is left', () => {
    const l = lab(`underlay: { segments: { lan: 10.0.0.0/24 } }
hosts:
  a: {}
  b: { address: 10.0.0.11, podCIDR: 10.244.0.0/24 }
  c: { address: 10.0.0.200, podCIDR: 10.244.64.0/18 }
  d: {}
pods: {}`)
    expect(l.hosts.map((h) => [...ips(h), ...cidrs(h)])).toEqual([
      ['10.0.0.12', '10.244.1.0/24'],
      ['10.0.0.11', '10.244.0.0/24'],
      ['10.0.0.200', '10.244.64.0/18'],
      ['10.0.0.13', '10.244.2.0/24'],
    ])
  })

  test('of pods are respected, and the others get what is left', () => {
    const l = lab('hosts: { h: {} }\npods: { a: {}, b: { ip: 10.244.0.2 }, c: {}, d: { ip: 10.244.0.254 } }')
    expect(l.pods.map((p) => ips(p)[0])).toEqual(['10.244.0.3', '10.244.0.2', '10.244.0.4', '10.244.0.254'])
  })

  test.each([
    ['an address twice', 'hosts:\n  a: { address: 192.168.50.20 }\n  b: { address: 192.168.50.20 }\npods: {}', ['3:8 address-taken']],
    ["the router's address", 'hosts: { a: { address: 192.168.50.1 } }\npods: {}', ['1:15 address-taken']],
    ["the segment's own address", 'hosts: { a: { address: 192.168.50.0 } }\npods: {}', ['1:15 address-outside-network']],
    ['the broadcast address', 'hosts: { a: { address: 192.168.50.255 } }\npods: {}', ['1:15 address-outside-network']],
    ["another segment's address", 'hosts: { a: { address: 10.9.9.9 } }\npods: {}', ['1:15 address-outside-network']],
    ['an IPv6 address where there is no IPv6', 'hosts: { a: { address: "fd00::5" } }\npods: {}', ['1:15 family-not-in-lab']],
    ['an address for replicas', 'hosts:\n  a: { replicas: 3, address: 192.168.50.20 }\npods: {}', ['2:21 pinned-replicas']],
    ['a block for replicas', 'hosts:\n  a: { replicas: 3, podCIDR: 10.244.9.0/24 }\npods: {}', ['2:21 pinned-replicas']],
    ['a block outside podCIDR', 'hosts: { a: { podCIDR: 10.9.0.0/24 } }\npods: {}', ['1:15 address-outside-network']],
    ['a block larger than podCIDR', 'hosts: { a: { podCIDR: 10.0.0.0/8 } }\npods: {}', ['1:15 address-outside-network']],
    ['a block without an address', 'hosts: { a: { podCIDR: 10.244.0.0/31 } }\npods: {}', ['1:15 block-too-small']],
    ['an IPv6 block where there is no IPv6', 'hosts: { a: { podCIDR: "fd00:1::/64" } }\npods: {}', ['1:15 family-not-in-lab']],
    ['overlapping blocks', 'hosts:\n  a: { podCIDR: 10.244.0.0/20 }\n  b: { podCIDR: 10.244.7.0/24 }\npods: {}', ['3:8 networks-overlap']],
    [
      "a pod's address twice",
      `${HOSTS}pods:\n  a: { host: node-1, ip: 10.244.0.9 }\n  b: { host: node-1, ip: 10.244.0.9 }`,
      ['4:22 address-taken'],
    ],
    ["the gateway's address", `${HOSTS}pods:\n  a: { host: node-1, ip: 10.244.0.1 }`, ['3:22 address-taken']],
    ["the block's own address", `${HOSTS}pods:\n  a: { host: node-1, ip: 10.244.0.0 }`, ['3:22 address-outside-network']],
    ["another host's block", `${HOSTS}pods:\n  a: { host: node-1, ip: 10.244.1.9 }`, ['3:22 address-outside-network']],
    ['an IPv6 address of a pod', `${HOSTS}pods:\n  a: { ip: "fd00::9" }`, ['3:8 family-not-in-lab']],
    ['an address for replicas of a pod', `${HOSTS}pods:\n  a: { replicas: 2, ip: 10.244.0.9 }`, ['3:21 pinned-replicas']],
  ])('%s is refused where it is written', (_, text, found) => {
    expect(problems(text)).toEqual(found)
  })

  test('a clash names both', () => {
    expect(words('hosts: { a: { address: 192.168.50.20 }, b: { address: 192.168.50.20 } }\npods: {}')).toContain(
      'host b: 192.168.50.20 already belongs to host a',
    )
    expect(words(`${HOSTS}pods: { a: { host: node-1, ip: 10.244.0.1 } }`)).toContain('already belongs to the gateway of node-1')
  })
})
