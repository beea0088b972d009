import { describe, expect, test } from 'vitest'
import { eventFilters, parseEvent } from '../../../src/trace/collect/events.ts'

const TAI = 37_000_000_000n

describe('lines of trace_pipe', () => {
  test('a frame that goes out', () => {
    const line = '            ping-13796   [001] b.s1. 1795182782.171180: net_dev_queue: dev=vxlan1 skbaddr=00000000885411f6 len=98'
    const event = parseEvent(line, TAI)!
    if (event.kind !== 'device') throw new Error(event.kind)
    expect([event.direction, event.device, event.skb, event.length]).toEqual(['out', 'vxlan1', '00000000885411f6', 98])
    expect([event.at, event.us, event.cpu, event.pid]).toEqual([1_795_182_745_171_180_000n, 1_795_182_782_171_180, 1, 13_796])
  })

  test('a frame that comes in, in a process with a name that looks like a line', () => {
    const line =
      ' a: b=1 [2] 3.4: -9-13796   [003] ..s1. 1795182782.000009: netif_receive_skb: dev=p1-pod-a skbaddr=00000000885411f6 len=84'
    const event = parseEvent(line)!
    if (event.kind !== 'device') throw new Error(event.kind)
    expect([event.direction, event.device, event.length, event.cpu, event.pid]).toEqual(['in', 'p1-pod-a', 84, 3, 13_796])
    expect(event.at).toBe(1_795_182_782_000_009_000n)
  })

  test.each([
    ['rx_sk=0000000000000000 protocol=2048 location=ping_rcv+0xab/0xd0 reason: NO_SOCKET', 'ping_rcv', 'NO_SOCKET', 2048],
    ['protocol=34525 location=ip6_forward+0x1/0x2 reason: NOT_SPECIFIED', 'ip6_forward', 'NOT_SPECIFIED', 34_525],
    ['protocol=2048 location=00000000d3be8b36 reason: NETFILTER_DROP', '00000000d3be8b36', 'NETFILTER_DROP', 2048],
  ])('a drop: %s', (rest, location, reason, protocol) => {
    const event = parseEvent(`          <idle>-0       [000] ..s1. 1795182782.127579: kfree_skb: skbaddr=00000000df968c64 ${rest}`)
    expect(event).toMatchObject({ kind: 'drop', skb: '00000000df968c64', location, reason, protocol })
  })

  test('an ICMP error', () => {
    const line =
      '            ping-13798   [000] b.s2. 1795182782.251739: icmp_send: icmp_send: type=11, code=0. From 10.244.0.2:0 to 10.244.1.2:0 ulen=0 skbaddr=00000000924b2928'
    expect(parseEvent(line)).toMatchObject({ kind: 'icmp', type: 11, code: 0, skb: '00000000924b2928' })
  })

  test('a route lookup in vain', () => {
    const line =
      ' netlab-responde-12790   [001] ..s1. 1795182782.127814: fib_table_lookup: table 254 oif 0 iif 2 proto 0 10.244.1.4/0 -> 203.0.113.10/0 tos 0 scope 0 flags 0 ==> dev - gw 0.0.0.0/:: err -11'
    expect(parseEvent(line)).toMatchObject({ kind: 'lookup', table: 254, iif: 2, src: '10.244.1.4', dst: '203.0.113.10', error: -11 })
  })

  test.each(['', 'CPU:1 [LOST 2063 EVENTS]', 'NOEVENT fib6/fib6_table_lookup', '  x-1 [000] ..... 1.000001: other: len=98'])(
    'not one: %s',
    (line) => expect(parseEvent(line)).toBeUndefined(),
  )
})

test('only lengths the probe can have are asked for', () => {
  const filters = eventFilters([84, 98])
  expect(filters).toContain('net/net_dev_queue=len==84||len==98')
  expect(filters.filter((f) => f.startsWith('skb/kfree_skb=')).length).toBe(2)
})
