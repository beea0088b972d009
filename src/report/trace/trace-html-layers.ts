/** Headers as people read them: fields of a layer, and what changed since the packet was last seen. */
import type { Layer } from '../../packet/layers.ts'

/** A field of a header: its name, its value, whether the value is another than before. */
export type Field = readonly [label: string, value: string, changed: boolean]

export interface LayerView {
  /** `ipv4`: what its colour goes by. */
  readonly type: Layer['type']
  /** `IPv4`: what people call it. */
  readonly name: string
  /** Bytes of the header, for what is known to have a size. */
  readonly bytes: number | null
  readonly state: 'same' | 'changed' | 'added'
  readonly fields: readonly Field[]
}

const NAMES: Readonly<Record<Layer['type'], string>> = {
  ethernet: 'Ethernet',
  arp: 'ARP',
  ipv4: 'IPv4',
  ipv6: 'IPv6',
  icmp: 'ICMP',
  icmpv6: 'ICMPv6',
  tcp: 'TCP',
  udp: 'UDP',
  vxlan: 'VXLAN',
  gre: 'GRE',
  payload: 'Data',
}

type Plain = readonly (readonly [label: string, value: string | number | undefined])[]

/** The header's own fields, the ones that tell a result first. */
function fieldsOf(l: Layer): Plain {
  switch (l.type) {
    case 'ethernet':
      return [
        ['from', l.src],
        ['to', l.dst],
        ['VLAN', l.vlans?.join(', ')],
      ]
    case 'arp':
      return l.kind === 'request'
        ? [
            ['who has', l.targetIp],
            ['tell', l.senderIp],
          ]
        : [['answer', `${l.senderIp} is at ${l.senderMac}`]]
    case 'ipv4':
    case 'ipv6':
      return [
        ['from', l.src],
        ['to', l.dst],
        [l.type === 'ipv4' ? 'TTL' : 'hop limit', l.ttl],
        ['length', l.length],
        ['DF', l.type === 'ipv4' && l.df ? 'set' : undefined],
        ['fragment', l.fragment && `from byte ${l.fragment.offset}${l.fragment.more ? ', more follow' : ', the last'}`],
      ]
    case 'icmp':
    case 'icmpv6':
      return [
        ['message', l.kind.replaceAll('-', ' ')],
        ['code', l.kind === 'unreachable' ? l.code : undefined],
        ['id', l.id],
        ['sequence', l.seq],
        ['MTU', l.mtu],
        ['target', l.target],
        ['address', l.targetMac],
        ['about', l.quoted && about(l.quoted)],
      ]
    case 'tcp':
      return [
        ['from port', l.srcPort],
        ['to port', l.dstPort],
        ['flags', l.flags.join(' ').toUpperCase() || undefined],
        ['MSS', l.mss],
      ]
    case 'udp':
      return [
        ['from port', l.srcPort],
        ['to port', l.dstPort],
      ]
    case 'vxlan':
      return [['VNI', l.vni]]
    case 'gre':
      return [['key', l.key]]
    case 'payload':
      return [['', `${l.length} bytes`]]
  }
}

/** `10.244.0.2 to 10.244.1.2, ICMP echo request`: what an error complains about. */
function about(quoted: readonly Layer[]): string {
  const ip = quoted.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  const inner = quoted.find((l) => l.type !== 'ipv4' && l.type !== 'ipv6' && l.type !== 'payload')
  const what = inner && (inner.type === 'icmp' || inner.type === 'icmpv6' ? ` ${inner.kind.replaceAll('-', ' ')}` : '')
  return `${ip && 'src' in ip ? `${ip.src} to ${ip.dst}` : 'a packet'}${inner ? `, ${NAMES[inner.type]}${what}` : ''}`
}

function bytesOf(l: Layer): number | null {
  switch (l.type) {
    case 'ethernet':
      return 14 + 4 * (l.vlans?.length ?? 0)
    case 'arp':
      return 28
    case 'ipv4':
      return 20
    case 'ipv6':
      return 40
    case 'udp':
    case 'vxlan':
    case 'icmp':
      return 8
    case 'gre':
      return l.key === undefined ? 4 : 8
    case 'payload':
      return l.length
    default:
      return null
  }
}

/** What the payload and ICMP do not change by: sizes of headers that wrap them. */
const said = (l: Layer): readonly (readonly [string, string])[] =>
  fieldsOf(l).flatMap(([label, value]) => (value === undefined ? [] : [[label, String(value)] as const]))

const isIp = (l: Layer | undefined): boolean => l?.type === 'ipv4' || l?.type === 'ipv6'

/**
 * Layers of this hop beside those of the hop before. They are matched from the innermost out, because tunnels
 * and links put on and take off the outer ones.
 */
export function compare(before: readonly Layer[], now: readonly Layer[]): { readonly layers: LayerView[]; readonly gone: string[] } {
  let same = 0
  while (same < before.length && same < now.length && before.at(-1 - same)!.type === now.at(-1 - same)!.type) same++
  const layers = now.map((layer, i): LayerView => {
    const fromEnd = now.length - i
    const old = fromEnd <= same ? new Map(said(before.at(-fromEnd)!)) : undefined
    const fields = said(layer).map(([label, value]): Field => [label, value, old !== undefined && old.get(label) !== value])
    const state = before.length === 0 ? 'same' : !old ? 'added' : fields.some(([, , changed]) => changed) ? 'changed' : 'same'
    return { type: layer.type, name: NAMES[layer.type], bytes: bytesOf(layer), state, fields }
  })
  return { layers, gone: before.slice(0, before.length - same).map((l) => NAMES[l.type]) }
}

/** How a packet is wrapped, if it is: `VXLAN, VNI 1`. */
export function tunnelOf(layers: readonly Layer[]): string | undefined {
  const wrap = layers.find((l) => l.type === 'vxlan' || l.type === 'gre')
  if (wrap?.type === 'vxlan') return `VXLAN · VNI ${wrap.vni}`
  if (wrap?.type === 'gre') return wrap.key === undefined ? 'GRE' : `GRE · key ${wrap.key}`
  const second = layers.findIndex((l, i) => isIp(l) && isIp(layers[i + 1]))
  return second < 0 ? undefined : layers[second + 1]!.type === 'ipv6' ? 'IPv6 in IP' : 'IPIP'
}

/** `IPv4 10.244.0.2 to 10.244.1.2 · TTL 63 · ICMP echo request`: the packet's headers in one line, outermost first. */
export function inWords(layers: readonly Layer[]): string {
  const parts = layers.flatMap((l): string[] => {
    switch (l.type) {
      case 'ipv4':
      case 'ipv6':
        return [`${NAMES[l.type]} ${l.src} to ${l.dst}, ${l.type === 'ipv4' ? 'TTL' : 'hop limit'} ${l.ttl}`]
      case 'icmp':
      case 'icmpv6':
        return [`${NAMES[l.type]} ${l.kind.replaceAll('-', ' ')}`]
      case 'tcp':
        return [`TCP ${l.srcPort} to ${l.dstPort} ${l.flags.join(' ').toUpperCase()}`.trim()]
      case 'udp':
        return [`UDP ${l.srcPort} to ${l.dstPort}`]
      case 'vxlan':
        return [`VXLAN VNI ${l.vni}`]
      case 'gre':
        return [l.key === undefined ? 'GRE' : `GRE key ${l.key}`]
      case 'arp':
        return [`ARP ${l.kind}`]
      default:
        return []
    }
  })
  return parts.join(' · ')
}
