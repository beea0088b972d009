/** The probe arrived, and no answer was ever seen: why the destination could not or would not answer. */
import type { TraceEvidence } from '../evidence.ts'
import { inNode } from '../hints.ts'
import { askedRoute, type Maybe, deviceTrouble, dropped, interfaceDown } from './drop-builder.ts'
import { heldInQueue } from './queues.ts'
import { noSocket } from './tunnels.ts'
import { routeFailure } from './routes.ts'
import { bySilence } from './silence.ts'
import { byCounters } from './untraced.ts'

/** A datagram needs no answer: this long after its arrival without a complaint it counts as delivered. Milliseconds. */
const UDP_PATIENCE = 120

const sinceArrival = (evidence: TraceEvidence): number => Date.now() - Number(evidence.forward.at(-1)!.at / 1_000_000n)

export function byReplyMissing(evidence: TraceEvidence): Maybe | { readonly delivered: true; readonly certain: boolean } | undefined {
  const { parts } = evidence
  const { options, places, expected, from } = parts
  const arrived = evidence.forward.at(-1)!
  const ns = arrived.netns
  if (evidence.reply.length > 0) {
    const reply = evidence.reply[0]!
    const tcp = reply.layers.findLast((l) => l.type === 'tcp')
    const home = evidence.reply.at(-1)!.netns === from.node.netns
    if (home && tcp?.type === 'tcp' && tcp.flags.includes('rst'))
      return {
        drop: { ...noSocket(evidence, arrived, { leg: 'forward', ns, device: arrived.device, evidence: 'captured', kernelReason: 'RST' }) },
        certain: true,
      }
    return undefined
  }
  if (options.protocol === 'udp' && evidence.attribution.drops.length === 0 && evidence.errors.length === 0) {
    return { delivered: true, certain: sinceArrival(evidence) > UDP_PATIENCE && parts.events.failure === undefined }
  }
  const back = expected.back
  const src = expected.source
  const refused = parts.events.events.find((e) => e.kind === 'lookup' && e.error < 0 && e.dst === src && e.at >= arrived.at - 200_000n)
  if (back?.end === 'no-route' && back.at === ns) {
    const device = askedRoute(evidence, ns, src)?.dev ?? arrived.device
    const drop = deviceTrouble(evidence, ns, device)
      ? interfaceDown(evidence, 'reply', ns, device)
      : routeFailure(evidence, {
          leg: 'reply',
          ns,
          device,
          evidence: refused ? 'kernel' : 'inferred',
          dst: src,
          error: back.failed?.error,
          entry: back.failed?.entry,
          ...(refused && 'error' in refused ? { kernelReason: `route lookup error ${refused.error}` } : {}),
        })
    return { drop, certain: refused !== undefined || sinceArrival(evidence) > 100 }
  }
  const out = back?.steps[0]
  const held = out && heldInQueue(evidence, 'reply', out)
  if (held) return { drop: held, certain: sinceArrival(evidence) > 250 }
  const object = places.veth(ns, arrived.device)
  if (parts.options.protocol === 'icmp' && evidence.attribution.drops.length === 0) {
    const silent = bySilence(evidence)
    if (silent) return silent
    const counted = byCounters(evidence)
    if (counted) return { drop: counted, certain: true }
    const key = from.family === 6 ? 'net/ipv6/icmp/echo_ignore_all' : 'net/ipv4/icmp_echo_ignore_all'
    const setting = key.replaceAll('/', '.')
    const ignores = parts.liveState.seen(ns)?.sysctls.get(key) === '1'
    return {
      drop: dropped(evidence, {
        leg: 'reply',
        ns,
        device: arrived.device,
        cause: 'no-evidence',
        evidence: 'inferred',
        object,
        text: `the probe arrived in ${places.name(ns)}, and no answer left it${ignores ? `: ${setting} is 1` : ''}`,
        hint: ignores ? inNode(evidence, ns, `sysctl -w ${setting}=0`) : inNode(evidence, ns, 'iptables -S', `sysctl ${setting}`),
      }),
      certain: false,
    }
  }
  return undefined
}
