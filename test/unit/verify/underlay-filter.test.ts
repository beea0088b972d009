import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contains, formatIp, parseCidr, parseIp } from '../../../src/topology/address.ts'
import { underlayFilter, type Forbidden } from '../../../src/verify/evidence/underlay-filter.ts'
import { filter } from '../packet/bpf.ts'

const bytes = (address: string): Buffer => {
  const { family, value } = parseIp(address)!
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex')
}
const packet = (src: string, dst: string): Buffer =>
  src.includes(':')
    ? Buffer.concat([Buffer.from([0x60, 0, 0, 0, 0, 0, 17, 64]), bytes(src), bytes(dst)])
    : Buffer.concat([Buffer.from([0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0]), bytes(src), bytes(dst)])

const PODS = ['10.244.0.0/16', 'fd00:10:244::/48']
const RULES: Forbidden = { anywhere: ['10.96.0.10/32', 'fd00:96::a/128'], between: PODS }
const caught = (rules: Forbidden, src: string, dst: string, ifindex = 7): boolean =>
  filter(underlayFilter(7, rules), src.includes(':') ? 0x86dd : 0x800, packet(src, dst), ifindex) > 0

describe('what must not be on the underlay is let through to who listens, nothing else', () => {
  test.each([
    ['10.244.0.2', '10.96.0.10', true],
    ['10.96.0.10', '192.168.50.11', true],
    ['10.244.0.2', '10.96.0.11', false],
    ['10.244.0.2', '10.244.1.2', true],
    ['10.244.0.2', '192.168.50.12', false],
    ['192.168.50.12', '10.244.0.2', false],
    ['192.168.50.11', '192.168.50.12', false],
    ['10.245.0.2', '10.244.1.2', false],
    ['fd00:10:244::2', 'fd00:10:244:1::2', true],
    ['fd00:10:244::2', 'fd00:96::a', true],
    ['fd00:96::a', 'fe80::1', true],
    ['fd00:10:245::2', 'fd00:10:244:1::2', false],
    ['fd00:10:244::2', '2001:db8::1', false],
  ])('%s → %s: %s', (src, dst, expected) => expect(caught(RULES, src, dst)).toBe(expected))

  test('on other devices nothing is', () => expect(caught(RULES, '10.244.0.2', '10.244.1.2', 8)).toBe(false))
  test('nothing forbidden, nothing caught', () => expect(caught({ anywhere: [], between: [] }, '10.244.0.2', '10.96.0.10')).toBe(false))
  test('ARP passes no filter', () => expect(filter(underlayFilter(7, RULES), 0x806, packet('10.244.0.2', '10.244.1.2'), 7)).toBe(0))
  test('as many Services as there may be', () => {
    const many = Array.from({ length: 150 }, (_, i) => `10.96.1.${i}/32`)
    expect(caught({ anywhere: many, between: PODS }, '10.244.0.2', '10.96.1.149')).toBe(true)
    expect(caught({ anywhere: many, between: PODS }, '10.244.0.2', '10.96.1.150')).toBe(false)
  })

  test('it judges as arithmetic does', () => {
    const family = fc.constantFrom(4 as const, 6 as const)
    const cases = family.chain((f) => {
      const bits = f === 4 ? 32 : 128
      // Near each other, so that they meet.
      const ip = fc.tuple(fc.bigInt(0n, 15n), fc.bigInt(0n, 15n)).map(([high, low]) => formatIp(f, (high << BigInt(bits - 4)) | low))
      const cidr = fc.tuple(ip, fc.integer({ min: 0, max: bits })).map(([a, p]) => `${a}/${p}`)
      return fc.tuple(ip, ip, fc.array(cidr, { maxLength: 3 }), fc.array(cidr, { maxLength: 3 }))
    })
    fc.assert(
      fc.property(cases, ([src, dst, anywhere, between]) => {
        const isIn = (list: string[], a: string): boolean => list.some((c) => contains(parseCidr(c)!, parseIp(a)!))
        const expected = isIn(anywhere, src) || isIn(anywhere, dst) || (isIn(between, src) && isIn(between, dst))
        expect(caught({ anywhere, between }, src, dst)).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })
})
