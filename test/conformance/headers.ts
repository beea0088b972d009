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
    for (const to of pods.filter((p) => host(p) !== host(from))) {
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
