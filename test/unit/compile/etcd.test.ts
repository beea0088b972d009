/** Routes from leases in etcd: what each daemon is told, and what agents must bring about. */
import { describe, expect, test } from 'vitest'
import { refusals, type Compiled } from '../../../src/compile/compile.ts'
import { diff } from '../../../src/kernel/diff.ts'
import { render } from '../../../src/kernel/render.ts'
import { compiled, lab } from '../lab/fixture.ts'
import { of, racks, routes } from './facts.ts'

const hosts = (number: number, backend = '{ type: vxlan, routes: etcd }', more = ''): Compiled =>
  compiled(`network: { backend: ${backend}${more} }\nhosts: { n: { replicas: ${number} } }\npods: {}`)
const daemon = (c: Compiled, node: string, program: string) => of(c, 'daemon', node).find((d) => d.program === program)
/** What an agent is told, by the first word of each line. */
function conf(c: Compiled, node: string): ReadonlyMap<string, string[]> {
  const { content } = daemon(c, node, 'agent')!.files.find(({ path }) => path === 'agent.conf')!
  const told = new Map<string, string[]>()
  for (const [, word = '', rest = ''] of content.matchAll(/^([a-z]+) (.+)$/gm)) told.set(word, [...(told.get(word) ?? []), rest])
  return told
}
const json = (text = ''): unknown => JSON.parse(text)

describe('three hosts', () => {
  const c = hosts(3)

  test('have what a static lab has, brought about by agents', () => {
    const fixed = hosts(3, 'vxlan')
    expect(routes(c, 'n-1')).toEqual([])
    expect(of(c, 'learned', 'n-1').map(({ dst, via, dev, protocol, by }) => [dst, via, dev, protocol, by])).toEqual(
      of(fixed, 'route', 'n-1').map(({ dst, via, dev }) => [dst, via, dev, '81', 'agent on n-1']),
    )
    for (const kind of ['neighbour', 'fdb'] as const) {
      expect(of(c, kind, 'n-1').map(({ learned: _learned, ...o }) => o)).toEqual(of(fixed, kind, 'n-1').map(({ note: _note, ...o }) => o))
      expect(of(c, kind, 'n-1').map(({ learned }) => learned?.lease?.key)).toEqual(
        ['10.244.1.0-24', '10.244.2.0-24'].map((key) => `/coreos.com/network/subnets/${key}`),
      )
    }
    const lines = render(diff([], c.objects)).flatMap((b) => b.lines.map((l) => l.text))
    expect(lines.filter((line) => /^(route|neigh|fdb) .*vxlan1/.test(line))).toEqual([])
  })

  test('lease their blocks under the keys of Flannel, and say of themselves what it says', () => {
    // pkg/subnet/subnet.go: MakeSubnetKey; pkg/lease/lease.go: LeaseAttrs; pkg/backend/vxlan: vxlanLeaseAttrs
    expect(conf(c, 'n-2').get('key')).toEqual(['10.244.1.0-24'])
    expect(json(conf(c, 'n-2').get('value')?.[0])).toEqual({
      PublicIP: '192.168.50.12',
      PublicIPv6: null,
      BackendType: 'vxlan',
      BackendData: { VNI: 1, VtepMAC: '02:06:00:01:00:00' },
    })
    const [learned] = of(c, 'learned', 'n-1')
    expect(learned?.lease).toEqual({
      key: '/coreos.com/network/subnets/10.244.1.0-24',
      value: conf(c, 'n-2').get('value')?.[0],
      node: 'n-2',
      store: 'n-1.etcd',
      writer: 'n-2.agent',
    })
  })

  test('run one etcd, which may do nothing as root, and agents that may change the network', () => {
    expect(of(c, 'daemon').map(({ id, capabilities }) => [id, capabilities])).toEqual([
      ['n-1.etcd', []],
      ['n-1.agent', ['net_admin']],
      ['n-2.agent', ['net_admin']],
      ['n-3.agent', ['net_admin']],
    ])
    // What it says to other members of its cluster, of which there are none, stays in the host.
    expect(daemon(c, 'n-1', 'etcd')?.command).toEqual(expect.arrayContaining(['--listen-peer-urls', 'http://127.0.0.1:2380']))
  })

  test('are told nothing when another joins, but for the one that sees to leases that are left', () => {
    const changes = diff(c.objects, hosts(4).objects).filter(({ object }) => object.kind === 'daemon')
    expect(changes.map(({ action, object }) => [action, object.kind === 'daemon' && object.id])).toEqual([
      ['replace', 'n-1.agent'],
      ['create', 'n-4.agent'],
    ])
    expect([conf(c, 'n-1').get('lease')?.length, conf(c, 'n-2').get('lease')]).toEqual([3, undefined])
  })
})

