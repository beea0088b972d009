/**
 * Which frames belong to the probe: by its echo id, ports, payload marker or first sequence number, inside any
 * encapsulation, through address translation, and quoted in ICMP errors.
 */
import type { Frame } from '../collect/packet-listener.ts'
import { decode } from '../../packet/decode.ts'
import { isIp, type IcmpLayer, type Layer, type TcpLayer, type TunnelPorts, type UdpLayer } from '../../packet/headers.ts'
import { sealedIn } from '../../packet/tunnels.ts'
import type { Capture } from '../result.ts'

export interface Identity {
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  /** ICMP echo id, or source port of the first probe; the following ones count up. */
  readonly id: number
  readonly count: number
  readonly port: number
  /** First bytes of the payload. */
  readonly marker: Buffer
  /** UDP ports of the lab's tunnels. */
  readonly ports: TunnelPorts
  /** Bytes of IP packets that it, its answer and errors about it can have. */
  readonly sizes: readonly number[]
}

/** A capture, and which of the probes it is about. */
export interface Sighting extends Capture {
  /** Number of the probe; -1 for address resolution. */
  readonly n: number
}

/** First sequence numbers the prober asks the kernel to use for its TCP connections: the marker, and counting up. */
export const sequenceNumbers = ({ marker, count }: Pick<Identity, 'marker' | 'count'>): number[] =>
  Array.from({ length: count }, (_, n) => (marker.readUInt32BE() + n) >>> 0)

type Found = { readonly role: Capture['role']; readonly n: number }

const ERRORS = new Set(['icmp 3', 'icmp 5', 'icmp 11', 'icmp 12', 'icmpv6 1', 'icmpv6 2', 'icmpv6 3', 'icmpv6 4'])
export const isIcmp = (l: Layer): l is IcmpLayer => l.type === 'icmp' || l.type === 'icmpv6'
const isError = (l: IcmpLayer): boolean => ERRORS.has(`${l.type} ${l.icmpType}`)

const lastOf = <T extends Layer>(layers: readonly Layer[], is: (l: Layer) => l is T): T | undefined => layers.findLast(is)
const isTcp = (l: Layer): l is TcpLayer => l.type === 'tcp'
const isUdp = (l: Layer): l is UdpLayer => l.type === 'udp'

interface Decoded {
  readonly f: Frame
  readonly layers: readonly Layer[]
}

/** Devices without a link layer (ARPHRD_NONE), as those are that encrypt. */
const NO_LINK_LAYER = 65_534

/**
 * Which encrypted packets carry the probe. Nothing in them says so: one does if it is the first that left a node after the probe went into a
 * device there, as long as what comes of the probe's length. Where it went is seen: each encrypted packet has a name.
 * @param frames in order of time
 */
function inferSealed(plain: readonly Sighting[], frames: readonly Decoded[]): { readonly frame: Decoded; readonly inside: Sighting }[] {
  const packets = new Map<string, Decoded[]>()
  for (const frame of frames) {
    const sealed = sealedIn(frame.layers)
    const ip = frame.layers.find(isIp)
    if (!sealed || !ip) continue
    const name = `${ip.src} ${ip.dst} ${sealed.name}`
    packets.set(name, [...(packets.get(name) ?? []), frame])
  }
  const taken = new Set<string>()
  return plain.flatMap((inside) => {
    const ip = inside.layers.find(isIp)
    if (inside.direction !== 'out' || inside.hardware !== NO_LINK_LAYER || ip?.length === undefined) return []
    for (const [name, seen] of packets) {
      const [{ f, layers }] = seen as [Decoded, ...Decoded[]]
      const udp = layers.find(isUdp)
      if (taken.has(name) || f.ns !== inside.netns || f.at < inside.at || udp === undefined) continue
      const [least, most] = sealedIn(layers)!.how.lengths(ip.length)
      const length = (layers.find(isIp)?.length ?? 0) - 20
      if (length < least || length > most) continue
      taken.add(name)
      return seen.map((frame) => ({ frame, inside }))
    }
    return []
  })
}

export class Recognizer {
  readonly #probe: Identity
  /** First sequence numbers of TCP probes, learned from their SYNs. */
  readonly #isn = new Map<number, number>()
  /** UDP source ports the probes got by translation. */
  readonly #ports = new Map<number, number>()

  constructor(probe: Identity) {
    this.#probe = probe
  }

