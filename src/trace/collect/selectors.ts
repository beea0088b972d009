/** The probe as netfilter can match it without connection tracking: by marker or ports, bare, inside a tunnel, or quoted in an ICMP error. */
import { sealedPorts, tunnelForms } from '../../packet/tunnels.ts'
import { sequenceNumbers, type Identity } from '../diagnose/identity.ts'
import type { Match, Selector } from './nf-tables.ts'

const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
const u32 = (n: number): Buffer => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255])
const at = (offset: number, value: Buffer): Match => ({ base: 'transport', offset, value })

/** Packets to trace through the rules. `family` is the probe's; tunnels are IPv4 outside. */
export function selectors(probe: Identity, family: 4 | 6): Selector[] {
  const l4 = probe.protocol === 'icmp' ? (family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6) : PROTOCOL[probe.protocol]
  const header = family === 4 ? 20 : 40
  /** What tells the probe (or its answer), by where its transport header is. */
  const marks = (start: number): Match[][] => {
    if (probe.protocol === 'icmp') return [[at(start + 8, probe.marker)]]
    const ports = Array.from({ length: probe.count }, (_, n) => probe.id + n).flatMap((p) => [[at(start, u16(p))], [at(start + 2, u16(p))]])
    if (probe.protocol === 'udp') return [[at(start + 8, probe.marker)], ...ports]
    // Behind a Service the port may be another one; the sequence number stays, and the answer acknowledges it.
    const numbers = sequenceNumbers(probe).flatMap((isn) => [[at(start + 4, u32(isn))], [at(start + 8, u32((isn + 1) >>> 0))]])
    return [...ports, ...numbers]
  }
  const bare = marks(0).map((matches): Selector => ({ family, protocol: l4, matches }))
  const tunnelled = tunnelForms(probe.ports).flatMap((t) =>
    t.inside === undefined || t.inside === family
      ? marks(t.length + header).map((m): Selector => ({
          family: 4,
          protocol: t.ipProtocol,
          matches: t.udpPort === undefined ? m : [at(2, u16(t.udpPort)), ...m],
        }))
      : [],
  )
  const icmp = family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6
  const errors = (family === 4 ? [3, 11] : [1, 2, 3]).flatMap((type) =>
    marks(8 + header)
      .filter((m) => m[0]!.offset !== 8 + header + 2 || probe.protocol !== 'icmp')
      .map((m): Selector => ({ family, protocol: icmp, matches: [at(0, Buffer.from([type])), ...m] })),
  )
  const encrypted = sealedPorts(probe.ports).flatMap(({ port, how }) =>
    [...new Set(probe.sizes.flatMap((size) => how.lengths(size)))].map((length): Selector => ({
      family: 4,
      protocol: PROTOCOL.udp,
      matches: [at(2, u16(port)), at(4, u16(length)), at(8, how.starts)],
    })),
  )
  return [...bare, ...tunnelled, ...encrypted, ...errors]
}
