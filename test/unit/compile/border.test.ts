/** The border of a fabric: what it translates, what its firewall lets in, and who asks about it. */
import { describe, expect, test } from 'vitest'
import { hostSource } from '../../../src/backends/index.ts'
import { borderDrops, isBorderDrop } from '../../../src/compile/border.ts'
import { reachability } from '../../../src/lab/policy/reachability.ts'
import { borderRuleFor, isKeptOut, type Arrival } from '../../../src/lab/underlay/border.ts'
import { compiled, problems, words } from '../lab/fixture.ts'
import { chain, of } from './facts.ts'

const lab = (border: string, podCIDR = '10.244.0.0/16', more = ''): string => `name: lab
network: { podCIDR: ${podCIDR}, backend: { type: bgp, mode: tor }${more} }
underlay: { routing: bgp, segments: { a: 10.1.0.0/24, b: 10.2.0.0/24 }, border: ${border} }
hosts: { h1: { segment: a }, h2: { segment: b } }
pods: { web: { host: h1 }, db: { host: h2 } }
externals: { client: {}, peer: { podRoutes: true } }
`
const DUAL = '[10.244.0.0/16, "fd00:10:244::/48"]'
const bare = (rules: readonly string[] = []): string[] => rules.map((r) => r.replaceAll(/-m comment --comment "[^"]*" /g, ''))

describe('NAT', () => {
  const c = compiled(lab('{ nat: true }', DUAL))

  test('gives what leaves an address of the border, but not to those with routes, nor among externals', () => {
    expect(bare(chain(c, 'border', 'BORDER-NAT')?.rules)).toEqual([
      '-s 203.0.113.10/32 -j RETURN',
      '-s 203.0.113.11/32 -j RETURN',
      '-d 203.0.113.11/32 -j RETURN',
      '-j SNAT --to-source 100.64.0.3',
    ])
    expect(bare(chain(c, 'border', 'BORDER-NAT', 6)?.rules).at(-1)).toBe('-j SNAT --to-source fd00:100:64::3')
    expect(bare(chain(c, 'border', 'POSTROUTING')?.rules)).toEqual(['-o x+ -j BORDER-NAT'])
    expect(c.needs).toEqual(expect.arrayContaining(['border', 'border6']))
  })

  test('filters nothing, and is at the border alone', () => {
    expect(of(c, 'chain').filter((o) => o.chain.startsWith('BORDER') && o.ns !== 'lab.border')).toEqual([])
    expect(chain(c, 'border', 'FORWARD')).toBeUndefined()
  })
})

describe('the firewall', () => {
  const allow = [
    '{ from: client, to: h1, port: 22/tcp }',
    '{ from: peer, to: web, port: icmp }',
    '{ from: 203.0.113.0/24, to: 10.2.0.77/24 }',
    '{ from: 0.0.0.0/0, port: 53/udp }',
    '{ to: "fd00:10:244::/48" }',
  ]
  const c = compiled(lab(`{ firewall: { allow: [${allow.join(', ')}] } }`, DUAL))

  test('lets in answers and what is listed, and drops the rest of what externals send', () => {
    expect(bare(chain(c, 'border', 'FORWARD')?.rules)).toEqual(['-i x+ -o x+ -j ACCEPT', '-i x+ -j BORDER-FIREWALL'])
    expect(bare(chain(c, 'border', 'BORDER-FIREWALL')?.rules)).toEqual([
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-s 203.0.113.10/32 -d 10.1.0.11/32 -p tcp -m tcp --dport 22 -j ACCEPT',
      '-s 203.0.113.11/32 -d 10.244.0.2/32 -p icmp -j ACCEPT',
      '-s 203.0.113.0/24 -d 10.2.0.0/24 -j ACCEPT',
      '-p udp -m udp --dport 53 -j ACCEPT',
      '-j DROP',
    ])
    expect(bare(chain(c, 'border', 'BORDER-FIREWALL', 6)?.rules)).toEqual([
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-s 2001:db8:ffff::a/128 -d fd00:10:1::b/128 -p tcp -m tcp --dport 22 -j ACCEPT',
      '-s 2001:db8:ffff::b/128 -d fd00:10:244::2/128 -p ipv6-icmp -j ACCEPT',
      '-d fd00:10:244::/48 -j ACCEPT',
      '-j DROP',
    ])
  })

  test.each<[string, Arrival, string | undefined]>([
    ['client', { address: '10.1.0.11', protocol: 'tcp', port: 22 }, 'client to h1 22/tcp'],
    ['client', { address: '10.1.0.11', protocol: 'tcp', port: 23 }, undefined],
    ['client', { address: '10.2.0.11', protocol: 'icmp' }, '203.0.113.0/24 to 10.2.0.77/24'],
    ['client', { address: '10.1.0.11', protocol: 'udp', port: 53 }, '0.0.0.0/0 to all 53/udp'],
    ['peer', { address: '10.244.0.2', protocol: 'icmp' }, 'peer to web icmp'],
    ['peer', { address: '10.244.0.2', protocol: 'tcp', port: 22 }, undefined],
    ['peer', { address: 'fd00:10:244:1::2', protocol: 'tcp', port: 22 }, 'externals to fd00:10:244::/48'],
  ])('%s to %o', (name, arrival, rule) => {
    const from = c.lab.externals.find((x) => x.name === name)!
    expect(borderRuleFor(c.lab, from, arrival)?.text).toBe(rule)
    expect(isKeptOut(c.lab, from, arrival)).toBe(rule === undefined)
  })

  test('knows pods that are their hosts, and of other namespaces', () => {
    const one = compiled(
      lab('{ firewall: { allow: [{ to: agent, port: 9100/tcp }, { to: shop/cart }] } }').replace(
        'pods: {',
        'pods: { agent: { host: h2, hostNetwork: true }, shop/cart: { host: h1 },',
      ),
    )
    expect(one.lab.border!.firewall!.allow.map((r) => r.to)).toEqual([['10.2.0.11/32'], ['10.244.0.2/32']])
  })

  test('has no say in what has no way in, what begins inside, and what externals say to each other', () => {
    const [client, peer] = c.lab.externals
    const arrival = (address: string): Arrival => ({ address, protocol: 'tcp', port: 1 })
    expect(isKeptOut(c.lab, client!, arrival('10.244.0.2'))).toBe(false)
    expect(isKeptOut(c.lab, client!, arrival('203.0.113.11'))).toBe(false)
    expect(isKeptOut(c.lab, c.lab.pods[0]!, arrival('10.1.0.11'))).toBe(false)
    expect(isKeptOut(c.lab, client!, arrival('100.64.0.3'))).toBe(false)
    expect(isKeptOut(c.lab, peer!, arrival('10.244.0.2'))).toBe(true)
    expect(isKeptOut(c.lab, client!, arrival('100.64.0.1'))).toBe(true)
  })

  test('knows its own last rule, and counts by it', () => {
    const last = chain(c, 'border', 'BORDER-FIREWALL')!.rules.at(-1)!
    expect(isBorderDrop(`-A BORDER-FIREWALL ${last}`)).toBe(true)
    expect(borderDrops(c.lab, 4)).toMatchObject({ ns: 'lab.border', id: `BORDER-FIREWALL ${last}` })
  })

  test('is in the table of who reaches whom, and parts pods that it treats differently', () => {
    const one = compiled(
      `${lab('{ firewall: { allow: [{ from: peer, to: web, port: 443/tcp }] } }')}policies: { p: { podSelector: {}, ingress: [{}] } }`,
    )
    const { rows, columns, sheets } = reachability(one.lab, hostSource)
    expect(columns.map((x) => x.label)).toEqual(expect.arrayContaining(['web', 'db']))
    const peer = rows.findIndex((r) => r.label === 'peer')
    const cells = (title: string): (boolean | undefined)[] =>
      ['web', 'db'].map((name) => {
        const sheet = sheets.find((s) => s.titles.includes(title))!
        return sheet.cells[peer]![columns.findIndex((x) => x.label === name)]
      })
    expect(cells('443/tcp')).toEqual([true, false])
    expect(cells('icmp')).toEqual([false, false])
  })
})

test('a border that says nothing is a router', () => {
  const c = compiled(lab('{}'))
  expect(of(c, 'chain', 'border')).toEqual([])
  expect(c.needs).not.toContain('border')
})

describe('what is refused', () => {
  test.each([
    ['underlay: { border: { nat: true } }\nhosts: { h: {} }\npods: {}\nexternals: { x: {} }', ['1:13 no-fabric']],
    [lab('{ nat: true }').replace(/externals.*\n/, ''), ['3:73 no-border']],
    [lab('{ nat: true }', '10.244.0.0/16', ', masquerade: false'), ['3:83 nat-without-masquerade']],
    [lab('{ nat: true }', '10.244.0.0/16', ', masquerade: false').replace('client: {}, ', ''), []],
  ])('case %#', (text, found) => expect(problems(text)).toEqual(found))

  test('what is no node, address or network', () => {
    const text = words(lab('{ firewall: { allow: [{ from: clint, to: h1 }, { to: 10.0.0.0/99 }, { from: web }] } }'))
    expect(text).toContain('"clint" is neither an external nor an address nor a network')
    expect(text).toContain('did you mean "client"?')
    expect(text).toContain('"10.0.0.0/99" is neither a host nor a pod nor an address nor a network')
    expect(text).toContain('"web" is neither an external')
  })
})
