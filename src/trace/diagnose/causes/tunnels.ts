/** A tunnel packet that reached a host which could not take it: no device for it, or another network identifier. */
import type { IpLink } from '../../../kernel/dumps/content.ts'
import type { Sighting } from '../identity.ts'
import { dataOf } from '../../predict/predict.ts'
import type { TraceEvidence } from '../evidence.ts'
import type { Drop } from '../../result.ts'
import { dropped, interfaceDown, isUp, portOf, type DropParts } from './drop-builder.ts'

type Common = Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>

const vxlanOf = (s: Sighting) => s.layers.find((l) => l.type === 'vxlan')
const tunnels = (evidence: TraceEvidence, ns: string): IpLink[] =>
  evidence.parts.liveState.seen(ns)?.links.filter((l) => ['vxlan', 'gre', 'ipip'].includes(l.linkinfo?.info_kind ?? '')) ?? []
const askedVtep = (evidence: TraceEvidence, ns: string) =>
  evidence.parts.places.at(ns).find((o) => o.kind === 'link' && (o.type === 'vxlan' || o.type === 'gre' || o.type === 'ipip'))

/** GRE key a device takes, 0 for none: iproute2 prints it like an address. */
const keyOf = (l: IpLink): number =>
  dataOf(l, 'ikey')
    .split('.')
    .reduce((n, part) => n * 256 + Number(part), 0)

export function vniUnknown(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const name = evidence.parts.places.name(s.netns)
  const vni = vxlanOf(s)?.vni
  const here = tunnels(evidence, s.netns).find((l) => l.linkinfo?.info_kind === 'vxlan')
  const has = dataOf(here, 'id')
  // Two VTEPs can share the UDP port: then the one meant is simply down.
  const meant = tunnels(evidence, s.netns).find((l) => Number(l.linkinfo?.info_data?.['id']) === vni)
  if (meant && !isUp(meant))
    return interfaceDown(evidence, common.leg, s.netns, meant.ifname, { evidence: 'kernel', kernelReason: common.kernelReason })
  return dropped(evidence, {
    ...common,
    device: here?.ifname ?? common.device,
    cause: 'vni-mismatch',
    object: askedVtep(evidence, s.netns),
    text: `${name} has no VXLAN device with VNI ${vni ?? '?'}${has === '' ? '' : `: ${here!.ifname} has ${has}`}`,
    hint: 'Both ends of a tunnel must have the same VNI.',
  })
}

/** A GRE or IPIP packet that no device of the node takes: another key, or the device is gone or down. Undefined for other packets. */
export function tunnelRefused(evidence: TraceEvidence, s: Sighting, common: Common): Drop | undefined {
  const ips = s.layers.filter((l) => l.type === 'ipv4' || l.type === 'ipv6')
  const gre = s.layers.find((l) => l.type === 'gre')
  if (s.direction !== 'in' || (!gre && ips.length < 2) || vxlanOf(s)) return undefined
  const name = evidence.parts.places.name(s.netns)
  const kind = gre ? 'gre' : 'ipip'
  const asked = askedVtep(evidence, s.netns)
  const own = asked?.kind === 'link' ? asked.name : undefined
  const live = tunnels(evidence, s.netns).filter((l) => l.linkinfo?.info_kind === kind && !/^(gre0|tunl0)$/.test(l.ifname))
  const here = live.find((l) => l.ifname === own) ?? live[0]
  if (!here || !isUp(here))
    return interfaceDown(evidence, common.leg, s.netns, own ?? here?.ifname ?? s.device, {
      evidence: 'kernel',
      kernelReason: common.kernelReason,
    })
  const key = gre?.type === 'gre' ? gre.key : undefined
  const isOther = gre !== undefined && (key ?? 0) !== keyOf(here)
  return dropped(evidence, {
    ...common,
    device: here.ifname,
    cause: isOther ? 'vni-mismatch' : 'tunnel-peer',
    object: asked,
    text: isOther
      ? `${here.ifname} of ${name} does not take GRE packets ${key === undefined ? 'without a key' : `with key ${key}`}: its own is ${keyOf(here) || 'none'}`
      : `no ${kind} device of ${name} takes packets from ${ips[0]?.src ?? 'there'}: ${here.ifname} is for another peer`,
    hint: 'Both ends of a tunnel must agree on addresses and key.',
  })
}

