/**
 * Kernel objects through the kernel and back: what was applied is what is observed, for every kind and every option
 * of it; each can be taken out and put back without touching the rest.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { compileFile } from '../../src/cli/topology-file.ts'
import { apply } from '../../src/kernel/apply.ts'
import { diff } from '../../src/kernel/diff.ts'
import { describe as named, deviceOf, keyOf, KINDS } from '../../src/kernel/kinds/index.ts'
import { NamespacePool } from '../../src/netns/namespace-pool.ts'
import type { KernelObject } from '../../src/kernel/objects.ts'
import { drift } from '../../src/kernel/drift.ts'
import { observe } from '../../src/kernel/observe.ts'
import { LINK_TYPES } from '../../src/kernel/links/index.ts'
import { render } from '../../src/kernel/render.ts'
import { within } from '../../src/kernel/scope.ts'
import { Lab, randomName } from '../support/lab.ts'
import { missing, ownMachine, unable } from '../support/machine.ts'

ownMachine()

/** Types of devices that a kernel may lack. One module makes both of GRE. */
const TUNNELS = ['geneve', 'gre', 'gretap', 'ipip', 'tun', 'wireguard'] as const
const lacking: readonly string[] = TUNNELS.filter((type) => unable !== false || missing(type === 'gretap' ? 'gre' : type) !== undefined)
const [hasGeneve, hasGre, , hasIpip, hasTun, hasWireguard] = TUNNELS.map((type) => !lacking.includes(type))

