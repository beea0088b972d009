/** INIT, INIT ACK and ABORT, as bytes. */
import { expect, test } from 'vitest'
import { crc32c } from '../../../../src/verify/probing/packets/checksum.ts'
import { abort, CHUNK, init, initAck, readSctp } from '../../../../src/verify/probing/packets/sctp.ts'

/** The checksum of a packet that has one: over the packet with zeros in its place (RFC 9260, 6.8). */
function checked(packet: Buffer): Buffer {
  const without = Buffer.from(packet)
  without.writeUInt32LE(0, 8)
  expect(packet.readUInt32LE(8)).toBe(crc32c(without))
  return packet
}

test('an INIT has the verification tag 0 and carries its own', () => {
  const packet = checked(init(40_000, 80, 0xfedc_ba98))
  expect(packet.toString('hex').replace(/^(.{16}).{8}/, '$1')).toBe('9c4000500000000001000014fedcba98000100000001000100000001')
  expect(readSctp(packet)).toEqual({ from: 40_000, to: 80, tag: 0, chunk: CHUNK.init, initiateTag: 0xfedc_ba98 })
})

test.each(['a 10.0.0.1:1\n', 'pod-1 [fd00::1]:40000\n'])('an INIT ACK carries a cookie of any length: %j', (cookie) => {
  const packet = checked(initAck(80, 40_000, 0xfedc_ba98, cookie))
  expect(packet.length % 4).toBe(0)
  // The length of the chunk leaves the padding out.
  expect(packet.readUInt16BE(14)).toBe(20 + 4 + cookie.length)
  expect(readSctp(packet)).toMatchObject({ from: 80, to: 40_000, tag: 0xfedc_ba98, chunk: CHUNK.initAck, cookie })
})

test('an ABORT', () => {
  const packet = checked(abort(80, 40_000, 7))
  expect(packet.toString('hex', 12)).toBe('06000004')
  expect(readSctp(packet)).toEqual({ from: 80, to: 40_000, tag: 7, chunk: CHUNK.abort })
})

test('what is cut short says nothing', () => {
  const packet = init(1, 2, 3)
  for (let length = 0; length < packet.length; length++) expect(readSctp(packet.subarray(0, length))).toBeUndefined()
  // A parameter that ends before it is whole has no text to offer beyond the packet.
  expect(readSctp(initAck(1, 2, 3, 'abc').subarray(0, 36))?.cookie).toBeUndefined()
})
