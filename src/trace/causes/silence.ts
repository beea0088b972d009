/** The trail ends and nobody said why: what the state of devices, ports and tables on the way explains. */
import type { Sighting } from '../identity.ts'
import type { Place } from '../places.ts'
import type { Scene } from '../scene.ts'
import type { Drop } from '../story.ts'
import { deviceTrouble, dropped, interfaceDown, isTunnelled, legOf, linkOf, type Maybe } from './blame.ts'
import { entryMissing, fdbWrong, neighbourTrouble } from './layer2.ts'
import { heldInQueue } from './queues.ts'
import { tunnelState } from './tunnels.ts'
import { routeFailure } from './routes.ts'

/** Milliseconds in which nothing more came: a packet in namespaces takes microseconds a device. */
const QUIET = 250

export function bySilence(scene: Scene): Maybe | undefined {
  const last = scene.reply.at(-1) ?? scene.forward.at(-1)
  if (!last) return atSource(scene)
  const found = tailTrouble(scene, last)
  return found && { ...found, certain: Date.now() - Number(last.at / 1_000_000n) >= QUIET }
}

/** It never left: its own device, or nothing at all. */
function atSource(scene: Scene): Maybe | undefined {
  const { from, expected } = scene.parts
  const sent = scene.outcome().sent
  const step = expected.forward.steps[0]
  if (sent === undefined || !step) return undefined
  const waited = Date.now() - Number(sent / 1_000_000n)
  const trouble = deviceTrouble(scene, step.ns, step.device)
  if (trouble) return { drop: interfaceDown(scene, 'forward', step.ns, step.device), certain: waited >= QUIET }
  const found = plugTrouble(scene, 'forward', { ns: from.node.netns, device: step.device }) ?? heldInQueue(scene, 'forward', step)
  return found && { drop: found, certain: waited >= QUIET }
}

/** What is wrong where a node's device is plugged in: the far end, or its place on a bridge. */
export function plugTrouble(scene: Scene, leg: Drop['leg'], at: Place): Drop | undefined {
  const { places } = scene.parts
  const peer = places.peer(at.ns, at.device)
  if (!peer) return undefined
  if (deviceTrouble(scene, peer.ns, peer.device)) return interfaceDown(scene, leg, peer.ns, peer.device)
  return offBridge(scene, leg, peer)
}

/** A port the lab put on a bridge that is on none, or on another, or does not forward; or a bridge that is down. */
function offBridge(scene: Scene, leg: Drop['leg'], at: Place): Drop | undefined {
  const { places } = scene.parts
  const end = places.end(at.ns, at.device)
  const link = linkOf(scene, at.ns, at.device)
  if (!end?.port || !link) return undefined
  const { master } = end.port
  const name = places.name(at.ns)
  if (link.master !== master) {
    return dropped(scene, {
      leg,
      ns: at.ns,
      device: at.device,
      cause: 'not-on-bridge',
      evidence: 'inferred',
      object: places.veth(at.ns, at.device),
      text: `${at.device} of ${name} is not on bridge ${master}${link.master === undefined ? '' : ` but on ${link.master}`}: frames that come in there go nowhere`,
      hint: `netlab exec ${name} -- ip link set ${at.device} master ${master}`,
    })
  }
  if (deviceTrouble(scene, at.ns, master)) return interfaceDown(scene, leg, at.ns, master)
  const state = link.linkinfo?.info_slave_data?.state
  if (state !== undefined && state !== 'forwarding') {
    // Without a carrier a port is disabled: the far end is to blame.
    const far = places.peer(at.ns, at.device)
    if (far && deviceTrouble(scene, far.ns, far.device)) return interfaceDown(scene, leg, far.ns, far.device)
    return dropped(scene, {
      leg,
      ns: at.ns,
      device: at.device,
      cause: 'interface-down',
      evidence: 'inferred',
      object: places.veth(at.ns, at.device),
      text: `port ${at.device} of bridge ${master} in ${name} is ${state}, not forwarding`,
      hint: `netlab exec ${name} -- bridge link set dev ${at.device} state 3`,
    })
  }
  return undefined
}

