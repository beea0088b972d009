import { describe, expect, test } from 'vitest'
import { compiled } from '../lab/fixture.ts'
import { chain, of, racks } from './facts.ts'

/** `10.244.0.0/16 RETURN`; `* MASQUERADE`. */
const verdicts = (rules: readonly string[] = []): string[] =>
  rules.map((r) => `${/^-d (\S+) /.exec(r)?.[1] ?? '*'} ${/-j (\S+)/.exec(r)![1]}`)

describe('masquerade', () => {
  const c = racks('vxlan', 'bridge', 'dual', 'externals: { x: {}, partner: { podRoutes: true } }')

  test('passes what stays in the cluster before it masquerades the rest, and the router is not of the cluster', () => {
    expect(verdicts(chain(c, 'node-1', 'NETLAB-MASQ')!.rules)).toEqual([
      '10.244.0.0/16 RETURN',
      '10.96.0.0/16 RETURN',
      '192.168.1.1/32 MASQUERADE',
      '192.168.1.0/24 RETURN',
      '192.168.2.1/32 MASQUERADE',
      '192.168.2.0/24 RETURN',
      '203.0.113.11/32 RETURN',
      '224.0.0.0/4 RETURN',
      '* MASQUERADE',
    ])
    expect(verdicts(chain(c, 'node-1', 'NETLAB-MASQ', 6)!.rules)).toEqual([
      'fd00:10:244::/48 RETURN',
      'fd00:10:96::/112 RETURN',
      'fd00:192:168:1::1/128 MASQUERADE',
      'fd00:192:168:1::/64 RETURN',
      'fd00:192:168:2::1/128 MASQUERADE',
      'fd00:192:168:2::/64 RETURN',
      '2001:db8:ffff::b/128 RETURN',
      'ff00::/8 RETURN',
      '* MASQUERADE',
    ])
  })

  test('looks only at what comes from pods', () => {
    expect(chain(c, 'node-2', 'POSTROUTING')).toMatchObject({
      table: 'nat',
      builtin: true,
      rules: ['-s 10.244.0.0/16 -m comment --comment "from pods" -j NETLAB-MASQ'],
    })
    expect(chain(c, 'node-2', 'POSTROUTING', 6)!.rules).toEqual(['-s fd00:10:244::/48 -m comment --comment "from pods" -j NETLAB-MASQ'])
  })

  test('is in every host and nowhere else, and is asked of the kernel', () => {
    expect([...new Set(of(c, 'chain').map((o) => o.ns))]).toEqual(['lab.node-1', 'lab.node-2', 'lab.node-3'])
    expect(c.needs).toEqual(expect.arrayContaining(['masquerade', 'masquerade6']))
    expect(racks('vxlan').needs).not.toContain('masquerade6')
    expect(racks('vxlan', 'bridge', 'ipv6').needs).not.toContain('masquerade')
  })

  test('without a router there is no external, but the rule is there', () => {
    expect(verdicts(chain(compiled('hosts: { a: {} }\npods: {}'), 'a', 'NETLAB-MASQ')!.rules)).toEqual([
      '10.244.0.0/16 RETURN',
      '10.96.0.0/16 RETURN',
      '192.168.50.0/24 RETURN',
      '224.0.0.0/4 RETURN',
      '* MASQUERADE',
    ])
  })

  test('can be left out', () => {
    const off = compiled('network: { masquerade: false }\nhosts: { a: {} }\npods: {}')
    expect(of(off, 'chain')).toEqual([])
    expect(off.needs).not.toContain('masquerade')
  })

  test('is written as iptables-save prints it, whatever the user wrote', () => {
    const odd = compiled('network: { podCIDR: "FD00:0010:0244::/48", serviceCIDR: "FD01:0::/112" }\nhosts: { a: {} }\npods: {}')
    expect(verdicts(chain(odd, 'a', 'NETLAB-MASQ', 6)!.rules).slice(0, 2)).toEqual(['fd00:10:244::/48 RETURN', 'fd01::/112 RETURN'])
    // A comment without a blank would be printed without quotes.
    for (const o of of(c, 'chain'))
      for (const r of o.rules) expect(r).toMatch(/^(-[sd] \S+ )?-m comment --comment "[^"]+ [^"]+" -j [A-Z-]+( --random-fully)?$/)
  })
})
