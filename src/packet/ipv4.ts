/** IPv4 (RFC 791), fragments included. */
import type { Header } from './header.ts'
import { ip4Text } from './text.ts'

export interface Ipv4Layer {
  readonly type: 'ipv4'
  readonly src: string
  readonly dst: string
  readonly ttl: number
  /** Number of what comes next: 1 ICMP, 4 IPv4, 6 TCP, 17 UDP, 47 GRE. */
  readonly protocol: number
  readonly id: number
  /** Bytes, header included. */
  readonly length: number
  readonly df: boolean
  /** Present on fragments: bytes, and whether more follow. */
  readonly fragment?: { readonly offset: number; readonly more: boolean }
}

export const fragmentText = (fragment: Ipv4Layer['fragment']): string | undefined =>
  fragment && `from byte ${fragment.offset}${fragment.more ? ', more follow' : ', the last'}`

export const ipv4: Header<Ipv4Layer> = {
  type: 'ipv4',
  name: 'IPv4',
  after: { etherType: [0x0800], ipProtocol: [4] },
  word: 'ip',
  parse(b) {
    const header = ((b[0] ?? 0) & 15) * 4
    if (b.length < 20 || b[0]! >> 4 !== 4 || header < 20 || b.length < header) return undefined
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
      next: offset > 0 ? bytes : { space: 'ipProtocol', number: protocol, bytes },
    }
  },
  bytes: () => 20,
  fields: (l) => [
    ['from', l.src],
    ['to', l.dst],
    ['TTL', l.ttl],
    ['length', l.length],
    ['DF', l.df ? 'set' : undefined],
    ['fragment', fragmentText(l.fragment)],
  ],
  summary: (l) => `IPv4 ${l.src} to ${l.dst}, TTL ${l.ttl}`,
  trace: (_, mark) => `${mark((l) => l.src)} > ${mark((l) => l.dst)} ${mark((l) => `ttl ${l.ttl}`)}`,
  addresses: ({ src, dst }) => ({ src, dst }),
}
