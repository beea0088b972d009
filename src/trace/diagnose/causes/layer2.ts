/** MAC addresses: neighbour entries and FDB entries that are missing or wrong. */
import type { KernelObject } from '../../../kernel/objects.ts'
import { UNLEARNED } from '../../../lab/names.ts'
import type { Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode, showStatus, upAgain } from '../hints.ts'
import type { Place } from '../../predict/places.ts'
import type { Drop } from '../../result.ts'
import { dropped, legOf, type DropParts } from './drop-builder.ts'

type Common = Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>
const isNeighbour = (o: KernelObject): o is KernelObject & { readonly kind: 'neighbour' } => o.kind === 'neighbour'
const isFdb = (o: KernelObject): o is KernelObject & { readonly kind: 'fdb' } => o.kind === 'fdb'

/** Destination MAC of the frame as its sender wrote it, on this device. */
const destination = (s: Sighting): string | undefined => s.layers.find((l) => l.type === 'ethernet')?.dst

/** The MAC an address really has on the link behind a device, by live links, else as the lab made them. */
function trueMac(evidence: TraceEvidence, address: string): string | undefined {
  const { places, liveState } = evidence.parts
  const owner = places.ownerOfAddress(address)
  if (!owner) return undefined
  const live = liveState.seen(owner.ns)?.links.find((l) => l.ifname === owner.device)
  return live?.address ?? places.end(owner.ns, owner.device)?.mac
}

/** On a link of two, only the other end can answer, for whatever address (proxy ARP). */
function otherEnd(evidence: TraceEvidence, s: Sighting): string | undefined {
  const { places, liveState } = evidence.parts
  const peer = places.peer(s.netns, s.device)
  if (!peer || places.end(peer.ns, peer.device)?.port) return undefined
  return liveState.seen(peer.ns)?.links.find((l) => l.ifname === peer.device)?.address ?? places.end(peer.ns, peer.device)?.mac
}

/**
 * Whether a node on the way wrote a MAC onto the frame that its next hop does not have: the first such place. A bridge
 * then finds no port for it, or another node gets it.
 */
export function neighbourTrouble(evidence: TraceEvidence, at: Sighting): Drop | undefined {
  const { places, liveState } = evidence.parts
  const chain = at.role === 'probe' ? evidence.forward : evidence.reply
  for (const s of chain.filter((x) => x.direction === 'out' && x.at <= at.at)) {
    const mac = destination(s)
    if (mac === undefined) continue
    const entry = liveState.seen(s.netns)?.neighbours.find((n) => n.dev === s.device && n.lladdr === mac)
    const asked = places
      .at(s.netns)
      .filter(isNeighbour)
      .find((o) => o.dev === s.device && o.address === entry?.dst)
    const right = entry && (asked?.lladdr ?? otherEnd(evidence, s) ?? trueMac(evidence, entry.dst))
    if (!entry || right === undefined || right === mac) continue
    const owner = places.ownerOfAddress(entry.dst)
    // The entry is as the lab made it: the owner has another MAC now.
    if (owner && places.macOf(owner) === mac) return macMismatch(evidence, at, owner)
    const name = places.name(s.netns)
    return dropped(evidence, {
      leg: legOf(at),
      ns: s.netns,
      device: s.device,
      cause: 'neighbour-wrong',
      evidence: 'inferred',
      object: asked ?? places.veth(s.netns, s.device),
      text: `${name} believes that ${entry.dst} has the MAC ${mac}, but it has ${right}: the frame reached no node that takes it`,
      hint: asked ? upAgain(evidence) : inNode(evidence, s.netns, `ip neigh del ${entry.dst} dev ${s.device}`),
    })
  }
  return undefined
}

/** A frame for another MAC than the device has that it came to: the device has lost the one that the lab gave it, or the sender is wrong. */
export function macMismatch(evidence: TraceEvidence, s: Sighting, at: Place = { ns: s.netns, device: s.device }): Drop | undefined {
  const { places, liveState } = evidence.parts
  // What passes a port of a bridge is for others.
  if (places.port(at.ns, at.device)) return undefined
  const mac = destination(s)
  const made = places.macOf(at)
  const live = liveState.seen(at.ns)?.links.find((l) => l.ifname === at.device)?.address
  if (live === undefined || made === undefined || (s.netns === at.ns && mac === live)) return undefined
  const name = places.name(at.ns)
  const object = places.at(at.ns).find((o) => o.kind === 'link' && o.name === at.device) ?? places.veth(at.ns, at.device)
  return dropped(evidence, {
    leg: legOf(s),
    ns: at.ns,
    device: at.device,
    cause: 'mac-mismatch',
    evidence: 'inferred',
    object,
    text:
      made === live
        ? `the frame came to ${at.device} of ${name} for the MAC ${mac}, but that has ${live}: it takes the frame for another node's`
        : `frames for ${at.device} of ${name} have the MAC ${made}, which the lab gave it, but it has ${live} now: it takes them for another node's`,
    hint: made === live ? showStatus(evidence) : upAgain(evidence),
  })
}

