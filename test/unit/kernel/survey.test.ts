/** What was not asked for, found in what real tools and kernels answered. */
import { describe, expect, test } from 'vitest'
import { lacksLinkLocal, resetLines } from '../../../src/kernel/links/attributes.ts'
import { bridge } from '../../../src/kernel/links/bridge.ts'
import { linkObject } from '../../../src/kernel/kinds/link.ts'
import { routeObjects } from '../../../src/kernel/kinds/route.ts'
import { ruleObjects } from '../../../src/kernel/kinds/rule.ts'
import { vethEnd } from '../../../src/kernel/kinds/veth.ts'
import { Connected, derives } from '../../../src/kernel/kinds/connected.ts'
import { stateOf } from '../../../src/kernel/dumps/state.ts'
import { messages, type Message } from '../../../src/netns/netlink/message.ts'
import { decodeQdiscs, decodeTables } from '../../../src/netns/netlink/queues-tables.ts'
import { decodeRules } from '../../../src/netns/netlink/routes.ts'
import type { KernelObject } from '../../../src/kernel/objects.ts'
import type { IpLink, IpRoute } from '../../../src/kernel/dumps/content.ts'
import { nonDefaultSettings, INHERITED, watchedSettings } from '../../../src/kernel/unmanaged/sysctls.ts'
import { legacyTables, unmanagedDevices, unmanagedForwarding, unmanagedNeighbours } from '../../../src/kernel/unmanaged/findings.ts'
import recorded from './recorded/dumps.json' with { type: 'json' }
import iproute2 from './recorded/iproute2.json' with { type: 'json' }
import tunnels from './recorded/tunnels.json' with { type: 'json' }

const ns = 'lab.a'
const links = iproute2.address as unknown as IpLink[]
const link = (name: string): IpLink => links.find((l) => l.ifname === name)!
const port = (data: object): IpLink => ({
  ...link('p1-pod-a'),
  linkinfo: { info_kind: 'veth', info_slave_kind: 'bridge', info_slave_data: { state: 'forwarding', ...data } },
})
const kind = (info_kind: string, info_data: Record<string, unknown>, more: Partial<IpLink> = {}): IpLink => ({
  ifindex: 9,
  ifname: 'x',
  flags: ['UP'],
  mtu: 1500,
  linkinfo: { info_kind, info_data },
  ...more,
})

describe('attributes of devices that are not as on a new one', () => {
  const nonDefault = (l: IpLink): readonly string[] =>
    (l.linkinfo?.info_kind === 'veth' ? vethEnd(ns, l, []) : linkObject(ns, l))?.nonDefault ?? []

  test('are none on devices as netlab makes them', () => {
    for (const name of ['lo', 'eth0', 'cni0', 'vxlan1', 'p1-pod-a', 'p2-pod-b']) expect(nonDefault(link(name)), name).toEqual([])
    const [gre1, ipip1] = ['gre1', 'ipip1'].map((name) => (tunnels.address as unknown as IpLink[]).find((l) => l.ifname === name)!)
    expect([nonDefault(gre1!), nonDefault(ipip1!)]).toEqual([[], []])
  })
  test.each([
    [port({ learning: false, guard: true, flood: true }), ['learning off', 'guard on']],
    [kind('bridge', { ageing_time: 0, vlan_filtering: 1, stp_state: 0 }), ['vlan_filtering 1', 'ageing_time 0']],
    [kind('vxlan', { ttl: 1, external: true, l2miss: false, group: '239.1.1.1' }), ['group 239.1.1.1', 'external', 'ttl 1']],
    [kind('vxlan', { ttl: 'inherit' }), []],
    [kind('gre', { remote: '10.0.0.9', ttl: 64, ikey: '1', okey: '2' }), ['remote 10.0.0.9', 'ttl 64', 'ikey 1']],
    [kind('gre', { remote: 'any', ttl: 0 }, { flags: ['NOARP', 'UP'] }), []],
    [kind('veth', {}, { flags: ['NOARP'], master: 'vrf1', linkmode: 'DORMANT' }), ['arp off', 'master vrf1', 'mode dormant']],
    [kind('vxlan', {}, { master: 'cni0' }), ['master cni0']],
  ])('%#: %j', (what, words) => expect(nonDefault(what as IpLink)).toEqual(words))

  test('are put back one by one', () => {
    const end = { name: 'p1', mac: '02:01:00:00:00:01', port: { master: 'cni0' } }
    const words = [
      'guard on',
      'learning off',
      'carries no frames',
      'no link-local address',
      'arp off',
      'master x',
      'mode dormant',
      'ageing_time 0',
    ]
    expect(resetLines({ ns, ...end }, words, { name: 'bridge', defaults: bridge.defaults! })).toEqual([
      'link set dev p1 type bridge_slave guard off',
      'link set dev p1 type bridge_slave learning on',
      'link set dev p1 type bridge_slave state 3',
      'address replace fe80::1:ff:fe00:1/64 dev p1',
      'link set dev p1 arp on',
      'link set dev p1 nomaster',
      'link set dev p1 mode default',
      'link set dev p1 type bridge ageing_time 30000',
    ])
    expect(resetLines({ ns, name: 'eth0', mac: end.mac }, ['carries no frames'])).toEqual(['link set dev eth0 down'])
  })

  test('include a missing link-local address, where the device works', () => {
    const on = new Set(links.map((l) => l.ifname))
    expect(links.flatMap((l) => lacksLinkLocal(l, on))).toEqual([])
    expect(lacksLinkLocal({ ...link('eth0'), addr_info: [] }, on)).toEqual(['no link-local address'])
    expect(lacksLinkLocal({ ...link('eth0'), addr_info: [] }, new Set())).toEqual([])
    expect(lacksLinkLocal({ ...link('eth0'), addr_info: [], operstate: 'DOWN' }, on)).toEqual([])
  })
})

