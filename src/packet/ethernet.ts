/** Ethernet (IEEE 802.3) and its VLAN tags (802.1Q). */
import { ETHERNET_FRAME, type Header } from './header.ts'
import { macText } from './text.ts'

export interface EthernetLayer {
  readonly type: 'ethernet'
  readonly src: string
  readonly dst: string
  /** Of what follows, VLAN tags passed over. */
  readonly etherType: number
  /** VLAN ids of 802.1Q tags, outermost first. */
  readonly vlans?: readonly number[]
}

const VLAN_TAGS = new Set([0x8100, 0x88a8])

/** The last three bytes tell the lab's MACs apart well enough for one line; all six are in the JSON. */
const shortMac = (mac: string): string => (mac.startsWith('02:') ? `${mac.slice(3, 5)}:${mac.slice(9)}` : mac)

export const ethernet: Header<EthernetLayer> = {
  type: 'ethernet',
  name: 'Ethernet',
  after: { etherType: [ETHERNET_FRAME] },
  parse(b) {
    if (b.length < 14) return undefined
    let etherType = b.readUInt16BE(12)
    let start = 14
    const vlans: number[] = []
    // 802.1Q: four bytes, the last two of which say what really follows.
    while (VLAN_TAGS.has(etherType) && b.length >= start + 4) {
      vlans.push(b.readUInt16BE(start) & 0x0fff)
      etherType = b.readUInt16BE(start + 2)
      start += 4
    }
    return {
      layer: { type: 'ethernet', dst: macText(b, 0), src: macText(b, 6), etherType, ...(vlans.length > 0 ? { vlans } : {}) },
      next: { space: 'etherType', number: etherType, bytes: b.subarray(start) },
    }
  },
  bytes: (l) => 14 + 4 * (l.vlans?.length ?? 0),
  fields: (l) => [
    ['from', l.src],
    ['to', l.dst],
    ['VLAN', l.vlans?.join(', ')],
  ],
  trace: (_, mark) => `${mark((l) => shortMac(l.src))}>${mark((l) => shortMac(l.dst))}`,
}
