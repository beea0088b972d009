/** What the underlay saw of the pods' packets. */
import assert from 'node:assert/strict'
import type { HeaderPattern } from '../../src/backends/backend.ts'
import { shape, type Frame, type Layer } from '../support/pcap.ts'
import { all, called, host, isIpv6 } from './asked.ts'
import { unused, type Node, type World } from './world.ts'

/** Whether packets between two hosts take the tunnel. */
const tunnelled = (world: World, a: Node, b: Node): boolean => {
  const segment = (n: Node): string | undefined => world.hosts().find((h) => h.name === host(n))?.segment
  return world.combination.wire.length > 0 && (!world.combination.crossSegment || segment(a) !== segment(b))
}

const matches = (layer: Layer | undefined, pattern: HeaderPattern): boolean =>
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

export function* seen(world: World): Generator<Seen> {
  for (const [at, frames] of world.frames) {
    for (const frame of frames) {
      const inner = frame.findLastIndex((l) => l.type === 'ipv4' || l.type === 'ipv6')
      if (inner > 0) yield { at, frame, inner, from: world.owner(frame[inner]!.src), to: world.owner(frame[inner]!.dst) }
    }
  }
}

/** What is between the underlay's Ethernet header and the packet: `bare`, `as declared`, or else the headers. */
function dress(world: World, { frame, inner }: Seen): string {
  if (inner === 1) return 'bare'
  const { wire, overhead } = world.combination
  const between = frame.slice(1, inner)
  if (between.length !== wire.length || !wire.every((p, i) => matches(between[i], p))) return shape(frame)
  const grown = between[0]!.length! - frame[inner]!.length!
  // The inner Ethernet header and the outer one are of one size, so what the link carries more is all in the outer packet.
  return grown === overhead ? 'as declared' : `${shape(frame)}, ${grown} bytes more`
}

export function wire(world: World): void {
  const bad = new Set<string>()
  const pairs = new Set<string>()
  const nobodys = new Set(world.pods().flatMap((p) => p.addresses.map(unused)))
  for (const s of seen(world)) {
    const { at, frame, inner, from, to } = s
    // Who has no address in a block is not looked for anywhere else.
    if (nobodys.has(frame[inner]!.dst!)) bad.add(`at ${at}: ${frame[inner]!.src} → ${frame[inner]!.dst}, which no pod has`)
    if (frame[0]!.type !== 'ethernet' || !from || !to) continue
    const how = dress(world, s)
    const tell = `at ${at}: ${called(from)} → ${called(to)} (${shape(frame.slice(inner))}) is ${how}`
    if (from.kind === 'pod' && to.kind === 'pod') {
      pairs.add(`${called(from)} ${called(to)} ${frame[inner]!.type} at ${at}`)
      if (host(from) === host(to)) bad.add(`${tell}, though both are on ${host(from)}`)
      else if (how !== (tunnelled(world, from, to) ? 'as declared' : 'bare')) bad.add(tell)
    } else if (from.kind === 'host' && to.kind === 'pod') {
      if (how !== (tunnelled(world, from, to) ? 'as declared' : 'bare')) bad.add(tell)
    } else if (how !== 'bare') bad.add(tell)
  }
  assert.deepEqual([...bad], [])
  all(world.about('nobody', 'pod', 'pod'), 'a datagram to nobody was sent', (a) => a.answer.outcome === 'sent')
  // Both ends of every conversation were seen leaving and arriving, or the above would mean little.
  const pods = world.pods()
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
