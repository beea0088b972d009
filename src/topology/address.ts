/**
 * IP addresses and networks as numbers, so that blocks can be split and overlaps found.
 * Parsing and formatting are ip-address's; text is always in canonical form (RFC 5952 for IPv6).
 */
import { Address4, Address6 } from 'ip-address'

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

/** Undefined for anything that is not exactly one address (no zone, no prefix, no leading zeros). */
export function parseIp(text: string): Ip | undefined {
  if (text.includes('/') || text.includes('%')) return undefined
  if (Address4.isValid(text)) return { family: 4, value: new Address4(text).bigInt() }
  if (text.includes(':') && Address6.isValid(text)) return { family: 6, value: new Address6(text).bigInt() }
  return undefined
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
