/** The kernel freed the probe and said why: skb_drop_reason and the function, in words (include/net/dropreason-core.h). */
import type { Attributed } from '../attribute.ts'
import type { DropEvent } from '../events.ts'
import type { Sighting } from '../identity.ts'
import type { Scene } from '../scene.ts'
import type { Drop } from '../story.ts'
import { dropped, innerAddresses, isTunnelled, legOf, linkOf, outerAddresses, type DropParts } from './blame.ts'
import { isForeign } from './foreign.ts'
import { forwardingOff, tooBig, tooOld } from './forwarding.ts'
import { fdbTrouble, neighbourTrouble } from './layer2.ts'
import { byFilter, byQueue } from './queues.ts'
import { routeFailure } from './routes.ts'
import { peerTrouble, tailTrouble } from './silence.ts'
import { noSocket, tunnelRefused, vniUnknown } from './tunnels.ts'
import { ownFirewall, untracedDrop } from './untraced.ts'

/** Ends that are no deaths. */
function isBenign(scene: Scene, { event, after }: Attributed<DropEvent>): boolean {
  if (/^(QUEUE_PURGE|SOCKET_CLOSE|SKB_CONSUMED|CONSUMED)$/.test(event.reason)) return true
  // A raw socket got its copy; nobody else wanted the original.
  if (/ping_rcv|raw_rcv|raw_v4_input|icmp_rcv|icmpv6_rcv/.test(event.location)) return true
  // Copies that a bridge flooded, and those taken off a promiscuous port.
  if (event.reason === 'OTHERHOST' && scene.parts.places.end(after.netns, after.device)?.port) return true
  return false
}

export function byDrop(scene: Scene): Drop | undefined {
  const last = (s: Sighting): boolean => {
    const chain = s.role === 'probe' ? scene.forward : s.role === 'reply' ? scene.reply : scene.errors
    return chain.includes(s) && !chain.some((o) => o.at > s.at && o.netns !== s.netns)
  }
  // The prober has it: what follows is the end of a buffer.
  const isHome = (s: Sighting): boolean => s.role === 'reply' && scene.outcome().reply !== undefined
  const deaths = scene.attribution.drops.filter(
    (d) =>
      d.after.n === scene.n && d.after.role !== 'error' && !isHome(d.after) && !isBenign(scene, d) && !isForeign(scene, d) && last(d.after),
  )
  // A request whose answer is on its way was not lost, whatever happened to a copy of it.
  const alive = scene.reply[0]?.netns === (scene.destination ?? scene.reply[0]?.netns) && scene.reply.length > 0
  const death = deaths.findLast((d) => !alive || d.after.role === 'reply')
  return death ? explain(scene, death) : (byQueue(scene) ?? unseenDrop(scene))
}

/** What died before it was on any device: a request without a neighbour, an answer that the destination's own OUTPUT hook refused. */
function unseenDrop(scene: Scene): Drop | undefined {
  const { sent } = scene.outcome()
  const { from, expected } = scene.parts
  const full = scene.attribution.unseen.some(
    (e) => e.reason === 'NEIGH_CREATEFAIL' && sent !== undefined && e.at > sent && e.at - sent < 2_000_000n,
  )
  if (full && scene.forward.length === 0)
    return tableFull(scene, {
      leg: 'forward',
      ns: from.node.netns,
      device: expected.forward.steps[0]?.device ?? '',
      evidence: 'inferred',
      kernelReason: 'NEIGH_CREATEFAIL',
    })
  const arrived = scene.forward.at(-1)
  if (!scene.arrived || !arrived || scene.reply.length > 0) return undefined
  const drop = scene.attribution.unseen.find((e) => e.reason === 'NETFILTER_DROP' && e.at > arrived.at && e.at - arrived.at < 2_000_000n)
  return (
    drop && ownFirewall(scene, { leg: 'reply', ns: arrived.netns, device: arrived.device, evidence: 'inferred', kernelReason: drop.reason })
  )
}

