/** A node that should have passed the packet on: forwarding off, too big, too old. */
import type { Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { showStatus, traceAgain, upAgain } from '../hints.ts'
import { diverted } from './diverted.ts'
import type { Drop } from '../../result.ts'
import { entryMissing } from './layer2.ts'
import { deviceObject, dropped, innerAddresses, linkOf, type DropParts } from './drop-builder.ts'

type Common = Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>

/** Undefined where forwarding is on. */
export function forwardingOff(evidence: TraceEvidence, s: Sighting, common: Common): Drop | undefined {
  const { places, liveState, from } = evidence.parts
  const six = from.family === 6
  const key = six ? 'net/ipv6/conf/all/forwarding' : 'net/ipv4/ip_forward'
  if (liveState.seen(s.netns)?.sysctls.get(key) !== '0') return undefined
  const dst = innerAddresses(s)?.dst
  if (dst !== undefined && places.ownerOfAddress(dst)?.ns === s.netns) return undefined
  const name = places.name(s.netns)
  return dropped(evidence, {
    ...common,
    cause: 'ip-forward',
    object: places.at(s.netns).find((o) => o.kind === 'sysctl' && o.key === key),
    text: `${name} does not forward packets: ${key.replaceAll('/', '.')} is 0`,
    hint: upAgain(evidence),
  })
}

export function ttlExceeded(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const name = evidence.parts.places.name(s.netns)
  const { from, options } = evidence.parts
  const { ttl } = options
  // A GRE device without the entry sends the packet to itself until the TTL is used up.
  const missing = ttl === 0 ? entryMissing(evidence, common.leg, s.netns) : undefined
  if (missing) return { ...missing, ...(common.kernelReason === undefined ? {} : { kernelReason: common.kernelReason }) }
  const circle = diverted(evidence, common.leg)
  // Sent with all the hops there are, it can only have gone round and round.
  if (circle && ttl === 0)
    return {
      ...circle,
      text: `${circle.text}; the packet went round until its ${from.family === 6 ? 'hop limit' : 'TTL'} ran out at ${name}`,
      ...(common.kernelReason === undefined ? {} : { kernelReason: common.kernelReason }),
    }
  return dropped(evidence, {
    ...common,
    cause: 'ttl',
    text: `its ${from.family === 6 ? 'hop limit' : 'TTL'} ran out at ${name}: every router takes one off, and none was left${circle ? `; ${circle.text}` : ttl > 0 ? `; it was sent with --ttl ${ttl}` : ''}`,
    hint: ttl > 0 && !circle ? traceAgain(evidence) : (circle?.hint ?? showStatus(evidence)),
  })
}

/** The MTU that the lab gave a device. */
function mtuAsked(
  { parts: { places } }: TraceEvidence,
  { ns, device }: { readonly ns: string; readonly device: string },
): number | undefined {
  const link = places.at(ns).find((o) => o.kind === 'link' && o.name === device)
  return places.end(ns, device)?.mtu ?? (link && 'mtu' in link ? link.mtu : undefined)
}

/** The device the packet was too big for: the next one of the predicted way, the narrowest if that is unknown. */
export function tooBig(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const { places, expected } = evidence.parts
  const path = common.leg === 'forward' ? expected.forward : expected.back
  const steps = path?.steps ?? []
  const at = steps.findLastIndex((x) => x.ns === s.netns && x.device === s.device && x.direction === s.direction)
  const next = steps.slice(at + 1).find((x) => x.ns === s.netns && x.direction === 'out') ?? steps[at + 1]
  const quoted = evidence.errors
    .flatMap((e) => e.layers)
    .find((l) => (l.type === 'icmp' || l.type === 'icmpv6') && l.mtu !== undefined && l.mtu > 0)
  const said = quoted && 'mtu' in quoted ? quoted.mtu : undefined
  const narrow = [
    next,
    places.peer(s.netns, s.device) && { ns: places.peer(s.netns, s.device)!.ns, device: places.peer(s.netns, s.device)!.device },
  ]
    .flatMap((x) => (x ? [{ ns: x.ns, device: x.device, mtu: linkOf(evidence, x.ns, x.device)?.mtu ?? 65_535 }] : []))
    .sort((a, b) => a.mtu - b.mtu)[0]
  const mtu = said ?? narrow?.mtu
  const ip = s.layers.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  const bytes = ip && 'length' in ip ? ip.length : evidence.parts.options.size
  const device = narrow?.device ?? s.device
  const wanted = narrow && mtuAsked(evidence, narrow)
  // Where the lab gave it another MTU, that is what is wrong; else the packet is.
  const isNarrowed = narrow !== undefined && wanted !== undefined && narrow.mtu !== wanted
  const name = places.name(narrow?.ns ?? s.netns)
  return dropped(evidence, {
    ...common,
    cause: 'mtu',
    object: narrow ? deviceObject(evidence, narrow.ns, narrow.device) : undefined,
    text: `${bytes} bytes do not fit through ${device} of ${name}${mtu === undefined ? '' : `, whose MTU is ${mtu}`}${evidence.parts.options.df ? ', and the packet must not be fragmented' : ''}`,
    hint: isNarrowed ? upAgain(evidence) : traceAgain(evidence, '--size', String(mtu ?? 1280)),
  })
}
