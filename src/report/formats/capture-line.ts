/** A packet on one line: when, where, which way, and its headers, each tunnel's before what it carries. */
import type { ChalkInstance } from 'chalk'
import { headerOf, isIp, type Layer } from '../../packet/headers.ts'
import { opensTunnel } from '../../packet/tunnels.ts'
import { plural } from '../../plural.ts'

export interface CapturedPacket {
  readonly node: string
  readonly device: string
  /** Nanoseconds since 1970. */
  readonly at: bigint
  readonly direction: 'in' | 'out'
  readonly layers: readonly Layer[]
  /** Bytes of the frame. */
  readonly length: number
}

export interface LineOptions {
  readonly chalk: ChalkInstance
  /** Show MAC addresses, too. */
  readonly ether: boolean
  /** Columns for `node/device`. */
  readonly where: number
}

/** `14:03:07.123456`, in this machine's time zone. */
export function clock(at: bigint): string {
  const date = new Date(Number(at / 1_000_000n))
  const two = (n: number): string => String(n).padStart(2, '0')
  const micro = String(Number((at / 1000n) % 1_000_000n)).padStart(6, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micro}`
}

/** Layers up to and with each tunnel's header, then what is inside. */
function segments(layers: readonly Layer[]): Layer[][] {
  const all: Layer[][] = [[]]
  layers.forEach((layer, i) => {
    all.at(-1)!.push(layer)
    if (opensTunnel(layers, i) && i + 1 < layers.length) all.push([])
  })
  return all
}

const endpoint = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

/** Words of the headers between two tunnels' ends. */
function words(layers: readonly Layer[], ether: boolean): string {
  const frame = layers.find((l) => l.type === 'ethernet')
  const net = layers.find(isIp)
  const ports = layers.map((l) => headerOf(l).ports?.(l)).find((p) => p !== undefined)
  const last = layers.at(-1)
  const payload = last?.type === 'payload' ? last.length : 0
  const parts: string[] = []
  if (frame && (ether || (!net && !layers.some((l) => l.type === 'arp')))) parts.push(`${frame.src} > ${frame.dst}`)
  if (frame?.vlans) parts.push(`vlan ${frame.vlans.join('.')}`)
  if (net) {
    parts.push(ports ? `${endpoint(net.src, ports.src!)} > ${endpoint(net.dst, ports.dst!)}` : `${net.src} > ${net.dst}`)
    parts.push(`ttl ${net.ttl}`)
    if (net.fragment) parts.push(`fragment at ${net.fragment.offset}${net.fragment.more ? ' and more' : ''}`)
  }
  // The datagram a tunnel's header comes in is the tunnel's own matter.
  const own = layers.some((l) => headerOf(l).encapsulates) ? layers.filter((l) => l.type !== 'udp') : layers
  const texts = own.flatMap((l) => headerOf(l).capture?.(l, payload) ?? [])
  const about = layers.flatMap((l) => ('quoted' in l ? (l.quoted?.find(isIp) ?? []) : []))
  parts.push(...texts, ...about.map((ip) => `about ${ip.src} > ${ip.dst}`))
  if (isIp(last)) parts.push('IPIP')
  else if (net && last?.type === 'payload' && texts.length === 0) parts.push(`protocol ${net.protocol}, ${plural(payload, 'byte')}`)
  else if (!net && frame && last?.type === 'payload')
    parts.push(`ethertype 0x${frame.etherType.toString(16).padStart(4, '0')}, ${plural(payload, 'byte')}`)
  return parts.join(' ')
}

/** Colour by what the packet is in the end; what resets or complains is red. */
function paintOf(chalk: ChalkInstance, layers: readonly Layer[]): (text: string) => string {
  const last = layers.findLast((l) => l.type !== 'payload' && l.type !== 'ethernet')
  switch (last?.type) {
    case 'tcp':
      return last.flags.includes('rst') ? chalk.red : chalk.green
    case 'udp':
      return chalk.yellow
    case 'icmp':
    case 'icmpv6':
      return last.quoted ? chalk.red : chalk.cyan
    case 'arp':
      return chalk.magenta
    default:
      return (text) => text
  }
}

/** One line, without its end. */
export function captureLine(packet: CapturedPacket, { chalk, ether, where }: LineOptions): string {
  const parts = segments(packet.layers)
  const paint = paintOf(chalk, packet.layers)
  const text = parts.map((part, i) => (i === parts.length - 1 ? paint(words(part, ether)) : chalk.dim(words(part, ether))))
  const place = `${packet.node}/${packet.device}`.padEnd(where)
  const way = packet.direction === 'in' ? 'in ' : 'out'
  return `${chalk.dim(clock(packet.at))} ${chalk.bold(place)} ${way} ${text.join(chalk.dim(' › '))} ${chalk.dim(`(${packet.length})`)}`
}