/** Nothing in the node listens for it: the destination's port, or the tunnel's. */
export function noSocket(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const { places, options } = evidence.parts
  const name = places.name(s.netns)
  const outer = s.layers.find((l) => l.type === 'udp')
  const isTunnel = evidence.parts.identity.protocol !== 'udp' || vxlanOf(s) !== undefined
  if ((isTunnel && outer?.type === 'udp' && evidence.parts.options.protocol !== 'tcp') || vxlanOf(s))
    return tunnelUnheard(evidence, s, common, outer?.type === 'udp' ? outer.dstPort : undefined)
  return dropped(evidence, {
    ...common,
    cause: 'nobody-listening',
    text: `nobody in ${name} listens on ${options.protocol.toUpperCase()} port ${portOf(s) ?? options.port}`,
    hint: listeningHint(evidence, s, portOf(s) ?? options.port),
  })
}

/** A container that declares a port is to listen there itself; elsewhere anybody may. */
function listeningHint({ parts: { lab, places, options } }: TraceEvidence, { netns }: Sighting, port: number): string {
  const name = places.name(netns)
  const node = places.node(netns)
  if (node.kind !== 'pod') return `netlab exec ${name} -- ss -lnptu`
  const container = node.containers.find((c) =>
    c.ports.some((p) => p.containerPort === port && p.protocol.toLowerCase() === options.protocol),
  )
  return container
    ? `Container ${container.name} declares that port: netlab status ${lab.name} says whether it runs, netlab logs ${name} what it printed.`
    : `Declare it under containers.ports of ${name}, or start something: netlab exec ${name} -- …`
}

function tunnelUnheard(evidence: TraceEvidence, s: Sighting, common: Common, port: number | undefined): Drop {
  const { places } = evidence.parts
  const name = places.name(s.netns)
  const asked = askedVtep(evidence, s.netns)
  const live = tunnels(evidence, s.netns)
  const same = live.find((l) => Number(l.linkinfo?.info_data?.['port']) === port)
  if (!same && live.some(isUp)) {
    const other = live.find(isUp)!
    return dropped(evidence, {
      ...common,
      device: other.ifname,
      cause: 'tunnel-port-mismatch',
      object: asked,
      text: `the tunnel packet came to UDP port ${port}, but ${other.ifname} of ${name} listens on ${dataOf(other, 'port')}`,
      hint: 'Both ends of a tunnel must use the same UDP port.',
    })
  }
  const device = same?.ifname ?? (asked?.kind === 'link' ? asked.name : common.device)
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
  const vxlan = vxlanOf(s)
  const live = tunnels(evidence, s.netns)
  if (!vxlan) {
    const gre = s.layers.find((l) => l.type === 'gre')
    const up = live.filter((l) => l.linkinfo?.info_kind === (gre ? 'gre' : 'ipip') && isUp(l) && !/^(gre0|tunl0)$/.test(l.ifname))
    const key = gre?.type === 'gre' ? gre.key : undefined
    const takes = up.some((l) => !gre || keyOf(l) === (key ?? 0))
    return takes ? undefined : tunnelRefused(evidence, s, common)
  }
  const udp = s.layers.find((l) => l.type === 'udp')
  const port = udp?.type === 'udp' ? udp.dstPort : undefined
  const listening = live.filter((l) => isUp(l) && Number(dataOf(l, 'port')) === port)
  if (listening.length === 0) return tunnelUnheard(evidence, s, common, port)
  return listening.some((l) => Number(dataOf(l, 'id')) === vxlan.vni) ? undefined : vniUnknown(evidence, s, common)
}
