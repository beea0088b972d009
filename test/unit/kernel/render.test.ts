import { describe, expect, test } from 'vitest'
import type { Batch } from '../../../src/kernel/batch.ts'
import { toolArgv } from '../../../src/kernel/tools.ts'
import { Stage } from '../../../src/kernel/kinds/kind.ts'
import { diff } from '../../../src/kernel/diff.ts'
import type { Chain, Ipset, KernelObject, Veth } from '../../../src/kernel/objects.ts'
import { render } from '../../../src/kernel/render.ts'

const ns = 'lab.a'
const veth: Veth = {
  kind: 'veth',
  ns,
  name: 'p1-p',
  mac: '02:00:00:00:00:01',
  mtu: 1450,
  port: { master: 'cni0', hairpin: true },
  peer: { ns: 'lab.p', name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1450 },
}
const chain = (name: string, rules: string[], builtin = false): Chain => ({
  kind: 'chain',
  ns,
  family: 4,
  table: 'nat',
  chain: name,
  builtin,
  rules,
})

/** `lab.a ip: link set lo up`, line by line. */
const lines = (batches: readonly Batch[]): string[] =>
  batches.flatMap((b) => b.lines.map((l) => `${b.ns ?? 'machine'} ${b.tool}: ${l.text}`))
const create = (...objects: KernelObject[]): string[] => lines(render(diff([], objects)))
const change = (from: KernelObject[], to: KernelObject[]): string[] => lines(render(diff(from, to)))

