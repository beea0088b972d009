/** ARP (RFC 826), of Ethernet and IPv4. */
import type { Header } from './header.ts'
import { ip4Text, macText } from './text.ts'

export interface ArpLayer {
  readonly type: 'arp'
  readonly kind: 'request' | 'reply'
  readonly senderMac: string
  readonly senderIp: string
  readonly targetMac: string
  readonly targetIp: string
}

export const arp: Header<ArpLayer> = {
  type: 'arp',
  name: 'ARP',
  after: { etherType: [0x0806] },
  word: 'arp',
  /** Hardware type 1, or what tunnels call theirs. */
  parse(b) {
    if (b.length < 28 || b.readUInt16BE(2) !== 0x0800 || b[4] !== 6 || b[5] !== 4) return undefined
    const operation = b.readUInt16BE(6)
    if (operation !== 1 && operation !== 2) return undefined
    return {
      layer: {
        type: 'arp',
        kind: operation === 1 ? 'request' : 'reply',
        senderMac: macText(b, 8),
        senderIp: ip4Text(b, 14),
        targetMac: macText(b, 18),
        targetIp: ip4Text(b, 24),
      },
    }
  },
  bytes: () => 28,
  fields: (l) =>
    l.kind === 'request'
      ? [
          ['who has', l.targetIp],
          ['tell', l.senderIp],
        ]
      : [['answer', `${l.senderIp} is at ${l.senderMac}`]],
  summary: (l) => `ARP ${l.kind}`,
  trace: (l) => (l.kind === 'request' ? `who has ${l.targetIp}?` : `${l.senderIp} is ${l.senderMac}`),
  capture: (l) => (l.kind === 'request' ? `ARP who has ${l.targetIp}? tell ${l.senderIp}` : `ARP ${l.senderIp} is at ${l.senderMac}`),
  addresses: (l) => ({ src: l.senderIp, dst: l.targetIp }),
}
