import { describe, expect, test } from 'vitest'
import { parseCidr, type Cidr } from '../../../src/topology/address.ts'
import { Pool, usable } from '../../../src/lab/addressing/networks.ts'
import { cidrs, ips, lab, problems, words } from './fixture.ts'

const REST = 'hosts: { h: {} }\npods: { p: {} }\n'

describe('overlaps are refused, every pair of networks', () => {
  const net = (text: string) => `${REST}network: ${text}\n`
  const segments = (text: string) => `${REST}underlay: { segments: ${text} }\n`
  test.each([
    ['podCIDR and serviceCIDR', net('{ podCIDR: 10.96.0.0/12 }'), ['network.serviceCIDR']],
    ['podCIDR and serviceCIDR, IPv6', net('{ podCIDR: "fd00:10::/32" }'), ['network.serviceCIDR']],
    ['podCIDR and a segment', segments('{ a: 10.244.3.0/24 }'), ['segments.a']],
    ['podCIDR and a derived IPv6 segment', `${net('{ podCIDR: "fd00:192::/32" }')}`, ['segment lan fd00:192:168:50::/64']],
    ['serviceCIDR and a segment', segments('{ a: 10.0.0.0/9 }'), ['10.96.0.0/16']],
    ['two segments', segments('{ a: 10.1.0.0/16, b: 10.1.255.0/24 }'), ['segment b 10.1.255.0/24 overlaps segment a 10.1.0.0/16']],
    ['the same segment twice', segments('{ a: 10.1.0.0/16, b: 10.1.0.0/16 }'), ['segment b']],
    [
      'IPv6 of two segments',
      segments('{ a: [10.1.0.0/24, "fd00:1::/48"], b: [10.2.0.0/24, "fd00:1:0:7::/64"] }'),
      ['segment b fd00:1:0:7::/64'],
    ],
    ['podCIDR and externals', `${net('{ podCIDR: 203.0.0.0/16 }')}externals: { x: {} }`, ['the network of externals 203.0.113.0/24']],
    ['a segment and externals', `${segments('{ a: 203.0.113.128/25 }')}externals: { x: {} }`, ['the network of externals']],
    ['podCIDR and a pinned external', `${REST}externals: { x: { address: 10.244.9.9 } }`, ['external x: 10.244.9.9 lies in podCIDR']],
    ['serviceCIDR and a pinned external', `${REST}externals: { x: { address: 10.96.0.10 } }`, ['lies in serviceCIDR']],
    ['a segment and a pinned external', `${REST}externals: { x: { address: 192.168.50.77 } }`, ['lies in segment lan']],
  ])('%s', (_, text, says) => {
    const found = problems(text)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(/ (networks-overlap|address-inside-cluster)$/)
    if (says[0]!.includes(' ')) expect(words(text)).toContain(says[0])
  })

  test('at the line of the second', () => {
    expect(problems(`${REST}underlay:\n  segments:\n    a: 10.1.0.0/16\n    b: 10.1.255.0/24`)).toEqual(['6:5 networks-overlap'])
    expect(problems(`${REST}externals:\n  x: { address: 10.244.9.9 }`)).toEqual(['4:8 address-inside-cluster'])
    expect(problems(`${REST}network:\n  podCIDR: 10.0.0.0/8\n  serviceCIDR: 10.1.0.0/16`)).toEqual(['5:3 networks-overlap'])
  })

  test('networks that only touch are fine', () => {
    expect(
      problems(
        `${REST}network: { podCIDR: 10.0.0.0/9, serviceCIDR: 10.128.0.0/16 }\nunderlay: { segments: { a: 10.129.0.0/25, b: 10.129.0.128/25 } }`,
      ),
    ).toEqual([])
  })

  test('externals have no network where all of them are pinned elsewhere', () => {
    expect(problems(`${REST}underlay: { segments: { a: 203.0.113.128/25 } }\nexternals: { x: { address: 198.51.100.7 } }`)).toEqual([])
  })
})

