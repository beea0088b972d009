/** A neighbour request ("who has …?") is not answered. */
import { isIcmp, type Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import type { Drop } from '../../result.ts'
import { askedRoute, deviceTrouble, dropped, interfaceDown, linkOf, tunnelDevice, type DropParts, type Maybe } from './drop-builder.ts'
import { forwarderKey } from '../../predict/forwarders.ts'
import type { Place } from '../../predict/places.ts'
import { inNode, upAgain } from '../hints.ts'
import { diverted } from './diverted.ts'
import { wrongPeer } from './forwarders.ts'
import { fdbWrong } from './layer2.ts'
import { explainLinkPeer } from './silence.ts'
import { joiningTrouble } from './joined.ts'

/** Milliseconds without an answer after which it counts: ARP asks again after a second only. */
const PATIENCE = 300

interface Question {
  readonly asked: Sighting
  readonly target: string
}

/** The address that a frame asks for, by ARP or neighbour discovery. */
export function questionOf(s: Sighting): string | undefined {
  const last = s.layers.findLast((l) => l.type !== 'payload')
  if (last?.type === 'arp' && last.kind === 'request' && last.senderIp !== last.targetIp) return last.targetIp
  if (last && isIcmp(last) && last.icmpType === 135) return last.target
  return undefined
}

/** Sent to all on the link. What goes to one address alone confirms an entry that is in use meanwhile: no packet waits for it. */
function isToAll(s: Sighting): boolean {
  const ethernet = s.layers.findLast((l) => l.type === 'ethernet')
  return ethernet === undefined || (Number.parseInt(ethernet.dst.slice(0, 2), 16) & 1) === 1
}

function senderOf(s: Sighting): string | undefined {
  const last = s.layers.findLast((l) => l.type !== 'payload')
  return last?.type === 'arp' ? last.senderIp : s.layers.find((l) => l.type === 'ipv6')?.src
}

/** The address that a frame answers for. */
export function answerOf(s: Sighting): string | undefined {
  const last = s.layers.findLast((l) => l.type !== 'payload')
  if (last?.type === 'arp' && last.kind === 'reply') return last.senderIp
  return last && isIcmp(last) && last.icmpType === 136 ? last.target : undefined
}

/** It must have come back to the node that asked. */
const answered = (evidence: TraceEvidence, { asked, target }: Question): boolean =>
  evidence.neighbours.some((s) => answerOf(s) === target && s.netns === asked.netns && s.direction === 'in' && s.at >= asked.at)

/** Where the packet was last seen, if that was in this node. */
function lastSeen(evidence: TraceEvidence, ns: string): Sighting | undefined {
  const last = evidence.reply.at(-1) ?? evidence.forward.at(-1)
  return last?.netns === ns ? last : undefined
}

/** Whom a node may have to ask for to send the packet on: its destination, its gateway, the far end of its tunnel. */
function nextHops(evidence: TraceEvidence, ns: string): Set<string> {
  const { to, expected, liveState } = evidence.parts
  const hops = new Set<string>()
  const add = (dst: string): void => {
    hops.add(dst)
    for (const r of liveState.routesTo(ns, dst)) if (r.via !== undefined) hops.add(r.via)
  }
  add(to.address)
  add(expected.source)
  // Translated on the way.
  for (const s of [...evidence.forward, ...evidence.reply]) for (const l of s.layers) if (l.type === 'ipv4' || l.type === 'ipv6') add(l.dst)
  const snapshot = liveState.seen(ns)
  const macs = new Set(
    [...evidence.forward, ...evidence.reply].flatMap((s) =>
      s.netns === ns ? s.layers.flatMap((l) => (l.type === 'ethernet' ? [l.dst] : [])) : [],
    ),
  )
  for (const f of snapshot?.fdb ?? []) if (f.dst !== undefined && macs.has(f.mac)) add(f.dst)
  for (const n of snapshot?.neighbours ?? []) if (n.lladdr !== undefined && hops.has(n.dst) && /^[\d.]+$/.test(n.lladdr)) add(n.lladdr)
  const { device } = lastSeen(evidence, ns) ?? {}
  const remote = snapshot?.links.find((l) => l.ifname === device)?.linkinfo?.info_data?.['remote']
  if (typeof remote === 'string') add(remote)
  for (const entry of (device && liveState.forwarders.get(forwarderKey(ns, device))?.table) || []) add(entry.host)
  for (const h of Array.from(hops)) add(h)
  return hops
}

export function byArp(evidence: TraceEvidence): Maybe | undefined {
  const last = evidence.reply.at(-1) ?? evidence.forward.at(-1)
  const here = last?.netns ?? evidence.parts.from.node.netns
  for (const asked of evidence.neighbours) {
    const target = questionOf(asked)
    if (target === undefined || asked.direction !== 'out' || asked.netns !== here || !isToAll(asked)) continue
    const q = { asked, target }
    // A bridge passes on what its pods ask.
    const asker = evidence.parts.places.ownerOfAddress(senderOf(asked) ?? '')
    if (asker && asker.ns !== here) continue
    // Another packet may wait for another neighbour.
    if (!nextHops(evidence, here).has(target) || answered(evidence, q)) continue
    const waited = Date.now() - Number(asked.at / 1_000_000n)
    return { drop: explain(evidence, q), certain: waited >= PATIENCE }
  }
  return undefined
}

/** Whether the packet was last seen here entering a tunnel device whose far end is a neighbour, the next hop, or its one remote. */
function inTunnel(evidence: TraceEvidence, ns: string): boolean {
  const last = lastSeen(evidence, ns)
  const lookup = last && tunnelDevice(linkOf(evidence, ns, last.device))?.farEnd
  return lookup === 'neighbour' || lookup === 'next-hop' || lookup === 'remote'
}

/** Where the question was seen last, if that was in another node. */
function lastSeenIn(evidence: TraceEvidence, { asked, target }: Question): string {
  const last = evidence.neighbours.findLast((s) => questionOf(s) === target && s.at >= asked.at)
  return last && last.netns !== asked.netns
    ? `; the question was last seen at ${last.device} of ${evidence.parts.places.name(last.netns)}, ${last.direction === 'in' ? 'coming in' : 'going out'}`
    : ''
}

/** On a link of two the other end answers for every address, where it was told to. */
function proxyOf(evidence: TraceEvidence, { netns, device }: Sighting): Pick<DropParts, 'object' | 'text' | 'hint'> | undefined {
  const { places } = evidence.parts
  const peer = places.peer(netns, device)
  const object = peer && places.at(peer.ns).find((o) => o.kind === 'sysctl' && new RegExp(`/${peer.device}/proxy_(?:arp|ndp)$`).test(o.key))
  if (!peer || object?.kind !== 'sysctl') return undefined
  const other = places.name(peer.ns)
  return {
    object,
    text: `${places.name(netns)} asks on ${device} for its next hop; ${other} at the other end should answer for every address, and does not`,
    hint: upAgain(evidence),
  }
}

/** The address is another link's: the route is wrong, or its next hop cannot be one. */
function notOnLink(
  evidence: TraceEvidence,
  { asked: { netns: ns, device }, target }: Question,
  owner: Place,
  common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>,
): Drop {
  const { places, to, lab } = evidence.parts
  const wrong = diverted(evidence, common.leg)
  if (wrong) return { ...wrong, evidence: 'captured', kernelReason: 'NEIGH_FAILED' }
  const segmentOf = (n: string): string => {
    const node = places.node(n)
    return node.kind === 'host' ? ` (segment ${node.segment})` : ''
  }
  const route = askedRoute(evidence, ns, common.leg === 'forward' ? to.address : evidence.parts.expected.source)
  return dropped(evidence, {
    ...common,
    cause: 'off-link',
    object: route,
    text: `${places.name(ns)}${segmentOf(ns)} asks on ${device} who has ${target}${route?.via === target ? `, the next hop of its route to ${route.dst}` : ''}; that is ${places.name(owner.ns)}${segmentOf(owner.ns)}, which is not on this link and never gets the question`,
    hint: `netlab inspect ${lab.name}`,
  })
}

function explain(evidence: TraceEvidence, { asked, target }: Question): Drop {
  const { places, to, liveState } = evidence.parts
  const ns = asked.netns
  const name = places.name(ns)
  const device = asked.device
  const leg: Drop['leg'] = evidence.reply.length > 0 || evidence.arrived ? 'reply' : 'forward'
  const common = { leg, ns, device, evidence: 'captured', kernelReason: 'NEIGH_FAILED' } as const
  const what = target.includes(':') ? 'a neighbour solicitation' : 'an ARP request'
  const lookup = tunnelDevice(linkOf(evidence, ns, device))?.farEnd
  if (lookup !== undefined && lookup !== 'next-hop') {
    const object = places.at(ns).find((o) => o.kind === 'neighbour' && o.dev === device && o.address === target)
    return dropped(evidence, {
      ...common,
      cause: 'neighbour-missing',
      object,
      text: `${name} asks on ${device} who has ${target}; no answer is possible in a tunnel without broadcast: the permanent neighbour entry is missing`,
      hint: object ? upAgain(evidence) : undefined,
    })
  }
  const chain = leg === 'forward' ? evidence.forward : evidence.reply
  const wrong = fdbWrong(evidence, chain) ?? wrongPeer(evidence, chain)
  if (wrong) return { ...wrong, evidence: 'captured', kernelReason: 'NEIGH_FAILED' }
  const owner = places.ownerOfAddress(target)
  if (!owner && target !== to.address && inTunnel(evidence, ns)) {
    return dropped(evidence, {
      ...common,
      cause: 'tunnel-peer',
      text: `${name} asks who has ${target}, the far end of the tunnel; no node of the lab has this address`,
      object: askedRoute(evidence, ns, to.address),
      hint: upAgain(evidence),
    })
  }
  const isHere = owner !== undefined && places.sharesLink({ ns, device }, owner)
  const proxy = proxyOf(evidence, asked)
  if (!isHere && proxy) return dropped(evidence, { ...common, cause: 'no-such-address', ...proxy })
  if (!owner) {
    const route = askedRoute(evidence, ns, to.address)
    return dropped(evidence, {
      ...common,
      cause: 'no-such-address',
      object: target === to.address ? undefined : route,
      text: `${name} asks who has ${target} (${what} on ${device})${target === to.address ? '' : ', the next hop of its route'}; no node of the lab has this address`,
      hint: target === to.address ? `netlab inspect ${evidence.parts.lab.name}` : upAgain(evidence),
    })
  }
  if (!isHere) return notOnLink(evidence, { asked, target }, owner, common)
  const ownerName = places.name(owner.ns)
  const trouble = deviceTrouble(evidence, owner.ns, owner.device)
  const words = `${name} asks who has ${target} (${what} on ${device}), and ${ownerName} cannot answer`
  if (trouble)
    return interfaceDown(evidence, leg, owner.ns, owner.device, { evidence: 'inferred', text: `${words}: its ${owner.device} ${trouble}` })
  const plug = explainLinkPeer(evidence, leg, owner)
  if (plug) return { ...plug, text: `${words}: ${plug.text}` }
  const has = liveState.seen(owner.ns)?.links.some((l) => l.addr_info?.some((a) => a.local === target))
  const object = places.at(owner.ns).find((o) => o.kind === 'address' && o.address.startsWith(`${target}/`))
  if (has === false)
    return dropped(evidence, {
      ...common,
      cause: 'no-such-address',
      object,
      text: `${name} asks who has ${target}: ${ownerName} should, but the address is not on its ${owner.device}`,
      hint: upAgain(evidence),
    })
  const between = joiningTrouble(evidence, leg, { ns, device }, owner)
  if (between) return { ...between, text: `${words}: ${between.text}` }
  return dropped(evidence, {
    ...common,
    cause: 'no-such-address',
    object,
    text: `${words}, though its ${owner.device} is up and has the address${lastSeenIn(evidence, { asked, target })}`,
    hint: inNode(evidence, owner.ns, 'nft list ruleset', 'arptables -S'),
  })
}
