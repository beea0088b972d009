/** SCTP (RFC 9260): the common header and the first chunk. */
import type { Header } from './header.ts'

export interface SctpLayer {
  readonly type: 'sctp'
  readonly srcPort: number
  readonly dstPort: number
  readonly tag: number
  /** `INIT`, `ABORT` …; `chunk 42` for others; absent where the packet is cut short. */
  readonly chunk?: string
}

const CHUNKS: Readonly<Record<number, string>> = {
  0: 'DATA',
  1: 'INIT',
  2: 'INIT-ACK',
  3: 'SACK',
  4: 'HEARTBEAT',
  5: 'HEARTBEAT-ACK',
  6: 'ABORT',
  7: 'SHUTDOWN',
  8: 'SHUTDOWN-ACK',
  9: 'ERROR',
  10: 'COOKIE-ECHO',
  11: 'COOKIE-ACK',
  14: 'SHUTDOWN-COMPLETE',
}

export const sctp: Header<SctpLayer> = {
  type: 'sctp',
  name: 'SCTP',
  after: { ipProtocol: [132] },
  word: 'sctp',
  parse(b) {
    if (b.length < 8) return undefined
    const chunk = b.length < 16 ? undefined : (CHUNKS[b[12]!] ?? `chunk ${b[12]}`)
    return {
      layer: {
        type: 'sctp',
        srcPort: b.readUInt16BE(0),
        dstPort: b.readUInt16BE(2),
        tag: b.readUInt32BE(4),
        ...(chunk === undefined ? {} : { chunk }),
      },
      ...(b.length > 12 ? { next: b.subarray(12) } : {}),
    }
  },
  bytes: () => 12,
  fields: (l) => [
    ['from port', l.srcPort],
    ['to port', l.dstPort],
    ['chunk', l.chunk],
  ],
  summary: (l) => `SCTP ${l.srcPort} to ${l.dstPort} ${l.chunk ?? ''}`.trim(),
  trace: (now, mark) => `sctp ${mark((l) => String(l.srcPort))}>${mark((l) => String(l.dstPort))} ${now.chunk ?? ''}`.trim(),
  capture: (l) => `SCTP ${l.chunk ?? ''}`.trim(),
  ports: (l) => ({ src: l.srcPort, dst: l.dstPort }),
}