describe('hostPrefix', () => {
  const blocks = (network: string) => lab(`network: ${network}\n${REST}`).hosts.flatMap(cidrs)
  test.each([
    ['{}', ['10.244.0.0/24']],
    ['{ hostPrefix: 26 }', ['10.244.0.0/26']],
    ['{ hostPrefix: { ipv4: 20 } }', ['10.244.0.0/20']],
    ['{ podCIDR: "fd00:1::/48" }', ['fd00:1::/64']],
    ['{ podCIDR: "fd00:1::/48", hostPrefix: 80 }', ['fd00:1::/80']],
    ['{ podCIDR: [10.0.0.0/16, "fd00:1::/48"] }', ['10.0.0.0/24', 'fd00:1::/64']],
    ['{ podCIDR: [10.0.0.0/16, "fd00:1::/48"], hostPrefix: { ipv6: 112 } }', ['10.0.0.0/24', 'fd00:1::/112']],
    ['{ podCIDR: [10.0.0.0/16, "fd00:1::/48"], hostPrefix: { ipv4: 30, ipv6: 126 } }', ['10.0.0.0/30', 'fd00:1::/126']],
    ['{ podCIDR: 10.0.0.0/24 }', ['10.0.0.0/24']],
  ])('%s', (network, expected) => {
    expect(blocks(network)).toEqual(expected)
  })

  test.each([
    ['{ hostPrefix: 31 }', ['1:12 block-too-small']],
    ['{ hostPrefix: 64 }', ['1:12 block-too-small']],
    ['{ podCIDR: "fd00:1::/48", hostPrefix: 127 }', ['1:36 block-too-small']],
    ['{ podCIDR: 10.0.0.0/25 }', ['1:12 network-too-small']],
    ['{ podCIDR: "fd00:1::/48", hostPrefix: 24 }', ['1:12 network-too-small']],
    ['{ podCIDR: [10.0.0.0/16, "fd00:1::/48"], hostPrefix: 24 }', ['1:51 host-prefix-ambiguous', '1:35 network-too-small']],
    ['{ podCIDR: [10.0.0.0/16, "fd00:1::/65"] }', ['1:35 network-too-small']],
  ])('%s is refused', (network, found) => {
    expect(problems(`network: ${network}\n${REST}`)).toEqual(found)
  })
})

describe('capacity', () => {
  test('a /30 block holds the gateway and one pod', () => {
    const text = 'network: { hostPrefix: 30 }\nhosts: { h: {} }\npods:\n  a: {}\n'
    expect(lab(text).pods.map(ips)).toEqual([['10.244.0.2']])
    expect(problems(`${text}  b: {}\n`)).toEqual(['5:3 network-too-small'])
    expect(words(`${text}  b: {}\n`)).toContain('10.244.0.0/30 of h has 1 pod address, but 2 pods to hold')
  })

  test('a /126 block holds the gateway and two pods: IPv6 has no broadcast', () => {
    const text = 'network: { podCIDR: "fd00:1::/48", hostPrefix: 126 }\nhosts: { h: {} }\npods: { a: {}, b: {}'
    expect(lab(`${text} }`).pods.map(ips)).toEqual([['fd00:1::2'], ['fd00:1::3']])
    expect(problems(`${text}, c: {} }`)).toEqual(['3:23 network-too-small'])
  })

  test('a /24 block holds 253 pods, and is filled to the last', () => {
    const text = (n: number) => `hosts: { h: {} }\npods: { p: { replicas: ${n} } }`
    expect(lab(text(253)).pods.at(-1)!.addresses[0]!.ip).toBe('10.244.0.254')
    expect(problems(text(254))).toEqual(['2:9 network-too-small'])
  })

  test('as many hosts as podCIDR has blocks', () => {
    const text = (n: number) => `network: { podCIDR: 10.0.0.0/22 }\nhosts: { h: { replicas: ${n} } }\npods: {}`
    expect(lab(text(4)).hosts.flatMap(cidrs).at(-1)).toBe('10.0.3.0/24')
    expect(problems(text(5))).toEqual(['1:12 network-too-small'])
    expect(words(text(5))).toContain('has 4 blocks of /24 for 5 hosts')
  })

  test('pinned blocks leave fewer', () => {
    const text = 'network: { podCIDR: 10.0.0.0/22 }\nhosts: { a: { podCIDR: 10.0.2.0/23 }, b: {}, c: {}, d: {} }\npods: {}'
    expect(problems(text)).toEqual(['1:12 network-too-small'])
    expect(lab(text.replace(', d: {}', '')).hosts.flatMap(cidrs)).toEqual(['10.0.2.0/23', '10.0.0.0/24', '10.0.1.0/24'])
  })

  test('a pinned block of billions of blocks is passed in one step', () => {
    const text = 'network: { podCIDR: "fd00::/16", serviceCIDR: "fc00::/112" }\nunderlay: { segments: { a: [10.0.0.0/24, "fc01::/64"] } }\n'
    expect(lab(`${text}hosts: { a: { podCIDR: "fd00::/20" }, b: {} }\npods: {}`).hosts.flatMap(cidrs)).toEqual([
      'fd00::/20',
      'fd00:1000::/64',
    ])
  })

  test.each([
    [24, 253],
    [27, 29],
    [28, 13],
    [29, 5],
    [30, 1],
    [31, 1],
    [32, 0],
  ])('a /%i segment holds the router and %i hosts', (prefix, hosts) => {
    const text = (n: number) => `underlay: { segments: { lan: 10.9.0.0/${prefix} } }\nhosts: { h: { replicas: ${n} } }\npods: {}`
    if (hosts > 0) expect(new Set(lab(text(hosts)).hosts.flatMap(ips)).size).toBe(hosts)
    expect(problems(text(hosts + 1))).toEqual(['1:25 network-too-small'])
  })

  test('hosts begin at .11 and come back to .2 when the end is reached', () => {
    const all = lab('underlay: { segments: { lan: 10.9.0.0/24 } }\nhosts: { h: { replicas: 246 } }\npods: {}').hosts.flatMap(ips)
    expect([all[0], all[243], all[244], all[245]]).toEqual(['10.9.0.11', '10.9.0.254', '10.9.0.2', '10.9.0.3'])
  })
})

