import { describe, expect, test } from 'vitest'
import { captureFilter, type ProbeIdentity } from '../../../src/trace/collect/bpf.ts'
import { filter } from '../packet/bpf.ts'

const u16 = (...numbers: number[]): Buffer => Buffer.from(numbers.flatMap((n) => [n >> 8, n & 255]))
const ipv4 = (protocol: number, payload: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([0x45, 0]),
    u16(20 + payload.length, 7, 0x4000),
    Buffer.from([64, protocol]),
    u16(0),
    Buffer.alloc(8),
    payload,
  ])
const ipv6 = (next: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x60, 0, 0, 0]), u16(payload.length), Buffer.from([next, 64]), Buffer.alloc(32), payload])
const udp = (from: number, to: number, payload: Buffer): Buffer => Buffer.concat([u16(from, to, 8 + payload.length, 0), payload])
const tcp = (from: number, to: number, flags: number): Buffer =>
  Buffer.concat([u16(from, to), Buffer.alloc(8), Buffer.from([0x50, flags]), Buffer.alloc(6)])
const SYN = 2
const ACK = 16
/** A port that bare packets come to. */
const PACKETS = 8285
const vxlan = (inner: Buffer): Buffer => ipv4(17, udp(40_000, 8472, Buffer.concat([Buffer.alloc(8), Buffer.alloc(12), u16(0x800), inner])))
const gre = (inner: Buffer): Buffer => ipv4(47, Buffer.concat([u16(0, 0x800), inner]))
const wraps: readonly (readonly [string, (packet: Buffer) => Buffer])[] = [
  ['bare', (p) => p],
  ['in VXLAN', vxlan],
  ['in GRE', gre],
  ['in Geneve', (p) => ipv4(17, udp(40_000, 6081, Buffer.concat([u16(0, 0x6558), Buffer.alloc(4 + 12), u16(0x800), p])))],
  [
    'in Geneve with options',
    (p) => ipv4(17, udp(40_000, 6081, Buffer.concat([u16(0x200, 0x6558), Buffer.alloc(4 + 8 + 12), u16(0x800), p]))),
  ],
  ['in IPIP', (p) => ipv4(4, p)],
  ['in UDP', (p) => ipv4(17, udp(PACKETS, PACKETS, p))],
]

const probe = (more: Partial<ProbeIdentity>): ProbeIdentity => ({
  protocol: 'udp',
  id: 61_000,
  count: 1,
  port: 53,
  marker: 0x01020304,
  ports: { [PACKETS]: 'ipv4' },
  translated: false,
  ...more,
})
const passes = (p: Partial<ProbeIdentity>, packet: Buffer, ethertype = 0x800): boolean =>
  filter(captureFilter(probe(p)), ethertype, packet) > 0

describe.each(wraps)('%s', (_, wrap) => {
  const answer = (to: number): Buffer => wrap(ipv4(17, udp(53, to, Buffer.from('hello there'))))
  test('UDP: the probe, its answer, and nothing else on its port', () => {
    expect(passes({}, wrap(ipv4(17, udp(61_000, 53, Buffer.alloc(8)))))).toBe(true)
    expect(passes({}, answer(61_000))).toBe(true)
    expect(passes({}, answer(60_999))).toBe(false)
    expect(passes({}, answer(61_001))).toBe(false)
  })
  test('UDP: every probe of a hundred', () => {
    for (const n of [0, 50, 99]) expect(passes({ count: 100 }, answer(61_000 + n))).toBe(true)
    expect(passes({ count: 100 }, answer(61_100))).toBe(false)
  })
  test('UDP: behind address translation by its marker, and the answer by its port', () => {
    expect(passes({}, wrap(ipv4(17, udp(1234, 53, Buffer.from([1, 2, 3, 4, 5])))))).toBe(true)
    expect(passes({ translated: true }, answer(1234))).toBe(true)
    expect(passes({ translated: true, answerPorts: [5353] }, wrap(ipv4(17, udp(5353, 1234, Buffer.alloc(9)))))).toBe(true)
    expect(passes({ translated: true }, wrap(ipv4(17, udp(5353, 1234, Buffer.alloc(9)))))).toBe(false)
  })
  test('TCP: its own ports; handshakes of others only where ports may be translated', () => {
    const syn = (from: number): Buffer => wrap(ipv4(6, tcp(from, 80, SYN)))
    const tcpProbe = { protocol: 'tcp', port: 80 } as const
    expect(passes(tcpProbe, syn(61_000))).toBe(true)
    expect(passes(tcpProbe, wrap(ipv4(6, tcp(80, 61_000, SYN | ACK))))).toBe(true)
    expect(passes(tcpProbe, syn(40_000))).toBe(false)
    expect(passes({ ...tcpProbe, translated: true }, syn(40_000))).toBe(true)
    expect(passes({ ...tcpProbe, translated: true }, wrap(ipv4(6, tcp(40_000, 80, ACK))))).toBe(false)
  })
  test('ICMP: its echo, and errors', () => {
    const icmp = (type: number, id: number): Buffer =>
      wrap(ipv4(1, Buffer.concat([Buffer.from([type, 0]), u16(0, id, 1), Buffer.alloc(8)])))
    const icmpProbe = { protocol: 'icmp', port: 0 } as const
    expect(passes(icmpProbe, icmp(8, 61_000))).toBe(true)
    expect(passes(icmpProbe, icmp(0, 61_000))).toBe(true)
    expect(passes(icmpProbe, icmp(8, 61_001))).toBe(false)
    expect(passes(icmpProbe, icmp(3, 0))).toBe(true)
  })
})

test('address resolution and IPv6', () => {
  expect(passes({}, Buffer.alloc(28), 0x806)).toBe(true)
  expect(passes({}, ipv6(17, udp(61_000, 53, Buffer.alloc(8))), 0x86dd)).toBe(true)
  expect(passes({}, ipv6(17, udp(40_000, 53, Buffer.alloc(8))), 0x86dd)).toBe(false)
  expect(passes({}, ipv6(58, Buffer.concat([Buffer.from([135, 0]), Buffer.alloc(22)])), 0x86dd)).toBe(true)
  expect(passes({}, Buffer.alloc(60), 0x88cc)).toBe(false)
})

describe('encrypted', () => {
  const wireguard = (type: number, packet: number, port = 51_820): Buffer =>
    ipv4(17, udp(51_820, port, Buffer.concat([Buffer.from([type, 0, 0, 0]), Buffer.alloc(12 + packet + 16)])))
  const sealed = { ports: { 51_820: 'wireguard' as const }, sizes: [100] }
  test.each([
    ['data of its length', wireguard(4, 100), true],
    ['the same, filled up', wireguard(4, 112), true],
    ['longer data', wireguard(4, 128), false],
    ['shorter data', wireguard(4, 96), false],
    ['a packet that keeps the session alive', wireguard(4, 0), false],
    ['a handshake of its length', wireguard(1, 112), false],
    ['data for another port', wireguard(4, 100, 51_821), false],
  ])('%s', (_, packet, passed) => expect(passes(sealed, packet)).toBe(passed))
})