/** The far end of the link a frame left by: down, gone, or narrower than the frame. */
export function peerTrouble(scene: Scene, s: Sighting): Drop | undefined {
  const { places } = scene.parts
  const leg = legOf(s)
  if (s.direction !== 'out') return undefined
  const peer = places.peer(s.netns, s.device)
  if (!peer) return undefined
  if (deviceTrouble(scene, peer.ns, peer.device)) return interfaceDown(scene, leg, peer.ns, peer.device)
  const mtu = linkOf(scene, peer.ns, peer.device)?.mtu
  // A frame longer than the receiver's MTU (with its header and a VLAN tag) is refused without a word.
  if (mtu !== undefined && s.length > mtu + 18) {
    return dropped(scene, {
      leg,
      ns: peer.ns,
      device: peer.device,
      cause: 'mtu',
      evidence: 'inferred',
      object: places.veth(peer.ns, peer.device),
      text: `${s.length - 14} bytes do not fit through ${peer.device} of ${places.name(peer.ns)}, whose MTU is ${mtu}; inside one link nobody says so`,
      hint: `Both ends of a link must have one MTU: netlab exec ${places.name(peer.ns)} -- ip link set ${peer.device} mtu ${s.length - 14}`,
    })
  }
  return undefined
}

/** A bridge port that is narrower than the frame: bridges do not answer, they drop. */
function tooNarrow(scene: Scene, s: Sighting, next: Place): Drop | undefined {
  const { places } = scene.parts
  const mtu = linkOf(scene, next.ns, next.device)?.mtu
  if (next.ns !== s.netns || !places.end(next.ns, next.device)?.port || mtu === undefined || s.length - 14 <= mtu) return undefined
  return dropped(scene, {
    leg: legOf(s),
    ns: next.ns,
    device: next.device,
    cause: 'mtu',
    evidence: 'inferred',
    object: places.veth(next.ns, next.device),
    text: `${s.length - 14} bytes do not fit through ${next.device} of ${places.name(next.ns)}, whose MTU is ${mtu}; a bridge does not say so`,
    hint: `netlab exec ${places.name(next.ns)} -- ip link set ${next.device} mtu ${s.length - 14}`,
  })
}

/** Whatever explains that a packet was last seen here. */
export function tailTrouble(scene: Scene, s: Sighting): { readonly drop: Drop } | undefined {
  const { places, expected, knowledge } = scene.parts
  const leg = legOf(s)
  const chain = leg === 'forward' ? scene.forward : scene.reply
  const wrap = (drop: Drop | undefined): { readonly drop: Drop } | undefined => drop && { drop }
  const wrong = fdbWrong(scene, chain)
  if (wrong) return wrap(wrong)
  const peer = peerTrouble(scene, s)
  if (peer) return wrap(peer)
  if (s.direction === 'in') {
    const port = offBridge(scene, leg, { ns: s.netns, device: s.device })
    if (port) return wrap(port)
  }
  const tunnel = tunnelState(scene, s)
  if (tunnel) return wrap(tunnel)
  const neighbour = neighbourTrouble(scene, s)
  if (neighbour) return wrap(neighbour)
  const path = leg === 'forward' ? expected.forward : expected.back
  const steps = path?.steps ?? []
  const at = steps.findLastIndex((x) => x.ns === s.netns && x.device === s.device && x.direction === s.direction)
  // What should have come next, up to the next node.
  for (const next of steps.slice(at + 1, at + 4)) {
    if (at < 0) break
    if (deviceTrouble(scene, next.ns, next.device)) return wrap(interfaceDown(scene, leg, next.ns, next.device))
    const off = offBridge(scene, leg, next)
    if (off) return wrap(off)
    const held = next.direction === 'out' ? heldInQueue(scene, leg, next) : undefined
    if (held) return wrap(held)
    const narrow = tooNarrow(scene, s, next)
    if (narrow) return wrap(narrow)
  }
  if (path && at === steps.length - 1 && at >= 0 && path.end === 'no-route' && path.at === s.netns) {
    return wrap(
      routeFailure(scene, {
        leg,
        ns: s.netns,
        device: s.device,
        evidence: 'inferred',
        dst: leg === 'forward' ? scene.parts.to.address : expected.source,
        error: path.failed?.error,
        entry: path.failed?.entry,
      }),
    )
  }
  const missing = entryMissing(scene, leg, s.netns)
  if (missing) return wrap(missing)
  if (!isTunnelled(s) && at >= 0 && path?.end === 'not-for-us') {
    const down = knowledge.seen(s.netns)?.links.find((l) => places.end(s.netns, l.ifname) && !l.flags.includes('UP'))
    if (down) return wrap(interfaceDown(scene, leg, s.netns, down.ifname))
  }
  return undefined
}