describe('the underlay in IPv6', () => {
  const segments = (text: string, podCIDR = '"fd00:10:244::/48"') =>
    lab(`network: { podCIDR: ${podCIDR} }\nunderlay: { segments: ${text} }\nhosts: { h: {} }\npods: {}`).segments.map((s) => s.cidrs)

  test('has the digits of the IPv4 network', () => {
    expect(segments('{ a: 192.168.50.0/24, b: 10.0.0.0/16, c: 172.16.0.0/20 }')).toEqual([
      ['192.168.50.0/24', 'fd00:192:168:50::/64'],
      ['10.0.0.0/16', 'fd00:10::/64'],
      ['172.16.0.0/20', 'fd00:172:16::/64'],
    ])
  })

  test('is unique also where several segments share a /24', () => {
    const made = segments('{ a: 192.168.1.0/25, b: 192.168.1.128/25, c: 192.168.2.0/24, d: 10.0.0.0/30, e: 10.0.0.4/30 }').map((c) => c[1])
    expect(new Set(made).size).toBe(5)
    expect(made[0]).toBe('fd00:c0a8:100:1::/64')
    expect(made[1]).toBe('fd00:c0a8:180:1::/64')
  })

  test('is what the file says where it says so', () => {
    expect(segments('{ a: [192.168.1.0/24, "fd00:5::/64"] }')).toEqual([['192.168.1.0/24', 'fd00:5::/64']])
  })

  test('is there only where pods speak it, or the file asks for it', () => {
    expect(segments('{ a: 192.168.1.0/24, b: [192.168.2.0/24, "fd00:5::/64"] }', '10.244.0.0/16')).toEqual([
      ['192.168.1.0/24'],
      ['192.168.2.0/24', 'fd00:5::/64'],
    ])
  })

  test('needs IPv4 beside it: tunnels run over it', () => {
    expect(problems(`${REST}underlay:\n  segments:\n    a: "fd00:5::/64"`)).toEqual(['5:5 segment-without-ipv4'])
  })
})

