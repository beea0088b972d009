import { describe, expect, test } from 'vitest'
import { applyChanges, diff } from '../../../src/kernel/diff.ts'
import { differences } from '../../../src/kernel/kinds/differences.ts'
import { Stage } from '../../../src/kernel/kinds/kind.ts'
import { stageOf, type Change, deviceOf, keyOf, describe as inWords } from '../../../src/kernel/kinds/index.ts'
import type { Chain, Ipset, KernelObject, Route, Veth } from '../../../src/kernel/objects.ts'
import type { Vxlan } from '../../../src/kernel/links/vxlan.ts'
import { compiled } from '../lab/fixture.ts'

const ns = 'lab.a'
const netns: KernelObject = { kind: 'netns', ns }
const veth: Veth = {
  kind: 'veth',
  ns,
  name: 'eth0',
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  peer: { ns: 'lab.s', name: 'h1-a', mac: '02:00:00:00:00:02', mtu: 1500, port: { master: 'br0' } },
}
const vxlan: Vxlan = {
  kind: 'link',
  ns,
  type: 'vxlan',
  name: 'vxlan1',
  mac: '02:00:00:00:00:03',
  mtu: 1450,
  vni: 1,
  port: 8472,
  local: '10.0.0.1',
  dev: 'eth0',
}
const route: Route = { kind: 'route', ns, family: 4, dst: '10.1.0.0/24', via: '10.1.0.0', dev: 'vxlan1', onlink: true }
const chain: Chain = { kind: 'chain', ns, family: 4, table: 'nat', chain: 'X', builtin: false, rules: ['-j RETURN'] }
const set: Ipset = { kind: 'ipset', ns, family: 4, name: 's', type: 'hash:ip', members: ['10.0.0.1'] }
const process: KernelObject = { kind: 'process', ns, id: 'a.c', hostname: 'a', pod: 'a', container: 'c', listen: [], addresses: [] }

const said = (changes: readonly Change[]): string[] => changes.map((c) => `${c.action} ${keyOf(c.object)}`)
const alone = (a: KernelObject, b: KernelObject): string[] => said(diff([a], [b])).map((s) => s.split(' ')[0]!)

describe('what differs', () => {
  test('is named by field', () => {
    expect(differences(veth, { ...veth, mtu: 1400, peer: { ...veth.peer, port: { master: 'br1', hairpin: true } } })).toEqual([
      'mtu',
      'peer.port.master',
      'peer.port.hairpin',
    ])
    expect(differences(chain, { ...chain, rules: ['-j RETURN', '-j DROP'] })).toEqual(['rules'])
    expect(differences(veth, { ...veth, port: { master: 'br0' } })).toEqual(['port'])
  })
  test('is never where it comes from or what is said about it', () => {
    const from = { line: 3, column: 1, path: 'hosts.a' }
    expect(differences({ ...route, from, note: 'x' }, { ...route, note: 'y' })).toEqual([])
    expect(diff([{ ...route, from }], [{ ...route, note: 'y' }])).toEqual([])
  })
})

