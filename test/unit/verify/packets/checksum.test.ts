/** Checksums, against the examples of the RFCs. */
import { expect, test } from 'vitest'
import { crc32c, internetChecksum } from '../../../../src/verify/probing/packets/checksum.ts'

test('the Internet checksum of RFC 1071, 3, of an even and of an odd number of bytes', () => {
  expect(internetChecksum(Buffer.from('0001f203f4f5f6f7', 'hex'))).toBe(0xffff - 0xddf2)
  expect(internetChecksum(Buffer.from('0001f203f4f5f6', 'hex'))).toBe(internetChecksum(Buffer.from('0001f203f4f5f600', 'hex')))
  expect(internetChecksum(Buffer.alloc(0))).toBe(0xffff)
  // More carries than one.
  expect(internetChecksum(Buffer.alloc(60_000, 0xff))).toBe(0)
})

test('CRC32c of RFC 3720, B.4', () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e)
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})
