/** What real tools printed → kernel objects. The recordings are trimmed: fields that are not read are gone. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { linkObject } from '../../../src/kernel/kinds/link.ts'
import { bridgePort } from '../../../src/kernel/links/attributes.ts'
import type { IpLink } from '../../../src/kernel/dumps/content.ts'
import { addressObjects } from '../../../src/kernel/kinds/address.ts'
import { chainObjects } from '../../../src/kernel/kinds/chain.ts'
import { fdbObjects } from '../../../src/kernel/kinds/fdb.ts'
import { ipsetObjects } from '../../../src/kernel/kinds/ipset.ts'
import { neighbourObjects } from '../../../src/kernel/kinds/neighbour.ts'
import { routeObjects } from '../../../src/kernel/kinds/route.ts'
import { ruleObjects } from '../../../src/kernel/kinds/rule.ts'
import { operational } from '../../../src/kernel/kinds/veth.ts'
import { compiled } from '../lab/fixture.ts'
import { stateOf } from './fake-tables.ts'
import iproute2 from './recorded/iproute2.json' with { type: 'json' }
import tunnels from './recorded/tunnels.json' with { type: 'json' }

const recorded = (name: string): string => readFileSync(new URL(`recorded/${name}`, import.meta.url), 'utf8')
const ns = 'lab.a'
const links = iproute2.address as unknown as IpLink[]
const link = (name: string, of: readonly unknown[] = links): IpLink => (of as IpLink[]).find((l) => l.ifname === name)!
const notAsked = (): boolean => false

describe('devices', () => {
  test.each([
    ['lo', { kind: 'link', ns, name: 'lo', type: 'loopback' }],
    ['cni0', { kind: 'link', ns, name: 'cni0', type: 'bridge', mac: '02:05:00:00:00:00', mtu: 1450 }],
    [
      'vxlan1',
      {
        kind: 'link',
        ns,
        name: 'vxlan1',
        type: 'vxlan',
        mac: '02:06:00:00:00:00',
        mtu: 1450,
        vni: 1,
        port: 8472,
        local: '192.168.50.11',
        dev: 'eth0',
      },
    ],
  ])('%s', (name, object) => {
    expect(linkObject(ns, link(name))).toEqual(object)
  })

  test('that are down say so', () => {
    expect(linkObject(ns, { ...link('cni0'), flags: ['BROADCAST'] })).toMatchObject({ down: true })
    expect(linkObject(ns, { ...link('lo'), flags: ['LOOPBACK'] })).toMatchObject({ type: 'loopback', down: true })
  })

  test('of types netlab does not make are nothing, and so is one end of a pair', () => {
    for (const name of ['u-macvlan', 'u-ifb', 'tap0', 'eth0', 'p1-pod-a']) expect(linkObject(ns, link(name)), name).toBeUndefined()
    for (const name of ['eth9', 'gretap0', 'erspan0']) expect(linkObject(ns, link(name, tunnels.address)), name).toBeUndefined()
    expect(linkObject(ns, { ifindex: 9, ifname: 'x', flags: [], mtu: 1500 })).toBeUndefined()
  })

  test.each([
    ['gre1', { type: 'gre', mtu: 1476, local: '192.168.50.11' }],
    ['gre2', { type: 'gre', mtu: 1472, local: '192.168.50.11', key: 42 }],
    ['gre3', { type: 'gre', mtu: 1472, local: '192.168.50.11', key: 4_294_967_295, down: true }],
    ['ipip1', { type: 'ipip', mtu: 1480, local: '192.168.50.11' }],
  ])('%s, whose key iproute2 prints dotted', (name, fields) => {
    expect(linkObject(ns, link(name, tunnels.address))).toEqual({ kind: 'link', ns, name, ...fields })
  })

  test.each([
    ['42', 42],
    [42, 42],
    ['1.2.3.4', 16_909_060],
    [0, 0],
    ['0.0.0.0', 0],
  ])('a key printed as %j is %i', (okey, key) => {
    const gre = {
      ifindex: 1,
      ifname: 'gre1',
      flags: ['UP'],
      mtu: 1472,
      linkinfo: { info_kind: 'gre', info_data: { local: '10.0.0.1', okey } },
    }
    expect(linkObject(ns, gre)).toMatchObject({ key })
  })

  test('ports of a bridge', () => {
    expect(bridgePort(link('p1-pod-a'))).toEqual({ master: 'cni0', hairpin: true })
    expect(bridgePort(link('p2-pod-b'))).toEqual({ master: 'cni0' })
    expect(bridgePort(link('eth0'))).toBeUndefined()
    expect(bridgePort(link('cni0'))).toBeUndefined()
  })

  test('carry frames when they are up and, as a port, forward', () => {
    expect(links.filter(operational).map((l) => l.ifname)).toEqual(['cni0', 'eth0', 'p1-pod-a'])
    const port = link('p1-pod-a')
    expect(operational({ ...port, linkinfo: { ...port.linkinfo, info_slave_data: { state: 'learning' } } })).toBe(false)
  })
})

describe('addresses', () => {
  const of = (name: string, isOurs: (a: string) => boolean = notAsked) =>
    addressObjects(ns, link(name), isOurs).map((a) => [a.dev, a.address, a.scope])
  test("are those that were asked for: neither loopback's nor the kernel's own link-local ones", () => {
    expect(of('lo')).toEqual([])
    expect(of('eth0')).toEqual([
      ['eth0', '192.168.50.11/24', undefined],
      ['eth0', 'fd00:192:168:50::b/64', undefined],
    ])
    expect(of('vxlan1')).toEqual([['vxlan1', '10.244.0.0/32', undefined]])
  })
  test('include a link-local one that was asked for', () => {
    expect(of('br9')).toEqual([['br9', '169.254.1.1/32', 'link']])
    expect(of('br9', (a) => a === 'fe80::1/64')).toEqual([
      ['br9', '169.254.1.1/32', 'link'],
      ['br9', 'fe80::1/64', undefined],
    ])
  })
  test('of a device without any', () => {
    expect(addressObjects(ns, { ifindex: 1, ifname: 'x', flags: [], mtu: 1 }, notAsked)).toEqual([])
  })
})

test('routes are those that were asked for, in the form they are asked for', () => {
  expect(routeObjects(ns, iproute2.route).map(({ kind: _kind, ns: _ns, ...r }) => r)).toEqual([
    { family: 4, dst: '10.244.2.0/24', via: '192.168.50.12', dev: 'eth0', src: '192.168.50.11', table: 100 },
    { family: 4, dst: 'default', via: '192.168.50.1', dev: 'eth0' },
    { family: 4, dst: '10.244.0.5/32', dev: 'br9' },
    { family: 4, dst: '10.244.1.0/24', via: '10.244.1.0', dev: 'vxlan1', onlink: true },
    { family: 4, dst: '10.244.9.0/24', type: 'blackhole' },
    { family: 6, dst: 'fd00:10:244:1::/64', via: 'fd00:10:244:1::', dev: 'vxlan1', onlink: true },
    { family: 6, dst: 'fd00:10:244:9::/64', type: 'blackhole' },
    { family: 6, dst: 'default', via: 'fd00:192:168:50::1', dev: 'eth0' },
  ])
  expect(iproute2.route.length).toBeGreaterThan(8)
  // A route put into the kernel's own table is a route like any other.
  expect(routeObjects(ns, [{ type: 'local', dst: '10.0.0.0/8', dev: 'lo', table: 'local', protocol: 'boot' }])).toEqual([
    { kind: 'route', ns, family: 4, dst: '10.0.0.0/8', dev: 'lo', table: 255, qualifier: 'local' },
  ])
})

test('routing rules, but for those of the kernel', () => {
  expect(ruleObjects(ns, 4, iproute2.rule)).toEqual([
    { kind: 'rule', ns, family: 4, priority: 100, src: '203.0.113.10/32', table: 100 },
    { kind: 'rule', ns, family: 4, priority: 101, src: '10.9.0.0/16', table: 100 },
  ])
  expect(ruleObjects(ns, 6, iproute2.rule6)).toEqual([
    { kind: 'rule', ns, family: 6, priority: 100, src: '2001:db8:ffff::a/128', table: 100 },
  ])
})

test('neighbours that are permanent', () => {
  expect(neighbourObjects(ns, iproute2.neighbour).map((n) => [n.dev, n.address, n.lladdr])).toEqual([
    ['vxlan1', '10.244.1.0', '02:06:00:01:00:00'],
    ['vxlan1', 'fd00:10:244:1::', '02:06:00:01:00:00'],
  ])
  expect(neighbourObjects(ns, tunnels.neighbour).map((n) => n.lladdr)).toEqual(['192.168.50.12'])
  expect(
    neighbourObjects(ns, [
      { dst: '10.0.0.1', dev: 'eth0', lladdr: '02:00:00:00:00:01', state: ['REACHABLE'] },
      { dst: '10.0.0.2', dev: 'eth0', state: ['PERMANENT'] },
      { dst: 'x', dev: 'y' },
    ]),
  ).toEqual([])
})

test('FDB entries of tunnels, not what a bridge learned or the kernel made', () => {
  expect(fdbObjects(ns, [{ mac: '02:06:00:02:00:00', ifname: 'vxlan1', dst: '192.168.50.13', flags: ['self'], state: '' }])).toEqual([])
  expect(fdbObjects(ns, iproute2.fdb)).toEqual([{ kind: 'fdb', ns, dev: 'vxlan1', mac: '02:06:00:01:00:00', dst: '192.168.50.12' }])
})

describe('chains', () => {
  const expected = [
    { table: 'filter', chain: 'EMPTY', builtin: false, rules: [] },
    { table: 'nat', chain: 'POSTROUTING', builtin: true, rules: ['-s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ'] },
    {
      table: 'nat',
      chain: 'NETLAB-MASQ',
      builtin: false,
      rules: [
        '-d 10.244.0.0/16 -m comment --comment "to pods: no NAT" -j RETURN',
        '-m comment --comment "leaves the cluster" -j MASQUERADE --random-fully',
      ],
    },
  ].map((c) => ({ kind: 'chain', ns, family: 4, ...c }))
  const save = recorded('iptables-save.txt')

  test('with counters and comments', () => {
    expect(save).toContain('[0:0] -A')
    expect(chainObjects(ns, 4, save)).toEqual(expected)
  })
  test('without counters', () => {
    expect(chainObjects(ns, 4, save.replaceAll('[0:0] -A', '-A'))).toEqual(expected)
  })
  test('that exist by themselves are told only if they do something: a rule, or a policy that drops', () => {
    const hooks = chainObjects(
      ns,
      4,
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j DROP\nCOMMIT\n',
    )
    expect(hooks.map((c) => [c.chain, c.builtin, c.policy, c.rules])).toEqual([
      ['FORWARD', true, 'DROP', []],
      ['OUTPUT', true, undefined, ['-j DROP']],
    ])
  })
  test('of the tables netlab uses, of whole tables only', () => {
    expect(chainObjects(ns, 6, '*security\n:X - [0:0]\nCOMMIT\n*raw\n:Y - [0:0]\n-A Y -j DROP\nCOMMIT\n*nat\n:Z - [0:0]\n')).toEqual([
      { kind: 'chain', ns, family: 6, table: 'raw', chain: 'Y', builtin: false, rules: ['-j DROP'] },
    ])
    expect(chainObjects(ns, 4, '')).toEqual([])
  })
  test('that the compiler asks for come back as they were asked for', () => {
    const chains = compiled(
      'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { a: {} }\npods: {}\nexternals: { x: {} }',
    ).objects.filter((o) => o.kind === 'chain')
    const printed = (family: number) =>
      `*nat\n:POSTROUTING ACCEPT [0:0]\n:NETLAB-MASQ - [0:0]\n${chains
        .filter((c) => c.family === family)
        .flatMap((c) => c.rules.map((r) => `-A ${c.chain} ${r}\n`))
        .join('')}COMMIT\n`
    expect(stateOf([...chainObjects(ns, 4, printed(4)), ...chainObjects(ns, 6, printed(6))])).toEqual(stateOf(chains))
  })
})

test('sets, their members sorted; types netlab does not make are left out', () => {
  const save = `${recorded('ipset-save.txt')}add web 10.0.0.9,udp:53\ncreate macs hash:mac hashsize 1024\nadd macs 02:00:00:00:00:01\n`
  expect(ipsetObjects(ns, save)).toEqual([
    { kind: 'ipset', ns, name: 'web', type: 'hash:ip,port', family: 4, members: ['10.0.0.9,udp:53', '10.244.0.2,tcp:80'] },
    { kind: 'ipset', ns, name: 'nets', type: 'hash:net', family: 6, members: ['fd00::/64', 'fd01::/64 nomatch'] },
  ])
})
