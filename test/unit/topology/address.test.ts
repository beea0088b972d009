import fc from 'fast-check'
import { Address4 } from 'ip-address'
import { describe, expect, it } from 'vitest'
import {
  bits,
  contains,
  formatCidr,
  formatIp,
  overlaps,
  parseCidr,
  parseIp,
  sizeOf,
  within,
  type Cidr,
  type Family,
} from '../../../src/topology/address.ts'

describe('addresses', () => {
  it('IPv4 ones are those of ip-address', () => {
    const number = fc.oneof(fc.integer({ min: 0, max: 300 }).map(String), fc.constantFrom('', '00', '01', '007', '-1', '0x1', '1 ', '٣'))
    const text = fc.oneof(
      fc.array(number, { minLength: 3, maxLength: 5 }).map((numbers) => numbers.join('.')),
      fc.ipV4(),
      fc.string(),
    )
    fc.assert(
      fc.property(
        text.filter((t) => !/[/:]/.test(t)),
        (address) => {
          expect(parseIp(address)?.value).toBe(Address4.isValid(address) ? new Address4(address).bigInt() : undefined)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4/24',
    '1.2.3.4 ',
    '::1%eth0',
    ':::',
    '1::2::3',
    'g::',
    '12345::',
    '0x1.2.3.4',
    '1.2.3.-4',
  ])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined()
  })

  it.each(['', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', '/8', '10.0.0.0/8 '])(
    '%j is no network',
    (text) => {
      expect(parseCidr(text)).toBeUndefined()
    },
  )

  it('are written in one way', () => {
    const canonical = (text: string) => {
      const ip = parseIp(text)!
      return formatIp(ip.family, ip.value)
    }
    expect(canonical('FD00:0:0::0001')).toBe('fd00::1')
    expect(canonical('::ffff:1.2.3.4')).toMatch(/^::ffff:/)
    expect(canonical('255.255.255.255')).toBe('255.255.255.255')
    expect(formatCidr(parseCidr('10.1.2.3/8')!)).toBe('10.0.0.0/8')
  })
})

const ip = fc
  .constantFrom<Family>(4, 6)
  .chain((family) => fc.record({ family: fc.constant(family), value: fc.bigInt(0n, (1n << BigInt(bits(family))) - 1n) }))
const cidr = ip.chain(({ family, value }) =>
  fc.integer({ min: 0, max: bits(family) }).map((prefix): Cidr => {
    const shift = BigInt(bits(family) - prefix)
    return { family, base: (value >> shift) << shift, prefix }
  }),
)

describe('properties of addresses', () => {
  it('what is written is read back', () => {
    const address = fc.property(ip, ({ family, value }) => {
      expect(parseIp(formatIp(family, value))).toEqual({ family, value })
    })
    fc.assert(address)
    const network = fc.property(cidr, (each) => {
      expect(parseCidr(formatCidr(each))).toEqual(each)
    })
    fc.assert(network)
  })

  it('a network contains its first and last address, and not the next', () => {
    fc.assert(
      fc.property(cidr, (network) => {
        const { family, base } = network
        expect(contains(network, { family, value: base })).toBe(true)
        expect(contains(network, { family, value: base + sizeOf(network) - 1n })).toBe(true)
        expect(contains(network, { family, value: base + sizeOf(network) })).toBe(false)
      }),
    )
  })

  it('two networks overlap exactly if one lies within the other', () => {
    const pairs = fc.property(cidr, cidr, (a, b) => {
      expect(overlaps(a, b)).toBe(within(a, b) || within(b, a))
    })
    fc.assert(pairs)
  })
})
