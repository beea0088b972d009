/** A program carries the packets of a device to other hosts, and this one it did not: it does not run, its table lacks the host, the TTL ran out. */
import { describe } from '../../../kernel/kinds/index.ts'
import { isIp } from '../../../packet/headers.ts'
import { entryFor, forwarderKey, tableIn, type Forwarder } from '../../predict/forwarders.ts'
import type { Place } from '../../predict/places.ts'
import type { Drop } from '../../result.ts'
import type { TraceEvidence } from '../evidence.ts'
import { showStatus, traceAgain, upAgain } from '../hints.ts'
import type { Sighting } from '../identity.ts'
import { deviceTrouble, dropped, innerAddresses, interfaceDown, legOf } from './drop-builder.ts'

const forwarderOf = ({ parts: { liveState } }: TraceEvidence, { ns, device }: Place): Forwarder | undefined =>
  liveState.forwarders.get(forwarderKey(ns, device))

/** The program whose socket a datagram came to. */
function receiver({ parts: { liveState, places } }: TraceEvidence, s: Sighting): Forwarder | undefined {
  const [outer, udp] = [s.layers.find(isIp), s.layers.find((l) => l.type === 'udp')]
  if (s.direction !== 'in' || !outer || udp?.type !== 'udp' || places.ownerOfAddress(outer.dst)?.ns !== s.netns) return undefined
  return [...liveState.forwarders.values()].find(({ daemon, carries }) => daemon.ns === s.netns && carries.port === udp.dstPort)
}

/** Nothing reads the device, so that the kernel drops what is routed into it. */
export function notForwarding(
  evidence: TraceEvidence,
  leg: Drop['leg'],
  at: Place,
  forwarder: Forwarder | undefined = forwarderOf(evidence, at),
): Drop | undefined {
  if (forwarder?.idle === undefined) return undefined
  const { daemon, carries, idle } = forwarder
  return dropped(evidence, {
    leg,
    ...at,
    cause: 'forwarder-down',
    evidence: 'inferred',
    object: daemon,
    text: `${describe(daemon)}, which carries the packets of ${carries.device} over UDP port ${carries.port}, ${idle}`,
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
  const { daemon, carries, table } = forwarder
  const at = { ns: s.netns, device: s.device }
  const idle = notForwarding(evidence, leg, at, forwarder)
  if (idle) return idle
  const common = { leg, ...at, evidence: 'inferred', object: daemon } as const
  const dst = innerAddresses(s)?.dst ?? ''
  if (sender && !entryFor(table, dst)) {
    const asked = entryFor(tableIn(daemon), dst)
    return dropped(evidence, {
      ...common,
      cause: 'forwarder-table',
      text: `${describe(daemon)} does not know which host has ${dst}: no network of its table holds it${asked ? `; ${asked.network} at ${asked.host} is missing` : ''}`,
      hint: asked ? upAgain(evidence) : showStatus(evidence),
    })
  }
  if ((s.layers.findLast(isIp)?.ttl ?? 64) <= 1) {
    const { ttl } = evidence.parts.options
    return dropped(evidence, {
      ...common,
      cause: 'ttl',
      text: `its TTL ran out at ${describe(daemon)}, which takes one off as a router does, but sends no error${ttl > 0 ? `; it was sent with --ttl ${ttl}` : ''}`,
      hint: ttl > 0 ? traceAgain(evidence) : showStatus(evidence),
    })
  }
  if (!sender && deviceTrouble(evidence, s.netns, carries.device)) return interfaceDown(evidence, leg, s.netns, carries.device)
  return undefined
}

/** A program sent the packet to another host than the lab asked for. */
export function wrongPeer(evidence: TraceEvidence, chain: readonly Sighting[]): Drop | undefined {
  for (const s of chain) {
    const forwarder = s.direction === 'out' ? forwarderOf(evidence, { ns: s.netns, device: s.device }) : undefined
    const dst = forwarder && innerAddresses(s)?.dst
    if (!forwarder || dst === undefined) continue
    const [live, asked] = [entryFor(forwarder.table, dst), entryFor(tableIn(forwarder.daemon), dst)]
    if (!live || !asked || live.host === asked.host) continue
    return dropped(evidence, {
      leg: legOf(s),
      ns: s.netns,
      device: s.device,
      cause: 'forwarder-table',
      evidence: 'inferred',
      object: forwarder.daemon,
      text: `${describe(forwarder.daemon)} sends what is for ${live.network} to ${live.host}, by its table; the lab asked for ${asked.host}`,
      hint: upAgain(evidence),
    })
  }
  return undefined
}
