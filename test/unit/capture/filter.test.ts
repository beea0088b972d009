import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FilterError, parseFilter, PROTOCOL_WORDS, type FilterWords, type NamedPort } from '../../../src/capture/filter.ts'
import { decode } from '../../../src/packet/decode.ts'
import { contains, formatIp, parseCidr, parseIp } from '../../../src/topology/address.ts'
import * as f from '../packet/frames.ts'

const nodes = new Map([
  ['pod-a', ['10.244.0.2', 'fd00::2']],
  ['shop/cart', ['10.244.1.2']],
])
const ports = new Map<string, NamedPort[]>([
  ['http', [443, 80].map((port) => ({ protocol: 'tcp', port }))],
  ['dns', [{ protocol: 'udp', port: 80 }]],
])
const words: FilterWords = {
  addresses: (name) => nodes.get(name),
  ports: (name) => ports.get(name),
  address: (text) => {
    const ip = parseIp(text)
    return ip && formatIp(ip.family, ip.value)
  },
  network: (text) => {
    const cidr = parseCidr(text)
    return cidr && ((ip) => contains(cidr, parseIp(ip)!))
  },
}
const [P, Q, H, K] = ['10.244.0.2', '10.244.1.2', '192.168.50.11', '192.168.50.12'] as const
const inner = f.ip4(P, Q, 6, f.tcp(P, Q, [4000, 80], 1, 0, 2))
const FRAMES = {
  plain: f.eth(f.A, f.B, 0x800, inner),
  vxlan: f.eth(f.C, f.D, 0x800, f.ip4(H, K, 17, f.udp([5000, 8472], f.vxlan(1, f.eth(f.A, f.B, 0x800, inner))))),
  gre: f.eth(f.C, f.D, 0x800, f.ip4(H, K, 47, f.gre(0x800, inner))),
  ipip: f.eth(f.C, f.D, 0x800, f.ip4(H, K, 4, inner)),
  ping: f.eth(f.A, f.B, 0x800, f.ip4(Q, P, 1, f.ping4(0, 7, 1))),
  ping6: f.eth(f.A, f.B, 0x86dd, f.ip6('fd00::2', 'fd00:1::2', 58, f.ping6('fd00::2', 'fd00:1::2', 128, 7, 1))),
  solicit: f.eth(f.A, f.B, 0x86dd, f.ip6('fe80::1', 'ff02::1', 58, f.neighbour6('fe80::1', 'ff02::1', 135, 'fd00::2', f.A))),
  arp: f.eth(f.A, f.B, 0x806, f.arp(1, [f.A, P], ['00:00:00:00:00:00', '10.244.0.1'])),
} as const
const packets = Object.entries(FRAMES).map(([name, bytes]) => ({ name, layers: decode(bytes, 1) }))
const kept = (text: string): string[] => {
  const filter = parseFilter(text, words)
  return packets.filter((p) => filter(p.layers)).map((p) => p.name)
}
const all = Object.keys(FRAMES)
const withTcp = ['plain', 'vxlan', 'gre', 'ipip']

