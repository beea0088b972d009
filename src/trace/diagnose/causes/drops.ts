/** The kernel freed the probe and said why: skb_drop_reason and the function, in words (include/net/dropreason-core.h). */
import type { Attributed } from '../attribute.ts'
import type { DropEvent } from '../../collect/events.ts'
import type { Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode, showStatus, upAgain } from '../hints.ts'
import { askedNetwork, lacks, networkLost } from './diverted.ts'
import type { Drop } from '../../result.ts'
import { dropped, innerAddresses, isTunnelled, legOf, linkOf, outerAddresses, tunnelDevice, type DropParts } from './drop-builder.ts'
import { isUnrelatedDrop } from './unrelated.ts'
import { forwardingOff, tooBig, ttlExceeded } from './forwarding.ts'
import { fdbTrouble, neighbourTrouble } from './layer2.ts'
import { byFilter, byQueue } from './queues.ts'
import { routeFailure } from './routes.ts'
import { peerTrouble, explainLastHop } from './silence.ts'
import { noSocket, tunnelRefused, idUnknown } from './tunnels.ts'
import { ownFirewall, untracedDrop } from './untraced.ts'

/** Ends that are no drops. */
function isBenign(evidence: TraceEvidence, { event, after }: Attributed<DropEvent>): boolean {
  if (/^(QUEUE_PURGE|SOCKET_CLOSE|SKB_CONSUMED|CONSUMED)$/.test(event.reason)) return true
  // A raw socket got its copy; nothing else wanted the original.
  if (/ping_rcv|raw_rcv|raw_v4_input|icmp_rcv|icmpv6_rcv/.test(event.location)) return true
  // Copies that a bridge flooded, and those taken off a promiscuous port.
  if (event.reason === 'OTHERHOST' && evidence.parts.places.end(after.netns, after.device)?.port) return true
  return false
}

export function byDrop(evidence: TraceEvidence): Drop | undefined {
  const last = (s: Sighting): boolean => {
    const chain = s.role === 'probe' ? evidence.forward : s.role === 'reply' ? evidence.reply : evidence.errors
    return chain.includes(s) && !chain.some((o) => o.at > s.at && o.netns !== s.netns)
  }
  // The prober has it: what follows is the end of a buffer.
  const isHome = (s: Sighting): boolean => s.role === 'reply' && evidence.outcome().reply !== undefined
  const drops = evidence.attribution.drops.filter(
    (d) =>
      d.after.n === evidence.n &&
      d.after.role !== 'error' &&
      !isHome(d.after) &&
      !isBenign(evidence, d) &&
      !isUnrelatedDrop(evidence, d) &&
      last(d.after),
  )
  // A request whose answer is on its way was not lost, whatever happened to a copy of it.
  const alive = evidence.reply[0]?.netns === (evidence.destination ?? evidence.reply[0]?.netns) && evidence.reply.length > 0
  const drop = drops.findLast((d) => !alive || d.after.role === 'reply')
  return drop ? explain(evidence, drop) : (byQueue(evidence) ?? unseenDrop(evidence))
}

/** What was dropped before it was on any device: a request without a neighbour, an answer that the destination's own OUTPUT hook refused. */
function unseenDrop(evidence: TraceEvidence): Drop | undefined {
  const { sent } = evidence.outcome()
  const { from, expected } = evidence.parts
  const full = evidence.attribution.unseen.some(
    (e) => e.reason === 'NEIGH_CREATEFAIL' && sent !== undefined && e.at > sent && e.at - sent < 2_000_000n,
  )
  if (full && evidence.forward.length === 0)
    return tableFull(evidence, {
      leg: 'forward',
      ns: from.node.netns,
      device: expected.forward.steps[0]?.device ?? '',
      evidence: 'inferred',
      kernelReason: 'NEIGH_CREATEFAIL',
    })
  const arrived = evidence.forward.at(-1)
  if (!evidence.arrived || !arrived || evidence.reply.length > 0) return undefined
  const drop = evidence.attribution.unseen.find((e) => e.reason === 'NETFILTER_DROP' && e.at > arrived.at && e.at - arrived.at < 2_000_000n)
  return (
    drop &&
    ownFirewall(evidence, { leg: 'reply', ns: arrived.netns, device: arrived.device, evidence: 'inferred', kernelReason: drop.reason })
  )
}