describe('dual stack', () => {
  const DUAL = 'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\n'
  test('every node has an address of each family, in the order of podCIDR', () => {
    const l = lab(`${DUAL}${REST}externals: { x: {} }`)
    expect(l.families).toEqual([4, 6])
    expect(ips(l.hosts[0]!)).toEqual(['192.168.50.11', 'fd00:192:168:50::b'])
    expect(ips(l.pods[0]!)).toEqual(['10.244.0.2', 'fd00:10:244::2'])
    expect(ips(l.externals[0]!)).toEqual(['203.0.113.10', '2001:db8:ffff::a'])
    expect(l.serviceCIDRs).toEqual(['10.96.0.0/16', 'fd00:10:96::/112'])
    expect(l.segments[0]!.gateways.map((g) => g.ip)).toEqual(['192.168.50.1', 'fd00:192:168:50::1'])
    const swapped = lab(`network: { podCIDR: ["fd00:10:244::/48", 10.244.0.0/16] }\n${REST}`)
    expect(ips(swapped.pods[0]!)).toEqual(['fd00:10:244::2', '10.244.0.2'])
  })

  test('one family pinned leaves the other to netlab', () => {
    const l = lab(`${DUAL}hosts: { h: { address: 192.168.50.99, podCIDR: "fd00:10:244:f::/64" } }\npods: { p: { ip: 10.244.0.77 } }`)
    expect([ips(l.hosts[0]!), cidrs(l.hosts[0]!), ips(l.pods[0]!)]).toEqual([
      ['192.168.50.99', 'fd00:192:168:50::b'],
      ['10.244.0.0/24', 'fd00:10:244:f::/64'],
      ['10.244.0.77', 'fd00:10:244:f::2'],
    ])
  })

  test('both families pinned', () => {
    const l = lab(
      `${DUAL}hosts: { h: { address: ["fd00:192:168:50::99", 192.168.50.99] } }\npods: { p: { ip: ["fd00:10:244::77", 10.244.0.77] } }`,
    )
    expect([ips(l.hosts[0]!), ips(l.pods[0]!)]).toEqual([
      ['192.168.50.99', 'fd00:192:168:50::99'],
      ['10.244.0.77', 'fd00:10:244::77'],
    ])
  })
})

test('networks are passed on in canonical form, as the kernel prints them', () => {
  const l = lab(`network: { podCIDR: "FD00:0010:0244:0000::/48", serviceCIDR: "FD01:0::/112" }\n${REST}`)
  expect([l.podCIDRs, l.serviceCIDRs]).toEqual([['fd00:10:244::/48'], ['fd01::/112']])
})

describe('pools', () => {
  const pool = (cidr: string, start?: bigint): Pool => {
    const { first, last } = usable(parseCidr(cidr) as Cidr)
    return new Pool(first, last, start)
  }
  test('give each number once, then none', () => {
    const p = pool('0.0.0.0/29')
    p.reserve(3n, 'x')
    expect([p.take('a'), p.take('b'), p.take('c'), p.take('d'), p.take('e'), p.take('f')]).toEqual([1n, 2n, 4n, 5n, 6n, undefined])
    expect(p.take('g')).toBeUndefined()
  })
  test('come back to the beginning', () => {
    const p = pool('0.0.0.0/29', 5n)
    expect([1, 2, 3, 4, 5, 6, 7].map(() => p.take('a'))).toEqual([5n, 6n, 1n, 2n, 3n, 4n, undefined])
  })
  test('say who has a number', () => {
    const p = pool('0.0.0.0/29')
    expect([p.reserve(2n, 'x'), p.reserve(2n, 'y')]).toEqual([undefined, 'x'])
  })
  test('never leave their range, wherever they begin', () => {
    expect(pool('0.0.0.9/32', 10n).take('a')).toBe(9n)
  })
})

describe('networks that no node can be in are refused', () => {
  test.each(['127.0.0.0/16', '224.0.0.0/16', '0.0.0.0/8', '169.254.0.0/16', 'fe80::/48', 'ff02::/48', '::/48'])('podCIDR %s', (cidr) => {
    expect(problems(`${REST}network: { podCIDR: "${cidr}" }\n`)).toEqual([expect.stringMatching(/ network-reserved$/)])
  })
  test.each(['127.0.0.1', '255.255.255.255', '169.254.1.1'])('an external at %s', (ip) => {
    expect(problems(`${REST}externals: { x: { address: ${ip} } }\n`)).toEqual([expect.stringMatching(/ network-reserved$/)])
  })
})