  /** Frames of the probe, in order of time. */
  recognize(frames: readonly Frame[], nodeOf: (ns: string) => string): Sighting[] {
    const decoded = frames
      .map((f, i) => ({ f, i, layers: decode(f.bytes, f.hardware, { ports: this.#probe.ports }) }))
      .sort((a, b) => (a.f.at < b.f.at ? -1 : a.f.at > b.f.at ? 1 : a.i - b.i))
    for (const { f, layers } of decoded) this.#learn(f.bytes, layers)
    const sighting = ({ f: { ns, ...rest }, layers }: Decoded, found: Found): Sighting => ({
      ...rest,
      netns: ns,
      node: nodeOf(ns),
      layers,
      ...found,
    })
    const plain = decoded.flatMap((d): Sighting[] => {
      const found = this.#find(d.f.bytes, d.layers)
      return found ? [sighting(d, found)] : []
    })
    const sealed = inferSealed(plain, decoded).map(({ frame, inside }): Sighting => {
      const outer = frame.layers.slice(0, sealedIn(frame.layers)!.at + 1)
      const layers = [...outer, ...inside.layers.filter((l) => l.type !== 'payload')]
      return { ...sighting({ ...frame, layers }, { role: inside.role, n: inside.n }), inferred: true }
    })
    return sealed.length === 0 ? plain : [...plain, ...sealed].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  }

  #own(port: number): number | undefined {
    const n = port - this.#probe.id
    return n >= 0 && n < this.#probe.count ? n : undefined
  }

  #learn(bytes: Buffer, layers: readonly Layer[]): void {
    const last = layers.findLast((l) => l.type !== 'payload')
    if (this.#probe.protocol === 'tcp' && last?.type === 'tcp' && last.flags.includes('syn') && !last.flags.includes('ack')) {
      // Ports may be translated before the SYN is on any device: its sequence number is ours, where the kernel lets us choose.
      const chosen = sequenceNumbers(this.#probe).indexOf(last.seq)
      const n = chosen >= 0 ? chosen : this.#own(last.srcPort)
      if (n !== undefined && !this.#isn.has(n)) this.#isn.set(n, last.seq)
    }
    if (this.#probe.protocol === 'udp' && last?.type === 'udp') {
      const n = this.#marked(bytes)
      if (n !== undefined) this.#ports.set(last.srcPort, n)
    }
  }

  /** The marker is followed by the probe's number. */
  #marked(bytes: Buffer): number | undefined {
    const at = bytes.indexOf(this.#probe.marker)
    return at < 0 ? undefined : bytes.length > at + 4 ? Math.min(bytes[at + 4]!, this.#probe.count - 1) : 0
  }

  #find(bytes: Buffer, layers: readonly Layer[]): Found | undefined {
    const last = layers.findLast((l) => l.type !== 'payload')
    if (!last) return undefined
    if (last.type === 'arp') return { role: 'neighbour', n: -1 }
    if (isIcmp(last)) {
      if (last.icmpType >= 133 && last.icmpType <= 137 && last.type === 'icmpv6') return { role: 'neighbour', n: -1 }
      if (isError(last)) return this.#quoted(bytes, last.quoted ?? [])
      return this.#echo(bytes, last)
    }
    if (last.type === 'tcp') return this.#tcp(last)
    if (last.type === 'udp') return this.#udp(bytes, last)
    // A fragment carries no header to know it by; the marker may be in it.
    const fragment = layers.some((l) => (l.type === 'ipv4' || l.type === 'ipv6') && l.fragment !== undefined)
    return fragment && this.#marked(bytes) !== undefined ? { role: 'probe', n: 0 } : undefined
  }

  #echo(bytes: Buffer, l: IcmpLayer): Found | undefined {
    if (this.#probe.protocol !== 'icmp') return undefined
    if (l.kind !== 'echo-request' && l.kind !== 'echo-reply') return undefined
    // An id alone is 16 bits: another ping may have the same one.
    const n = (l.seq ?? 0) - 1
    if (bytes.indexOf(this.#probe.marker) < 0 || n < 0 || n >= this.#probe.count) return undefined
    return { role: l.kind === 'echo-request' ? 'probe' : 'reply', n }
  }

  #tcp(l: TcpLayer): Found | undefined {
    if (this.#probe.protocol !== 'tcp') return undefined
    const [syn, ack, rst] = ['syn', 'ack', 'rst'].map((f) => l.flags.includes(f as 'syn'))
    for (const [n, isn] of this.#isn) {
      if (syn && !ack && l.seq === isn) return { role: 'probe', n }
      if ((syn || rst) && ack && l.ack === (isn + 1) >>> 0) return { role: 'reply', n }
    }
    return undefined
  }

  #udp(bytes: Buffer, l: UdpLayer): Found | undefined {
    if (this.#probe.protocol !== 'udp') return undefined
    const marked = this.#marked(bytes)
    if (marked !== undefined) return { role: 'probe', n: marked }
    const n = this.#own(l.dstPort) ?? this.#ports.get(l.dstPort)
    return n === undefined ? undefined : { role: 'reply', n }
  }

  #quoted(bytes: Buffer, quoted: readonly Layer[]): Found | undefined {
    const { protocol } = this.#probe
    const marked = protocol === 'tcp' ? undefined : bytes.indexOf(this.#probe.marker) >= 0
    const icmp = lastOf(quoted, isIcmp)
    if (protocol === 'icmp')
      return marked || icmp?.id === this.#probe.id ? { role: 'error', n: Math.max(0, (icmp?.seq ?? 1) - 1) } : undefined
    const l4 = protocol === 'tcp' ? lastOf(quoted, isTcp) : lastOf(quoted, isUdp)
    if (!l4) return marked ? { role: 'error', n: 0 } : undefined
    const n = this.#own(l4.srcPort) ?? this.#own(l4.dstPort) ?? this.#ports.get(l4.srcPort)
    if (protocol === 'tcp') {
      const bySequence = [...this.#isn].find(([, isn]) => 'seq' in l4 && l4.seq === isn)?.[0]
      return (bySequence ?? n) === undefined ? undefined : { role: 'error', n: (bySequence ?? n)! }
    }
    return n === undefined ? undefined : { role: 'error', n }
  }
}
