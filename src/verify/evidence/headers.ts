/** How a packet is encapsulated on the underlay, as captured; pure. */
import type { HeaderPattern } from '../../backends/backend.ts'
import { carriage } from '../../backends/index.ts'
import type { Host, Lab } from '../../lab/lab.ts'
import { isIp, labelOf, type Layer } from '../../packet/headers.ts'
import { sealedIn } from '../../packet/tunnels.ts'
import { contains, parseCidr, parseIp } from '../../topology/address.ts'
import type { Captured, Seen } from './underlay.ts'

/** Headers around a packet: those between the underlay's Ethernet header and the packet's own IP header. */
export interface Encapsulation {
  readonly host: string
  readonly direction: 'in' | 'out'
  readonly headers: readonly Layer[]
  /** Bytes the headers add to the IP packet on the link. */
  readonly bytes: number
  readonly src: string
  readonly dst: string
  readonly layers: readonly Layer[]
  /** It is encrypted: addresses are those of the hosts, and nothing shows of what is inside. */
  readonly sealed?: true
}

/** A frame taken apart; undefined for what is not IP. */
export function encapsulation({ host, direction, layers }: Seen): Encapsulation | undefined {
  const inner = layers.findLastIndex(isIp)
  const packet = layers[inner]
  if (!isIp(packet)) return undefined
  const start = layers[0]?.type === 'ethernet' ? 1 : 0
  const sealed = sealedIn(layers)
  if (sealed) {
    const headers = layers.slice(start, sealed.at + 1)
    return { host, direction, headers, bytes: 0, src: packet.src, dst: packet.dst, layers: [], sealed: true }
  }
  const outer = layers[start]
  const bytes = isIp(outer) ? outer.length - packet.length : 0
  return { host, direction, headers: layers.slice(start, inner), bytes, src: packet.src, dst: packet.dst, layers: layers.slice(inner) }
}

/** The host that has an address, or whose pod has. */
const hostAt = (lab: Lab, address: string): Host | undefined => {
  const ip = parseIp(address)
  return lab.hosts.find(
    (h) => h.addresses.some((a) => a.ip === address) || h.blocks.some((b) => ip !== undefined && contains(parseCidr(b.cidr)!, ip)),
  )
}

/**
 * Frames that carry packets between two addresses, in this order, wherever they were seen. What is encrypted is taken for one of them if it
 * went from the one's host to the other's.
 */
export function seenBetween(lab: Lab, captured: Captured, src: string, dst: string): Encapsulation[] {
  const [near, far] = [hostAt(lab, src), hostAt(lab, dst)]
  const has = (host: Host | undefined, address: string): boolean => host?.addresses.some((a) => a.ip === address) ?? false
  return captured.frames.flatMap((f) => {
    const w = encapsulation(f)
    if (!w) return []
    return (w.sealed ? has(near, w.src) && has(far, w.dst) : w.src === src && w.dst === dst) ? [w] : []
  })
}

const fits = (layer: Layer | undefined, { type, fields = {} }: HeaderPattern): boolean =>
  layer?.type === type && Object.entries(fields).every(([field, value]) => (layer as unknown as Record<string, unknown>)[field] === value)

/** `encapsulated in ipv4 > udp 8472 > vxlan 1 > ethernet`, or `not encapsulated`. */
export function encapsulationText(headers: readonly Layer[]): string {
  if (headers.length === 0) return 'not encapsulated'
  return `encapsulated in ${headers.map(labelOf).join(' > ')}`
}

const patternText = (pattern: readonly HeaderPattern[]): string =>
  pattern.map((p) => labelOf({ type: p.type, ...p.fields })).join(' > ') || 'no encapsulation'

/** Why a packet is encapsulated otherwise than declared; undefined if it is not. */
export function headerMismatch(lab: Lab, from: Host, to: Host, w: Encapsulation): string | undefined {
  const { headers: pattern, overhead, sharesL2 } = carriage(lab, from, to)
  const seen = `${encapsulationText(w.headers)} on the underlay of ${w.host}`
  if (w.headers.length !== pattern.length || !pattern.every((p, i) => fits(w.headers[i], p)))
    return `${seen}, expected ${patternText(pattern)}`
  if (!w.sealed && w.bytes !== overhead) return `${seen}: ${w.bytes} bytes instead of ${overhead}`
  const [outer] = w.headers
  if (!isIp(outer)) return undefined
  // On a link that all share, what is for a MAC that is not learned yet goes to every host.
  const ends = [[from], sharesL2 ? lab.hosts.filter((h) => h !== from) : [to]].map((hosts) =>
    hosts.flatMap((h) => h.addresses.map((a) => a.ip)),
  )
  return ends[0]!.includes(outer.src) && ends[1]!.includes(outer.dst) ? undefined : `${seen} from ${outer.src} to ${outer.dst}`
}