describe('what the kernel derives from addresses', () => {
  const routes = iproute2.route as unknown as IpRoute[]
  const connected = (list: readonly IpRoute[] = routes): Connected => new Connected(list)
  const eth0 = link('eth0').addr_info![0]!
  const local: IpRoute = { type: 'local', dst: '192.168.50.11', dev: 'eth0', table: 'local', protocol: 'kernel' }
  const network: IpRoute = { dst: '192.168.50.0/24', dev: 'eth0', table: 'main', protocol: 'kernel' }

  test.each([
    [[local, network], []],
    [[local], ['no route to its network']],
    [[network], ['not in the local table']],
    [[local, { ...network, dev: 'eth1' }], ['no route to its network']],
    [[local, { ...network, gateway: '192.168.50.1' }], ['no route to its network']],
    [[local, { ...network, protocol: 'boot' }], []],
  ])('%#', (list, words) => expect(connected(list).nonDefault(link('eth0'), eth0)).toEqual(words))

  test('is nothing while the device is down', () => {
    expect(connected([]).nonDefault({ ...link('eth0'), flags: [] }, eth0)).toEqual([])
  })
  test('addresses that age, that another host has or that are of a pair say so', () => {
    const a = { ...eth0, dadfailed: true, deprecated: true, valid_life_time: 900, address: '10.0.0.9' }
    expect(connected([]).nonDefault(link('eth0'), a)).toEqual([
      'duplicate address detection failed',
      'deprecated',
      'expires',
      'peer 10.0.0.9',
    ])
  })
  test('networks are compared by number', () => {
    const a = { family: 'inet6', local: 'fd00:0:0:1::b', prefixlen: 48, scope: 'global' }
    const list = [
      { dst: 'fd00::/48', dev: 'eth0', table: 'main' },
      { type: 'local', dst: 'fd00:0:0:1::b', dev: 'eth0', table: 'local' },
    ]
    expect(connected(list).nonDefault(link('eth0'), a)).toEqual([])
  })
  test('routes that claim to be the kernel’s are believed where an address explains them', () => {
    const is = derives(links)
    expect(is(network)).toBe(true)
    expect(is({ ...network, dst: '10.99.0.0/24' })).toBe(false)
    expect(is({ ...network, dev: 'cni0' })).toBe(false)
    expect(is({ dst: 'fe80::/64', dev: 'vxlan1', table: 'main', protocol: 'kernel' })).toBe(true)
    expect(is(local)).toBe(true)
  })
})