describe('changes in place, where the kernel can', () => {
  test.each<[string, KernelObject, KernelObject, string[]]>([
    ['MTU and MAC of a pair', veth, { ...veth, mtu: 1400, mac: '02:00:00:00:00:09', peer: { ...veth.peer, mtu: 1400 } }, ['replace']],
    ['a pair that is down', { ...veth, down: true, peer: { ...veth.peer, down: true } }, veth, ['replace']],
    ['a port of another bridge', veth, { ...veth, peer: { ...veth.peer, port: { master: 'br1' } } }, ['replace']],
    ['a port no more', veth, { ...veth, peer: { ns: 'lab.s', name: 'h1-a', mac: '02:00:00:00:00:02', mtu: 1500 } }, ['replace']],
    ['the other end called otherwise', veth, { ...veth, peer: { ...veth.peer, name: 'h2-a' } }, ['delete', 'create']],
    ['the other end elsewhere', veth, { ...veth, peer: { ...veth.peer, ns: 'lab.t' } }, ['delete', 'create']],
    ['MTU of a tunnel', vxlan, { ...vxlan, mtu: 1400 }, ['replace']],
    ['VNI of a tunnel', vxlan, { ...vxlan, vni: 2 }, ['delete', 'create']],
    ['UDP port of a tunnel', vxlan, { ...vxlan, port: 4789 }, ['delete', 'create']],
    [
      'key of a tunnel',
      { kind: 'link', ns, type: 'gre', name: 'gre1', mtu: 1476, local: '10.0.0.1' },
      { kind: 'link', ns, type: 'gre', name: 'gre1', mtu: 1476, local: '10.0.0.1', key: 1 },
      ['delete', 'create'],
    ],
    [
      'type of a tunnel',
      { kind: 'link', ns, type: 'gre', name: 't', mtu: 1476, local: '10.0.0.1' },
      { kind: 'link', ns, type: 'ipip', name: 't', mtu: 1476, local: '10.0.0.1' },
      ['delete', 'create'],
    ],
    [
      'a pair where a bridge was',
      { kind: 'link', ns, type: 'bridge', name: 'eth0', mac: '02:00:00:00:00:01', mtu: 1500 },
      veth,
      ['delete', 'create'],
    ],
    ['a next hop', route, { ...route, via: '10.1.0.9' }, ['replace']],
    [
      'a setting',
      { kind: 'sysctl', ns, key: 'net/ipv4/ip_forward', value: '0' },
      { kind: 'sysctl', ns, key: 'net/ipv4/ip_forward', value: '1' },
      ['replace'],
    ],
    [
      'a neighbour',
      { kind: 'neighbour', ns, dev: 'x', address: '10.0.0.1', lladdr: '02:00:00:00:00:01' },
      { kind: 'neighbour', ns, dev: 'x', address: '10.0.0.1', lladdr: '02:00:00:00:00:02' },
      ['replace'],
    ],
    [
      'an FDB entry',
      { kind: 'fdb', ns, dev: 'x', mac: '02:00:00:00:00:01', dst: '10.0.0.1' },
      { kind: 'fdb', ns, dev: 'x', mac: '02:00:00:00:00:01', dst: '10.0.0.2' },
      ['replace'],
    ],
    ['rules of a chain', chain, { ...chain, rules: [] }, ['replace']],
    ['members of a set', set, { ...set, members: [] }, ['replace']],
    ['type of a set', set, { ...set, type: 'hash:net' }, ['delete', 'create']],
    [
      'scope of an address',
      { kind: 'address', ns, dev: 'x', address: '10.0.0.1/32' },
      { kind: 'address', ns, dev: 'x', address: '10.0.0.1/32', scope: 'link' },
      ['delete', 'create'],
    ],
    [
      'table of a rule',
      { kind: 'rule', ns, family: 4, priority: 100, src: '10.0.0.1/32', table: 100 },
      { kind: 'rule', ns, family: 4, priority: 100, src: '10.0.0.1/32', table: 101 },
      ['delete', 'create'],
    ],
    ['command of a container', process, { ...process, command: ['sleep'] } as KernelObject, ['delete', 'create']],
  ])('%s', (_, a, b, actions) => {
    expect(alone(a, b)).toEqual(actions)
    if (actions[0] === 'replace') expect(diff([a], [b])[0]).toMatchObject({ before: a, object: b })
  })
})

describe('what goes along', () => {
  const address: KernelObject = { kind: 'address', ns, dev: 'vxlan1', address: '10.1.1.0/32' }
  const setting: KernelObject = { kind: 'sysctl', ns, key: 'net/ipv4/conf/eth0/proxy_arp', value: '1', dev: 'eth0' }
  const fdb: KernelObject = { kind: 'fdb', ns, dev: 'vxlan1', mac: '02:00:00:00:00:01', dst: '10.0.0.1' }
  const all = [netns, veth, vxlan, address, setting, route, fdb, chain]

  test('with its namespace is not named', () => {
    expect(said(diff([...all, { kind: 'netns', ns: 'lab.s' }], []))).toEqual(['delete netns lab.s', 'delete netns lab.a'])
  })

  test('with its device is not named, also not what rides on a device that rides on it', () => {
    expect(said(diff(all, [netns, chain]))).toEqual(['delete device lab.a eth0'])
    expect(said(diff(all, [netns, veth, chain, setting]))).toEqual(['delete device lab.a vxlan1'])
  })

  test('comes back with it', () => {
    const moved = { ...veth, peer: { ...veth.peer, ns: 'lab.t' } }
    const after = all.map((o) => (o === veth ? moved : o))
    const changes = said(diff(all, after))
    expect(changes[0]).toBe('delete device lab.a eth0')
    expect(changes.slice(1)).toEqual([moved, vxlan, address, setting, route, fdb].map((o) => `create ${keyOf(o)}`))
  })

  test('does not include a pair that reaches out of a namespace that goes: its other end must make room at once', () => {
    expect(said(diff(all, []))).toEqual(['delete device lab.a eth0', 'delete netns lab.a'])
  })

  test('does not include containers: they are ended, not buried alive', () => {
    expect(said(diff([netns, process], []))).toEqual(['delete process a.c', 'delete netns lab.a'])
  })
})

