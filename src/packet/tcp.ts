/** TCP (RFC 9293). */
import type { Header } from './header.ts'
import { plural } from '../plural.ts'

export interface TcpLayer {
  readonly type: 'tcp'
  readonly srcPort: number
  readonly dstPort: number
  readonly seq: number
  readonly ack: number
  /** In the order SYN, ACK, FIN, RST, PSH, URG. */
  readonly flags: readonly ('syn' | 'ack' | 'fin' | 'rst' | 'psh' | 'urg')[]
  readonly mss?: number
}

const FLAGS = [
  ['syn', 0x02],
  ['ack', 0x10],
  ['fin', 0x01],
  ['rst', 0x04],
  ['psh', 0x08],
  ['urg', 0x20],
] as const

/** Walks TCP options to the maximum segment size (kind 2). */
function maximumSegment(options: Buffer): number | undefined {
  for (let at = 0; at < options.length;) {
    const kind = options[at]!
    if (kind === 0) return undefined
    const size = kind === 1 ? 1 : (options[at + 1] ?? 0)
    if (kind === 2 && size === 4 && at + 4 <= options.length) return options.readUInt16BE(at + 2)
    // A length that does not count itself would never end.
    if (kind !== 1 && size < 2) return undefined
    at += size
  }
  return undefined
}

const flags = (l: TcpLayer, between: string): string => l.flags.join(between).toUpperCase()

export const tcp: Header<TcpLayer> = {
  type: 'tcp',
  name: 'TCP',
  after: { ipProtocol: [6] },
  word: 'tcp',
  /** ICMP errors need to quote only eight bytes (RFC 792): enough for ports and the sequence number; the rest is then 0 and empty. */
  parse(b) {
    if (b.length < 8) return undefined
    const numbers = { type: 'tcp', srcPort: b.readUInt16BE(0), dstPort: b.readUInt16BE(2), seq: b.readUInt32BE(4) } as const
    if (b.length < 20) return { layer: { ...numbers, ack: 0, flags: [] } }
    const header = Math.max(20, (b[12]! >> 4) * 4)
    const bits = b[13]!
    const mss = maximumSegment(b.subarray(20, header))
    return {
      layer: {
        ...numbers,
        ack: b.readUInt32BE(8),
        flags: FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name),
        ...(mss === undefined ? {} : { mss }),
      },
      next: b.subarray(header),
    }
  },
  bytes: () => undefined,
  fields: (l) => [
    ['from port', l.srcPort],
    ['to port', l.dstPort],
    ['flags', flags(l, ' ') || undefined],
    ['MSS', l.mss],
  ],
  summary: (l) => `TCP ${l.srcPort} to ${l.dstPort} ${flags(l, ' ')}`.trim(),
  trace: (now, mark) => `${mark((l) => String(l.srcPort))}>${mark((l) => String(l.dstPort))} ${flags(now, '+')}`,
  capture: (l, payload) => `TCP ${flags(l, '+') || 'no flags'}${payload > 0 ? ` ${plural(payload, 'byte')}` : ''}`,
  ports: (l) => ({ src: l.srcPort, dst: l.dstPort }),
}
