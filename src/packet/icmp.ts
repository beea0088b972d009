/** ICMP (RFC 792), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861). */
import type { IcmpLayer } from './layers.ts'
import type { Parsed } from './parse.ts'
import { ip6Text, macText } from './text.ts'

/** Names of ICMP types by protocol; errors quote the packet they complain about. */
const KINDS: Readonly<Record<IcmpLayer['type'], Readonly<Record<number, string>>>> = {
  icmp: { 0: 'echo-reply', 3: 'unreachable', 5: 'redirect', 8: 'echo-request', 11: 'time-exceeded', 12: 'parameter-problem' },
  icmpv6: {
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
  },
}
const ERRORS = new Set(['unreachable', 'too-big', 'time-exceeded', 'parameter-problem'])

/** Reads a message of one of the two protocols, whose types are numbered apart. */
export const icmp =
  (type: IcmpLayer['type']) =>
  (b: Buffer): Parsed | undefined => {
    if (b.length < 8) return undefined
    const icmpType = b[0]!
    const code = b[1]!
    const named = KINDS[type][icmpType] ?? `type ${icmpType}`
    // IPv4 has no type of its own for it: "fragmentation needed and DF set" (RFC 792, RFC 1191).
    const kind = type === 'icmp' && icmpType === 3 && code === 4 ? 'too-big' : named
    const echo = kind.startsWith('echo-')
    const mtu = kind !== 'too-big' ? undefined : type === 'icmp' ? b.readUInt16BE(6) : b.readUInt32BE(4)
    return {
      layer: {
        type,
        kind,
        icmpType,
        code,
        ...(echo ? { id: b.readUInt16BE(4), seq: b.readUInt16BE(6) } : {}),
        ...(mtu === undefined ? {} : { mtu }),
        ...neighbourDiscovery(b, kind),
      },
      ...(echo ? { next: { as: 'payload', bytes: b.subarray(8) } } : {}),
      ...(ERRORS.has(kind) ? { quoted: b.subarray(8) } : {}),
    }
  }

/** The target, and the first link-layer address among the options (type 1 of a solicitation, 2 of an advertisement). */
function neighbourDiscovery(b: Buffer, kind: string): Pick<IcmpLayer, 'target' | 'targetMac'> {
  if (!kind.startsWith('neighbour-') || b.length < 24) return {}
  const target = ip6Text(b, 8)
  // Options count their length in units of eight bytes; zero would never end.
  for (let at = 24; at + 8 <= b.length && b[at + 1] !== 0; at += b[at + 1]! * 8) {
    if ((b[at] === 1 || b[at] === 2) && b[at + 1] === 1) return { target, targetMac: macText(b, at + 2) }
  }
  return { target }
}