test('two families: a key, a value and a network of both', () => {
  const c = hosts(2, '{ type: vxlan, vni: 7, routes: etcd }', ', podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]')
  expect(conf(c, 'n-2').get('key')).toEqual(['10.244.1.0-24&fd00:10:244:1::-64'])
  expect(json(conf(c, 'n-2').get('value')?.[0])).toMatchObject({
    PublicIPv6: 'fd00:192:168:50::c',
    BackendV6Data: { VNI: 7, VtepMAC: '02:06:00:01:00:00' },
  })
  // pkg/subnet/config.go
  expect(json(conf(c, 'n-1').get('config')?.[0])).toEqual({
    Network: '10.244.0.0/16',
    SubnetLen: 24,
    EnableIPv6: true,
    IPv6Network: 'fd00:10:244::/48',
    IPv6SubnetLen: 64,
    Backend: { Type: 'vxlan', VNI: 7, Port: 8472, DirectRouting: false },
  })
})

test('direct is host-gw: next hops, and no device', () => {
  const c = hosts(2, '{ type: direct, routes: etcd }')
  expect(json(conf(c, 'n-2').get('value')?.[0])).toEqual({ PublicIP: '192.168.50.12', PublicIPv6: null, BackendType: 'host-gw' })
  expect(conf(c, 'n-2').has('device')).toBe(false)
  expect(of(c, 'learned', 'n-1').map(({ dst, via, dev }) => [dst, via, dev])).toEqual([['10.244.1.0/24', '192.168.50.12', 'eth0']])
})

test('across segments only: agents are told what is on their link', () => {
  const c = racks('{ type: vxlan, tunnel: cross-segment, routes: etcd, etcdHost: node-3, leaseTime: 30 }')
  expect([conf(c, 'node-1').get('direct'), conf(c, 'node-1').get('segment')]).toEqual([['yes'], ['192.168.1.0/24']])
  expect([conf(c, 'node-1').get('seconds'), conf(c, 'node-1').get('etcd')]).toEqual([['30'], ['192.168.2.11 2379']])
  expect(of(c, 'learned', 'node-1').map(({ via, dev }) => [via, dev])).toEqual([
    ['192.168.1.12', 'eth0'],
    ['10.244.2.0', 'vxlan1'],
  ])
})

test('a host alone has etcd and an agent, so that others can join', () => {
  expect(of(hosts(1), 'daemon').map(({ program }) => program)).toEqual(['etcd', 'agent'])
})

test.each([
  ['{ type: vxlan, etcdHost: n-1 }', '10.244.0.0/16', ['etcd-option-unused', 'network.backend.etcdHost']],
  ['{ type: direct, leaseTime: 60 }', '10.244.0.0/16', ['etcd-option-unused', 'network.backend.leaseTime']],
  ['{ type: vxlan, routes: etcd, etcdHost: other }', '10.244.0.0/16', ['unknown-host', 'network.backend.etcdHost']],
  ['{ type: vxlan, mode: bridged, routes: etcd }', '10.244.0.0/16', ['conflicting-keys', 'network.backend.routes']],
  ['{ type: direct, routes: etcd }', '"fd00:10:244::/48"', ['etcd-needs-ipv4', 'network.backend.routes']],
])('%s is refused', (backend, podCIDR, refusal) => {
  const text = `network: { backend: ${backend}, podCIDR: ${podCIDR} }\nhosts: { n-1: {} }\npods: {}`
  expect(refusals(lab(text)).map((r) => [r.code, r.path.join('.')])).toEqual([refusal])
})
