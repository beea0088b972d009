/** An ICMP error about the probe was captured: the fallback where there are no kernel events, and for IPv6. */
import type { IcmpLayer } from '../../../packet/headers.ts'
import { isIcmp, type Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { byArp } from './arp.ts'
import { diverted } from './diverted.ts'
import { dropped, portOf, type DropParts } from './drop-builder.ts'
import { forwarderTrouble } from './forwarders.ts'
import { forwardingOff, tooBig, ttlExceeded } from './forwarding.ts'
import { entryMissing } from './layer2.ts'
import { routeFailure } from './routes.ts'
import { tunnelState } from './tunnels.ts'

/** The error a node made: its first sighting, and the packet it is about, last seen there. */
export function byError(evidence: TraceEvidence): Drop | undefined {
  const first = evidence.errors[0]
  const error = first?.layers.findLast(isIcmp)
  if (!first || !error) return undefined
  const { places } = evidence.parts
  const sender = first.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')?.src
  const maker = (sender === undefined ? undefined : places.ownerOfAddress(sender)?.ns) ?? first.netns
  const last = evidence.forward.findLast((s) => s.netns === maker) ?? evidence.forward.at(-1)
  if (!last) return undefined
  return inWords(evidence, error, last, maker)
}

function inWords(evidence: TraceEvidence, error: IcmpLayer, s: Sighting, ns: string): Drop {
  const { to, options, places, expected } = evidence.parts
  const kernelReason = `ICMP ${error.icmpType}/${error.code}`
  const common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'> = {
    leg: 'forward',
    ns,
    device: s.device,
    evidence: 'captured',
    kernelReason,
  }
  /** A cause that other facts tell, as seen by this error. */
  const captured = (drop: Drop): Drop => ({ ...drop, evidence: 'captured', kernelReason })
  const program = s.netns === ns ? forwarderTrouble(evidence, s) : undefined
  if (program) return captured(program)
  const six = error.type === 'icmpv6'
  const is = (four: readonly [number, number?], sixth: readonly [number, number?]): boolean => {
    const [type, code] = six ? sixth : four
    return error.icmpType === type && (code === undefined || error.code === code)
  }
  if (is([3, 4], [2])) return tooBig(evidence, s, common)
  if (is([11], [3])) return ttlExceeded(evidence, s, common)
  if (is([3, 3], [1, 4])) {
    // A port is closed, or a rule says so.
    if (ns === evidence.destination && options.protocol !== 'icmp')
      return dropped(evidence, {
        ...common,
        cause: 'nobody-listening',
        text: `nothing in ${places.name(ns)} listens on ${options.protocol.toUpperCase()} port ${portOf(s) ?? options.port}`,
        hint: inNode(evidence, ns, 'ss -lnptu'),
      })
    // It may be the tunnel's port that is closed.
    const tunnel = s.netns === ns ? tunnelState(evidence, s) : undefined
    if (tunnel) return captured(tunnel)
    return dropped(evidence, {
      ...common,
      cause: 'firewall',
      text: `${places.name(ns)} answered "port unreachable": a REJECT rule`,
      hint: inNode(evidence, ns, 'iptables-save -c'),
    })
  }
  const { error: lookup, entry } = expected.forward.at === ns ? (expected.forward.failed ?? {}) : {}
  if (is([3, 13], [1, 1])) {
    if (lookup !== undefined)
      return routeFailure(evidence, { ...common, dst: to.address, error: 'Permission denied', ...(entry === undefined ? {} : { entry }) })
    return dropped(evidence, {
      ...common,
      cause: 'firewall',
      text: `${places.name(ns)} answered "administratively prohibited": a REJECT rule or a prohibit route`,
    })
  }
  if (is([3, 1], [1, 3])) {
    const off = forwardingOff(evidence, s, common)
    if (off) return off
    const missing = entryMissing(evidence, 'forward', ns)
    if (missing) return captured(missing)
    // It says that there was no answer; which address was asked for says more.
    const asked = byArp(evidence)?.drop
    if (asked?.node === places.name(ns)) return { ...asked, kernelReason }
    // A packet before this one had asked already: the route says where.
    const wrong = diverted(evidence, 'forward')
    if (wrong?.node === places.name(ns)) return captured(wrong)
    if (lookup === undefined)
      return dropped(evidence, {
        ...common,
        cause: 'no-such-address',
        text: `${places.name(ns)} found no node with the address ${to.address}`,
      })
  }
  return (
    forwardingOff(evidence, s, common) ??
    routeFailure(evidence, {
      ...common,
      dst: to.address,
      ...(lookup === undefined ? {} : { error: lookup }),
      ...(entry === undefined ? {} : { entry }),
    })
  )
}