function explain(scene: Scene, { event, after }: Attributed<DropEvent>): Drop {
  const { places } = scene.parts
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
    farEnd(scene, after) ??
    (isTunnelled(after) && after.direction === 'in' ? outerAddresses(after) : innerAddresses(after))?.dst ??
    scene.parts.to.address
  const failed = (): Drop => routeFailure(scene, { ...common, dst, ...predictedFailure(scene, leg) })
  if (reason.startsWith('TC_')) return byFilter(scene, after, common)
  switch (reason) {
    case 'NETFILTER_DROP':
      return untracedDrop(scene, common, after)
    case 'IP_RPFILTER':
      return rpFilter(scene, after, common)
    case 'PKT_TOO_BIG':
      return tooBig(scene, after, common)
    case 'IP_INNOROUTES':
    case 'IP_OUTNOROUTES':
      return failed()
    case 'IP_INADDRERRORS':
      return forwardingOff(scene, after, common) ?? failed()
    case 'IP_INHDR':
      return tooOld(scene, after, common)
    case 'NO_TX_TARGET':
      // A bridge without another port says the same as a VTEP without an entry.
      return (
        withReason(
          linkOf(scene, ns, after.device)?.linkinfo?.info_kind === 'vxlan'
            ? undefined
            : (tailTrouble(scene, after)?.drop ?? neighbourTrouble(scene, after)),
          reason,
        ) ?? fdbTrouble(scene, after, common)
      )
    case 'VXLAN_VNI_NOT_FOUND':
      return vniUnknown(scene, after, common)
    case 'NO_SOCKET':
      return tunnelRefused(scene, after, common) ?? noSocket(scene, after, common)
    case 'NEIGH_CREATEFAIL':
      return tableFull(scene, common)
    case 'OTHERHOST':
    case 'NEIGH_FAILED':
    case 'NEIGH_QUEUEFULL':
      return neighbourTrouble(scene, after) ?? tailTrouble(scene, after)?.drop ?? kernelSays(scene, common, location)
    default:
      break
  }
  // Before Linux 6.3 the function is printed as a number that says nothing.
  if (/^[0-9a-f]{8,}$/.test(location))
    return (
      withReason(byState(scene, after, common), reason) ??
      dropped(scene, { ...common, cause: 'kernel', text: `the kernel of ${name} dropped it and gave no reason` })
    )
  const refused = /gre|tunnel4|ipip|ip_tunnel|ip_local_deliver|ip_protocol_deliver/.test(location)
    ? tunnelRefused(scene, after, common)
    : undefined
  if (refused) return refused
  if (/ip_error|ip_rt_bug|dst_discard|ip6_pkt_discard|ip6_pkt_prohibit|ip_route_input/.test(location))
    return forwardingOff(scene, after, common) ?? failed()
  if (/ip6?_forward/.test(location) && isOld(after)) return tooOld(scene, after, common)
  if (/dev_forward_skb|skb_forwardable|br_dev_queue_push_xmit|br_forward|veth_xmit|is_skb_forwardable/.test(location)) {
    const trouble = peerTrouble(scene, after)
    if (trouble) return { ...trouble, evidence: 'kernel', kernelReason: reason }
    if (after.length > mtuAround(scene, after)) return tooBig(scene, after, common)
  }
  if (/vxlan/.test(location) && after.direction === 'out') return fdbTrouble(scene, after, common)
  const state = neighbourTrouble(scene, after) ?? tailTrouble(scene, after)?.drop
  return state ? { ...state, kernelReason: reason } : kernelSays(scene, common, location)
}

/** On its way out of a tunnel device it is looked up a second time: for the far end of the tunnel, by the prediction. */
function farEnd(scene: Scene, s: Sighting): string | undefined {
  const kind = linkOf(scene, s.netns, s.device)?.linkinfo?.info_kind ?? ''
  if (s.direction !== 'out' || !['vxlan', 'gre', 'ipip'].includes(kind)) return undefined
  const path = legOf(s) === 'forward' ? scene.parts.expected.forward : scene.parts.expected.back
  return path?.at === s.netns ? /^to (\S+)/.exec(path.failed?.question ?? '')?.[1] : undefined
}

