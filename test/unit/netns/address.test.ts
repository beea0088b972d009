import { createRequire } from 'node:module'
import { isIPv6 } from 'node:net'
import type * as Koffi from 'koffi'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressBytes, addressText, linkAddressBytes, linkAddressText } from '../../../src/netns/netlink/address.ts'

const program = (createRequire(import.meta.url)('koffi') as typeof Koffi).load(null)
const inetNtop = program.func('const char *inet_ntop(int family, const void *address, void *text, uint32_t length)')
const ntop = (bytes: Buffer): string => inetNtop(bytes.length === 4 ? 2 : 10, bytes, Buffer.alloc(64), 64) as string

/** Addresses with runs of zeros and other odd groups are what texts differ in. */
const group = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff }))
const address6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => {
  const bytes = Buffer.alloc(16)
  for (const [i, g] of groups.entries()) bytes.writeUInt16BE(g, 2 * i)
  return bytes
})
const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes))

describe('an IP address', () => {
  test('is written as inet_ntop writes it', () => {
    fc.assert(
      fc.property(fc.oneof(address6, address4), (bytes) => {
        expect(addressText(bytes)).toBe(ntop(bytes))
      }),
    )
  })

  test('that was written is read', () => {
    fc.assert(
      fc.property(fc.oneof(address6, address4), (bytes) => {
        expect(addressBytes(addressText(bytes))).toEqual(bytes)
      }),
    )
  })

  test('is refused where Node refuses it', () => {
    const text = fc.stringMatching(/^[\da-f:.]{1,24}$/).filter((t) => t.includes(':'))
    fc.assert(
      fc.property(text, (t) => {
        const read = (): Buffer => addressBytes(t)
        if (isIPv6(t)) expect(read()).toHaveLength(16)
        else expect(read).toThrow(RangeError)
      }),
    )
    for (const t of ['10.0.0', '10.0.0.256', '10.0.0.1.2', 'lo', '', ':::', '1::2::3']) expect(() => addressBytes(t)).toThrow(RangeError)
  })
})

test('a MAC address is written with colons and read again', () => {
  const mac = '02:42:0a:f4:01:02'
  expect(linkAddressText(linkAddressBytes(mac))).toBe(mac)
  expect(() => linkAddressBytes('02:42:0a:f4:01')).toThrow(RangeError)
})
