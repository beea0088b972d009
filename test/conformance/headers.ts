/** What the underlay saw of the pods' packets. */
import assert from 'node:assert/strict'
import { shape, type Frame, type Layer } from '../support/pcap.ts'
import { all, called, host, isIpv6 } from './asked.ts'
import type { Header } from './declaration.ts'
import { unused, type Node, type MeasuredLab } from './measured-lab.ts'

/** Whether packets between two hosts take the tunnel. */
const tunnelled = (measured: MeasuredLab, a: Node, b: Node): boolean => {
  const segment = (n: Node): string | undefined => measured.hosts().find((h) => h.name === host(n))?.segment
  return measured.combination.headers.length > 0 && (!measured.combination.crossSegment || segment(a) !== segment(b))
}

const matches = (layer: Layer | undefined, pattern: Header): boolean =>
  layer?.type === pattern.type &&
  Object.entries(pattern.fields ?? {}).every(([field, value]) => (layer as unknown as Record<string, unknown>)[field] === value)

interface Seen {
  readonly at: string
  readonly frame: Frame
  /** Index of the innermost IP header. */
  readonly inner: number
  readonly from: Node | undefined
  readonly to: Node | undefined
}

export function* seen(measured: MeasuredLab): Generator<Seen> {
  for (const [at, frames] of measured.frames) {
    for (const frame of frames) {
      const inner = frame.findLastIndex((l) => l.type === 'ipv4' || l.type === 'ipv6')
      if (inner > 0) yield { at, frame, inner, from: measured.owner(frame[inner]!.src), to: measured.owner(frame[inner]!.dst) }
    }
  }
}

/** Whether nothing shows of packets between two nodes but that their hosts talk. */
const isSealed = (measured: MeasuredLab, a: Node, b: Node): boolean => measured.combination.sealed && tunnelled(measured, a, b)

/** What is between the underlay's Ethernet header and the packet: `bare`, `as declared`, or else the headers. */
function encapsulation(measured: MeasuredLab, { frame, inner }: Seen): string {
  if (inner === 1) return 'bare'
  const { headers, overhead } = measured.combination
  const between = frame.slice(1, inner)
  if (between.length !== headers.length || !headers.every((p, i) => matches(between[i], p))) return shape(frame)
  const grown = between[0]!.length! - frame[inner]!.length!
  // The inner Ethernet header and the outer one are of one size, so what the link carries more is all in the outer packet.
  return grown === overhead ? 'as declared' : `${shape(frame)}, ${grown} bytes more`
}

export function headers(measured: MeasuredLab): void {
  const bad = new Set<string>()
  const pairs = new Set<string>()
  const unassigned = new Set(measured.pods().flatMap((p) => p.addresses.map(unused)))
  for (const s of seen(measured)) {
    const { at, frame, inner, from, to } = s
    // An address of a block that no pod has is not looked for beyond its host.
    if (unassigned.has(frame[inner]!.dst!)) bad.add(`at ${at}: ${frame[inner]!.src} → ${frame[inner]!.dst}, which no pod has`)
    if (frame[0]!.type !== 'ethernet' || !from || !to) continue
    const how = encapsulation(measured, s)
    const said = `at ${at}: ${called(from)} → ${called(to)} (${shape(frame.slice(inner))}) is ${how}`
    if (from.kind === 'pod' && to.kind === 'pod') {
      pairs.add(`${called(from)} ${called(to)} ${frame[inner]!.type} at ${at}`)
      if (host(from) === host(to)) bad.add(`${said}, though both are on ${host(from)}`)
      else if (how !== (tunnelled(measured, from, to) ? 'as declared' : 'bare')) bad.add(said)
    } else if (from.kind === 'host' && to.kind === 'pod') {
      if (how !== (tunnelled(measured, from, to) ? 'as declared' : 'bare')) bad.add(said)
    } else if (how !== 'bare') bad.add(said)
  }
  assert.deepEqual([...bad], [])
  all(measured.about('unassigned', 'pod', 'pod'), 'a datagram to an unassigned address was sent', (a) => a.answer.outcome === 'sent')
  // Both ends of every conversation were seen leaving and arriving, or the above would mean little.
  const pods = measured.pods()
  for (const from of pods) {
    for (const to of pods.filter((p) => host(p) !== host(from) && !isSealed(measured, from, p))) {
      for (const family of to.addresses.map((a) => (isIpv6(a) ? 'ipv6' : 'ipv4'))) {
        for (const at of [host(from), host(to)])
          assert.ok(
            pairs.has(`${called(from)} ${called(to)} ${family} at ${at}`),
            `no ${family} packet ${called(from)} → ${called(to)} at ${at}`,
          )
      }
    }
  }
}

/** Addresses as they are in a packet. */
function bytesOf(address: string): Buffer {
  const { groups: { head = '', tail } = {} } = /^(?<head>.*?)(?:::(?<tail>.*))?$/.exec(address)!
  if (!isIpv6(address)) return Buffer.from(address.split('.').map(Number))
  const words = (part: string): string[] => part.split(':').flatMap((word) => (word === '' ? [] : [word.padStart(4, '0')]))
  const [first, last] = [words(head), words(tail ?? '')]
  return Buffer.from([...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0000'), ...last].join(''), 'hex')
}

/** What nothing may show on the underlay: the addresses of two pods of different hosts, one behind the other as in an IP header. */
const secrets = (measured: MeasuredLab): Buffer[] =>
  measured.pods().flatMap((from) =>
    measured
      .pods()
      .filter((to) => host(to) !== host(from))
      .flatMap((to) =>
        from.addresses.flatMap((a) =>
          to.addresses.flatMap((b) => (isIpv6(a) === isIpv6(b) ? [Buffer.concat([bytesOf(a), bytesOf(b)])] : [])),
        ),
      ),
  )

/** Encrypted packets went both ways between all hosts, no larger than declared, and show nothing of what is inside. */
export function sealed(measured: MeasuredLab): void {
  const words = secrets(measured)
  const shows = (bytes: Buffer): boolean => words.some((word) => bytes.includes(word))
  // Else the search would find nothing in any frame.
  for (const word of words) assert.ok(shows(Buffer.concat([Buffer.alloc(12), word, Buffer.alloc(20)])))
  const { overhead } = measured.combination
  const largest = new Map<string, number>()
  for (const { at, frame, inner, from, to } of seen(measured)) {
    const bytes = frame.at(-1)!.sealed
    if (!bytes || !from || !to) continue
    assert.ok(bytes.length > 0 && !shows(bytes), `at ${at}: ${called(from)} → ${called(to)} shows the packet inside`)
    const way = `${called(from)} ${called(to)} at ${at}`
    largest.set(way, Math.max(largest.get(way) ?? 0, frame[inner]!.length!))
  }
  for (const from of measured.hosts()) {
    for (const to of measured.hosts().filter((h) => h !== from && tunnelled(measured, from, h))) {
      // Packets of the full MTU were among them: what they grew by is what was declared.
      for (const at of [from, to])
        assert.equal(largest.get(`${called(from)} ${called(to)} at ${at.name}`), Math.min(from.podMTU, to.podMTU) + overhead)
    }
  }
}