describe('one object, one line (or few)', () => {
  test.each<[KernelObject, string[], string[]]>([
    [{ kind: 'netns', ns }, ['machine ip: netns add lab.a'], ['machine ip: netns delete lab.a']],
    [{ kind: 'link', ns, type: 'loopback', name: 'lo' }, ['lab.a ip: link set lo up'], []],
    [
      { kind: 'link', ns, type: 'bridge', name: 'up', mac: '02:05:00:00:00:00', mtu: 1450 },
      ['lab.a ip: link add dev up address 02:05:00:00:00:00 mtu 1450 up type bridge'],
      ['lab.a ip: link delete dev up'],
    ],
    [
      {
        kind: 'link',
        ns,
        type: 'vxlan',
        name: 'vxlan1',
        mac: '02:06:00:00:00:00',
        mtu: 1450,
        vni: 1,
        port: 8472,
        local: '10.0.0.1',
        dev: 'eth0',
      },
      ['lab.a ip: link add vxlan1 address 02:06:00:00:00:00 mtu 1450 up type vxlan id 1 dev eth0 local 10.0.0.1 dstport 8472 nolearning'],
      ['lab.a ip: link delete dev vxlan1'],
    ],
    [
      { kind: 'link', ns, type: 'gre', name: 'gre1', mtu: 1472, local: '10.0.0.1', key: 0 },
      ['lab.a ip: link add gre1 mtu 1472 up type gre local 10.0.0.1 key 0'],
      ['lab.a ip: link delete dev gre1'],
    ],
    [
      { kind: 'link', ns, type: 'ipip', name: 'ipip1', mtu: 1480, local: '10.0.0.1' },
      ['lab.a ip: link add ipip1 mtu 1480 up type ipip local 10.0.0.1'],
      ['lab.a ip: link delete dev ipip1'],
    ],
    [
      veth,
      [
        'lab.a ip: link add p1-p address 02:00:00:00:00:01 mtu 1450 master cni0 up type veth peer name eth0 address 02:00:00:00:00:02 mtu 1450 netns lab.p',
        'lab.a ip: link set p1-p type bridge_slave hairpin on',
        'lab.p ip: link set eth0 up',
      ],
      ['lab.a ip: link delete dev p1-p'],
    ],
    [
      { kind: 'address', ns, dev: 'eth0', address: '10.0.0.1/24' },
      ['lab.a ip: address replace 10.0.0.1/24 dev eth0'],
      ['lab.a ip: address delete 10.0.0.1/24 dev eth0'],
    ],
    [
      { kind: 'address', ns, dev: 'x', address: '169.254.1.1/32', scope: 'link' },
      ['lab.a ip: address replace 169.254.1.1/32 dev x scope link'],
      ['lab.a ip: address delete 169.254.1.1/32 dev x'],
    ],
    [
      { kind: 'route', ns, family: 4, dst: 'default', via: '10.0.0.1' },
      ['lab.a ip: route replace default via 10.0.0.1'],
      ['lab.a ip: route delete default via 10.0.0.1'],
    ],
    [
      { kind: 'route', ns, family: 6, dst: 'fd00::/64', via: 'fd01::1', dev: 'vxlan1', onlink: true, src: 'fd01::2', table: 100 },
      ['lab.a ip: route replace fd00::/64 via fd01::1 dev vxlan1 onlink src fd01::2 table 100'],
      ['lab.a ip: route delete fd00::/64 via fd01::1 dev vxlan1 onlink src fd01::2 table 100'],
    ],
    [
      { kind: 'route', ns, family: 4, dst: '10.0.0.0/24', type: 'blackhole' },
      ['lab.a ip: route replace blackhole 10.0.0.0/24'],
      ['lab.a ip: route delete blackhole 10.0.0.0/24'],
    ],
    [
      { kind: 'rule', ns, family: 4, priority: 100, src: '10.0.0.1/32', table: 100 },
      ['lab.a ip: rule add from 10.0.0.1/32 table 100 priority 100'],
      ['lab.a ip: rule delete from 10.0.0.1/32 table 100 priority 100'],
    ],
    // The family of a rule does not follow from its addresses.
    [
      { kind: 'rule', ns, family: 6, priority: 100, src: 'fd00::1/128', table: 100 },
      ['lab.a ip -6: rule add from fd00::1/128 table 100 priority 100'],
      ['lab.a ip -6: rule delete from fd00::1/128 table 100 priority 100'],
    ],
    [
      { kind: 'neighbour', ns, dev: 'gre1', address: '10.1.0.0', lladdr: '10.0.0.2' },
      ['lab.a ip: neigh replace 10.1.0.0 lladdr 10.0.0.2 dev gre1 nud permanent'],
      ['lab.a ip: neigh delete 10.1.0.0 dev gre1'],
    ],
    [
      { kind: 'fdb', ns, dev: 'vxlan1', mac: '02:06:00:01:00:00', dst: '10.0.0.2' },
      ['lab.a bridge: fdb replace 02:06:00:01:00:00 dev vxlan1 dst 10.0.0.2 self permanent'],
      ['lab.a bridge: fdb delete 02:06:00:01:00:00 dev vxlan1 dst 10.0.0.2 self'],
    ],
    [{ kind: 'sysctl', ns, key: 'net/ipv4/ip_forward', value: '1' }, ['lab.a sysctl: net/ipv4/ip_forward = 1'], []],
    [
      chain('X', ['-d 10.0.0.0/8 -j RETURN', '-j MASQUERADE']),
      ['*nat', ':X - [0:0]', '-A X -d 10.0.0.0/8 -j RETURN', '-A X -j MASQUERADE', 'COMMIT'].map((t) => `lab.a iptables-restore: ${t}`),
      ['*nat', '-F X', '-X X', 'COMMIT'].map((t) => `lab.a iptables-restore: ${t}`),
    ],
    [
      { ...chain('POSTROUTING', ['-j X'], true), family: 6 },
      ['*nat', '-F POSTROUTING', '-A POSTROUTING -j X', 'COMMIT'].map((t) => `lab.a ip6tables-restore: ${t}`),
      ['*nat', '-F POSTROUTING', 'COMMIT'].map((t) => `lab.a ip6tables-restore: ${t}`),
    ],
    [
      { kind: 'process', ns, id: 'a.c', hostname: 'a', pod: 'a', container: 'c', listen: [], addresses: [] },
      ['lab.a process: start the built-in responder'],
      ['lab.a process: stop the built-in responder'],
    ],
  ])('%j', (object, made, removed) => {
    expect(create(object)).toEqual(made)
    expect(change([object], [])).toEqual(removed)
  })
})

