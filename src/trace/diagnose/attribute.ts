/**
 * Ties kernel events to captured frames. Events name an skb by its address and carry no namespace; a device event and
 * a capture of the same device, direction and length at the same moment are the same packet, and from then on the
 * address stands for it, through veth, bridge, encapsulation and decapsulation, until it is freed.
 */
import type { DeviceEvent, DropEvent, IcmpEvent, KernelEvent } from '../collect/events.ts'
import type { Sighting } from './identity.ts'

/** Frames are stamped when they enter a device's queue, events when they leave it: apart on a busy machine. Nanoseconds. */
const APART = 30_000_000n
const EARLIER = 300_000n
/** Longest life of a packet between its last device and its end, nanoseconds. */
const LIFE = 10_000_000n

export interface Attributed<E extends KernelEvent> {
  readonly event: E
  /** Where the packet was last seen before it. */
  readonly after: Sighting
}

/** A packet that was dropped before it was on a device, on its way out of it: captures come after the queue. */
export interface QueueDrop {
  readonly event: DropEvent
  readonly queue: DeviceEvent
  /** Where it was last seen; absent: nowhere yet. */
  readonly after?: Sighting
}

export interface Attribution {
  readonly drops: readonly Attributed<DropEvent>[]
  readonly queued: readonly QueueDrop[]
  readonly icmp: readonly Attributed<IcmpEvent>[]
  /** Drops of packets that were on no device: made here and refused here. */
  readonly unseen: readonly DropEvent[]
  /** How many captures a device event confirmed. */
  readonly matched: number
}

const ETHERNET = 1
/** Length as net_dev_queue and netif_receive_skb count it: the Ethernet header is off already when a frame comes in. */
const eventLength = (s: Sighting): number => (s.direction === 'in' && s.hardware === ETHERNET ? s.length - 14 : s.length)

/**
 * Device events and captures of the same device, direction and length, the nearest in time first: devices of other labs
 * have the same names, and traffic of other people the same length.
 */
function pair(sightings: readonly Sighting[], events: readonly KernelEvent[]): Map<DeviceEvent, Sighting> {
  const waiting = new Map<string, Sighting[]>()
  const key = (device: string, direction: string, length: number): string => `${device} ${direction} ${length}`
  for (const s of sightings) {
    if (s.role === 'neighbour') continue
    const k = key(s.device, s.direction, eventLength(s))
    waiting.set(k, [...(waiting.get(k) ?? []), s])
  }
  const pairs = events.flatMap((e) => {
    const candidates = e.kind === 'device' ? waiting.get(key(e.device, e.direction, e.length)) : undefined
    if (e.kind !== 'device' || !candidates) return []
    return candidates
      .filter((s) => e.at + EARLIER >= s.at && e.at - s.at < APART)
      .map((s) => ({ e, s, apart: Number(s.at > e.at ? s.at - e.at : e.at - s.at) }))
  })
  const found = new Map<DeviceEvent, Sighting>()
  const taken = new Set<Sighting>()
  for (const { e, s } of pairs.sort((x, y) => x.apart - y.apart)) {
    if (found.has(e) || taken.has(s)) continue
    found.set(e, s)
    taken.add(s)
  }
  return found
}

/** @param events in order of time */
export function attribute(sightings: readonly Sighting[], events: readonly KernelEvent[]): Attribution {
  const nearest = pair(sightings, events)
  const hasQueueDrops = events.some((e) => e.kind === 'drop' && e.reason.startsWith('QDISC_'))
  const owner = new Map<string, { readonly sighting: Sighting; readonly at: bigint }>()
  const queues = new Map<string, Omit<QueueDrop, 'event'>>()
  const queued: QueueDrop[] = []
  const drops: Attributed<DropEvent>[] = []
  const icmp: Attributed<IcmpEvent>[] = []
  const unseen: DropEvent[] = []
  let matched = 0
  for (const e of events) {
    if (e.kind === 'device') {
      const best = nearest.get(e)
      if (best) {
        owner.set(e.skb, { sighting: best, at: e.at })
        queues.delete(e.skb)
        matched++
        continue
      }
      // There may be very many of them, and looking into each costs.
      if (owner.size === 0 && !hasQueueDrops) continue
      const before = owner.get(e.skb)
      owner.delete(e.skb)
      if (hasQueueDrops && e.direction === 'out')
        queues.set(e.skb, { queue: e, ...(before !== undefined && e.at - before.at < LIFE ? { after: before.sighting } : {}) })
      continue
    }
    if (e.kind === 'lookup') continue
    const queue = queues.get(e.skb)
    queues.delete(e.skb)
    if (e.kind === 'drop' && queue && e.reason.startsWith('QDISC_') && e.at - queue.queue.at < LIFE) {
      queued.push({ event: e, ...queue })
      continue
    }
    const mine = owner.get(e.skb)
    const alive = mine !== undefined && e.at - mine.at < LIFE
    if (e.kind === 'icmp') {
      if (alive) icmp.push({ event: e, after: mine.sighting })
    } else if (alive) {
      drops.push({ event: e, after: mine.sighting })
      owner.delete(e.skb)
    } else unseen.push(e)
  }
  return { drops, queued, icmp, unseen, matched }
}
