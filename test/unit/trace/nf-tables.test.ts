import { describe, expect, test } from 'vitest'
import { attribute, type Message } from '../../../src/netns/netlink/message.ts'
import { createTable, deleteTable, handleOf, listRules, traceOf } from '../../../src/trace/collect/nf-tables.ts'

const be32 = (type: number, value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return attribute(type, bytes)
}
const text = (type: number, value: string): Buffer => attribute(type, Buffer.from(`${value}\0`))
const nest = (type: number, ...inner: Buffer[]): Buffer => attribute(type | 0x8000, Buffer.concat(inner))
/** NFNL_SUBSYS_NFTABLES */
const message = (type: number, family: number, ...attributes: Buffer[]): Message => ({
  type: (10 << 8) | type,
  flags: 0,
  sequence: 0,
  body: Buffer.concat([Buffer.from([family, 0, 0, 0]), ...attributes]),
})
const TRACE = 17
const place = [text(1, 'filter'), text(2, 'FORWARD')] as const
const handle = attribute(3, Buffer.from('0000000000000009', 'hex'))

describe('messages about rules that a packet met', () => {
  test('the first of a hook has the packet', () => {
    const [network, transport] = [Buffer.from('4500', 'hex'), Buffer.from('0800', 'hex')]
    const packet = [attribute(8, network), attribute(9, transport), be32(10, 3), be32(12, 4)]
    const jump = nest(5, be32(1, -3), text(2, 'NETLAB-POLICY'))
    expect(traceOf(message(TRACE, 2, ...place, handle, be32(4, 3), jump, be32(6, 0x7daab979), ...packet))).toEqual({
      family: 'ip',
      table: 'filter',
      chain: 'FORWARD',
      kind: 'rule',
      handle: 9,
      verdict: 'jump',
      target: 'NETLAB-POLICY',
      packet: 0x7daab979,
      iif: 3,
      oif: 4,
      network,
      transport,
    })
  })

  test.each([
    [0, 'drop'],
    [1, 'accept'],
    [-1, 'continue'],
    [-5, 'return'],
    [99, 'continue'],
  ] as const)('verdict %d', (code, verdict) => {
    expect(traceOf(message(TRACE, 10, ...place, be32(4, 3), nest(5, be32(1, code))))).toMatchObject({ family: 'ip6', verdict })
  })

  test.each([
    [0, 'drop'],
    [1, 'accept'],
  ] as const)("a chain's policy: %d", (code, verdict) => {
    const trace = traceOf(message(TRACE, 1, ...place, be32(4, 1), be32(16, code)))
    expect(trace).toEqual({ family: 'inet', table: 'filter', chain: 'FORWARD', kind: 'policy', verdict, packet: 0 })
  })

  test('others are none', () => expect(traceOf(message(6, 2, ...place, handle))).toBeUndefined())
})

test('rules are known by their handles', () => expect(handleOf(message(6, 2, ...place, handle))).toBe(9))

describe('requests', () => {
  const selector = { family: 4, protocol: 1, matches: [{ base: 'transport', offset: 8, value: Buffer.from('d165b620', 'hex') }] } as const

  test('make a table with a rule for each packet in both its chains, in the order in which one needs the other', () => {
    const requests = createTable('t', [selector, selector], true)
    expect(requests.map(({ type }) => type & 255)).toEqual([0, 3, 6, 6, 3, 6, 6])
    for (const { body } of requests) expect(Buffer.from(body).subarray(0, 4)).toEqual(Buffer.from([1, 0, 0, 0]))
    // NFT_TABLE_F_OWNER
    expect(Buffer.from(requests[0]!.body)).toEqual(Buffer.concat([Buffer.from([1, 0, 0, 0]), text(1, 't'), be32(2, 2)]))
    expect(Buffer.from(createTable('t', [], false)[0]!.body)).toEqual(Buffer.concat([Buffer.from([1, 0, 0, 0]), text(1, 't'), be32(2, 0)]))
  })

  test('name what they are about', () => {
    const inet = Buffer.from([1, 0, 0, 0])
    expect(deleteTable('t')).toEqual([{ type: (10 << 8) | 2, flags: 0, body: Buffer.concat([inet, text(1, 't')]) }])
    expect(listRules('ip6', 'nat', 'C')).toEqual({
      type: (10 << 8) | 7,
      flags: 0x300,
      body: Buffer.concat([Buffer.from([10, 0, 0, 0]), text(1, 'nat'), text(2, 'C')]),
    })
  })
})
