/**
 * IP addresses and networks as numbers, so that blocks can be split and overlaps found.
 * Parsing and formatting of IPv6 are ip-address's, which is loaded once there is an IPv6 address (scripts/build.ts); text is
 * always in canonical form (RFC 5952 for IPv6).
 */
import { Address6 } from 'ip-address'

export type Family = 4 | 6
export const familyName = (family: Family): string => (family === 4 ? 'IPv4' : 'IPv6')
export const bits = (family: Family): number => (family === 4 ? 32 : 128)

export interface Ip {
  readonly family: Family
  readonly value: bigint
}

/** A network: `base` has no host bits set. */
export interface Cidr {
  readonly family: Family
  readonly base: bigint
  readonly prefix: number
}

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

function parseIpv4(text: string): Ip | undefined {
  const numbers = IPV4.exec(text)?.slice(1) ?? []
  let value = 0
  for (const number of numbers) {
    // A leading zero makes it octal for some.
    if (Number(number) > 255 || (number.length > 1 && number.startsWith('0'))) return undefined
    value = value * 256 + Number(number)
  }
  return numbers.length > 0 ? { family: 4, value: BigInt(value) } : undefined
}

/** Undefined for anything that is not exactly one address (no zone, no prefix, no leading zeros). */
export function parseIp(text: string): Ip | undefined {
  if (!text.includes(':')) return parseIpv4(text)
  if (text.includes('/') || text.includes('%')) return undefined
  return Address6.isValid(text) ? { family: 6, value: new Address6(text).bigInt() } : undefined
}

/** Undefined for anything but `address/prefix`. Host bits are dropped: compare {@link formatCidr} to see whether there were any. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...rest] = text.split('/')
  if (address === undefined || length === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined
  const ip = parseIp(address)
  const prefix = Number(length)
  if (!ip || prefix > bits(ip.family)) return undefined
  const shift = BigInt(bits(ip.family) - prefix)
  return { family: ip.family, base: (ip.value >> shift) << shift, prefix }
}

/** Canonical text of an address. */
export function formatIp(family: Family, value: bigint): string {
  if (family === 6) return Address6.fromBigInt(value).correctForm()
  const n = Number(value)
  return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`
}

/** An address as text in canonical form; text that is no address stays as it is. */
export function canonicalIp(text: string): string {
  const ip = text.includes(':') ? parseIp(text) : undefined
  return ip ? formatIp(ip.family, ip.value) : text
}

export const formatCidr = (c: Cidr): string => `${formatIp(c.family, c.base)}/${c.prefix}`

/** How many addresses the network holds. */
export const sizeOf = (c: Cidr): bigint => 1n << BigInt(bits(c.family) - c.prefix)
export const contains = (c: Cidr, ip: Ip): boolean => c.family === ip.family && ip.value >= c.base && ip.value < c.base + sizeOf(c)
export const overlaps = (a: Cidr, b: Cidr): boolean => a.family === b.family && a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a)
/** True when `inner` lies wholly inside `outer`. */
export const within = (inner: Cidr, outer: Cidr): boolean =>
  inner.family === outer.family && inner.prefix >= outer.prefix && overlaps(inner, outer)