test('routes beside those asked for, and changed ones, say how', () => {
  const route = (r: Partial<IpRoute>) => routeObjects(ns, [{ dst: '10.1.0.0/24', dev: 'eth0', protocol: 'boot', table: 'main', ...r }])[0]
  expect(route({ metric: 5 })).toMatchObject({ qualifier: 'metric 5' })
  expect(route({ tos: '0x10' })).toMatchObject({ qualifier: 'tos 0x10' })
  expect(route({ type: 'throw' })).toMatchObject({ qualifier: 'throw' })
  expect(route({ dst: 'fd00::/64', metric: 1024 })).not.toHaveProperty('beside')
  expect(route({ metrics: [{ mtu: 600 }] })).toMatchObject({ nonDefault: ['mtu 600'] })
  expect(route({ nexthops: [{}, {}] })).toMatchObject({ nonDefault: ['2 next hops'] })
  expect(route({ via: { host: 'fe80::1' } })).toMatchObject({ via: 'fe80::1' })
})

test('rules that look at more than the source say at what', () => {
  const rule = (r: object) => ruleObjects(ns, 4, [{ priority: 5, src: 'all', ...r }])[0]
  expect(rule({ dst: '10.0.0.0', dstlen: 8, action: 'prohibit' })).toMatchObject({ qualifier: 'from all to 10.0.0.0/8 prohibit', table: 0 })
  expect(rule({ src: '10.0.0.1', iif: 'eth0', table: 'main' })).toMatchObject({ src: '10.0.0.1/32', table: 254, qualifier: 'iif eth0' })
  expect(rule({ priority: 32_766, table: 'main', protocol: 'kernel' })).toBeUndefined()
  expect(rule({ priority: 32_766, table: '77' })).toMatchObject({ table: 77 })
})

/** @param dumps rules of both families, qdiscs and tables of nftables, in hexadecimal */
function decodeState(dumps: string) {
  const [rules4, rules6, qdiscs, tables] = dumps.split('\0').map((hex) => [...messages(Buffer.from(hex, 'hex'))]) as [
    Message[],
    Message[],
    Message[],
    Message[],
  ]
  return stateOf({ 4: decodeRules(rules4, 2), 6: decodeRules(rules6, 10) }, decodeQdiscs(qdiscs), decodeTables(tables))
}

describe('dumps', () => {
  test('of a namespace as a new one is', () => {
    expect(decodeState(recorded.plain)).toEqual({ rules: [], qdiscs: [], tables: [] })
  })
  test('show rules, queues and tables of nftables', () => {
    expect(decodeState(recorded.unusual)).toEqual({
      rules: [4],
      qdiscs: [{ ifindex: 2, kind: 'clsact' }],
      tables: [
        { family: 'ip', name: 'nat' },
        { family: 'ip', name: 'filter' },
        { family: 'ip6', name: 'nat' },
      ],
    })
    expect(decodeState(recorded.pod).tables).toEqual([
      { family: 'ip', name: 'filter' },
      { family: 'inet', name: 'foo' },
    ])
    expect(decodeState(recorded.router).rules).toEqual([4, 6])
  })
  test('of a kernel without IPv6 show no rules, and that is right; none where there should be some is not', () => {
    const rules4 = [...messages(Buffer.from(recorded.plain.split('\0')[0]!, 'hex'))]
    expect(stateOf({ 4: decodeRules(rules4, 2), 6: undefined }, [], []).rules).toEqual([])
    expect(stateOf({ 4: decodeRules(rules4, 2), 6: [] }, [], []).rules).toEqual([6])
  })
})

