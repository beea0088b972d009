/** Sightings of one probe → the way it took: flooded copies set aside, first of each device and direction kept. */
import type { Sighting } from './identity.ts'
import type { Step } from '../predict/path.ts'
import type { Places } from '../predict/places.ts'

export const keyOfStep = (s: { readonly ns: string; readonly device: string; readonly direction: string }): string =>
  `${s.ns} ${s.device} ${s.direction}`
const keyOf = (s: Sighting): string => `${s.netns} ${s.device} ${s.direction}`

/** Broadcast and multicast (IEEE 802.3): the last bit of the first byte. */
const isGroup = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1

/**
 * A bridge that does not know a MAC sends copies to all ports: of those, the one that is expected or goes on counts.
 * @param sightings of one probe and one leg, in order of time
 */
export function chain(sightings: readonly Sighting[], predicted: readonly Step[], places: Places): Sighting[] {
  const expected = new Set(predicted.map(keyOfStep))
  const firsts = new Map<string, Sighting>()
  for (const s of sightings) if (!firsts.has(keyOf(s))) firsts.set(keyOf(s), s)
  const all = [...firsts.values()]
  const goesOn = (s: Sighting): boolean => {
    const peer = places.peer(s.netns, s.device)
    return peer !== undefined && all.some((o) => o.netns === peer.ns && o.device === peer.device && o.direction === 'in' && !o.otherHost)
  }
  const isPort = (s: Sighting): boolean => places.port(s.netns, s.device) !== undefined
  // A bridge that does not know a MAC sends copies to every port: what is there and has another MAC does not take them.
  const isForOther = (s: Sighting): boolean => {
    const mac = s.layers.find((l) => l.type === 'ethernet')?.dst
    const peer = places.peer(s.netns, s.device)
    if (mac === undefined || !peer || isGroup(mac) || places.end(peer.ns, peer.device)?.port !== undefined) return false
    const there = all.find((o) => o.netns === peer.ns && o.device === peer.device && o.direction === 'in' && o.at >= s.at)
    return there ? there.otherHost : places.macOf(peer) !== mac
  }
  // A packet may cross a bridge more than once; copies are made of one visit.
  const visit = (s: Sighting): number => all.filter((o) => o.netns === s.netns && o.direction === 'in' && o.at <= s.at).length
  const copies = new Set<Sighting>()
  for (const s of all) {
    if (s.direction !== 'out' || !isPort(s)) continue
    if (isForOther(s)) {
      copies.add(s)
      continue
    }
    const rivals = all.filter((o) => o.direction === 'out' && o.netns === s.netns && isPort(o) && visit(o) === visit(s))
    if (rivals.length < 2) continue
    const best = rivals.find((o) => expected.has(keyOf(o))) ?? rivals.find(goesOn) ?? rivals[0]
    if (s !== best) copies.add(s)
  }
  return all.filter((s) => {
    if (copies.has(s)) return false
    if (s.direction === 'out') return true
    const peer = places.peer(s.netns, s.device)
    const sender = peer && all.find((o) => o.netns === peer.ns && o.device === peer.device && o.direction === 'out')
    return !sender || !copies.has(sender)
  })
}
