/** VXLAN (RFC 7348): Ethernet frames in UDP. */
import { LD_IMM, LD_MEM, ADD_K, ST } from './bpf.ts'
import { ETHERNET_FRAME, tunnelTexts, type Header, type TunnelId } from './header.ts'

export interface VxlanLayer {
  readonly type: 'vxlan'
  readonly vni: number
}

const LENGTH = 8
const id: TunnelId<VxlanLayer> = { name: 'VNI', of: (l) => l.vni }

export const vxlan: Header<VxlanLayer> = {
  ...tunnelTexts('vxlan', 'VXLAN', id, String),
  // Linux' own port and the assigned one.
  after: { udpPort: [8472, 4789] },
  word: 'vxlan',
  /** Flags: bit 3 says that the VNI is valid; anything else on this port is not VXLAN. */
  parse(b) {
    if (b.length < LENGTH || (b[0]! & 0x08) === 0) return undefined
    return {
      layer: { type: 'vxlan', vni: b.readUInt32BE(4) >>> 8 },
      next: { space: 'etherType', number: ETHERNET_FRAME, bytes: b.subarray(LENGTH) },
    }
  },
  bytes: () => LENGTH,
  encapsulates: {
    id,
    lengths: [LENGTH + 14],
    look(a, { header, inside }) {
      a.emit(LD_MEM, header).emit(ADD_K, LENGTH).emit(ST, inside).emit(LD_IMM, ETHERNET_FRAME)
    },
  },
}
