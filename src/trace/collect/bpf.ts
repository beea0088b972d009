/**
 * The classic BPF program every packet socket of a trace gets, so that a flood beside the probe costs nothing:
 * it lets through ARP, IPv6 neighbour discovery, ICMP errors, IP fragments, and the probe by its identity, bare or
 * one level deep inside VXLAN, GRE or IPIP. What it lets through is checked again (identity.ts).
 *
 * Loads are relative to the network header (SKF_NET_OFF), so that Ethernet and raw-IP devices share one program.
 */
import {
  Assembler,
  LD_IMM,
  LD_W,
  LD_H,
  LD_B,
  LDH_ABS,
  ST,
  LD_MEM,
  TAX,
  ADD_K,
  ADD_X,
  AND,
  LSH,
  JEQ,
  JGE,
  JSET,
  RET,
  NET,
  PROTOCOL,
} from './bpf-code.ts'

const ETHERTYPE = { ipv4: 0x800, ipv6: 0x86dd, arp: 0x806, bridged: 0x6558 } as const

/** Scratch memory: where the current IP header and what follows it begin, from the network header. */
const M = { l3: 0, l4: 1, gre: 2 } as const

/** What the filter knows the probe by. */
export interface ProbeIdentity {
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  /** ICMP echo id, or first source port. */
  readonly id: number
  readonly count: number
  /** Destination port; 0 for ICMP. */
  readonly port: number
  /** First four bytes of the payload: what survives every address translation. */
  readonly marker: number
  /** UDP port of VXLAN. */
  readonly vxlanPort: number
  /** Ports that answers come from where a Service translates the destination's; a client's may be translated as well. */
  readonly answerPorts?: readonly number[]
  /**
   * Its ports may be translated on the way. Its answers are then known by too little to keep other clients of the same
   * port away; {@link Recognizer} tells them apart afterwards.
   */
  readonly translated?: boolean
}

/** The whole program, as the bytes of an array of `struct sock_filter` (little-endian machines). */
export function captureFilter(probe: ProbeIdentity): Buffer {
  const a = new Assembler()
  // The kernel wants scratch memory written before it is read, whatever the way.
  a.emit(LD_IMM, 0)
  for (const slot of Object.values(M)) a.emit(ST, slot)
  a.emit(LDH_ABS, PROTOCOL)
  a.when(JEQ, ETHERTYPE.arp, 'accept').when(JEQ, ETHERTYPE.ipv4, 'ipv4-0').when(JEQ, ETHERTYPE.ipv6, 'ipv6-0', 'reject')
  level(a, 0, probe)
  level(a, 1, probe)
  return a.label('accept').emit(RET, 0xffff).label('reject').emit(RET, 0).bytes()
}

/** Accepts what comes from or goes to a port of the probes; falls through otherwise. */
function ownPorts(a: Assembler, prefix: string, { id, count }: ProbeIdentity): void {
  for (const [offset, name] of [
    [0, 'source'],
    [2, 'destination'],
  ] as const) {
    const other = `${prefix}-not-${name}`
    a.load(LD_H, M.l4, offset)
      .when(JGE, id, undefined, other)
      .when(JGE, id + count, other, 'accept')
      .label(other)
  }
}

