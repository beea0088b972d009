/** The source itself refused to send: what its own kernel told the prober. */
import type { TraceEvidence } from '../evidence.ts'
import { traceAgain } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { askedRoute, dropped, interfaceDown, deviceTrouble, linkOf } from './drop-builder.ts'
import { routeFailure } from './routes.ts'
import { ownFirewall } from './untraced.ts'

const EPERM = 1
const EACCES = 13
const EINVAL = 22
const EMSGSIZE = 90
const ENETUNREACH = 101
const EHOSTUNREACH = 113

export function byLocalError(evidence: TraceEvidence): Drop | undefined {
  const { error, sent } = evidence.outcome()
  const { from, to, places, expected } = evidence.parts
  if (!error || (sent !== undefined && evidence.forward.length > 0)) return undefined
  const ns = from.node.netns
  const common = { leg: 'forward', ns, evidence: 'kernel', kernelReason: error.text } as const
  const asked = askedRoute(evidence, ns, to.address)
  const device = asked?.dev ?? expected.forward.steps[0]?.device ?? 'eth0'
  if (error.errno === EPERM) return ownFirewall(evidence, { ...common, device })
  if (error.errno === EMSGSIZE) {
    const mtu = linkOf(evidence, ns, device)?.mtu
    return dropped(evidence, {
      ...common,
      device,
      cause: 'mtu',
      object: places.veth(ns, device),
      text: `${evidence.parts.options.size} bytes do not fit through ${device} of ${places.name(ns)}${mtu === undefined ? '' : `, whose MTU is ${mtu}`}, and the packet must not be fragmented`,
      hint: traceAgain(evidence, '--size', String(mtu ?? 1280)),
    })
  }
  if ([EACCES, EINVAL, ENETUNREACH, EHOSTUNREACH].includes(error.errno)) {
    if (deviceTrouble(evidence, ns, device))
      return interfaceDown(evidence, 'forward', ns, device, {
        evidence: 'kernel',
        kernelReason: error.text,
        text: `${device} of ${places.name(ns)} ${deviceTrouble(evidence, ns, device)}: the packet cannot leave`,
      })
    if (error.errno === EHOSTUNREACH && expected.forward.end !== 'no-route') return undefined
    return routeFailure(evidence, {
      ...common,
      device,
      dst: to.address,
      error: expected.forward.failed?.error ?? error.text,
      entry: expected.forward.failed?.entry,
    })
  }
  return dropped(evidence, { ...common, device, cause: 'kernel', text: `${places.name(ns)} refused to send: ${error.text}` })
}
