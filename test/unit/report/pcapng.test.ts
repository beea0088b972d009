import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { pcapng } from '../../../src/report/formats/pcapng.ts'
import type { TraceResult } from '../../../src/trace/result.ts'
import { noTshark, tsharkFields } from '../packet/pcap.ts'
import { delivered, hostile, overIpip, overIpv6, policyDrop, tooBig } from '../packet/trace-results.ts'

interface Block {
  readonly type: number
  readonly body: Buffer
}

/** Walks the blocks as the draft says, checking both lengths and the alignment of each. */
function blocks(file: Buffer): Block[] {
  const found: Block[] = []
  for (let at = 0; at < file.length;) {
    const length = file.readUInt32LE(at + 4)
    expect(length % 4).toBe(0)
    expect(file.readUInt32LE(at + length - 4)).toBe(length)
    found.push({ type: file.readUInt32LE(at), body: file.subarray(at + 8, at + length - 4) })
    at += length
  }
  return found
}

/** Options from `at` on; the list must end with opt_endofopt exactly at the block's end. */
function options(body: Buffer, at: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  while (at < body.length) {
    const [code, length] = [body.readUInt16LE(at), body.readUInt16LE(at + 2)]
    if (code === 0) {
      expect([length, at + 4]).toEqual([0, body.length])
      return found
    }
    found.set(code, body.subarray(at + 4, at + 4 + length))
    at += 4 + length + (-length & 3)
  }
  throw new Error('no end of options')
}

const STORIES: Readonly<Record<string, () => TraceResult>> = { delivered, policyDrop, tooBig, overIpv6, overIpip, hostile }

describe.each(Object.entries(STORIES))('%s', (_, make) => {
  const traced = make()
  const all = blocks(pcapng(traced))

  test('one section, its interfaces, then its packets', () => {
    const devices = new Set(traced.captures.map((c) => `${c.node}/${c.device}`))
    expect(all.map((b) => b.type)).toEqual([0x0a0d0d0a, ...Array.from(devices, () => 1), ...traced.captures.map(() => 6)])
    expect(all[0]!.body.readUInt32LE(0)).toBe(0x1a2b3c4d)
    expect(options(all[0]!.body, 16).get(4)!.toString()).toMatch(/^netlab \d/)
    expect(options(all[0]!.body, 16).get(1)!.toString()).toContain(traced.drop?.text ?? traced.outcome)
  })

  test('every frame is there, byte for byte, in time, on its interface, with its direction', () => {
    const interfaces = all.filter((b) => b.type === 1).map((b) => ({ link: b.body.readUInt16LE(0), is: options(b.body, 8) }))
    for (const [i, packet] of all.filter((b) => b.type === 6).entries()) {
      const c = traced.captures[i]!
      const length = packet.body.readUInt32LE(12)
      const { link, is } = interfaces[packet.body.readUInt32LE(0)]!
      expect(is.get(2)!.toString()).toBe(`${c.node}/${c.device}`)
      expect(is.get(9)).toEqual(Buffer.from([9]))
      expect(link).toBe(c.hardware === 1 ? 1 : 101)
      expect((BigInt(packet.body.readUInt32LE(4)) << 32n) + BigInt(packet.body.readUInt32LE(8))).toBe(c.at)
      expect(packet.body.subarray(20, 20 + length)).toEqual(c.bytes)
      expect(
        options(packet.body, 20 + length + (-length & 3))
          .get(2)!
          .readUInt32LE(),
      ).toBe(c.direction === 'in' ? 1 : 2)
    }
  })
})

test('frames captured out of order are written in order, and a cut frame keeps its length', () => {
  const traced = delivered()
  const cut = { ...traced.captures[3]!, bytes: traced.captures[3]!.bytes.subarray(0, 20), length: 1500 }
  const packets = blocks(pcapng({ ...traced, captures: [traced.captures[5]!, cut, traced.captures[0]!] })).filter((b) => b.type === 6)
  const at = packets.map((p) => (BigInt(p.body.readUInt32LE(4)) << 32n) + BigInt(p.body.readUInt32LE(8)))
  expect(at).toEqual([traced.captures[0]!.at, traced.captures[3]!.at, traced.captures[5]!.at])
  expect([packets[1]!.body.readUInt32LE(12), packets[1]!.body.readUInt32LE(16)]).toEqual([20, 1500])
})