describe('settings', () => {
  const sysctl = (key: string, value: string): KernelObject => ({ kind: 'sysctl', ns, key, value })
  const baseline = Object.fromEntries(INHERITED.map((k) => [k, [k.includes('hop_limit') ? '64' : k.includes('/rp_filter') ? '2' : '0']]))
  const asked = [
    { ...sysctl('net/ipv4/conf/p1/rp_filter', '1'), dev: 'p1' },
    sysctl('net/ipv4/ip_forward', '1'),
    sysctl('net/ipv4/conf/all/rp_filter', '0'),
  ]
  const watched = watchedSettings(asked, new Set(['lo', 'eth0', 'p1']), baseline)
  const value = (f: string): string =>
    f.includes('ttl') || f.includes('hop_limit') ? '64' : f.includes('ipv4') && f.includes('forwarding') ? '1' : (baseline[f]?.[0] ?? '0')
  const values = (change: Readonly<Record<string, string | undefined>>, of = watched): Map<string, string> =>
    new Map(
      of.files.flatMap((f) => {
        const now = f in change ? change[f] : f.endsWith('eth0/rp_filter') ? '2' : value(f)
        return now === undefined ? [] : [[`/proc/sys/${f}`, now] as const]
      }),
    )
  const nonDefault = (change: Readonly<Record<string, string | undefined>>, of = watched): string[] =>
    nonDefaultSettings(of, values(change, of)).map((s) => `${s.key}: ${s.value}, not ${s.expected}`)

  test('are as usual', () => expect(nonDefault({})).toEqual([]))
  test('of a device are compared with those it was made with, but for what is asked for', () => {
    expect(watched.files).not.toContain('net/ipv4/conf/p1/rp_filter')
    expect(watched.files.some((f) => f.includes('/lo/'))).toBe(false)
    const key = 'net/ipv4/conf/eth0/forwarding'
    expect(nonDefaultSettings(watched, values({ [key]: '0' }))).toEqual([{ key, value: '0', expected: '1' }])
    expect(nonDefault({ [key]: undefined })).toEqual([])
    expect(nonDefault({ 'net/ipv6/conf/p1/hop_limit': '1' })).toEqual(['net/ipv6/conf/p1/hop_limit: 1, not 64'])
  })
  test('of a device whose default was changed along with it are named, and the default', () => {
    expect(nonDefault({ 'net/ipv4/conf/default/arp_ignore': '8', 'net/ipv4/conf/eth0/arp_ignore': '8' })).toEqual([
      'net/ipv4/conf/default/arp_ignore: 8, not 0',
      'net/ipv4/conf/eth0/arp_ignore: 8, not 0',
    ])
  })
  test('of all devices are compared with those of a new namespace, but for what is asked for', () => {
    for (const word of ['arp_ignore', 'arp_filter', 'accept_local', 'disable_policy', 'proxy_arp'])
      expect(nonDefault({ [`net/ipv4/conf/all/${word}`]: '8' })).toEqual([`net/ipv4/conf/all/${word}: 8, not 0`])
    expect(watched.files).not.toContain('net/ipv4/conf/all/rp_filter')
    const none = watchedSettings([], new Set(['eth0']), baseline)
    expect(nonDefault({ 'net/ipv4/conf/all/rp_filter': '1' }, none)).toContain('net/ipv4/conf/all/rp_filter: 1, not 2')
  })
  test('that the kernel hands on are told of once, where they were written', () => {
    const off = Object.fromEntries(['all', 'default', 'eth0', 'p1'].map((place) => [`net/ipv6/conf/${place}/disable_ipv6`, '1']))
    expect(nonDefault(off)).toEqual(['net/ipv6/conf/all/disable_ipv6: 1, not 0'])
    // `ip_forward` is asked for: the comparison of objects reports it.
    expect(nonDefault(Object.fromEntries(['all', 'default', 'eth0', 'p1'].map((p) => [`net/ipv4/conf/${p}/forwarding`, '0'])))).toEqual([])
    const two = { 'net/ipv6/conf/all/disable_ipv6': '1', 'net/ipv6/conf/eth0/disable_ipv6': '2' }
    expect(nonDefault(two)).toHaveLength(2)
  })
  test('may have one of several values where new namespaces had them', () => {
    const two = watchedSettings([], new Set(['eth0']), { 'net/ipv4/conf/all/arp_ignore': ['0', '1'] })
    const key = 'net/ipv4/conf/all/arp_ignore'
    expect(nonDefaultSettings(two, values({ [key]: '1' }, two))).toEqual([])
    expect(nonDefaultSettings(two, values({ [key]: '8' }, two))).toEqual([{ key, value: '8', expected: '0 or 1' }])
  })
  test('without a record of new namespaces are compared with the default as it is', () => {
    const old = watchedSettings([], new Set(['eth0']))
    expect(old.files.some((f) => f.includes('/all/'))).toBe(false)
    const change = { 'net/ipv4/conf/default/arp_ignore': '8' }
    expect(nonDefault(change, old)).toContain('net/ipv4/conf/eth0/arp_ignore: 0, not 8')
  })
  test('of IPv6 are not looked at where it is off', () => {
    const off = watchedSettings([sysctl('net/ipv6/conf/eth0/disable_ipv6', '1')], new Set(['eth0']), baseline)
    expect(off.files.some((f) => /ipv6.*(forwarding|hop_limit)/.test(f))).toBe(false)
    expect(off.files).toContain('net/ipv6/conf/all/disable_ipv6')
  })
  test('of a namespace are compared with those of a new one', () => {
    const key = 'net/ipv4/ip_default_ttl'
    expect(nonDefaultSettings(watched, values({ [key]: '1' }))).toEqual([{ key, value: '1', expected: '64' }])
  })
})

