import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventFilters, eventOf } from '../../../src/trace/collect/events.ts'
import { processorsOf } from '../../../src/trace/collect/perf.ts'
import { findFunction, Tracepoint } from '../../../src/trace/collect/tracepoints.ts'

/** As Linux 6.18 describes them. */
const point = (name: string): Tracepoint =>
  new Tracepoint(name, readFileSync(join(import.meta.dirname, 'formats', name.replace('/', '-')), 'latin1'))
const AT = 1_795_182_745_171_180_123n
const SKB = 0xffff888004ae1d00n

/** A record: numbers of some bytes each, and texts. */
function record(...parts: readonly (readonly [bytes: 1 | 2 | 4 | 8, value: number | bigint] | string)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(`${part}\0`)
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(part[1])))
      return bytes.subarray(0, part[0])
    }),
  )
}
/** Type, flags, count and process. */
const COMMON = [
  [2, 2304],
  [1, 0],
  [1, 1],
  [4, 4711],
] as const

describe('records of tracepoints', () => {
  test.each([
    ['net/net_dev_queue', 'out'],
    ['net/netif_receive_skb', 'in'],
  ])('a frame on a device: %s', (name, direction) => {
    const bytes = record(...COMMON, [8, SKB], [4, 98], [2, 24], [2, 7], 'vxlan1')
    expect(eventOf(point(name), bytes, AT)).toEqual({
      kind: 'device',
      at: AT,
      skb: SKB.toString(16),
      device: 'vxlan1',
      direction,
      length: 98,
    })
  })

  test('a drop', () => {
    const kfree = point('skb/kfree_skb')
    const drop = (reason: number) =>
      eventOf(kfree, record(...COMMON, [8, SKB], [8, 0xffffffff81c2d3e4n], [8, 0], [2, 2048], [2, 0], [4, reason]), AT)
    expect(drop(12)).toMatchObject({ kind: 'drop', at: AT, skb: SKB.toString(16), reason: 'NETFILTER_DROP', protocol: 2048 })
    expect(drop(0x20001)).toMatchObject({ reason: '0x20001' })
  })

  test('an ICMP error', () => {
    const bytes = record(...COMMON, [8, SKB], [4, 11], [4, 0], [8, 0], [4, 0], [2, 0])
    expect(eventOf(point('icmp/icmp_send'), bytes, AT)).toEqual({ kind: 'icmp', at: AT, skb: SKB.toString(16), type: 11, code: 0 })
  })

  test('a route lookup in vain', () => {
    const [src, dst] = [Buffer.from([10, 244, 1, 4]).readUInt32LE(), Buffer.from([203, 0, 113, 10]).readUInt32LE()]
    const bytes = record(...COMMON, [4, 254], [4, -11], [4, 0], [4, 2], [4, 0], [4, src], [4, dst], [4, 0])
    const event = { kind: 'lookup', at: AT, table: 254, iif: 2, src: '10.244.1.4', dst: '203.0.113.10', error: -11 }
    expect(eventOf(point('fib/fib_table_lookup'), bytes, AT)).toEqual(event)
  })

  test('a route lookup in vain, of IPv6', () => {
    const address = (last: number): [8, bigint] => [8, BigInt(last) << 56n]
    const network: [8, bigint] = [8, 0x00fdn]
    const bytes = record(
      ...COMMON,
      [4, 254],
      [4, -113],
      [4, 0],
      [4, 3],
      [4, 0],
      [1, 0],
      [1, 0],
      [1, 0],
      network,
      address(4),
      network,
      address(10),
    )
    const event = { kind: 'lookup', at: AT, table: 254, iif: 3, src: 'fd00::4', dst: 'fd00::a', error: -113 }
    expect(eventOf(point('fib6/fib6_table_lookup'), bytes, AT)).toEqual(event)
  })
})

describe('the function that an address lies in', () => {
  const TABLE = [
    '0000000000000000 A zero',
    'ffffffff81000000 T _text',
    'ffffffff81c2d300 t ip_forward',
    'ffffffff81c2d300 t also_ip_forward',
    'ffffffff81c2d400 T ip_forward_finish',
    'ffffffff81c2d3a0 d no_function',
    'ffffffffc0001000 t veth_xmit\t[veth]',
    '',
  ].join('\n')

  test.each([
    [0xffffffff81c2d3e4n, 'ip_forward'],
    [0xffffffff81c2d400n, 'ip_forward_finish'],
    [0xffffffffc0001002n, 'veth_xmit'],
    [0xfn, '000000000000000f'],
  ])('%d', (address, name) => expect(findFunction(TABLE, address)).toBe(name))

  test('is not known where the kernel tells no addresses', () => {
    expect(findFunction('0000000000000000 T _text\n0000000000000000 t ip_forward\n', 0xffffffff81c2d3e4n)).toBe('ffffffff81c2d3e4')
  })
})

test.each([
  ['0\n', [0]],
  ['0-3,5,8-9\n', [0, 1, 2, 3, 5, 8, 9]],
])('processors: %s', (list, numbers) => expect(processorsOf(list)).toEqual(numbers))

test('only lengths the probe can have are asked for', () => {
  const filters = eventFilters([84, 98])
  expect(filters['net/net_dev_queue']).toEqual(['len==84||len==98'])
  expect(filters['skb/kfree_skb']).toHaveLength(2)
})
