/** IPv4 (RFC 791) and IPv6 (RFC 8200), fragments and extension headers included. */
import type { Parsed, Protocol } from './parse.ts'
import { ip4Text, ip6Text } from './text.ts'

const PROTOCOLS: Readonly<Record<number, Protocol>> = { 1: 'icmp', 4: 'ip', 6: 'tcp', 17: 'udp', 41: 'ip', 47: 'gre', 58: 'icmpv6' }

const byProtocol = (protocol: number): Protocol => PROTOCOLS[protocol] ?? 'payload'

export function ip(b: Buffer): Parsed | undefined {
  const version = (b[0] ?? 0) >> 4
  return version === 4 ? ipv4(b) : version === 6 ? ipv6(b) : undefined
}

function ipv4(b: Buffer): Parsed | undefined {
  const header = (b[0]! & 15) * 4
  if (b.length < 20 || header < 20 || b.length < header) return undefined
  const word = b.readUInt16BE(6)
  const offset = (word & 0x1fff) * 8
  const more = (word & 0x2000) !== 0
  const protocol = b[9]!
  const length = b.readUInt16BE(2)
  // Ethernet pads short frames: what lies beyond the packet is not of it. Length 0 means a GSO packet over 64 KiB.
  const bytes = b.subarray(header, length >= header ? Math.min(b.length, length) : b.length)
  return {
    layer: {
      type: 'ipv4',
      src: ip4Text(b, 12),
      dst: ip4Text(b, 16),
      ttl: b[8]!,
      protocol,
      id: b.readUInt16BE(4),
      length,
      df: (word & 0x4000) !== 0,
      ...(offset > 0 || more ? { fragment: { offset, more } } : {}),
    },
    // Only the first fragment has the next header.
    next: { as: offset > 0 ? 'payload' : byProtocol(protocol), bytes },
  }
}

/** Extension headers that are passed over: hop-by-hop, routing, destination options. */
const EXTENSIONS = new Set([0, 43, 60])
const FRAGMENT = 44

function ipv6(b: Buffer): Parsed | undefined {
  if (b.length < 40) return undefined
  let protocol = b[6]!
  let at = 40
  let fragment: { offset: number; more: boolean } | undefined
  // What follows the fragment header of any but the first fragment is the middle of something.
  while ((EXTENSIONS.has(protocol) || protocol === FRAGMENT) && b.length >= at + 8 && !fragment?.offset) {
    const isFragment = protocol === FRAGMENT
    if (isFragment) {
      const word = b.readUInt16BE(at + 2)
      fragment = { offset: word & 0xfff8, more: (word & 1) !== 0 }
    }
    protocol = b[at]!
    at += isFragment ? 8 : (b[at + 1]! + 1) * 8
  }
  const length = b.readUInt16BE(4) + 40
  // Payload length 0 is a jumbogram, or a GSO packet over 64 KiB.
  const end = length > 40 ? Math.min(b.length, length) : b.length
  return {
    layer: { type: 'ipv6', src: ip6Text(b, 8), dst: ip6Text(b, 24), ttl: b[7]!, protocol, length, ...(fragment ? { fragment } : {}) },
    next: { as: fragment?.offset ? 'payload' : byProtocol(protocol), bytes: b.subarray(Math.min(at, end), end) },
  }
}
