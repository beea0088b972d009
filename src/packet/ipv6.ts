/** IPv6 (RFC 8200), fragments and extension headers included. */
import type { Header } from './header.ts'
import { fragmentText } from './ipv4.ts'
import { ip6Text } from './text.ts'

export interface Ipv6Layer {
  readonly type: 'ipv6'
  readonly src: string
  readonly dst: string
  /** Hop limit. */
  readonly ttl: number
  /** Number of the upper layer, extension headers passed over. */
  readonly protocol: number
  /** Bytes, header included. */
  readonly length: number
  readonly fragment?: { readonly offset: number; readonly more: boolean }
}

/** Extension headers that are passed over: hop-by-hop, routing, destination options. */
const EXTENSIONS = new Set([0, 43, 60])
const FRAGMENT = 44

export const ipv6: Header<Ipv6Layer> = {
  type: 'ipv6',
  name: 'IPv6',
  after: { etherType: [0x86dd], ipProtocol: [41] },
  word: 'ip6',
  parse(b) {
    if (b.length < 40 || b[0]! >> 4 !== 6) return undefined
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
    const bytes = b.subarray(Math.min(at, end), end)
    return {
      layer: { type: 'ipv6', src: ip6Text(b, 8), dst: ip6Text(b, 24), ttl: b[7]!, protocol, length, ...(fragment ? { fragment } : {}) },
      next: fragment?.offset ? bytes : { space: 'ipProtocol', number: protocol, bytes },
    }
  },
  bytes: () => 40,
  fields: (l) => [
    ['from', l.src],
    ['to', l.dst],
    ['hop limit', l.ttl],
    ['length', l.length],
    ['fragment', fragmentText(l.fragment)],
  ],
  summary: (l) => `IPv6 ${l.src} to ${l.dst}, hop limit ${l.ttl}`,
  trace: (_, mark) => `${mark((l) => l.src)} > ${mark((l) => l.dst)} ${mark((l) => `ttl ${l.ttl}`)}`,
  addresses: ({ src, dst }) => ({ src, dst }),
}
