/**
 * The classic BPF program every packet socket of a trace gets, so that a flood beside the probe costs nothing:
 * it lets through ARP, IPv6 neighbour discovery, ICMP errors, IP fragments, and the probe by its identity, bare or
 * one level deep inside any tunnel that `packet/` knows. What it lets through is checked again (identity.ts).
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
} from '../../packet/bpf.ts'
import { ETHERNET_FRAME } from '../../packet/header.ts'
import { udpPortsOf, type TunnelPorts } from '../../packet/headers.ts'
import { encapsulations, packetPorts, sealedPorts } from '../../packet/tunnels.ts'

const ETHERTYPE = { ipv4: 0x800, ipv6: 0x86dd, arp: 0x806 } as const

/** Scratch memory: where the current IP header, what follows it and a tunnel's header begin, from the network header. */
const M = { l3: 0, l4: 1, tunnel: 2, etherType: 3 } as const

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
  /** UDP ports of the lab's tunnels. */
  readonly ports: TunnelPorts
  /** Bytes of IP packets that it, its answer and errors about it can have: what is encrypted shows no more. Absent: any. */
  readonly sizes?: readonly number[]
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
  a.when(JEQ, ETHERTYPE.arp, 'accept-0').when(JEQ, ETHERTYPE.ipv4, 'ipv4-0').when(JEQ, ETHERTYPE.ipv6, 'ipv6-0', 'reject-0')
  level(a, 0, probe)
  tunnels(a)
  level(a, 1, probe)
  return a.bytes()
}

/** Accepts what comes from or goes to a port of the probes; falls through otherwise. */
function ownPorts(a: Assembler, prefix: string, accept: string, { id, count }: ProbeIdentity): void {
  for (const [offset, name] of [
    [0, 'source'],
    [2, 'destination'],
  ] as const) {
    const other = `${prefix}-not-${name}`
    a.load(LD_H, M.l4, offset)
      .when(JGE, id, undefined, other)
      .when(JGE, id + count, other, accept)
      .label(other)
  }
}

/** An IP packet: on the device itself (0), or inside a tunnel (1). */
function level(a: Assembler, n: 0 | 1, probe: ProbeIdentity): void {
  const at = (name: string): string => `${name}-${n}`
  const [accept, reject] = [at('accept'), at('reject')]

  a.label(at('ipv4'))
  a.load(LD_H, M.l3, 6).when(JSET, 0x1fff, accept)
  a.emit(LD_B, NET).emit(AND, 15).emit(LSH, 2).emit(ADD_X, 0).emit(ST, M.l4)
  a.emit(LD_B, NET + 9).jump(at('upper'))

  a.label(at('ipv6'))
  a.emit(LD_MEM, M.l3).emit(ADD_K, 40).emit(ST, M.l4)
  a.load(LD_B, M.l3, 6).when(JEQ, 44, accept)

  // The protocol number is in A, where the header begins in memory.
  a.label(at('upper'))
  a.when(JEQ, 1, at('icmp')).when(JEQ, 58, at('icmpv6')).when(JEQ, 6, at('tcp')).when(JEQ, 17, at('udp'))
  if (n === 0) {
    for (const { header } of encapsulations) for (const number of header.after.ipProtocol ?? []) a.when(JEQ, number, `in-${header.type}`)
    a.when(JEQ, 4, 'inner4').when(JEQ, 41, 'inner6')
  }
  a.jump(reject)

  a.label(at('icmp')).load(LD_B, M.l4, 0)
  for (const error of [3, 5, 11, 12]) a.when(JEQ, error, accept)
  a.when(JEQ, 0, at('echo')).when(JEQ, 8, at('echo'), reject)
  a.label(at('icmpv6')).load(LD_B, M.l4, 0)
  for (const type of [1, 2, 3, 4, 135, 136]) a.when(JEQ, type, accept)
  a.when(JEQ, 128, at('echo')).when(JEQ, 129, at('echo'), reject)
  a.label(at('echo'))
  a.load(LD_H, M.l4, 4).when(JEQ, probe.protocol === 'icmp' ? probe.id : -1, accept)
  a.load(LD_W, M.l4, 8).when(JEQ, probe.marker, accept, reject)

  // A translated connection is known by its first sequence number only: handshakes and resets are let through.
  a.label(at('tcp'))
  if (probe.protocol === 'tcp') {
    if (!probe.translated) ownPorts(a, at('tcp'), accept, probe)
    else a.load(LD_B, M.l4, 13).when(JSET, 6, accept)
  }
  a.jump(reject)

  a.label(at('udp'))
  if (n === 0) {
    a.load(LD_H, M.l4, 2)
    for (const { header, how } of encapsulations)
      if (how.look) for (const port of udpPortsOf(header, probe.ports)) a.when(JEQ, port, `udp-${header.type}`)
    for (const { port } of sealedPorts(probe.ports)) a.when(JEQ, port, `sealed-${port}`)
    for (const port of packetPorts(probe.ports)) a.when(JEQ, port, 'udp-packet')
  }
  if (probe.protocol === 'udp') {
    ownPorts(a, at('udp'), accept, probe)
    if (probe.translated)
      for (const port of new Set([probe.port, ...(probe.answerPorts ?? [])])) a.load(LD_H, M.l4, 0).when(JEQ, port, accept)
    a.load(LD_W, M.l4, 8).when(JEQ, probe.marker, accept)
  }
  if (n === 0) sealed(a, accept, reject, probe)
  // A conditional jump reaches 255 instructions: each level has its own ends.
  a.label(reject).emit(RET, 0).label(accept).emit(RET, 0xffff)
}

