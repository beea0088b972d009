/** ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861). */
import type { Header } from './header.ts'
import { icmpHeader, type IcmpMessage } from './icmp.ts'
import { ip6Text, macText } from './text.ts'

const KINDS: Readonly<Record<number, string>> = {
  1: 'unreachable',
  2: 'too-big',
  3: 'time-exceeded',
  4: 'parameter-problem',
  128: 'echo-request',
  129: 'echo-reply',
  130: 'listener-query',
  131: 'listener-report',
  133: 'router-solicitation',
  134: 'router-advertisement',
  135: 'neighbour-solicitation',
  136: 'neighbour-advertisement',
  137: 'redirect',
  143: 'listener-report',
}

/** The target, and the first link-layer address among the options (type 1 of a solicitation, 2 of an advertisement). */
function neighbourDiscovery(b: Buffer): Pick<IcmpMessage, 'target' | 'targetMac'> {
  if (b.length < 24) return {}
  const target = ip6Text(b, 8)
  // Options count their length in units of eight bytes; zero would never end.
  for (let at = 24; at + 8 <= b.length && b[at + 1] !== 0; at += b[at + 1]! * 8) {
    if ((b[at] === 1 || b[at] === 2) && b[at + 1] === 1) return { target, targetMac: macText(b, at + 2) }
  }
  return { target }
}

export const icmpv6: Header<IcmpMessage> = {
  ...icmpHeader(
    'icmpv6',
    'ICMPv6',
    (type) => KINDS[type],
    (b, kind) => (kind === 'too-big' ? { mtu: b.readUInt32BE(4) } : kind.startsWith('neighbour-') ? neighbourDiscovery(b) : {}),
  ),
  after: { ipProtocol: [58] },
  word: 'icmp6',
  bytes: () => undefined,
  addresses: (l) => (l.target === undefined ? {} : { dst: l.target }),
}
