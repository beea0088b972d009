/** A captured packet as a line, and as blocks of a file that may be cut off anywhere. */
import { Chalk } from 'chalk'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Frame } from '../../../src/capture/tap.ts'
import { captureLine, clock } from '../../../src/report/formats/capture-line.ts'
import { PcapngStream } from '../../../src/report/formats/pcapng-stream.ts'
import { decode } from '../../../src/packet/decode.ts'
import * as f from '../packet/frames.ts'
import { noTshark, tsharkFields } from '../packet/pcap.ts'

const [P, Q, H, K] = ['10.244.0.2', '10.244.1.2', '192.168.50.11', '192.168.50.12'] as const
const AT = 1_763_646_187_123_456_789n
const tcp = (flags: number, data?: Buffer): Buffer => f.ip4(P, Q, 6, f.tcp(P, Q, [4000, 80], 1, 0, flags, data ? { data } : {}))
const over = (protocol: number, body: Buffer): Buffer => f.eth(f.C, f.D, 0x800, f.ip4(H, K, protocol, body))

const line = (bytes: Buffer, more: { ether?: boolean; level?: 0 | 1; hardware?: number } = {}): string =>
  captureLine(
    { node: 'pod-a', device: 'eth0', at: AT, direction: 'out', layers: decode(bytes, more.hardware ?? 1), length: bytes.length },
    { chalk: new Chalk({ level: more.level ?? 0 }), ether: more.ether === true, where: 12 },
  )
/** Without time, place and length. */
const words = (bytes: Buffer, hardware?: number): string =>
  line(bytes, hardware === undefined ? {} : { hardware })
    .replace(/^.*? out /, '')
    .replace(/ \(\d+\)$/, '')

describe('a line', () => {
  test('says when, where, which way, what and how long', () => {
    expect(line(f.eth(f.A, f.B, 0x800, tcp(2)))).toBe(`${clock(AT)} pod-a/eth0   out 10.244.0.2:4000 > 10.244.1.2:80 ttl 64 TCP SYN (54)`)
    expect(clock(AT)).toMatch(/^\d\d:\d\d:07\.123456$/)
  })
  test.each([
    ['flags and data', f.eth(f.A, f.B, 0x800, tcp(0x18, Buffer.from('hello'))), `${P}:4000 > ${Q}:80 ttl 64 TCP ACK+PSH 5 bytes`],
    [
      'UDP over IPv6',
      f.eth(f.A, f.B, 0x86dd, f.ip6('fd00::1', 'fd00::2', 17, f.udp([53, 5353], Buffer.from('abc'), ['fd00::1', 'fd00::2']))),
      '[fd00::1]:53 > [fd00::2]:5353 ttl 64 UDP 3 bytes',
    ],
    ['ping', f.eth(f.A, f.B, 0x800, f.ip4(P, Q, 1, f.ping4(8, 7, 3))), `${P} > ${Q} ttl 64 ICMP echo-request id 7 seq 3`],
    [
      'an error and what it is about',
      f.eth(f.A, f.B, 0x800, f.ip4(H, P, 1, f.error4(3, 4, tcp(2), 1450))),
      `${H} > ${P} ttl 64 ICMP too-big mtu 1450 about ${P} > ${Q}`,
    ],
    [
      'refused',
      f.eth(f.A, f.B, 0x800, f.ip4(Q, P, 1, f.error4(3, 3, tcp(2)))),
      `${Q} > ${P} ttl 64 ICMP unreachable code 3 about ${P} > ${Q}`,
    ],
    ['who has', f.eth(f.A, f.B, 0x806, f.arp(1, [f.A, P], ['00:00:00:00:00:00', Q])), `ARP who has ${Q}? tell ${P}`],
    ['is at', f.eth(f.A, f.B, 0x806, f.arp(2, [f.A, P], [f.B, Q])), `ARP ${P} is at ${f.A}`],
    [
      'neighbour discovery',
      f.eth(f.A, f.B, 0x86dd, f.ip6('fe80::1', 'ff02::1', 58, f.neighbour6('fe80::1', 'ff02::1', 135, 'fd00::2', f.A))),
      `fe80::1 > ff02::1 ttl 64 ICMPv6 neighbour-solicitation fd00::2 ${f.A}`,
    ],
    [
      'VXLAN',
      over(17, f.udp([5000, 8472], f.vxlan(7, f.eth(f.A, f.B, 0x800, tcp(2))))),
      `${H}:5000 > ${K}:8472 ttl 64 VXLAN 7 › ${P}:4000 > ${Q}:80 ttl 64 TCP SYN`,
    ],
    ['GRE', over(47, f.gre(0x800, tcp(4), { key: 9 })), `${H} > ${K} ttl 64 GRE key 9 › ${P}:4000 > ${Q}:80 ttl 64 TCP RST`],
    ['IPIP', over(4, tcp(2)), `${H} > ${K} ttl 64 IPIP › ${P}:4000 > ${Q}:80 ttl 64 TCP SYN`],
    [
      'a fragment',
      f.eth(f.A, f.B, 0x800, f.ip4(P, Q, 17, Buffer.alloc(16), { offset: 1480, more: true })),
      `${P} > ${Q} ttl 64 fragment at 1480 and more protocol 17, 16 bytes`,
    ],
    ['another protocol', f.eth(f.A, f.B, 0x800, f.ip4(P, Q, 89, Buffer.alloc(12))), `${P} > ${Q} ttl 64 protocol 89, 12 bytes`],
    [
      'SCTP',
      f.eth(f.A, f.B, 0x800, f.ip4(P, Q, 132, Buffer.from('0fa00050000000000000000001000014', 'hex'))),
      `${P}:4000 > ${Q}:80 ttl 64 SCTP INIT`,
    ],
    ['no IP at all', f.eth(f.A, f.B, 0x88cc, Buffer.alloc(20)), `${f.A} > ${f.B} ethertype 0x88cc, 20 bytes`],
    ['cut short', Buffer.from([1, 2, 3]), ''],
  ])('%s', (_, bytes, text) => expect(words(bytes)).toBe(text))

  test('of a device without Ethernet', () => expect(words(tcp(2), 768)).toBe(`${P}:4000 > ${Q}:80 ttl 64 TCP SYN`))
  test('with MACs when asked for', () => expect(line(f.eth(f.A, f.B, 0x800, tcp(2)), { ether: true })).toContain(`${f.A} > ${f.B} ${P}`))
  test('in colour only when there is colour', () => {
    expect(line(f.eth(f.A, f.B, 0x800, tcp(2)))).not.toContain('\u001b')
    expect(line(f.eth(f.A, f.B, 0x800, tcp(2)), { level: 1 })).toContain('\u001b[32m')
    expect(line(f.eth(f.A, f.B, 0x800, tcp(4)), { level: 1 })).toContain('\u001b[31m')
  })
})

