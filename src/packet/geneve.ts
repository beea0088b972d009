/** Geneve (RFC 8926): frames, or packets of any EtherType, in UDP, with options behind the fixed header. */
import { ADD_K, ADD_X, AND, LD_B, LD_H, LSH, ST } from './bpf.ts'
import { tunnelTexts, type Header, type TunnelId } from './header.ts'

export interface GeneveLayer {
  readonly type: 'geneve'
  readonly vni: number
  /** EtherType of what is inside. */
  readonly protocol: number
  /** Bytes of options; absent: none. */
  readonly options?: number
}

const FIXED = 8
/** Low bits of the first byte: the length of the options in words of four bytes. */
const OPTIONS = 0x3f
const id: TunnelId<GeneveLayer> = { name: 'VNI', of: (l) => l.vni }

export const geneve: Header<GeneveLayer> = {
  ...tunnelTexts('geneve', 'Geneve', id, String),
  after: { udpPort: [6081] },
  word: 'geneve',
  parse(b) {
    if (b.length < FIXED || b[0]! >> 6 !== 0) return undefined
    const options = (b[0]! & OPTIONS) * 4
    if (b.length < FIXED + options) return undefined
    const protocol = b.readUInt16BE(2)
    return {
      layer: { type: 'geneve', vni: b.readUInt32BE(4) >>> 8, protocol, ...(options > 0 ? { options } : {}) },
      next: { space: 'etherType', number: protocol, bytes: b.subarray(FIXED + options) },
    }
  },
  bytes: (l) => FIXED + (l.options ?? 0),
  encapsulates: {
    id,
    // Linux sends whole frames, and no options unless a route asks for them.
    lengths: [FIXED + 14],
    look(a, { header, inside }) {
      a.load(LD_B, header, 0).emit(AND, OPTIONS).emit(LSH, 2).emit(ADD_X, 0).emit(ADD_K, FIXED).emit(ST, inside)
      a.load(LD_H, header, 2)
    },
  },
}