/** What the state of the node says of a packet that was dropped in it. */
function byState(
  scene: Scene,
  s: Sighting,
  common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>,
): Drop | undefined {
  const { places, expected } = scene.parts
  const state = tailTrouble(scene, s)?.drop ?? neighbourTrouble(scene, s)
  if (state) return state
  if (linkOf(scene, s.netns, s.device)?.linkinfo?.info_kind === 'vxlan' && s.direction === 'out') return fdbTrouble(scene, s, common)
  const path = common.leg === 'forward' ? expected.forward : expected.back
  if (s.direction === 'in' && path?.end === 'no-route' && path.at === s.netns)
    return (
      forwardingOff(scene, s, common) ??
      routeFailure(scene, { ...common, dst: innerAddresses(s)?.dst ?? scene.parts.to.address, ...predictedFailure(scene, common.leg) })
    )
  if (s.direction === 'in' && isOld(s) && places.ownerOfAddress(innerAddresses(s)!.dst)?.ns !== s.netns) return tooOld(scene, s, common)
  return undefined
}

const isOld = (s: Sighting): boolean => (s.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')?.ttl ?? 64) <= 1

const withReason = (drop: Drop | undefined, kernelReason: string): Drop | undefined => drop && { ...drop, kernelReason }

const kernelSays = (scene: Scene, common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>, location: string): Drop =>
  dropped(scene, { ...common, cause: 'kernel', text: `the kernel of ${scene.parts.places.name(common.ns)} dropped it in ${location}()` })

/** Smallest MTU at the two ends of the link a frame is on, with its Ethernet header. */
function mtuAround(scene: Scene, s: Sighting): number {
  const peer = scene.parts.places.peer(s.netns, s.device)
  const mtus = [linkOf(scene, s.netns, s.device), peer && linkOf(scene, peer.ns, peer.device)].flatMap((l) => (l ? [l.mtu] : []))
  return Math.min(...mtus, 65_535) + 14
}

function predictedFailure(scene: Scene, leg: Drop['leg']): { error?: string; entry?: string } {
  const path = leg === 'forward' ? scene.parts.expected.forward : scene.parts.expected.back
  const { error, entry } = path?.failed ?? {}
  return { ...(error === undefined ? {} : { error }), ...(entry === undefined ? {} : { entry }) }
}

/** All namespaces of a machine share one table of neighbours. */
const tableFull = (scene: Scene, common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>): Drop =>
  dropped(scene, {
    ...common,
    cause: 'kernel',
    text: `${scene.parts.places.name(common.ns)} had no room to remember another neighbour: the table is one for all namespaces of this machine, and full`,
    hint: 'sysctl net.ipv4.neigh.default.gc_thresh3 net.ipv6.neigh.default.gc_thresh3 is its size.',
  })

function rpFilter(scene: Scene, s: Sighting, common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>): Drop {
  const src = innerAddresses(s)?.src ?? ''
  const name = scene.parts.places.name(s.netns)
  const object = scene.parts.places.at(s.netns).find((o) => o.kind === 'sysctl' && o.key.endsWith('all/rp_filter'))
  // The loose filter only asks whether there is any way back at all.
  const back = scene.parts.knowledge.routesTo(s.netns, src)
  if (back.length > 0 && back.every((r) => /unreachable/.test(r.error ?? ''))) {
    const drop = routeFailure(scene, { ...common, leg: 'reply', dst: src, error: back[0]!.error })
    return { ...drop, leg: common.leg, text: `${drop.text}, so its reverse path filter drops the request already` }
  }
  return dropped(scene, {
    ...common,
    cause: 'rp-filter',
    object,
    text: `${name} would not send an answer to ${src} out of ${s.device}, so its reverse path filter drops what comes in there`,
    hint: `netlab exec ${name} -- sysctl net.ipv4.conf.${s.device.replaceAll('.', '/')}.rp_filter net.ipv4.conf.all.rp_filter; ip route get ${src}`,
  })
}
