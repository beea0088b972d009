/** A tunnel packet that reached a host which could not take it: no device for it, or another network identifier. */
import type { IpLink } from '../../../kernel/dumps/content.ts'
import { isAutomatic, linkType, shownType } from '../../../kernel/links/index.ts'
import type { Link } from '../../../kernel/objects.ts'
import { ownersIn } from '../../../lab/lab.ts'
import { headerOf, isIp } from '../../../packet/headers.ts'
import { sealedIn, tunnelsOf, type Tunnel } from '../../../packet/tunnels.ts'
import type { Sighting } from '../identity.ts'
import { dataOf } from '../../predict/predict.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode, upAgain } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { forwarderTrouble } from './forwarders.ts'
import { dropped, interfaceDown, isUp, portOf, type DropParts } from './drop-builder.ts'

type Common = Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>

/** The outermost tunnel with a header of its own, else IP in IP. */
function tunnelOf(s: Sighting): Tunnel | undefined {
  const all = tunnelsOf(s.layers)
  return all.find((t) => !isIp(t.layer)) ?? all[0]
}

/** Whether a tunnel's packets come to a UDP port, where a device or a program listens for them. */
const isDatagram = (tunnel: Tunnel | undefined): boolean =>
  tunnel !== undefined && (tunnel.layer.type === 'udp' || headerOf(tunnel.layer).after.udpPort !== undefined)

/** The header of a device's packets. */
const headerTypeOf = (l: IpLink): string => shownType(l)?.tunnel?.header ?? l.linkinfo?.info_kind ?? ''
/** What tells a device's packets from those of others of its type; 0: nothing. */
const idOf = (l: IpLink): number => shownType(l)?.tunnel?.id(l.linkinfo?.info_data ?? {}) ?? 0

/** Whether a device takes packets from this sender: it has no remote, or that one. */
const isFor = (l: IpLink, sender: string | undefined): boolean => ['', 'any', sender].includes(dataOf(l, 'remote'))

/** Tunnel devices of a node, without those that come with kernel modules; one that is for a packet's sender comes first. */
function tunnels(evidence: TraceEvidence, { netns, layers }: Sighting): IpLink[] {
  const all = evidence.parts.liveState.seen(netns)?.links ?? []
  const sender = layers.find(isIp)?.src
  const own = all.filter((l) => shownType(l)?.tunnel && !isAutomatic(l.ifname))
  return own.toSorted((a, b) => Number(isFor(b, sender)) - Number(isFor(a, sender)))
}

/** The tunnel device the lab asked for in a node: of those there are, the one that a packet is for. */
function asked(evidence: TraceEvidence, s: Sighting): Link | undefined {
  const list = evidence.parts.places.at(s.netns).filter((o): o is Link => o.kind === 'link' && linkType(o).tunnel !== undefined)
  const [here] = tunnels(evidence, s)
  return list.find((o) => o.name === here?.ifname) ?? list[0]
}

export function idUnknown(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const name = evidence.parts.places.name(s.netns)
  const tunnel = tunnelOf(s)
  const [header, id, value] = [tunnel ? headerOf(tunnel.layer).name : 'tunnel', tunnel?.id?.name ?? 'VNI', tunnel?.id?.value]
  const live = tunnels(evidence, s)
  const here = live.find((l) => headerTypeOf(l) === tunnel?.type) ?? live[0]
  // Two devices can share the UDP port: then the one meant is simply down.
  const sender = s.layers.find(isIp)?.src
  const meant = live.find((l) => idOf(l) === value && isFor(l, sender))
  if (meant && !isUp(meant))
    return interfaceDown(evidence, common.leg, s.netns, meant.ifname, { evidence: 'kernel', kernelReason: common.kernelReason })
  if (here && !isFor(here, sender))
    return dropped(evidence, {
      ...common,
      device: here.ifname,
      cause: 'tunnel-peer',
      object: asked(evidence, s),
      text: `no ${header} device of ${name} takes packets from ${sender}: ${here.ifname} is for ${dataOf(here, 'remote')}`,
      hint: upAgain(evidence),
    })
  return dropped(evidence, {
    ...common,
    device: here?.ifname ?? common.device,
    cause: 'vni-mismatch',
    object: asked(evidence, s),
    text: `${name} has no ${header} device with ${id} ${value ?? '?'}${here ? `: ${here.ifname} has ${idOf(here)}` : ''}`,
    hint: upAgain(evidence),
  })
}

/** A packet of a tunnel in IP that no device of the node takes: another key, or the device is gone or down. Undefined for other packets. */
export function tunnelRefused(evidence: TraceEvidence, s: Sighting, common: Common): Drop | undefined {
  const tunnel = tunnelOf(s)
  if (s.direction !== 'in' || !tunnel || isDatagram(tunnel)) return undefined
  const name = evidence.parts.places.name(s.netns)
  const object = asked(evidence, s)
  const live = tunnels(evidence, s).filter((l) => headerTypeOf(l) === tunnel.type)
  const here = live.find((l) => l.ifname === object?.name) ?? live[0]
  if (!here || !isUp(here))
    return interfaceDown(evidence, common.leg, s.netns, object?.name ?? here?.ifname ?? s.device, {
      evidence: 'kernel',
      kernelReason: common.kernelReason,
    })
  const { name: id, value } = tunnel.id ?? { name: 'key', value: undefined }
  const isOther = (value ?? 0) !== idOf(here)
  return dropped(evidence, {
    ...common,
    device: here.ifname,
    cause: isOther ? 'vni-mismatch' : 'tunnel-peer',
    object,
    text: isOther
      ? `${here.ifname} of ${name} does not take ${headerOf(tunnel.layer).name} packets ${value === undefined ? `without a ${id}` : `with ${id} ${value}`}: its own is ${idOf(here) || 'none'}`
      : `no ${tunnel.type} device of ${name} takes packets from ${s.layers.find(isIp)?.src ?? 'there'}: ${here.ifname} is for another peer`,
    hint: upAgain(evidence),
  })
}