describe('changes of living devices', () => {
  test('say what differs, end by end, and raise both', () => {
    const { port: _port, ...bare } = veth
    expect(change([veth], [{ ...veth, mtu: 1400, peer: { ...veth.peer, mac: '02:00:00:00:00:03', mtu: 1400 } }])).toEqual([
      'lab.a ip: link set dev p1-p mtu 1400',
      'lab.a ip: link set dev p1-p up',
      'lab.p ip: link set dev eth0 mtu 1400 address 02:00:00:00:00:03',
      'lab.p ip: link set dev eth0 up',
    ])
    expect(change([bare], [veth])).toEqual([
      'lab.a ip: link set dev p1-p master cni0',
      'lab.a ip: link set p1-p type bridge_slave hairpin on',
      'lab.a ip: link set dev p1-p up',
      'lab.p ip: link set dev eth0 up',
    ])
    expect(change([veth], [{ ...veth, port: { master: 'cni0' } }])).toContain('lab.a ip: link set p1-p type bridge_slave hairpin off')
    expect(change([veth], [bare])).toContain('lab.a ip: link set dev p1-p nomaster')
  })
  test('that are down raise them and nothing else', () => {
    expect(change([{ ...veth, down: true }], [veth])).toEqual(['lab.a ip: link set dev p1-p up', 'lab.p ip: link set dev eth0 up'])
    const bridge: KernelObject = { kind: 'link', ns, type: 'bridge', name: 'br', mac: '02:05:00:00:00:00', mtu: 1450 }
    expect(change([{ ...bridge, down: true }], [bridge])).toEqual(['lab.a ip: link set dev br up'])
    const lo: KernelObject = { kind: 'link', ns, type: 'loopback', name: 'lo' }
    expect(change([{ ...lo, down: true }], [lo])).toEqual(['lab.a ip: link set lo up'])
  })
  test('no port is plugged into itself: hairpin is never said to a device that is none', () => {
    expect(create({ ...veth, port: { master: 'cni0' } })).toHaveLength(2)
  })
})

describe('rules of iptables', () => {
  test('of one table are one transaction: chains, then what empties, then rules, and gone at last', () => {
    const before = [chain('OLD', ['-j RETURN']), chain('POSTROUTING', ['-j OLD'], true)]
    const after = [chain('POSTROUTING', ['-s 10.0.0.0/8 -j NEW'], true), chain('NEW', ['-j MASQUERADE'])]
    const text = [
      '*nat',
      ':NEW - [0:0]',
      '-F OLD',
      '-F POSTROUTING',
      '-A POSTROUTING -s 10.0.0.0/8 -j NEW',
      '-A NEW -j MASQUERADE',
      '-X OLD',
      'COMMIT',
    ]
    expect(change(before, after)).toEqual(text.map((t) => `lab.a iptables-restore: ${t}`))
  })
  test('of two tables are two, in one process', () => {
    const batches = render(diff([], [chain('A', []), { ...chain('B', []), table: 'filter' }, chain('C', [])]))
    expect(batches).toHaveLength(1)
    expect(batches[0]!.lines.map((l) => l.text)).toEqual(['*nat', ':A - [0:0]', ':C - [0:0]', 'COMMIT', '*filter', ':B - [0:0]', 'COMMIT'])
  })
  test('leave what is not theirs: no flush, and wait for the lock', () => {
    expect(toolArgv['iptables-restore']).toContain('--noflush')
    expect(toolArgv['ip6tables-restore']).toContain('--noflush')
  })
})

describe('sets', () => {
  const set: Ipset = { kind: 'ipset', ns, family: 6, name: 'web', type: 'hash:net', members: ['fd00::/64', 'fd01::/64 nomatch'] }
  test('are made before the rules that match them, and go after', () => {
    const rule = chain('X', ['-m set --match-set web src -j DROP'])
    const made = render(diff([], [rule, set]))
    expect(lines(made).slice(0, 3)).toEqual([
      'lab.a ipset: create web hash:net family inet6',
      'lab.a ipset: add web fd00::/64',
      'lab.a ipset: add web fd01::/64 nomatch',
    ])
    expect(made.map((b) => b.tool)).toEqual(['ipset', 'iptables-restore'])
    expect(render(diff([rule, set], [])).map((b) => [b.tool, Stage[b.stage]])).toEqual([
      ['iptables-restore', 'Config'],
      ['ipset', 'Cleanup'],
    ])
  })
  test('are changed beside the old one and swapped in', () => {
    expect(change([set], [{ ...set, members: ['fd02::/64'] }])).toEqual(
      ['create netlab-next hash:net family inet6', 'add netlab-next fd02::/64', 'swap netlab-next web', 'destroy netlab-next'].map(
        (t) => `lab.a ipset: ${t}`,
      ),
    )
  })
})