function level(a: Assembler, n: 0 | 1, probe: ProbeIdentity): void {
  const at = (name: string): string => `${name}-${n}`
  // The protocol number is in A, L4 offset in memory, when it gets here.
  const tunnels: readonly (readonly [number, string])[] =
    n === 0
      ? [
          [47, 'gre-0'],
          [4, 'inner4'],
          [41, 'inner6'],
        ]
      : []

  a.label(at('ipv4'))
  a.load(LD_H, M.l3, 6).when(JSET, 0x1fff, 'accept')
  a.emit(LD_B, NET).emit(AND, 15).emit(LSH, 2).emit(ADD_X, 0).emit(ST, M.l4)
  a.emit(LD_B, NET + 9).jump(at('upper'))

  a.label(at('ipv6'))
  a.emit(LD_MEM, M.l3).emit(ADD_K, 40).emit(ST, M.l4)
  a.load(LD_B, M.l3, 6).when(JEQ, 44, 'accept')

  a.label(at('upper'))
  a.when(JEQ, 1, at('icmp')).when(JEQ, 58, at('icmpv6')).when(JEQ, 6, at('tcp')).when(JEQ, 17, at('udp'))
  for (const [number, label] of tunnels) a.when(JEQ, number, label)
  a.jump('reject')

  a.label(at('icmp')).load(LD_B, M.l4, 0)
  for (const error of [3, 5, 11, 12]) a.when(JEQ, error, 'accept')
  a.when(JEQ, 0, at('echo')).when(JEQ, 8, at('echo'), 'reject')
  a.label(at('icmpv6')).load(LD_B, M.l4, 0)
  for (const type of [1, 2, 3, 4, 135, 136]) a.when(JEQ, type, 'accept')
  a.when(JEQ, 128, at('echo')).when(JEQ, 129, at('echo'), 'reject')
  a.label(at('echo'))
  a.load(LD_H, M.l4, 4).when(JEQ, probe.protocol === 'icmp' ? probe.id : -1, 'accept')
  a.load(LD_W, M.l4, 8).when(JEQ, probe.marker, 'accept', 'reject')

  // A translated connection is known by its first sequence number only: handshakes and resets are let through.
  a.label(at('tcp'))
  if (probe.protocol === 'tcp') {
    if (!probe.translated) ownPorts(a, at('tcp'), probe)
    else a.load(LD_B, M.l4, 13).when(JSET, 6, 'accept')
  }
  a.jump('reject')

  a.label(at('udp'))
  if (n === 0) a.load(LD_H, M.l4, 2).when(JEQ, probe.vxlanPort, 'vxlan')
  if (probe.protocol === 'udp') {
    ownPorts(a, at('udp'), probe)
    if (probe.translated)
      for (const port of new Set([probe.port, ...(probe.answerPorts ?? [])])) a.load(LD_H, M.l4, 0).when(JEQ, port, 'accept')
    a.load(LD_W, M.l4, 8).when(JEQ, probe.marker, 'accept')
  }
  a.jump('reject')
  if (n === 1) return

  a.label('vxlan').load(LD_H, M.l4, 28).emit(ST, M.gre)
  a.emit(LD_MEM, M.l4).emit(ADD_K, 30).emit(ST, M.l3).emit(LD_MEM, M.gre).jump('inner')

  // Checksum, key and sequence number are there when their flags are, four bytes each (RFC 2890).
  a.label('gre-0')
  a.load(LD_H, M.l4, 2).emit(ST, M.gre)
  a.emit(LD_MEM, M.l4).emit(ADD_K, 4).emit(ST, M.l3)
  for (const [flag, name] of [
    [0x8000, 'c'],
    [0x2000, 'k'],
    [0x1000, 's'],
  ] as const) {
    a.load(LD_H, M.l4, 0).when(JSET, flag, undefined, `gre-${name}`)
    a.emit(LD_MEM, M.l3).emit(ADD_K, 4).emit(ST, M.l3).label(`gre-${name}`)
  }
  a.emit(LD_MEM, M.gre).when(JEQ, ETHERTYPE.bridged, undefined, 'inner')
  a.emit(LD_MEM, M.l3)
    .emit(TAX, 0)
    .emit(LD_H, NET + 12)
    .emit(ST, M.gre)
  a.emit(LD_MEM, M.l3).emit(ADD_K, 14).emit(ST, M.l3).emit(LD_MEM, M.gre)

  a.label('inner')
  a.when(JEQ, ETHERTYPE.arp, 'accept').when(JEQ, ETHERTYPE.ipv4, 'ipv4-1').when(JEQ, ETHERTYPE.ipv6, 'ipv6-1', 'reject')
  a.label('inner4').emit(LD_MEM, M.l4).emit(ST, M.l3).jump('ipv4-1')
  a.label('inner6').emit(LD_MEM, M.l4).emit(ST, M.l3).jump('ipv6-1')
}
