/** The trail ends without an error message: what the state of devices, ports and tables on the way explains. */
import type { Sighting } from '../identity.ts'
import type { Place } from '../../predict/places.ts'
import type { Step } from '../../predict/path.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode, upAgain } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { deviceObject, deviceTrouble, dropped, interfaceDown, isTunnelled, legOf, linkOf, type Maybe } from './drop-builder.ts'
import { forwarderTrouble, notForwarding, wrongPeer } from './forwarders.ts'
import { entryMissing, fdbWrong, macMismatch, neighbourTrouble } from './layer2.ts'
import { joiningTrouble } from './joined.ts'
import { heldInQueue } from './queues.ts'
import { tunnelState } from './tunnels.ts'
import { routeFailure } from './routes.ts'
import { diverted } from './diverted.ts'

/** Milliseconds in which nothing more came: a packet in namespaces takes microseconds a device. */
const QUIET = 250

export function bySilence(evidence: TraceEvidence): Maybe | undefined {
  const last = evidence.reply.at(-1) ?? evidence.forward.at(-1)
  if (!last) return atSource(evidence)
  const found = explainLastHop(evidence, last)
  return found && { ...found, certain: Date.now() - Number(last.at / 1_000_000n) >= QUIET }
}

/** It never left: its own device, or nothing at all. */
function atSource(evidence: TraceEvidence): Maybe | undefined {
  const { from, expected } = evidence.parts
  const sent = evidence.outcome().sent
  const step = expected.forward.steps[0]
  if (sent === undefined || !step) return undefined
  const waited = Date.now() - Number(sent / 1_000_000n)
  const trouble = deviceTrouble(evidence, step.ns, step.device)
  if (trouble) return { drop: interfaceDown(evidence, 'forward', step.ns, step.device), certain: waited >= QUIET }
  const at = { ns: from.node.netns, device: step.device }
  const found = notForwarding(evidence, 'forward', at) ?? explainLinkPeer(evidence, 'forward', at) ?? heldInQueue(evidence, 'forward', step)
  return found && { drop: found, certain: waited >= QUIET }
}

/** What is wrong where a node's device is plugged in: the far end, or its place on a bridge. */
export function explainLinkPeer(evidence: TraceEvidence, leg: Drop['leg'], at: Place): Drop | undefined {
  const { places } = evidence.parts
  const peer = places.peer(at.ns, at.device)
  if (!peer) return undefined
  if (deviceTrouble(evidence, peer.ns, peer.device)) return interfaceDown(evidence, leg, peer.ns, peer.device)
  return offBridge(evidence, leg, peer)
}

/** A port the lab put on a bridge that is on none, or on another, or does not forward; or a bridge that is down. */
function offBridge(evidence: TraceEvidence, leg: Drop['leg'], at: Place): Drop | undefined {
  const { places } = evidence.parts
  const port = places.port(at.ns, at.device)
  const link = linkOf(evidence, at.ns, at.device)
  if (!port || !link) return undefined
  const { master } = port
  const name = places.name(at.ns)
  if (link.master !== master) {
    return dropped(evidence, {
      leg,
      ns: at.ns,
      device: at.device,
      cause: 'not-on-bridge',
      evidence: 'inferred',
      object: deviceObject(evidence, at.ns, at.device),
      text: `${at.device} of ${name} is not on bridge ${master}${link.master === undefined ? '' : ` but on ${link.master}`}: frames that come in there go nowhere`,
      hint: upAgain(evidence),
    })
  }
  if (deviceTrouble(evidence, at.ns, master)) return interfaceDown(evidence, leg, at.ns, master)
  const state = link.linkinfo?.info_slave_data?.state
  if (state !== undefined && state !== 'forwarding') {
    // Without a carrier a port is disabled: the far end is the cause.
    const far = places.peer(at.ns, at.device)
    if (far && deviceTrouble(evidence, far.ns, far.device)) return interfaceDown(evidence, leg, far.ns, far.device)
    return dropped(evidence, {
      leg,
      ns: at.ns,
      device: at.device,
      cause: 'interface-down',
      evidence: 'inferred',
      object: deviceObject(evidence, at.ns, at.device),
      text: `port ${at.device} of bridge ${master} in ${name} is ${state}, not forwarding`,
      hint: inNode(evidence, at.ns, `bridge link set dev ${at.device} state 3`),
    })
  }
  return undefined
}

