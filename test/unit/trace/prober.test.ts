import { describe, expect, test } from 'vitest'
import { checksum, echoRequest, ownEchoes, parseEcho } from '../../../src/trace/collect/prober.ts'
import { filter } from '../packet/bpf.ts'

const ID = 61_234
const PAYLOAD = Buffer.from('netlab trace')

/** An IPv4 packet of ICMP, with options in its header. */
const ipv4 = (payload: Buffer, options = 0, protocol = 1): Buffer => {
  const header = Buffer.alloc(20 + options)
  header[0] = 0x40 | (5 + options / 4)
  header[8] = 62
  header[9] = protocol
  return Buffer.concat([header, payload])
}
const ipv6 = (payload: Buffer): Buffer => Buffer.concat([Buffer.from([0x60]), Buffer.alloc(39), payload])
const replyTo = (request: Buffer, type: number): Buffer => Buffer.concat([Buffer.from([type]), request.subarray(1)])
const error = (type: number, code: number, quoted: Buffer): Buffer => Buffer.concat([Buffer.from([type, code]), Buffer.alloc(6), quoted])

test.each([
  ['0001f203f4f5f6f7', 0x220d],
  ['0001f203f4f5f6f7ab', 0x770c],
  ['ffff', 0],
])('the checksum of %s', (hex, sum) => expect(checksum(Buffer.from(hex, 'hex'))).toBe(sum))

test('an echo request adds up to nothing', () => {
  const request = echoRequest(4, ID, 7, PAYLOAD)
  expect([request[0], request.readUInt16BE(4), request.readUInt16BE(6), request.subarray(8).toString()]).toEqual([8, ID, 7, 'netlab trace'])
  expect(checksum(request)).toBe(0)
})

test('the kernel fills in the checksum of ICMPv6', () => {
  const request = echoRequest(6, ID, 1, PAYLOAD)
  expect([request[0], request.readUInt16BE(2)]).toEqual([128, 0])
})

describe.each([
  [4, 0, [3, 5, 11, 12], (icmp: Buffer) => ipv4(icmp), ipv4],
  [4, 0, [3, 5, 11, 12], (icmp: Buffer) => ipv4(icmp, 8), (icmp: Buffer) => ipv4(icmp, 8)],
  // What IPv6 sockets get begins with the ICMP header.
  [6, 129, [1, 2, 3, 4], (icmp: Buffer) => icmp, ipv6],
] as const)('what a raw socket gets: IPv%d', (family, reply, errors, received, sent) => {
  const request = echoRequest(family, ID, 3, PAYLOAD)
  const other = echoRequest(family, ID + 1, 3, PAYLOAD)
  const keeps = (icmp: Buffer): boolean => filter(ownEchoes(family, ID), 0, received(icmp)) > 0
  const parse = (icmp: Buffer) => parseEcho(family, ID, received(icmp))

  test('a reply to us, and no other', () => {
    expect(keeps(replyTo(request, reply))).toBe(true)
    expect(parse(replyTo(request, reply))).toEqual({ kind: 'reply', sequence: 3, ...(family === 4 ? { ttl: 62 } : {}) })
    expect(keeps(replyTo(other, reply))).toBe(false)
    expect(parse(replyTo(other, reply))).toBeUndefined()
    expect(keeps(request)).toBe(false)
    expect(parse(request)).toBeUndefined()
  })

  test('errors about our requests, and no others', () => {
    for (const type of errors) {
      expect(keeps(error(type, 4, sent(request)))).toBe(true)
      expect(parse(error(type, 4, sent(request)))).toEqual({ kind: 'error', sequence: 3, type, code: 4 })
      expect(parse(error(type, 4, sent(other)))).toBeUndefined()
    }
    expect(keeps(error(13, 0, sent(request)))).toBe(false)
  })

  test('what is cut off is nothing', () => {
    expect(parse(Buffer.alloc(4))).toBeUndefined()
    expect(parse(error(errors[0], 0, sent(request).subarray(0, 24)))).toBeUndefined()
  })
})
