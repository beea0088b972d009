/** An ICMP error about the probe was captured: the fallback where there are no kernel events, and for IPv6. */
import type { IcmpLayer } from '../packet/layers.ts'
import { isIcmp, type Sighting } from '../identity.ts'
import type { Scene } from '../scene.ts'
import type { Drop } from '../story.ts'
import { byArp } from './arp.ts'
import { dropped, portOf, type DropParts } from './blame.ts'
import { forwardingOff, tooBig, tooOld } from './forwarding.ts'
import { entryMissing } from './layer2.ts'
import { routeFailure } from './routes.ts'

/** The error a node made: its first sighting, and the packet it is about, last seen there. */
export function byError(scene: Scene): Drop | undefined {
  const first = scene.errors[0]
  const error = first?.layers.findLast(isIcmp)
  if (!first || !error) return undefined
  const { places } = scene.parts
  const sender = first.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')?.src
  const maker = (sender === undefined ? undefined : places.ownerOfAddress(sender)?.ns) ?? first.netns
  const dead = scene.forward.findLast((s) => s.netns === maker) ?? scene.forward.at(-1)
  if (!dead) return undefined
  return inWords(scene, error, dead, maker)
}

function inWords(scene: Scene, error: IcmpLayer, s: Sighting, ns: string): Drop {
  const { to, options, places, expected } = scene.parts
  const common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'> = {
    leg: 'forward',
    ns,
    device: s.device,
    evidence: 'captured',
    kernelReason: `ICMP ${error.icmpType}/${error.code}`,
  }
  const six = error.type === 'icmpv6'
  const is = (four: readonly [number, number?], sixth: readonly [number, number?]): boolean => {
    const [type, code] = six ? sixth : four
    return error.icmpType === type && (code === undefined || error.code === code)
  }
  if (is([3, 4], [2])) return tooBig(scene, s, common)
  if (is([11], [3])) return tooOld(scene, s, common)
  if (is([3, 3], [1, 4])) {
    // A port is closed, or a rule says so.
    if (ns === scene.destination && options.protocol !== 'icmp')
      return dropped(scene, {
        ...common,
        cause: 'nobody-listening',
        text: `nobody in ${places.name(ns)} listens on ${options.protocol.toUpperCase()} port ${portOf(s) ?? options.port}`,
        hint: `netlab exec ${places.name(ns)} -- ss -lnptu`,
      })
    return dropped(scene, {
      ...common,
      cause: 'firewall',
      text: `${places.name(ns)} answered "port unreachable": a REJECT rule`,
      hint: `netlab exec ${places.name(ns)} -- iptables-save -c`,
    })
  }
  const { error: lookup, entry } = expected.forward.at === ns ? (expected.forward.failed ?? {}) : {}
  if (is([3, 13], [1, 1])) {
    if (lookup !== undefined)
      return routeFailure(scene, { ...common, dst: to.address, error: 'Permission denied', ...(entry === undefined ? {} : { entry }) })
    return dropped(scene, {
      ...common,
      cause: 'firewall',
      text: `${places.name(ns)} answered "administratively prohibited": a REJECT rule or a prohibit route`,
    })
  }
  if (is([3, 1], [1, 3])) {
    const off = forwardingOff(scene, s, common)
    if (off) return off
    const missing = entryMissing(scene, 'forward', ns)
    if (missing) return { ...missing, evidence: common.evidence, ...(common.kernelReason ? { kernelReason: common.kernelReason } : {}) }
    // It says that nobody answered; who was asked for tells more.
    const asked = byArp(scene)?.drop
    if (asked?.node === places.name(ns)) return { ...asked, ...(common.kernelReason ? { kernelReason: common.kernelReason } : {}) }
    if (lookup === undefined)
      return dropped(scene, { ...common, cause: 'no-such-address', text: `${places.name(ns)} found nobody with the address ${to.address}` })
  }
  return (
    forwardingOff(scene, s, common) ??
    routeFailure(scene, {
      ...common,
      dst: to.address,
      ...(lookup === undefined ? {} : { error: lookup }),
      ...(entry === undefined ? {} : { entry }),
    })
  )
}