describe('unmanaged', () => {
  const objects = (list: readonly { readonly object: string }[]): string[] => list.map((s) => s.object)
  test('are devices of other kinds, and programs on devices', () => {
    expect(objects(unmanagedDevices(ns, links))).toEqual([
      'macvlan device u-macvlan in lab.a',
      'ifb device u-ifb in lab.a',
      'tun device tap0 in lab.a',
    ])
    expect(objects(unmanagedDevices(ns, tunnels.address as unknown as IpLink[]))).toEqual(['dummy device eth9 in lab.a'])
    expect(objects(unmanagedDevices(ns, [{ ...link('eth0'), xdp: { mode: 1 } }]))).toEqual(['XDP program on eth0 in lab.a'])
    expect(objects(unmanagedDevices(ns, [{ ifindex: 7, ifname: 'ens3', flags: ['UP'], mtu: 1500 }]))).toEqual([
      'unknown device ens3 in lab.a',
    ])
  })
  test('are neighbours without ARP, but no groups', () => {
    const noarp = [
      { dst: 'ff02::16', dev: 'eth0', lladdr: '33:33:00:00:00:16' },
      { dst: '224.0.0.22', dev: 'eth0', lladdr: '01:00:5e:00:00:16' },
      { dst: '127.0.0.1', dev: 'lo', lladdr: '00:00:00:00:00:00' },
      { dst: '10.244.0.9', dev: 'eth0', lladdr: '02:00:00:00:00:99' },
    ]
    expect(objects(unmanagedNeighbours(ns, noarp, [{ dst: '10.0.0.7', dev: 'cni0' }]))).toEqual([
      'neighbour 10.244.0.9 on eth0 in lab.a',
      'proxied neighbour 10.0.0.7 on cni0 in lab.a',
    ])
  })
  test('are static entries of bridges, but not their own', () => {
    const fdb = [
      { mac: '02:05:00:00:00:00', ifname: 'cni0', master: 'cni0', state: 'permanent' },
      { mac: '02:02:00:00:00:01', ifname: 'p1-pod-a', master: 'cni0', state: 'permanent' },
      { mac: '02:01:00:00:00:01', ifname: 'p1-pod-a', master: 'cni0', state: '' },
      { mac: '33:33:00:00:00:01', ifname: 'p1-pod-a', master: 'cni0', state: 'permanent' },
      { mac: '02:01:00:00:00:02', ifname: 'p1-pod-a', master: 'cni0', state: 'static' },
    ]
    expect(objects(unmanagedForwarding(ns, fdb, links))).toEqual(['FDB entry 02:01:00:00:00:02 on p1-pod-a in lab.a'])
  })
  test('are tables of the other iptables', () => {
    expect(objects(legacyTables(ns, 6, 'filter\nnat'))).toEqual([
      'legacy ip6tables table filter in lab.a',
      'legacy ip6tables table nat in lab.a',
    ])
  })
})