/** The far end of the link a frame left by: down, gone, or narrower than the frame. */
export function peerTrouble(evidence: TraceEvidence, s: Sighting): Drop | undefined {
  const { places } = evidence.parts
  const leg = legOf(s)
  if (s.direction !== 'out') return undefined
  const peer = places.peer(s.netns, s.device)
  if (!peer) return undefined
  if (deviceTrouble(evidence, peer.ns, peer.device)) return interfaceDown(evidence, leg, peer.ns, peer.device)
  const mtu = linkOf(evidence, peer.ns, peer.device)?.mtu
  // A frame longer than the receiver's MTU (with its header and a VLAN tag) is refused without a word.
  if (mtu !== undefined && s.length > mtu + 18) {
    return dropped(evidence, {
      leg,
      ns: peer.ns,
      device: peer.device,
      cause: 'mtu',
      evidence: 'inferred',
      object: places.veth(peer.ns, peer.device),
      text: `${s.length - 14} bytes do not fit through ${peer.device} of ${places.name(peer.ns)}, whose MTU is ${mtu}; inside one link no error is sent`,
      hint: upAgain(evidence),
    })
  }
  return undefined
}

/** A bridge port that is narrower than the frame: bridges do not answer, they drop. */
function tooNarrow(evidence: TraceEvidence, s: Sighting, next: Place): Drop | undefined {
  const { places } = evidence.parts
  const mtu = linkOf(evidence, next.ns, next.device)?.mtu
  if (next.ns !== s.netns || !places.end(next.ns, next.device)?.port || mtu === undefined || s.length - 14 <= mtu) return undefined
  return dropped(evidence, {
    leg: legOf(s),
    ns: next.ns,
    device: next.device,
    cause: 'mtu',
    evidence: 'inferred',
    object: places.veth(next.ns, next.device),
    text: `${s.length - 14} bytes do not fit through ${next.device} of ${places.name(next.ns)}, whose MTU is ${mtu}; a bridge does not say so`,
    hint: upAgain(evidence),
  })
}

/** Whatever explains that a packet was last seen here. */
export function explainLastHop(evidence: TraceEvidence, s: Sighting): { readonly drop: Drop } | undefined {
  const { places, expected, liveState } = evidence.parts
  const leg = legOf(s)
  const chain = leg === 'forward' ? evidence.forward : evidence.reply
  const wrap = (drop: Drop | undefined): { readonly drop: Drop } | undefined => drop && { drop }
  const wrong = fdbWrong(evidence, chain) ?? wrongPeer(evidence, chain)
  if (wrong) return wrap(wrong)
  const peer = peerTrouble(evidence, s)
  if (peer) return wrap(peer)
  if (s.direction === 'in') {
    const port = offBridge(evidence, leg, { ns: s.netns, device: s.device })
    if (port) return wrap(port)
  }
  const tunnel = forwarderTrouble(evidence, s) ?? tunnelState(evidence, s)
  if (tunnel) return wrap(tunnel)
  const neighbour = neighbourTrouble(evidence, s) ?? (s.otherHost ? macMismatch(evidence, s) : undefined)
  if (neighbour) return wrap(neighbour)
  const path = leg === 'forward' ? expected.forward : expected.back
  const steps = path?.steps ?? []
  const at = steps.findLastIndex((x) => x.ns === s.netns && x.device === s.device && x.direction === s.direction)
  // What should have come next, up to the next node.
  for (const next of steps.slice(at + 1, at + 4)) {
    if (at < 0) break
    if (deviceTrouble(evidence, next.ns, next.device)) return wrap(interfaceDown(evidence, leg, next.ns, next.device))
    const off = offBridge(evidence, leg, next) ?? hairpinOff(evidence, chain, next)
    if (off) return wrap(off)
    const idle = next.direction === 'out' ? notForwarding(evidence, leg, { ns: next.ns, device: next.device }) : undefined
    if (idle) return wrap(idle)
    const held = next.direction === 'out' ? heldInQueue(evidence, leg, next) : undefined
    if (held) return wrap(held)
    const narrow = tooNarrow(evidence, s, next)
    if (narrow) return wrap(narrow)
  }
  if (path && at === steps.length - 1 && at >= 0 && path.end === 'no-route' && path.at === s.netns) {
    return wrap(
      routeFailure(evidence, {
        leg,
        ns: s.netns,
        device: s.device,
        evidence: 'inferred',
        dst: leg === 'forward' ? evidence.parts.to.address : expected.source,
        error: path.failed?.error,
        entry: path.failed?.entry,
      }),
    )
  }
  const missing = entryMissing(evidence, leg, s.netns) ?? notJoined(evidence, leg)
  if (missing) return wrap(missing)
  if (!isTunnelled(s) && at >= 0 && path?.end === 'not-for-us') {
    const down = liveState.seen(s.netns)?.links.find((l) => places.end(s.netns, l.ifname) && !l.flags.includes('UP'))
    if (down) return wrap(interfaceDown(evidence, leg, s.netns, down.ifname))
  }
  return wrap(nextHopGone(evidence, leg, s.netns) ?? diverted(evidence, leg))
}