describe('a file that grows', () => {
  const frame = (node: string, device: string, ms: number, bytes: Buffer, more: Partial<Frame> = {}): Frame => ({
    node,
    ns: `lab.${node}`,
    device,
    ifindex: 2,
    at: AT + BigInt(ms) * 1_000_000n,
    direction: ms % 2 === 0 ? 'out' : 'in',
    hardware: 1,
    bytes,
    ...more,
  })
  const frames = [
    frame('pod-a', 'eth0', 0, f.eth(f.A, f.B, 0x800, tcp(2))),
    frame('node-1', 'p1', 1, f.eth(f.A, f.B, 0x800, tcp(2))),
    frame('pod-a', 'eth0', 2, f.eth(f.B, f.A, 0x800, f.ip4(Q, P, 1, f.ping4(0, 7, 1)))),
    frame('node-1', 'tun', 3, tcp(2), { hardware: 768 }),
  ]
  const stream = new PcapngStream()
  const parts = [stream.start('about'), ...frames.map((one) => stream.packet(one)), stream.end(new Map([['lab.node-1', 5]]))]
  const dir = mkdtempSync(join(tmpdir(), 'netlab-pcapng-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  const read = (bytes: Buffer): string[][] => {
    const path = join(dir, 'x.pcapng')
    writeFileSync(path, bytes)
    return tsharkFields(path, ['frame.interface_name', 'frame.len', 'frame.time_epoch']).map((cells) => cells.map((c) => c.join()))
  }

  test.skipIf(noTshark)('is whole after every block (needs tshark)', () => {
    for (let n = 1; n <= parts.length; n++) {
      const rows = read(Buffer.concat(parts.slice(0, n)))
      expect(rows.map(([name]) => name)).toEqual(['pod-a/eth0', 'node-1/p1', 'pod-a/eth0', 'node-1/tun'].slice(0, n - 1))
    }
    expect(read(Buffer.concat(parts)).map(([, length]) => Number(length))).toEqual(frames.map((one) => one.bytes.length))
  })
  test.skipIf(noTshark)('says what each device captured, and what was lost (needs capinfos)', () => {
    writeFileSync(join(dir, 'y.pcapng'), Buffer.concat(parts))
    const { stdout, status } = spawnSync('capinfos', [join(dir, 'y.pcapng')], { encoding: 'utf8' })
    expect(status).toBe(0)
    expect(stdout).toMatch(/Number of packets: +4\n/)
    expect(stdout).toMatch(/Number of interfaces in file: 3/)
    expect(stdout.match(/Number of stat entries = 1/g)).toHaveLength(3)
    expect(stdout).toMatch(/Capture comment: +about/)
  })
  test('lost frames are told once for a node, in a block of statistics', () => {
    const end = parts.at(-1)!
    const lost: number[] = []
    for (let at = 0; at < end.length; at += end.readUInt32LE(at + 4)) {
      expect(end.readUInt32LE(at)).toBe(5)
      // Interface and time, then options 4 (received) and 5 (lost), eight bytes each.
      expect([end.readUInt16LE(at + 20), end.readUInt16LE(at + 32)]).toEqual([4, 5])
      lost.push(Number(end.readBigUInt64LE(at + 36)))
    }
    expect(lost).toEqual([0, 5, 0])
  })
})
