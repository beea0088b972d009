/** A program carries the packets of a device to other hosts, and this one it did not: it does not run, its table lacks the host, the TTL ran out. */
import { isIp } from '../../../packet/headers.ts'
import { entryFor, forwarderKey, type Forwarder } from '../../predict/forwarders.ts'
import type { Place } from '../../predict/places.ts'
import type { Drop } from '../../result.ts'
import type { TraceEvidence } from '../evidence.ts'
import { showStatus, traceAgain, upAgain } from '../hints.ts'
import type { Sighting } from '../identity.ts'
import { wireguardTrouble } from './wireguard.ts'
import { deviceTrouble, dropped, innerAddresses, interfaceDown, legOf } from './drop-builder.ts'

const forwarderOf = ({ parts: { liveState } }: TraceEvidence, { ns, device }: Place): Forwarder | undefined =>
  liveState.forwarders.get(forwarderKey(ns, device))

/** The program whose socket a datagram came to. */
function receiver({ parts: { liveState, places } }: TraceEvidence, s: Sighting): Forwarder | undefined {
  const [outer, udp] = [s.layers.find(isIp), s.layers.find((l) => l.type === 'udp')]
  if (s.direction !== 'in' || !outer || udp?.type !== 'udp' || places.ownerOfAddress(outer.dst)?.ns !== s.netns) return undefined
  return [...liveState.forwarders.values()].find((f) => f.ns === s.netns && (f.port === udp.dstPort || f.keys?.asked.port === udp.dstPort))
}

/** Nothing reads the device, so that the kernel drops what is routed into it. */
export function notForwarding(
  evidence: TraceEvidence,
  leg: Drop['leg'],
  at: Place,
  forwarder: Forwarder | undefined = forwarderOf(evidence, at),
): Drop | undefined {
  if (forwarder?.idle === undefined) return undefined
  const { name, object, device, port, idle } = forwarder
  return dropped(evidence, {
    leg,
    ...at,
    cause: 'forwarder-down',
    evidence: 'inferred',
    object,
    text: `${name}, which carries the packets of ${device} over UDP port ${port}, ${idle}`,
    // What is stopped was not ended by netlab, nor does it start it again.
    hint: forwarder.isStopped ? showStatus(evidence) : upAgain(evidence),
  })
}

/** What a program that had the packet did not do with it. @param s last seen going into its device, or coming to its socket */
export function forwarderTrouble(evidence: TraceEvidence, s: Sighting): Drop | undefined {
  const leg = legOf(s)
  const sender = s.direction === 'out' ? forwarderOf(evidence, { ns: s.netns, device: s.device }) : undefined
  const forwarder = sender ?? receiver(evidence, s)
  if (!forwarder) return undefined
  const { name, object, device, table, asked: askedTable } = forwarder
  const at = { ns: s.netns, device: s.device }
  const idle = notForwarding(evidence, leg, at, forwarder)
  if (idle) return idle
  const common = { leg, ...at, evidence: 'inferred', object } as const
  if (forwarder.keys) return wireguardTrouble(evidence, s, forwarder, sender !== undefined)
  const dst = innerAddresses(s)?.dst ?? ''
  if (sender && !entryFor(table, dst)) {
    const asked = entryFor(askedTable, dst)
    return dropped(evidence, {
      ...common,
      cause: 'forwarder-table',
      text: `${name} does not know which host has ${dst}: no network of its table holds it${asked ? `; ${asked.network} at ${asked.host} is missing` : ''}`,
      hint: asked ? upAgain(evidence) : showStatus(evidence),
    })
  }
  if ((s.layers.findLast(isIp)?.ttl ?? 64) <= 1) {
    const { ttl } = evidence.parts.options
    return dropped(evidence, {
      ...common,
      cause: 'ttl',
      text: `its TTL ran out at ${name}, which takes one off as a router does, but sends no error${ttl > 0 ? `; it was sent with --ttl ${ttl}` : ''}`,
      hint: ttl > 0 ? traceAgain(evidence) : showStatus(evidence),
    })
  }
  if (!sender && deviceTrouble(evidence, s.netns, device)) return interfaceDown(evidence, leg, s.netns, device)
  return undefined
}

/** A program sent the packet to another host than the lab asked for. */
export function wrongPeer(evidence: TraceEvidence, chain: readonly Sighting[]): Drop | undefined {
  for (const s of chain) {
    const forwarder = s.direction === 'out' ? forwarderOf(evidence, { ns: s.netns, device: s.device }) : undefined
    const dst = forwarder && innerAddresses(s)?.dst
    if (!forwarder || dst === undefined) continue
    const [live, asked] = [entryFor(forwarder.table, dst), entryFor(forwarder.asked, dst)]
    if (!live || !asked || live.host === asked.host) continue
    return dropped(evidence, {
      leg: legOf(s),
      ns: s.netns,
      device: s.device,
      cause: forwarder.keys ? 'wireguard-endpoint' : 'forwarder-table',
      evidence: 'inferred',
      object: forwarder.object,
      text: `${forwarder.name} sends what is for ${live.network} to ${live.host || 'no host'}, by ${forwarder.keys ? 'the endpoint of its peer' : 'its table'}; the lab asked for ${asked.host}`,
      hint: upAgain(evidence),
    })
  }
  return undefined
}