/** The VTEP had nowhere to send the frame. */
export function fdbTrouble(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const wrong = neighbourTrouble(evidence, s)
  if (wrong)
    return { ...wrong, ...(common.kernelReason === undefined ? {} : { kernelReason: common.kernelReason }), evidence: common.evidence }
  const { places } = evidence.parts
  const name = places.name(s.netns)
  const mac = destination(s)
  const asked = places
    .at(s.netns)
    .filter(isFdb)
    .find((o) => o.dev === s.device && (o.mac === mac || o.mac === UNLEARNED))
  return dropped(evidence, {
    ...common,
    cause: 'fdb-missing',
    object: asked,
    text: `${s.device} of ${name} has no FDB entry for ${mac ?? 'the next hop'}: it does not know which host to send the tunnel packet to`,
    hint: asked ? upAgain(evidence) : inNode(evidence, s.netns, `bridge fdb show dev ${s.device}`),
  })
}

/** An entry that leads elsewhere than to the host that has the MAC, where devices learn: learned before a pod moved, or written by hand. */
function learnedWrong(evidence: TraceEvidence, s: Sighting, mac: string | undefined, dst: string): Drop | undefined {
  const { places } = evidence.parts
  const owner = places.port(s.netns, s.device) && places.ownerOfMac(mac ?? '')
  const host = owner && places.hostOf(owner)
  if (!host || host.addresses.some((a) => a.ip === dst)) return undefined
  return dropped(evidence, {
    leg: legOf(s),
    ns: s.netns,
    device: s.device,
    cause: 'fdb-wrong',
    evidence: 'inferred',
    object: places.at(s.netns).find((o) => o.kind === 'link' && o.name === s.device),
    text: `the FDB of ${s.device} in ${places.name(s.netns)} sends frames for ${mac} to ${dst}; ${places.name(owner.ns)} has that MAC, on ${host.name}`,
    hint: inNode(evidence, s.netns, `bridge fdb del ${mac} dev ${s.device} dst ${dst} self`),
  })
}

/** A tunnel packet that went to another address than the lab asked for: the FDB entry that sent it there. */
export function fdbWrong(evidence: TraceEvidence, chain: readonly Sighting[]): Drop | undefined {
  const { places, liveState } = evidence.parts
  for (const s of chain.filter((x) => x.direction === 'out')) {
    const mac = destination(s)
    const asked = places
      .at(s.netns)
      .filter(isFdb)
      .find((o) => o.dev === s.device && o.mac === mac)
    const live = liveState.seen(s.netns)?.fdb.find((f) => f.ifname === s.device && f.mac === mac && f.dst !== undefined)
    if (!live?.dst) continue
    if (!asked) {
      const elsewhere = learnedWrong(evidence, s, mac, live.dst)
      if (elsewhere) return elsewhere
      continue
    }
    if (live.dst === asked.dst) continue
    const name = places.name(s.netns)
    return dropped(evidence, {
      leg: legOf(s),
      ns: s.netns,
      device: s.device,
      cause: 'fdb-wrong',
      evidence: 'inferred',
      object: asked,
      text: `the FDB of ${s.device} in ${name} sends frames for ${mac} to ${live.dst}; the lab asked for ${asked.dst}`,
      hint: inNode(
        evidence,
        s.netns,
        `bridge fdb del ${asked.mac} dev ${asked.dev} dst ${live.dst} self`,
        `bridge fdb append ${asked.mac} dev ${asked.dev} dst ${asked.dst} self permanent`,
      ),
    })
  }
  return undefined
}

/** A tunnel device that was predicted not to know its next hop: the permanent neighbour entry is gone. */
export function entryMissing(evidence: TraceEvidence, leg: Drop['leg'], ns: string): Drop | undefined {
  const { places, liveState, expected } = evidence.parts
  const path = leg === 'forward' ? expected.forward : expected.back
  if (path?.end !== 'unknown-neighbour' || path.at !== ns) return undefined
  const device = path.steps.at(-1)?.device ?? ''
  // Where nodes ask for their neighbours, an entry that is not complete says that there was a request just now.
  if (!places.at(ns).some((o) => isNeighbour(o) && o.dev === device)) return undefined
  // An entry without a MAC is a request without an answer.
  const known = liveState.seen(ns)?.neighbours.filter((n) => n.lladdr !== undefined) ?? []
  const absent = places
    .at(ns)
    .filter(isNeighbour)
    .filter((o) => o.dev === device && !known.some((n) => n.dst === o.address && n.dev === o.dev))
  const object =
    absent.find((o) => o.address === path.failed?.question) ??
    absent.find((o) => o.address.includes(':') === (evidence.parts.from.family === 6))
  const name = places.name(ns)
  return dropped(evidence, {
    leg,
    ns,
    device,
    cause: 'neighbour-missing',
    evidence: 'inferred',
    object,
    text: `${device} of ${name} does not know which host is behind ${object?.address ?? 'the next hop'}: the permanent neighbour entry is missing`,
    hint: object && upAgain(evidence),
  })
}