/** The prediction ends on a host whose bridge should be one link with that of the far end. */
function notJoined(evidence: TraceEvidence, leg: Drop['leg']): Drop | undefined {
  const { expected, places, from, to } = evidence.parts
  const path = leg === 'forward' ? expected.forward : expected.back
  const owner = places.ownerOfAddress(leg === 'forward' ? to.address : from.address)
  if (!owner || !path || path.end === 'delivered') return undefined
  return joiningTrouble(evidence, leg, { ns: path.at, device: path.steps.at(-1)?.device ?? '' }, owner)
}

/** The prediction ends here because no node has the MAC of the next hop: its device, or the port it is plugged into. */
function nextHopGone(evidence: TraceEvidence, leg: Drop['leg'], ns: string): Drop | undefined {
  const { expected, places } = evidence.parts
  const path = leg === 'forward' ? expected.forward : expected.back
  if (path?.at !== ns || path.end !== 'unknown-neighbour') return undefined
  const device = path.steps.at(-1)?.device
  const owner = places.ownerOfAddress(path.failed?.question ?? '')
  if (!owner || device === undefined || !places.sharesLink({ ns, device }, owner)) return undefined
  const port = explainLinkPeer(evidence, leg, owner)
  return port ?? (deviceTrouble(evidence, owner.ns, owner.device) ? interfaceDown(evidence, leg, owner.ns, owner.device) : undefined)
}

/** A bridge sends a frame back by the port it came in on only where that port is a hairpin. */
function hairpinOff(evidence: TraceEvidence, chain: readonly Sighting[], next: Step): Drop | undefined {
  const { places } = evidence.parts
  const end = places.end(next.ns, next.device)
  const cameIn = chain.findLast((s) => s.netns === next.ns && s.direction === 'in' && places.end(s.netns, s.device)?.port !== undefined)
  if (next.direction !== 'out' || end?.port?.hairpin !== true || cameIn?.device !== next.device) return undefined
  if (linkOf(evidence, next.ns, next.device)?.linkinfo?.info_slave_data?.hairpin !== false) return undefined
  const name = places.name(next.ns)
  return dropped(evidence, {
    leg: legOf(cameIn),
    ns: next.ns,
    device: next.device,
    cause: 'hairpin-off',
    evidence: 'inferred',
    object: places.veth(next.ns, next.device),
    text: `${name} would have to send it back out of ${next.device}, where it came in, and that port of bridge ${end.port.master} is no hairpin`,
    hint: upAgain(evidence),
  })
}
