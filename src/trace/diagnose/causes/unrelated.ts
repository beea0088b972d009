/** Kernel events that were taken for the probe's and cannot be. */
import type { Attributed } from '../attribute.ts'
import type { DropEvent } from '../../collect/events.ts'
import type { Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { linkOf, outerAddresses, tunnelDevice } from './drop-builder.ts'

/** Clocks of captures and events, and the moment between a device and its event. Nanoseconds. */
const AT_ONCE = 50_000n

/**
 * Drops that cannot be the probe's. Addresses of buffers are used again, at once where much is going on, and events
 * tell no namespace: what does not fit where the probe was last seen belongs to another packet.
 */
export function isUnrelatedDrop(evidence: TraceEvidence, { event, after }: Attributed<DropEvent>): boolean {
  const chain = after.role === 'probe' ? evidence.forward : evidence.reply
  // It was seen afterwards.
  if (chain.some((s) => s.at > event.at + AT_ONCE)) return true
  const tunnel = tunnelDevice(linkOf(evidence, after.netns, after.device)) !== undefined
  const families = new Set(after.layers.flatMap((l) => (l.type === 'ipv4' ? [0x800] : l.type === 'ipv6' ? [0x86dd] : [])))
  // Leaving by a tunnel device it gets a header of IPv4.
  if (!families.has(event.protocol) && !(tunnel && after.direction === 'out' && event.protocol === 0x800)) return true
  // Only bridges and tunnels look for a port, and only where it was going does it meet a socket.
  if (event.reason === 'NO_TX_TARGET') return !looksForPort(evidence, after)
  if (/^IP_(?:IN|OUT)NOROUTES$/.test(event.reason)) return isAtHome(evidence, after)
  if (/^(?:SOCKET_|UDP_|TCP_|PROTO_MEM)/.test(event.reason))
    return evidence.parts.places.ownerOfAddress(outerAddresses(after)?.dst ?? '')?.ns !== after.netns
  return false
}

/** No route is needed to a node's own address. */
function isAtHome(evidence: TraceEvidence, s: Sighting): boolean {
  const dst = outerAddresses(s)?.dst
  const links = evidence.parts.liveState.seen(s.netns)?.links ?? []
  return s.direction === 'in' && links.some((l) => l.addr_info?.some((a) => a.local === dst))
}

function looksForPort(evidence: TraceEvidence, s: Sighting): boolean {
  const link = linkOf(evidence, s.netns, s.device)
  if (evidence.parts.places.port(s.netns, s.device)) return true
  return s.direction === 'out' && (tunnelDevice(link)?.farEnd === 'fdb' || link?.linkinfo?.info_kind === 'bridge')
}
