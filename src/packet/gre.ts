/** GRE (RFC 2784) with key and sequence number (RFC 2890): packets of any EtherType, or whole frames, in IP. */
import { ADD_K, JSET, LD_H, LD_MEM, ST } from './bpf.ts'
import { tunnelTexts, type Header, type TunnelId } from './header.ts'

export interface GreLayer {
  readonly type: 'gre'
  /** EtherType of what is inside. */
  readonly protocol: number
  readonly key?: number
}

const id: TunnelId<GreLayer> = { name: 'key', of: (l) => l.key }

const CHECKSUM = 0x80
const ROUTING = 0x40
const KEY = 0x20
const SEQUENCE = 0x10

export const gre: Header<GreLayer> = {
  ...tunnelTexts('gre', 'GRE', id, (key) => `key ${key}`),
  after: { ipProtocol: [47] },
  word: 'gre',
  /** Checksum and offset come before the key, the sequence number after it. */
  parse(b) {
    if (b.length < 4) return undefined
    const flags = b[0]!
    const protocol = b.readUInt16BE(2)
    // Version 1 is PPTP's; source routes are RFC 1701's and of unknown length.
    if ((b[1]! & 7) !== 0 || (flags & ROUTING) !== 0) return { layer: { type: 'gre', protocol }, next: b.subarray(4) }
    const keyAt = (flags & CHECKSUM) === 0 ? 4 : 8
    const hasKey = (flags & KEY) !== 0
    const start = keyAt + (hasKey ? 4 : 0) + ((flags & SEQUENCE) === 0 ? 0 : 4)
    if (b.length < start) return undefined
    return {
      layer: { type: 'gre', protocol, ...(hasKey ? { key: b.readUInt32BE(keyAt) } : {}) },
      next: { space: 'etherType', number: protocol, bytes: b.subarray(start) },
    }
  },
  bytes: (l) => (l.key === undefined ? 4 : 8),
  encapsulates: {
    id,
    lengths: [4, 8],
    // ARPHRD_IPGRE: without a fixed far end.
    linkLayerOf: 778,
    look(a, { header, inside }) {
      a.emit(LD_MEM, header).emit(ADD_K, 4).emit(ST, inside)
      // Each of the optional words is there when its flag is, four bytes.
      for (const flag of [CHECKSUM, KEY, SEQUENCE]) {
        a.load(LD_H, header, 0).when(JSET, flag << 8, undefined, `gre-${flag}`)
        a.emit(LD_MEM, inside).emit(ADD_K, 4).emit(ST, inside).label(`gre-${flag}`)
      }
      a.load(LD_H, header, 2)
    },
  },
}