/** Nothing in the node listens for it: the destination's port, or the tunnel's. */
export function noSocket(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const { options } = evidence.parts
  const outer = s.layers.find((l) => l.type === 'udp')
  const isInside = isDatagram(tunnelOf(s))
  const isTunnel = evidence.parts.identity.protocol !== 'udp' || isInside
  if ((isTunnel && outer?.type === 'udp' && evidence.parts.options.protocol !== 'tcp') || isInside)
    return tunnelUnreceived(evidence, s, common, outer?.type === 'udp' ? outer.dstPort : undefined)
  return dropped(evidence, {
    ...common,
    cause: 'nobody-listening',
    ...listening(evidence, s, portOf(s) ?? options.port),
  })
}

/** A container that declares a port is to listen there itself; elsewhere any process may. */
function listening(evidence: TraceEvidence, { netns }: Sighting, port: number): { readonly text: string; readonly hint: string } {
  const { lab, places, options } = evidence.parts
  const name = places.name(netns)
  const node = places.node(netns)
  const text = `nothing in ${name} listens on ${options.protocol.toUpperCase()} port ${port}`
  for (const { key, containers } of ownersIn(lab, node)) {
    const declares = (c: (typeof containers)[number]): boolean =>
      c.ports.some((p) => p.containerPort === port && p.protocol.toLowerCase() === options.protocol)
    const container = containers.find(declares)
    if (!container) continue
    const whose = key === name ? '' : ` of ${key}`
    const which = containers.length > 1 ? ` --container ${container.name}` : ''
    return {
      text: `${text}, which container ${container.name}${whose} declares`,
      hint: `netlab logs ${key}${which} --lab ${lab.name}`,
    }
  }
  return { text, hint: inNode(evidence, netns, 'ss -lnptu') }
}

function tunnelUnreceived(evidence: TraceEvidence, s: Sighting, common: Common, port: number | undefined): Drop {
  const program = forwarderTrouble(evidence, s)
  if (program) return { ...program, evidence: common.evidence, ...(common.kernelReason ? { kernelReason: common.kernelReason } : {}) }
  const { places } = evidence.parts
  const name = places.name(s.netns)
  const object = asked(evidence, s)
  const live = tunnels(evidence, s)
  const same = live.find((l) => Number(dataOf(l, 'port')) === port)
  if (!same && live.some(isUp)) {
    const other = live.find(isUp)!
    return dropped(evidence, {
      ...common,
      device: other.ifname,
      cause: 'tunnel-port-mismatch',
      object,
      text: `the tunnel packet came to UDP port ${port}, but ${other.ifname} of ${name} listens on ${dataOf(other, 'port')}`,
      hint: upAgain(evidence),
    })
  }
  const device = same?.ifname ?? object?.name ?? common.device
  return interfaceDown(evidence, common.leg, s.netns, device, {
    evidence: 'kernel',
    kernelReason: common.kernelReason,
    text: `nothing in ${name} takes tunnel packets: ${device} ${same ? 'is down' : live.length > 0 ? 'is down' : 'is gone'}`,
  })
}

/** A tunnel packet last seen coming in where, by the devices there are, nothing can take it. */
export function tunnelState(evidence: TraceEvidence, s: Sighting): Drop | undefined {
  const outer = s.layers.find((l) => l.type === 'ipv4')
  if (s.direction !== 'in' || !outer || evidence.parts.places.ownerOfAddress(outer.dst)?.ns !== s.netns) return undefined
  const common: Common = {
    leg: s.role === 'probe' ? 'forward' : 'reply',
    ns: s.netns,
    device: s.device,
    evidence: 'inferred',
    kernelReason: undefined,
  }
  const tunnel = tunnelOf(s)
  if (!tunnel) return undefined
  if (tunnel.layer.type === 'udp' || sealedIn([tunnel.layer])) return forwarderTrouble(evidence, s)
  const live = tunnels(evidence, s).filter((l) => isUp(l))
  const isMeant = (l: IpLink): boolean => idOf(l) === (tunnel.id?.value ?? 0) && isFor(l, outer.src)
  if (!isDatagram(tunnel)) {
    const takes = live.some((l) => headerTypeOf(l) === tunnel.type && isMeant(l))
    return takes ? undefined : tunnelRefused(evidence, s, common)
  }
  const udp = s.layers.find((l) => l.type === 'udp')
  const port = udp?.type === 'udp' ? udp.dstPort : undefined
  const listening = live.filter((l) => Number(dataOf(l, 'port')) === port)
  if (listening.length === 0) return tunnelUnreceived(evidence, s, common, port)
  return listening.some(isMeant) ? undefined : idUnknown(evidence, s, common)
}