test('of a multipoint GRE device the packet is written, not the draft of the tunnel header around it', () => {
  const traced = overIpip()
  const inner = traced.captures.find((c) => c.hardware === 768)!
  const draft = Buffer.from('4500000000000000002f0000c0a8320bc0a8320c00000800', 'hex')
  const gre = { ...inner, hardware: 778, bytes: Buffer.concat([draft, inner.bytes]), length: inner.bytes.length + draft.length }
  const packet = blocks(pcapng({ ...traced, forward: [], reply: [], captures: [gre] })).find((b) => b.type === 6)
  expect([packet!.body.readUInt32LE(12), packet!.body.readUInt32LE(16)]).toEqual([inner.bytes.length, inner.bytes.length])
  expect(packet!.body.subarray(20, 20 + inner.bytes.length)).toEqual(inner.bytes)
})

test('a traced without frames is still a file, and a comment too long for its length is cut', () => {
  const traced = policyDrop()
  // With both parities one of them is cut in the middle of a character of two bytes.
  for (const long of ['ü'.repeat(40_000), `a${'ü'.repeat(40_000)}`]) {
    const all = blocks(pcapng({ ...traced, forward: [], captures: [], drop: { ...traced.drop!, text: long } }))
    expect(all.map((b) => b.type)).toEqual([0x0a0d0d0a])
    const comment = options(all[0]!.body, 16).get(1)!
    expect(comment.length).toBeGreaterThan(65_000)
    expect(comment.toString()).not.toContain('\ufffd')
  }
})

const dir = mkdtempSync(join(tmpdir(), 'netlab-pcapng-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe.skipIf(noTshark)(`as tshark reads it${noTshark ? `: skipped, ${noTshark}` : ''}`, () => {
  const FIELDS = [
    'frame.interface_name',
    'frame.time_epoch',
    'frame.packet_flags_direction',
    'frame.comment',
    'frame.cap_len',
    '_ws.malformed',
  ]
  const read = (name: string, traced: TraceResult): string[][][] => {
    const file = join(dir, `${name}.pcapng`)
    writeFileSync(file, pcapng(traced))
    return tsharkFields(file, FIELDS, ['-d', 'udp.port==8472,vxlan'])
  }

  test.each(Object.entries(STORIES))('%s: interfaces, times, directions; nothing malformed', (name, make) => {
    const traced = make()
    const frames = read(name, traced)
    expect(frames.map((f) => f[0]![0])).toEqual(traced.captures.map((c) => `${c.node}/${c.device}`))
    expect(frames.map((f) => BigInt(f[1]![0]!.replace('.', '')))).toEqual(traced.captures.map((c) => c.at))
    expect(frames.map((f) => Number(f[2]![0]))).toEqual(traced.captures.map((c) => (c.direction === 'in' ? 1 : 2)))
    expect(frames.map((f) => Number(f[4]![0]))).toEqual(traced.captures.map((c) => c.bytes.length))
    expect(frames.filter((f) => f[5]!.length > 0)).toEqual([])
  })

  test('decisions are comments of their packet, the verdict of the last', () => {
    const comment = (frame: string[][] | undefined): string => frame![3]!.join('\n')
    const frames = read('comments', policyDrop())
    expect(comment(frames[2])).toContain('route: 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink (lab.yaml:3, kernel)')
    expect(comment(frames[4])).toBe('')
    expect(comment(frames.at(-1))).toContain('dropped here: policy shop/deny-all lets nothing in to shop/cart (policy, rule)')
    expect(comment(frames.at(-1))).toContain('verdict: pod-a to shop/cart: dropped at node-2 vxlan1')
  })

  test('a packet in a tunnel without Ethernet is read as IP', () => {
    const file = join(dir, 'raw.pcapng')
    writeFileSync(file, pcapng(overIpip()))
    const protocols = tsharkFields(file, ['frame.interface_name', 'frame.protocols'], ['-Y', 'frame.interface_name contains "ipip1"'])
    expect(protocols.map((f) => f[1]![0])).toEqual(Array.from({ length: 4 }, () => 'raw:ip:icmp:data'))
  })
})