describe('order', () => {
  const { objects } = compiled('hosts: { a: {}, b: {} }\npods: { p: { containers: [{ name: c }] } }\nexternals: { x: { podRoutes: true } }')

  test('creates: by stage, and as listed within one', () => {
    const made = diff([], objects)
    expect(made).toHaveLength(objects.length)
    const place = new Map(objects.map((o, i) => [keyOf(o), i]))
    for (const [i, c] of made.entries()) {
      const next = made[i + 1]
      if (!next) continue
      expect(stageOf(next.object)).toBeGreaterThanOrEqual(stageOf(c.object))
      if (stageOf(next.object) === stageOf(c.object)) expect(place.get(keyOf(next.object))!).toBeGreaterThan(place.get(keyOf(c.object))!)
    }
  })

  test('deletes: the other way round, before any create', () => {
    // Without namespaces and devices everything has to be named.
    const named = objects.filter((o) => o.kind !== 'netns' && o.kind !== 'veth' && o.kind !== 'link' && deviceOf(o) === undefined)
    const devices: KernelObject[] = objects.filter((o) => o.kind === 'veth' || o.kind === 'link')
    const rest = objects.filter((o) => ![...named, ...devices].includes(o) && o.kind !== 'netns')
    for (const list of [named, rest]) {
      expect(diff(list, []).map((c) => c.object)).toEqual(
        diff([], list)
          .map((c) => c.object)
          .toReversed(),
      )
    }
    const both = said(diff([chain, route], [veth]))
    expect(both.map((s) => s.split(' ')[0])).toEqual(['delete', 'delete', 'create'])
  })

  test('stages', () => {
    const stage = (o: Partial<KernelObject>) => stageOf(o as KernelObject)
    expect([
      stage(netns),
      stage({ kind: 'sysctl' }),
      stage(veth),
      stage(vxlan),
      stage(route),
      stage(chain),
      stage({ kind: 'sysctl', dev: 'x' }),
      stage({ kind: 'link', type: 'loopback' }),
      stage(process),
    ]).toEqual([
      Stage.Namespaces,
      Stage.Settings,
      Stage.Devices,
      Stage.Devices,
      Stage.Config,
      Stage.Config,
      Stage.Config,
      Stage.Config,
      Stage.Processes,
    ])
  })

  test('from nothing to a lab and back, and what remains', () => {
    expect(applyChanges([], diff([], objects))).toHaveLength(objects.length)
    expect(applyChanges(objects, diff(objects, []))).toEqual([])
  })
})

test('every kind has a key, words for people, and (most) a device', () => {
  const { objects } = compiled(
    'network: { attach: routed, podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { a: {}, b: {} }\npods: { p: { containers: [{ name: c }] } }\nexternals: { x: { podRoutes: true } }',
  )
  for (const o of [...objects, set]) {
    expect(keyOf(o)).not.toMatch(/undefined|\[object/)
    expect(inWords(o)).not.toMatch(/undefined|\[object/)
  }
  expect(new Set(objects.map((o) => o.kind)).size).toBe(11)
  expect([deviceOf(vxlan), deviceOf(veth), deviceOf(route), deviceOf(chain)]).toEqual([`${ns} eth0`, undefined, `${ns} vxlan1`, undefined])
})

test('routes to one network in different tables, and of different families, are different', () => {
  expect(
    new Set([route, { ...route, table: 100 }, { ...route, dst: 'default' }, { ...route, dst: 'default', family: 6 } as Route].map(keyOf))
      .size,
  ).toBe(4)
})