test.each<[string, readonly string[]]>([
  ['tcp', withTcp],
  ['icmp', ['ping']],
  ['icmp6', ['ping6', 'solicit']],
  ['arp', ['arp']],
  ['ip6', ['ping6', 'solicit']],
  ['vxlan', ['vxlan']],
  ['gre', ['gre']],
  ['ipip', ['ipip']],
  ['udp', ['vxlan']],
  ['port 80', withTcp],
  ['port 8472', ['vxlan']],
  ['src port 80', []],
  ['dst port 80', withTcp],
  ['tcp port 80', withTcp],
  ['port http', withTcp],
  ['src port http', []],
  ['dst port http', withTcp],
  ['host pod-a and port http', withTcp],
  ['port dns', []],
  ['host pod-a', [...withTcp, 'ping', 'ping6', 'solicit', 'arp']],
  ['pod-a', [...withTcp, 'ping', 'ping6', 'solicit', 'arp']],
  ['src pod-a', [...withTcp, 'ping6', 'arp']],
  ['dst host pod-a', ['ping', 'solicit']],
  ['src shop/cart', ['ping']],
  ['host FD00:0::0002', ['ping6', 'solicit']],
  ['net 192.168.50.0/24', ['vxlan', 'gre', 'ipip']],
  ['src net 10.244.1.0/24', ['ping']],
  ['net fd00::/16', ['ping6', 'solicit']],
  ['not tcp', ['ping', 'ping6', 'solicit', 'arp']],
  ['!tcp && !arp', ['ping', 'ping6', 'solicit']],
  ['vxlan or gre', ['vxlan', 'gre']],
  ['tcp and not vxlan or arp', ['plain', 'gre', 'ipip', 'arp']],
  ['tcp and not (vxlan or arp)', ['plain', 'gre', 'ipip']],
  ['(tcp)(vxlan||gre)', ['vxlan', 'gre']],
  ['not not arp', ['arp']],
  ['not ( arp or ip or ip6 )', []],
])('%s', (text, names) => expect(kept(text)).toEqual(all.filter((n) => names.includes(n))))

describe('what is wrong is pointed at', () => {
  test.each([
    ['', 1, 'empty'],
    ['   ', 1, 'empty'],
    ['__proto__', 1, 'is no protocol'],
    ['constructor', 1, 'is no protocol'],
    ['tpc', 1, 'tpc is no protocol, no address, no node and no Service'],
    ['tcp and', 8, 'at the end'],
    ['tcp or', 7, 'at the end'],
    ['host', 5, 'an address, a node or a Service'],
    ['host nobody', 6, 'nobody is no protocol'],
    ['src', 4, 'at the end'],
    ['src tcp', 5, 'tcp is no protocol'],
    ['port htpp', 6, 'htpp is no port'],
    ['port 65536', 6, 'no port'],
    ['net 10.0.0.0', 5, 'no network'],
    ['net 10.0.0.0/33', 5, 'no network'],
    ['(tcp', 5, 'expected )'],
    ['tcp)', 4, 'did not expect )'],
    ['()', 2, ') is no protocol'],
    ['not', 4, 'at the end'],
    ['or tcp', 1, 'or is no protocol'],
  ])('%j', (text, column, message) => {
    let error: unknown
    try {
      parseFilter(text, words)
    } catch (e) {
      error = e
    }
    expect(error).toBeInstanceOf(FilterError)
    expect((error as FilterError).message).toContain(message)
    expect((error as FilterError).column).toBe(column)
  })
})

test('any text is a filter or says what is wrong', () => {
  const word = fc.constantFrom(
    ...PROTOCOL_WORDS,
    'host',
    'net',
    'port',
    'src',
    'dst',
    'and',
    'or',
    'not',
    '(',
    ')',
    '!',
    '80',
    'pod-a',
    '10.0.0.0/8',
    P,
  )
  let good = 0
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(word, { maxLength: 8 }).map((w) => w.join(' ')),
        fc.string(),
      ),
      (text) => {
        try {
          const filter = parseFilter(text, words)
          good++
          for (const p of packets) expect(typeof filter(p.layers)).toBe('boolean')
        } catch (error) {
          expect(error).toBeInstanceOf(FilterError)
          expect((error as FilterError).column).toBeGreaterThan(0)
        }
      },
    ),
    { numRuns: 500 },
  )
  expect(good).toBeGreaterThan(20)
})

test('a filter nests as deep as people write, and not as deep as the stack', () => {
  expect(() => parseFilter(`${'('.repeat(50)}tcp${')'.repeat(50)}`, words)).not.toThrow()
  for (const deep of [`${'('.repeat(100_000)}tcp`, `${'not '.repeat(100_000)}tcp`, `${'!('.repeat(50_000)}tcp`])
    expect(() => parseFilter(deep, words)).toThrow(FilterError)
})
