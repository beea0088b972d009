/** Which lengths the probe and what belongs to it can have on a device: the filter of the device events. */

import { encapsulations, tunnelForms } from '../../packet/tunnels.ts'

/** Without the Ethernet header (frames coming in) and with it (going out). */
const LINK = [0, 14]
/** What tunnels add: none, or any over IPv4; in UDP alone, whichever the port. */
const TUNNELS = [...new Set([0, 20 + 8, ...tunnelForms({}).map((t) => 20 + t.length)])]

/** What of a probe decides on lengths. */
interface Sized {
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  readonly size: number
  readonly family: 4 | 6 | undefined
}

/** Bytes of IP packets that the probe, its answer and errors about it can have. */
export function packetSizes({ protocol, size, family }: Sized): number[] {
  const families = family === undefined ? [4, 6] : [family]
  const packets = families.flatMap((f) => {
    const ip = f === 4 ? 20 : 40
    // SYN and SYN-ACK with the options Linux sends, RST; ICMP errors quote all of a small packet.
    const own = protocol === 'tcp' ? [ip + 40, ip + 20] : [size]
    return [...own, ...own.map((l) => Math.min(l + ip + 8, f === 4 ? 576 : 1280))]
  })
  return [...new Set(packets)]
}

/** The same packet, bare and in every tunnel over IPv4. */
const carried = (packet: number): number[] => [
  ...TUNNELS.map((t) => packet + t),
  ...encapsulations.flatMap(({ how }) => how.sealed?.lengths(packet).map((length) => 20 + length) ?? []),
]

export const lengthsOf = (probe: Sized): number[] =>
  [...new Set(packetSizes(probe).flatMap((p) => carried(p).flatMap((t) => LINK.map((l) => t + l))))].sort((a, b) => a - b)
