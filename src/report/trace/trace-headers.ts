/** A packet's headers on a line: each tunnel drawn around what it carries, what changed since the last device in colour. */
import type { ChalkInstance } from 'chalk'
import type { Layer } from '../../packet/layers.ts'

/** Headers as words, changed values highlighted against the packet one device earlier. */
export function headers(layers: readonly Layer[], before: readonly Layer[], chalk: ChalkInstance): string[] {
  const first = before.length === 0
  // The packet inside is compared with itself, however many headers were put around it.
  const shift = layers.length - before.length
  return layers.flatMap((layer, i): string[] => {
    const old = before[i - shift]
    const isNew = !first && (i < shift || old?.type !== layer.type)
    const mark = (now: string, was: string | undefined): string => (first ? now : isNew || now !== was ? chalk.yellow(now) : now)
    const words = show(layer, old && old.type === layer.type ? old : undefined, mark, layers[i + 1])
    if (words === undefined) return []
    return [isNew ? chalk.yellow('▐') + words : words]
  })
}

type Mark = (now: string, was: string | undefined) => string

function show(l: Layer, o: Layer | undefined, mark: Mark, next: Layer | undefined): string | undefined {
  switch (l.type) {
    case 'ethernet': {
      const was = o?.type === 'ethernet' ? o : undefined
      return `${mark(shortMac(l.src), was && shortMac(was.src))}>${mark(shortMac(l.dst), was && shortMac(was.dst))}`
    }
    case 'ipv4':
    case 'ipv6': {
      const was = o?.type === 'ipv4' || o?.type === 'ipv6' ? o : undefined
      const tunnel = next?.type === 'ipv4' || next?.type === 'ipv6' ? ' ipip' : ''
      return `${mark(l.src, was?.src)} > ${mark(l.dst, was?.dst)} ${mark(`ttl ${l.ttl}`, was && `ttl ${was.ttl}`)}${tunnel}`
    }
    case 'icmp':
    case 'icmpv6':
      return l.kind
    case 'tcp': {
      const was = o?.type === 'tcp' ? o : undefined
      return `${mark(String(l.srcPort), was && String(was.srcPort))}>${mark(String(l.dstPort), was && String(was.dstPort))} ${l.flags.join('+').toUpperCase()}`
    }
    case 'udp': {
      const was = o?.type === 'udp' ? o : undefined
      if (next?.type === 'vxlan') return `udp ${l.dstPort}`
      return `udp ${mark(String(l.srcPort), was && String(was.srcPort))}>${mark(String(l.dstPort), was && String(was.dstPort))}`
    }
    case 'vxlan':
      return `vxlan ${l.vni} │`
    case 'gre':
      return `gre${l.key === undefined ? '' : ` key ${l.key}`} │`
    case 'arp':
      return l.kind === 'request' ? `who has ${l.targetIp}?` : `${l.senderIp} is ${l.senderMac}`
    case 'payload':
      return undefined
  }
}

/** The last three bytes tell the lab's MACs apart well enough for one line; all six are in the JSON. */
const shortMac = (mac: string): string => (mac.startsWith('02:') ? `${mac.slice(3, 5)}:${mac.slice(9)}` : mac)