const lab = randomName()
const [one, two] = [`${lab}.one`, `${lab}.two`]
const mac = (n: number): string => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`

/** One of everything, in an order in which it can be made. Names of devices say what they are for. */
const OBJECTS: readonly KernelObject[] = [
  { kind: 'netns', ns: one },
  { kind: 'netns', ns: two },
  { kind: 'sysctl', ns: one, key: 'net/ipv4/ip_forward', value: '1' },
  { kind: 'sysctl', ns: one, key: 'net/ipv6/conf/default/accept_dad', value: '0' },
  { kind: 'link', ns: one, type: 'loopback', name: 'lo' },
  { kind: 'link', ns: one, type: 'bridge', name: 'br', mac: mac(1), mtu: 1450 },
  { kind: 'veth', ns: one, name: 'plain', mac: mac(2), mtu: 1500, peer: { ns: two, name: 'eth0', mac: mac(3), mtu: 1500 } },
  {
    kind: 'veth',
    ns: one,
    name: 'port',
    mac: mac(4),
    mtu: 1450,
    port: { master: 'br', hairpin: true },
    peer: { ns: two, name: 'eth1', mac: mac(5), mtu: 1450 },
  },
  { kind: 'link', ns: two, type: 'bridge', name: 'br', mac: mac(6), mtu: 1500 },
  {
    kind: 'veth',
    ns: one,
    name: 'far',
    mac: mac(7),
    mtu: 1500,
    peer: { ns: two, name: 'far', mac: mac(8), mtu: 1500, port: { master: 'br' } },
  },
  { kind: 'address', ns: one, dev: 'plain', address: '10.1.0.1/24' },
  { kind: 'address', ns: one, dev: 'plain', address: 'fd01::1/64' },
  { kind: 'address', ns: one, dev: 'br', address: '169.254.1.1/32', scope: 'link' },
  { kind: 'address', ns: one, dev: 'br', address: 'fe80::1/64' },
  { kind: 'address', ns: two, dev: 'eth0', address: '10.1.0.2/24' },
  {
    kind: 'link',
    ns: one,
    type: 'vxlan',
    name: 'vx',
    mac: mac(9),
    mtu: 1450,
    vni: 16_777_215,
    port: 4789,
    local: '10.1.0.1',
    dev: 'plain',
  },
  {
    kind: 'link',
    ns: one,
    type: 'vxlan',
    name: 'vxb',
    mac: mac(12),
    mtu: 1450,
    vni: 7,
    port: 6784,
    local: '10.1.0.1',
    dev: 'plain',
    bridgePort: { master: 'br', hairpin: true, isolated: true },
    learning: true,
  },
  ...(hasGre ? ([{ kind: 'link', ns: one, type: 'gre', name: 'gre1', mtu: 1472, local: '10.1.0.1', key: 4_294_967_295 }] as const) : []),
  ...(hasGre
    ? ([
        {
          kind: 'link',
          ns: one,
          type: 'gretap',
          name: 'gt',
          mac: mac(13),
          mtu: 1458,
          local: '10.1.0.1',
          remote: '10.1.0.2',
          key: 5,
          bridgePort: { master: 'br', isolated: true },
        },
      ] as const)
    : []),
  ...(hasGeneve
    ? ([{ kind: 'link', ns: one, type: 'geneve', name: 'gn', mac: mac(11), mtu: 1450, vni: 5, port: 6081, remote: '10.1.0.2' }] as const)
    : []),
  ...(hasIpip ? ([{ kind: 'link', ns: one, type: 'ipip', name: 'ipip1', mtu: 1480, local: '10.1.0.1' }] as const) : []),
  ...(hasTun ? ([{ kind: 'link', ns: one, type: 'tun', name: 'tun1', mtu: 1472 }] as const) : []),
  ...(hasWireguard ? ([{ kind: 'link', ns: one, type: 'wireguard', name: 'wg1', mtu: 1440 }] as const) : []),
  { kind: 'route', ns: one, family: 4, dst: 'default', via: '10.1.0.2', dev: 'plain' },
  { kind: 'route', ns: one, family: 6, dst: 'default', via: 'fd01::2', dev: 'plain' },
  { kind: 'route', ns: one, family: 4, dst: '10.2.0.0/24', via: '10.2.0.0', dev: 'vx', onlink: true },
  { kind: 'route', ns: one, family: 6, dst: 'fd02::/64', via: 'fd02::', dev: 'vx', onlink: true },
  { kind: 'route', ns: one, family: 4, dst: '10.3.0.9/32', dev: 'br' },
  { kind: 'route', ns: one, family: 6, dst: 'fd03::9/128', dev: 'br' },
  { kind: 'route', ns: one, family: 4, dst: '10.4.0.0/24', via: '10.1.0.2', dev: 'plain', src: '10.1.0.1' },
  { kind: 'route', ns: one, family: 4, dst: '10.5.0.0/24', via: '10.1.0.2', dev: 'plain', table: 100 },
  { kind: 'route', ns: one, family: 4, dst: '10.5.0.0/24', type: 'unreachable' },
  { kind: 'route', ns: one, family: 4, dst: '10.6.0.0/24', type: 'blackhole' },
  { kind: 'route', ns: one, family: 4, dst: '10.7.0.0/24', type: 'prohibit' },
  { kind: 'route', ns: one, family: 6, dst: 'fd06::/64', type: 'blackhole' },
  { kind: 'rule', ns: one, family: 4, priority: 100, src: '203.0.113.10/32', table: 100 },
  { kind: 'rule', ns: one, family: 6, priority: 100, src: '2001:db8::10/128', table: 101 },
  { kind: 'rule', ns: one, family: 4, priority: 101, src: '203.0.113.0/24', table: 100 },
  { kind: 'neighbour', ns: one, dev: 'vx', address: '10.2.0.0', lladdr: mac(10) },
  { kind: 'neighbour', ns: one, dev: 'vx', address: 'fd02::', lladdr: mac(10) },
  ...(hasGre ? ([{ kind: 'neighbour', ns: one, dev: 'gre1', address: '10.8.0.0', lladdr: '10.1.0.2' }] as const) : []),
  { kind: 'fdb', ns: one, dev: 'vx', mac: mac(10), dst: '10.1.0.2' },
  ...['10.1.0.2', '10.1.0.3'].map((dst) => ({ kind: 'fdb', ns: one, dev: 'vxb', mac: '00:00:00:00:00:00', dst }) as const),
  { kind: 'ipset', ns: one, name: 'nets', type: 'hash:net', family: 4, members: ['10.0.0.0/8', '192.0.2.0/24'] },
  { kind: 'ipset', ns: one, name: 'empty', type: 'hash:ip', family: 6, members: [] },
  {
    kind: 'chain',
    ns: one,
    family: 4,
    table: 'nat',
    chain: 'OURS',
    builtin: false,
    rules: ['-d 10.0.0.0/8 -m comment --comment "two words" -j RETURN', '-j MASQUERADE --random-fully'],
  },
  { kind: 'chain', ns: one, family: 4, table: 'nat', chain: 'POSTROUTING', builtin: true, rules: ['-s 10.2.0.0/24 -j OURS'] },
  { kind: 'chain', ns: one, family: 4, table: 'filter', chain: 'FORWARD', builtin: true, rules: ['-m set --match-set nets src -j DROP'] },
  { kind: 'chain', ns: one, family: 6, table: 'filter', chain: 'IDLE', builtin: false, rules: [] },
]

const pool = new NamespacePool()
after(() => pool.close())
const noProcesses = {
  directory: '/nonexistent',
  startProcesses: async () => [],
  stopProcesses: async () => {},
  reloadDaemons: async () => [],
}

async function turn(from: readonly KernelObject[], to: readonly KernelObject[]): Promise<void> {
  const failure = await apply(render(diff(from, to)), pool, noProcesses)
  assert.equal(failure, undefined, `${failure?.command}: ${failure?.stderr}`)
}

/** What the kernel holds of these, told in words. */
async function lacks(objects: readonly KernelObject[]): Promise<string[]> {
  const { missing, changed } = drift(objects, await observe(objects, pool))
  return [
    ...missing.map((o) => `missing: ${named(o)}`),
    ...changed.map((c) => `${c.fields.join(', ')} of ${named(c.object)}: ${JSON.stringify(c.observed)}`),
  ]
}

/** All but this object and what cannot be without it. */
function without(gone: KernelObject): KernelObject[] {
  const lost = new Set<string>()
  const devices = (o: KernelObject): string[] =>
    o.kind === 'veth' ? [`${o.ns} ${o.name}`, `${o.peer.ns} ${o.peer.name}`] : o.kind === 'link' ? [`${o.ns} ${o.name}`] : []
  const needs = (o: KernelObject): string[] =>
    o.kind === 'veth'
      ? [o.port && `${o.ns} ${o.port.master}`, o.peer.port && `${o.peer.ns} ${o.peer.port.master}`].filter((d) => d !== undefined)
      : [deviceOf(o)!]
  return OBJECTS.filter((o) => {
    if (o !== gone && !needs(o).some((d) => lost.has(d))) return true
    for (const d of devices(o)) lost.add(d)
    return false
  })
}

test('there is one of every kind and type of device', () => {
  const there = new Set(OBJECTS.map((o) => o.kind))
  // Processes and what they bring about are tested with the programs that run them.
  assert.deepEqual(
    KINDS.map((k) => k.kind).filter((kind) => !there.has(kind)),
    ['daemon', 'wireguard', 'session', 'learned', 'process'],
  )
  const types = new Set(OBJECTS.flatMap((o) => (o.kind === 'link' ? [o.type] : [])))
  assert.deepEqual(
    LINK_TYPES.map((t) => t.type).filter((type) => !types.has(type)),
    lacking,
  )
})

describe('kernel objects', { skip: unable }, () => {
  before(() => turn([], OBJECTS))
  after(async () => {
    const mine = OBJECTS.filter((o) => o.kind === 'netns')
    await apply(render(diff(mine, [])), pool, noProcesses)
  })

  test('what was applied is what is observed', async () => {
    assert.deepEqual(await lacks(OBJECTS), [])
    const known = new Set(OBJECTS.map(keyOf))
    const observed = (await observe(OBJECTS, pool)).filter((o) => known.has(keyOf(o)))
    assert.deepEqual(diff(observed, OBJECTS), [])
    assert.deepEqual(diff(OBJECTS, observed), [])
  })

  for (const o of OBJECTS) {
    // Others need these, or they cannot go.
    if (o.kind === 'sysctl' || o.kind === 'netns' || (o.kind === 'link' && o.type === 'loopback') || o.kind === 'ipset') continue
    if (o.kind === 'chain' && o.chain === 'OURS') continue
    test(`out and in again: ${named(o)}`, async () => {
      await turn(OBJECTS, without(o))
      const now = await observe(OBJECTS, pool)
      assert.ok(!now.some((other) => keyOf(other) === keyOf(o)), 'it is still there')
      // What lived on it went along; as an observed state it comes back complete.
      const owned = now.filter((other) => OBJECTS.some((ours) => keyOf(ours) === keyOf(other)))
      await turn(owned, OBJECTS)
      assert.deepEqual(await lacks(OBJECTS), [])
    })
  }

  test('a scope is read and mended without the rest', async () => {
    const scope = new Set([two])
    const inScope = within(OBJECTS, scope)
    assert.ok(inScope.length < OBJECTS.length)
    const known = new Set(OBJECTS.map(keyOf))
    const observed = async (): Promise<KernelObject[]> => (await observe(OBJECTS, pool, { scope })).filter((o) => known.has(keyOf(o)))
    assert.deepEqual(diff(await observed(), OBJECTS, scope), [])
    const lost = OBJECTS.find((o) => o.kind === 'veth' && o.name === 'plain')!
    const elsewhere = OBJECTS.find((o) => o.kind === 'rule')!
    await turn([lost, elsewhere], [])
    const failure = await apply(render(diff(await observed(), OBJECTS, scope)), pool, noProcesses)
    assert.equal(failure, undefined, `${failure?.command}: ${failure?.stderr}`)
    assert.deepEqual(await lacks(inScope), [])
    assert.deepEqual(await lacks(OBJECTS), [`missing: ${named(elsewhere)}`])
    await turn([], [elsewhere])
    assert.deepEqual(await lacks(OBJECTS), [])
  })

  const changes: readonly (readonly [string, (o: KernelObject) => KernelObject])[] = [
    ['members of a set', (o) => (o.kind === 'ipset' && o.name === 'nets' ? { ...o, members: ['198.51.100.0/24'] } : o)],
    ['rules of a chain', (o) => (o.kind === 'chain' && o.chain === 'OURS' ? { ...o, rules: ['-j RETURN'] } : o)],
    [
      'the bridge of a VXLAN device',
      (o) => (o.kind === 'link' && o.type === 'vxlan' && o.bridgePort ? { ...o, bridgePort: { master: 'br' } } : o),
    ],
    ['the vni of a VXLAN device', (o) => (o.kind === 'link' && o.type === 'vxlan' && o.name === 'vx' ? { ...o, vni: 2 } : o)],
    [
      'MACs and MTUs of a pair',
      (o) =>
        o.kind === 'veth' && o.name === 'plain' ? { ...o, mac: mac(99), mtu: 1300, peer: { ...o.peer, mac: mac(98), mtu: 1300 } } : o,
    ],
    ['the bridge of a port', (o) => (o.kind === 'veth' && o.name === 'port' ? { ...o, port: { master: 'br' } } : o)],
    ['the next hop of a route', (o) => (o.kind === 'route' && o.dst === '10.5.0.0/24' && o.table ? { ...o, via: '10.1.0.9' } : o)],
    ['the table of a rule', (o) => (o.kind === 'rule' && o.family === 6 ? { ...o, table: 77 } : o)],
    ['the far end of an FDB entry', (o) => (o.kind === 'fdb' && o.dev === 'vx' ? { ...o, dst: '10.1.0.77' } : o)],
    ['a setting', (o) => (o.kind === 'sysctl' && o.key === 'net/ipv4/ip_forward' ? { ...o, value: '0' } : o)],
  ]
  for (const [what, change] of changes) {
    test(`there and back: ${what}`, async () => {
      const other = OBJECTS.map(change)
      assert.notDeepEqual(other, OBJECTS)
      await turn(OBJECTS, other)
      const now = await observe(other, pool)
      const owned = now.filter((x) => other.some((ours) => keyOf(ours) === keyOf(x)))
      await turn(owned, other)
      assert.deepEqual(await lacks(other), [])
      await turn(other, OBJECTS)
      const back = await observe(OBJECTS, pool)
      await turn(
        back.filter((x) => OBJECTS.some((ours) => keyOf(ours) === keyOf(x))),
        OBJECTS,
      )
      assert.deepEqual(await lacks(OBJECTS), [])
    })
  }
})

describe('a whole lab', { skip: unable }, () => {
  const families = 'podCIDR: [10.244.0.0/16, "fd00:10:244::/48"]'
  const rest = 'hosts: { node-1: {}, node-2: {} }\npods: { a: { containers: [{ name: web, ports: [{ containerPort: 80 }] }] }, b: {} }\n'
  for (const attach of ['bridge', 'routed']) {
    const whole = new Lab(`network: { ${families}, attach: ${attach} }\n${rest}externals: { peer: { podRoutes: true } }\n`)
    after(() => whole.remove())
    test(`with ${attach} pods is observed as it was compiled, and nothing else`, async () => {
      await whole.mustUp()
      const { objects } = (await compileFile(whole.file)).compiled
      const kinds = [...new Set(objects.map((o) => o.kind))]
      assert.deepEqual(kinds.toSorted(), [
        'address',
        'chain',
        'fdb',
        'link',
        'neighbour',
        'netns',
        'process',
        'route',
        'rule',
        'sysctl',
        'veth',
      ])
      const { missing, changed, unexpected } = drift(
        objects.filter((o) => o.kind !== 'process'),
        await observe(objects, pool),
      )
      // Every namespace has loopback, asked for or not.
      const surprising = unexpected.filter((o) => !(o.kind === 'link' && o.type === 'loopback'))
      assert.deepEqual({ missing, changed, surprising }, { missing: [], changed: [], surprising: [] })
    })
  }
})
