/** Ethernet (IEEE 802.3, 802.1Q), ARP (RFC 826), and what carries frames or packets inside: VXLAN (RFC 7348), GRE (RFC 2784, 2890). */
import { byEtherType, type Parsed } from './parse.ts'
import { ip4Text, macText } from './text.ts'

const VLAN_TAGS = new Set([0x8100, 0x88a8])

export function ethernet(b: Buffer): Parsed | undefined {
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
    next: { as: byEtherType(etherType), bytes: b.subarray(start) },
  }
}

/** Of Ethernet and IPv4, the only ones there are here; hardware type 1, or what tunnels call theirs. */
export function arp(b: Buffer): Parsed | undefined {
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
}

/** Flags: bit 3 says that the VNI is valid; anything else on this port is not VXLAN. */
export function vxlan(b: Buffer): Parsed | undefined {
  if (b.length < 8 || (b[0]! & 0x08) === 0) return undefined
  return { layer: { type: 'vxlan', vni: b.readUInt32BE(4) >>> 8 }, next: { as: 'ethernet', bytes: b.subarray(8) } }
}

const CHECKSUM = 0x80
const ROUTING = 0x40
const KEY = 0x20
const SEQUENCE = 0x10

/** Checksum and offset come before the key, the sequence number after it. */
export function gre(b: Buffer): Parsed | undefined {
  if (b.length < 4) return undefined
  const flags = b[0]!
  const protocol = b.readUInt16BE(2)
  // Version 1 is PPTP's; source routes are RFC 1701's and of unknown length.
  if ((b[1]! & 7) !== 0 || (flags & ROUTING) !== 0)
    return { layer: { type: 'gre', protocol }, next: { as: 'payload', bytes: b.subarray(4) } }
  const keyAt = (flags & CHECKSUM) === 0 ? 4 : 8
  const hasKey = (flags & KEY) !== 0
  const start = keyAt + (hasKey ? 4 : 0) + ((flags & SEQUENCE) === 0 ? 0 : 4)
  if (b.length < start) return undefined
  return {
    layer: { type: 'gre', protocol, ...(hasKey ? { key: b.readUInt32BE(keyAt) } : {}) },
    next: { as: byEtherType(protocol), bytes: b.subarray(start) },
  }
}