function explain(evidence: TraceEvidence, { event, after }: Attributed<DropEvent>): Drop {
  const { places } = evidence.parts
  const { reason, location } = event
  const ns = after.netns
  const name = places.name(ns)
  const leg = legOf(after)
  const common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'> = {
    leg,
    ns,
    device: after.device,
    evidence: 'kernel',
    kernelReason: reason,
  }
  const dst =
    farEnd(evidence, after) ??
    (isTunnelled(after) && after.direction === 'in' ? outerAddresses(after) : innerAddresses(after))?.dst ??
    evidence.parts.to.address
  const failed = (): Drop => routeFailure(evidence, { ...common, dst, ...predictedFailure(evidence, leg) })
  if (reason.startsWith('TC_')) return byFilter(evidence, after, common)
  switch (reason) {
    case 'NETFILTER_DROP':
      return untracedDrop(evidence, common, after)
    case 'IP_RPFILTER':
      return rpFilter(evidence, after, common)
    case 'PKT_TOO_BIG':
      return tooBig(evidence, after, common)
    case 'IP_INNOROUTES':
    case 'IP_OUTNOROUTES':
      return failed()
    case 'IP_INADDRERRORS':
      return forwardingOff(evidence, after, common) ?? failed()
    case 'IP_INHDR':
      return ttlExceeded(evidence, after, common)
    case 'NO_TX_TARGET':
      // A bridge without another port says the same as a VTEP without an entry.
      return (
        withReason(
          tunnelDevice(linkOf(evidence, ns, after.device))?.farEnd === 'fdb'
            ? undefined
            : (explainLastHop(evidence, after)?.drop ?? neighbourTrouble(evidence, after)),
          reason,
        ) ?? fdbTrouble(evidence, after, common)
      )
    case 'VXLAN_VNI_NOT_FOUND':
      return idUnknown(evidence, after, common)
    case 'NO_SOCKET':
      return tunnelRefused(evidence, after, common) ?? noSocket(evidence, after, common)
    case 'NEIGH_CREATEFAIL':
      return tableFull(evidence, common)
    case 'OTHERHOST':
    case 'NEIGH_FAILED':
    case 'NEIGH_QUEUEFULL':
      return (
        withReason(neighbourTrouble(evidence, after) ?? explainLastHop(evidence, after)?.drop, reason) ??
        kernelSays(evidence, common, location)
      )
    default:
      break
  }
  // Before Linux 6.3 the function is printed as a number that says nothing.
  if (/^[0-9a-f]{8,}$/.test(location))
    return (
      withReason(byState(evidence, after, common), reason) ??
      dropped(evidence, {
        ...common,
        cause: 'kernel',
        text: `the kernel of ${name} dropped it and gave no reason`,
        hint: showStatus(evidence),
      })
    )
  const refused = /gre|tunnel4|ipip|ip_tunnel|ip_local_deliver|ip_protocol_deliver/.test(location)
    ? tunnelRefused(evidence, after, common)
    : undefined
  if (refused) return refused
  if (/ip_error|ip_rt_bug|dst_discard|ip6_pkt_discard|ip6_pkt_prohibit|ip_route_input/.test(location))
    return forwardingOff(evidence, after, common) ?? failed()
  if (/ip6?_forward/.test(location) && isOld(after)) return ttlExceeded(evidence, after, common)
  if (/dev_forward_skb|skb_forwardable|br_dev_queue_push_xmit|br_forward|veth_xmit|is_skb_forwardable/.test(location)) {
    const trouble = peerTrouble(evidence, after)
    if (trouble) return { ...trouble, evidence: 'kernel', kernelReason: reason }
    if (after.length > mtuAround(evidence, after)) return tooBig(evidence, after, common)
  }
  const link = linkOf(evidence, ns, after.device)
  if (tunnelDevice(link)?.farEnd === 'fdb' && after.direction === 'out' && location.includes(link!.linkinfo!.info_kind!))
    return fdbTrouble(evidence, after, common)
  const state = neighbourTrouble(evidence, after) ?? explainLastHop(evidence, after)?.drop
  return state ? { ...state, kernelReason: reason } : kernelSays(evidence, common, location)
}

/** On its way out of a tunnel device it is looked up a second time: for the far end of the tunnel, by the prediction. */
function farEnd(evidence: TraceEvidence, s: Sighting): string | undefined {
  if (s.direction !== 'out' || !tunnelDevice(linkOf(evidence, s.netns, s.device))) return undefined
  const path = legOf(s) === 'forward' ? evidence.parts.expected.forward : evidence.parts.expected.back
  return path?.at === s.netns ? /^to (\S+)/.exec(path.failed?.question ?? '')?.[1] : undefined
}

