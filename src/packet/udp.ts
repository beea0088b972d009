/** UDP (RFC 768). What it carries is known by its destination port: a tunnel's, or data. */
import type { Header } from './header.ts'
import { plural } from '../plural.ts'

export interface UdpLayer {
  readonly type: 'udp'
  readonly srcPort: number
  readonly dstPort: number
  /** Bytes, header included. */
  readonly length: number
}

export const udp: Header<UdpLayer> = {
  type: 'udp',
  name: 'UDP',
  after: { ipProtocol: [17] },
  word: 'udp',
  parse(b) {
    if (b.length < 8) return undefined
    const dstPort = b.readUInt16BE(2)
    return {
      layer: { type: 'udp', srcPort: b.readUInt16BE(0), dstPort, length: b.readUInt16BE(4) },
      next: { space: 'udpPort', number: dstPort, bytes: b.subarray(8) },
    }
  },
  bytes: () => 8,
  fields: (l) => [
    ['from port', l.srcPort],
    ['to port', l.dstPort],
  ],
  label: (l) => `udp${l.dstPort === undefined ? '' : ` ${l.dstPort}`}`,
  summary: (l) => `UDP ${l.srcPort} to ${l.dstPort}`,
  // A tunnel's source port is a hash of what is inside.
  trace: (now, mark, carries) =>
    carries ? `udp ${now.dstPort}` : `udp ${mark((l) => String(l.srcPort))}>${mark((l) => String(l.dstPort))}`,
  capture: (_, payload) => `UDP ${plural(payload, 'byte')}`,
  ports: (l) => ({ src: l.srcPort, dst: l.dstPort }),
}