/** Encrypted packets: of those that can be the probe, by their length alone. */
function sealed(a: Assembler, accept: string, reject: string, { ports, sizes }: ProbeIdentity): void {
  for (const { port, how } of sealedPorts(ports)) {
    a.jump(reject)
    a.label(`sealed-${port}`).load(LD_W, M.l4, 8).when(JEQ, how.starts.readUInt32BE(), undefined, reject)
    if (!sizes) {
      a.jump(accept)
      continue
    }
    a.load(LD_H, M.l4, 4)
    for (const size of sizes) {
      const [least, most] = how.lengths(size)
      const next = `sealed-${port}-not-${size}`
      a.when(JGE, least, undefined, next)
        .when(JGE, most + 1, next, accept)
        .label(next)
    }
  }
}

/** From a tunnel's header to the IP packet inside. */
function tunnels(a: Assembler): void {
  for (const { header, how } of encapsulations) {
    if (!how.look) continue
    if (header.after.udpPort) a.label(`udp-${header.type}`).emit(LD_MEM, M.l4).emit(ADD_K, 8).emit(ST, M.l4)
    if (header.after.ipProtocol) a.label(`in-${header.type}`)
    a.emit(LD_MEM, M.l4).emit(ST, M.tunnel)
    how.look(a, { header: M.tunnel, inside: M.l3 })
    a.jump('inner')
  }
  a.label('inner').when(JEQ, ETHERNET_FRAME, undefined, 'packet')
  a.load(LD_H, M.l3, 12).emit(ST, M.etherType)
  a.emit(LD_MEM, M.l3).emit(ADD_K, 14).emit(ST, M.l3).emit(LD_MEM, M.etherType)
  a.label('packet')
  a.when(JEQ, ETHERTYPE.arp, 'accept-1').when(JEQ, ETHERTYPE.ipv4, 'ipv4-1').when(JEQ, ETHERTYPE.ipv6, 'ipv6-1', 'reject-1')
  a.label('udp-packet').emit(LD_MEM, M.l4).emit(ADD_K, 8).emit(ST, M.l3).jump('ipv4-1')
  a.label('inner4').emit(LD_MEM, M.l4).emit(ST, M.l3).jump('ipv4-1')
  a.label('inner6').emit(LD_MEM, M.l4).emit(ST, M.l3).jump('ipv6-1')
}