/** What the state of the node says of a packet that was dropped in it. */
function byState(
  evidence: TraceEvidence,
  s: Sighting,
  common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>,
): Drop | undefined {
  const { places, expected } = evidence.parts
  const state = explainLastHop(evidence, s)?.drop ?? neighbourTrouble(evidence, s)
  if (state) return state
  if (tunnelDevice(linkOf(evidence, s.netns, s.device))?.farEnd === 'fdb' && s.direction === 'out') return fdbTrouble(evidence, s, common)
  const path = common.leg === 'forward' ? expected.forward : expected.back
  if (s.direction === 'in' && path?.end === 'no-route' && path.at === s.netns)
    return (
      forwardingOff(evidence, s, common) ??
      routeFailure(evidence, {
        ...common,
        dst: innerAddresses(s)?.dst ?? evidence.parts.to.address,
        ...predictedFailure(evidence, common.leg),
      })
    )
  if (s.direction === 'in' && isOld(s) && places.ownerOfAddress(innerAddresses(s)!.dst)?.ns !== s.netns)
    return ttlExceeded(evidence, s, common)
  return undefined
}

const isOld = (s: Sighting): boolean => (s.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')?.ttl ?? 64) <= 1

const withReason = (drop: Drop | undefined, kernelReason: string): Drop | undefined => drop && { ...drop, kernelReason }

const kernelSays = (
  evidence: TraceEvidence,
  common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>,
  location: string,
): Drop =>
  dropped(evidence, {
    ...common,
    cause: 'kernel',
    text: `the kernel of ${evidence.parts.places.name(common.ns)} dropped it in ${location}()`,
    hint: /xfrm/i.test(`${common.kernelReason} ${location}`) ? inNode(evidence, common.ns, 'ip xfrm policy') : showStatus(evidence),
  })

/** Smallest MTU at the two ends of the link a frame is on, with its Ethernet header. */
function mtuAround(evidence: TraceEvidence, s: Sighting): number {
  const peer = evidence.parts.places.peer(s.netns, s.device)
  const mtus = [linkOf(evidence, s.netns, s.device), peer && linkOf(evidence, peer.ns, peer.device)].flatMap((l) => (l ? [l.mtu] : []))
  return Math.min(...mtus, 65_535) + 14
}

function predictedFailure(evidence: TraceEvidence, leg: Drop['leg']): { error?: string; entry?: string } {
  const path = leg === 'forward' ? evidence.parts.expected.forward : evidence.parts.expected.back
  const { error, entry } = path?.failed ?? {}
  return { ...(error === undefined ? {} : { error }), ...(entry === undefined ? {} : { entry }) }
}

/** All namespaces of a machine share one table of neighbours. */
const tableFull = (evidence: TraceEvidence, common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>): Drop =>
  dropped(evidence, {
    ...common,
    cause: 'kernel',
    text: `${evidence.parts.places.name(common.ns)} had no room to remember another neighbour: the table is one for all namespaces of this machine, and full`,
    hint: 'sysctl net.ipv4.neigh.default.gc_thresh3 net.ipv6.neigh.default.gc_thresh3',
  })

function rpFilter(
  evidence: TraceEvidence,
  s: Sighting,
  common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>,
): Drop {
  const src = innerAddresses(s)?.src ?? ''
  const name = evidence.parts.places.name(s.netns)
  const object = evidence.parts.places.at(s.netns).find((o) => o.kind === 'sysctl' && o.key.endsWith('all/rp_filter'))
  // The loose filter only asks whether there is any way back at all.
  const back = evidence.parts.liveState.routesTo(s.netns, src)
  if (back.length > 0 && back.every((r) => /unreachable/.test(r.error ?? ''))) {
    const drop = routeFailure(evidence, { ...common, leg: 'reply', dst: src, error: back[0]!.error })
    return { ...drop, leg: common.leg, text: `${drop.text}, so its reverse path filter drops the request already` }
  }
  const network = askedNetwork(evidence, s.netns, src)
  if (network && lacks(evidence, network))
    return networkLost(evidence, network, `its reverse path filter drops what comes from ${src}`, { ...common, device: network.dev })
  return dropped(evidence, {
    ...common,
    cause: 'rp-filter',
    object,
    text: `${name} would not send an answer to ${src} out of ${s.device}, so its reverse path filter drops what comes in there`,
    hint: upAgain(evidence),
  })
}
