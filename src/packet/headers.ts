/** Every header netlab can read. A new one: one file, one line here. */
import { arp } from './arp.ts'
import { ethernet } from './ethernet.ts'
import { geneve } from './geneve.ts'
import { gre } from './gre.ts'
import type { Header, Next } from './header.ts'
import { icmp, type IcmpMessage } from './icmp.ts'
import { icmpv6 } from './icmpv6.ts'
import { ipv4, type Ipv4Layer } from './ipv4.ts'
import { ipv6, type Ipv6Layer } from './ipv6.ts'
import { payload } from './payload.ts'
import { sctp } from './sctp.ts'
import { tcp, type TcpLayer } from './tcp.ts'
import { udp, type UdpLayer } from './udp.ts'
import { vxlan } from './vxlan.ts'
import { wireguard } from './wireguard.ts'

export const HEADERS = [icmp, icmpv6, tcp, udp, sctp, arp, ipv4, ipv6, vxlan, geneve, gre, wireguard, ethernet, payload] as const

type LayerOf<H> = H extends Header<infer L> ? L : never

/** A message, and the beginning of the packet an error complains about, decoded as far as it goes. */
export interface IcmpLayer extends IcmpMessage {
  readonly quoted?: readonly Layer[]
}

/** What one header of a packet says. A packet is its layers, outermost first; each describes the bytes around the next. */
export type Layer = Exclude<LayerOf<(typeof HEADERS)[number]>, IcmpMessage> | IcmpLayer
export type { TcpLayer, UdpLayer }

export type AnyHeader = Header<Layer>

const byType: ReadonlyMap<string, AnyHeader> = new Map(HEADERS.map((h) => [h.type, h as unknown as AnyHeader]))

/** What is known of a layer's protocol. */
export const headerOf = (layer: { readonly type: Layer['type'] }): AnyHeader => byType.get(layer.type)!

const byNumber = new Map<string, AnyHeader>()
for (const h of byType.values())
  for (const [space, numbers] of Object.entries(h.after)) for (const n of numbers) byNumber.set(`${space} ${n}`, h)

/** UDP ports that a lab's tunnels have, by the type of header that comes there. */
export type TunnelPorts = Readonly<Record<number, Layer['type']>>

/** The header of bytes that a number announces; payload, where none is known for it. */
export function announced({ space, number }: Omit<Next, 'bytes'>, ports: TunnelPorts): AnyHeader {
  const own = space === 'udpPort' ? ports[number] : undefined
  return (own === undefined ? byNumber.get(`${space} ${number}`) : byType.get(own)) ?? byType.get('payload')!
}

/** UDP ports that announce a header: the lab's, then those it has by default. */
export const udpPortsOf = (header: AnyHeader, ports: TunnelPorts): number[] => {
  const own = Object.entries(ports).flatMap(([port, type]) => (type === header.type ? [Number(port)] : []))
  return [...new Set([...own, ...(header.after.udpPort ?? [])])]
}

export const isIp = (l: Layer | undefined): l is Ipv4Layer | Ipv6Layer => l?.type === 'ipv4' || l?.type === 'ipv6'

/** `udp 8472`: a header as short as can be. */
export const labelOf = (layer: Partial<Layer> & { readonly type: Layer['type'] }): string => headerOf(layer).label?.(layer) ?? layer.type
