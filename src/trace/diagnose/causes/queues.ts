/** Traffic control ended it: a queueing discipline, or a filter on the way in or out of a device. */
import { shownType } from '../../../kernel/links/index.ts'
import type { DeviceEvent } from '../../collect/events.ts'
import type { Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { inNode } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { notForwarding } from './forwarders.ts'
import { dropped, legOf, linkOf, type DropParts } from './drop-builder.ts'

type Common = Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>

/** What the kernel may have been built to give to devices that have a queue (NET_SCH_DEFAULT). */
const BY_DEFAULT = new Set(['pfifo_fast', 'fq', 'fq_codel', 'fq_pie', 'sfq'])

/** Devices of a lab are made without a queue, but for those that a program reads. */
const queueOf = (evidence: TraceEvidence, ns: string, device: string): string | undefined => {
  const link = linkOf(evidence, ns, device)
  const kind = link?.qdisc
  if (kind === undefined || kind === 'noqueue') return undefined
  return shownType(link!)?.queues && BY_DEFAULT.has(kind) ? undefined : kind
}

function trafficControl(evidence: TraceEvidence, common: Common, said: string): Drop {
  const { ns, device } = common
  const isFilter = common.kernelReason?.startsWith('TC_') === true
  const text = evidence.details.queues.get(`${ns} ${device}`)
  return dropped(evidence, {
    ...common,
    cause: 'traffic-control',
    text: said,
    rule: text || undefined,
    hint: isFilter
      ? inNode(evidence, ns, `tc filter del dev ${device} ${common.kernelReason === 'TC_EGRESS' ? 'egress' : 'ingress'}`)
      : inNode(evidence, ns, `tc qdisc del dev ${device} root`),
  })
}

/** skb_drop_reason TC_INGRESS, TC_EGRESS and what else filters give: the packet was on its way in, or about to leave. */
export function byFilter(evidence: TraceEvidence, s: Sighting, common: Common): Drop {
  const { places, expected } = evidence.parts
  const path = legOf(s) === 'forward' ? expected.forward : expected.back
  const steps = path?.steps ?? []
  const at = steps.findLastIndex((x) => x.ns === s.netns && x.device === s.device && x.direction === s.direction)
  const next = common.kernelReason === 'TC_EGRESS' ? steps.slice(at + 1).find((x) => x.ns === s.netns && x.direction === 'out') : undefined
  const device = next?.device ?? s.device
  const way = common.kernelReason === 'TC_EGRESS' ? 'on its way out' : 'on its way in'
  return trafficControl(evidence, { ...common, device }, `a tc filter on ${device} of ${places.name(s.netns)} dropped it ${way}`)
}

/** What nothing was seen of: the request at its source, or the answer where the request arrived. */
function unseenStart(
  evidence: TraceEvidence,
): { readonly leg: Drop['leg']; readonly ns: string; readonly device: string; readonly since: bigint } | undefined {
  const { from, expected } = evidence.parts
  const arrived = evidence.forward.at(-1)
  const sent = evidence.outcome().sent
  const [first, back] = [expected.forward.steps[0], expected.back?.steps[0]]
  if (!arrived && first && sent !== undefined)
    return { leg: 'forward', ns: from.node.netns, device: first.device, since: sent - 1_000_000n }
  if (arrived && evidence.arrived && evidence.reply.length === 0 && back)
    return { leg: 'reply', ns: arrived.netns, device: back.device, since: arrived.at - 1_000_000n }
  return undefined
}

/** Bytes of the probe as an IP packet, and of its answer. */
function lengthOf({ parts: { from, options } }: TraceEvidence): number | undefined {
  if (options.protocol === 'tcp') return (from.family === 4 ? 20 : 40) + 40
  return options.size
}

/** A drop in a queue, before the packet was on the device. */
export function byQueue(evidence: TraceEvidence): Drop | undefined {
  const { places } = evidence.parts
  const last = evidence.reply.at(-1) ?? evidence.forward.at(-1)
  const start = unseenStart(evidence)
  // Of a packet that was never seen the event says only which device, when, and how long it was.
  const isStart = (queue: DeviceEvent): boolean =>
    queue.device === start?.device &&
    queue.at >= start.since &&
    queue.at - start.since < 20_000_000n &&
    queue.length - 14 === lengthOf(evidence)
  const queued = evidence.attribution.queued.findLast(({ after, queue }) =>
    after ? after === last && after.n === evidence.n : isStart(queue),
  )
  if (!queued) return undefined
  const { after, queue, event } = queued
  const ns = after?.netns ?? start?.ns ?? ''
  const leg = after ? legOf(after) : (start?.leg ?? 'forward')
  const idle = notForwarding(evidence, leg, { ns, device: queue.device })
  if (idle) return { ...idle, evidence: 'kernel', kernelReason: event.reason }
  const kind = queueOf(evidence, ns, queue.device)
  return trafficControl(
    evidence,
    { leg, ns, device: queue.device, evidence: 'kernel', kernelReason: event.reason },
    `the queueing discipline${kind ? ` (${kind})` : ''} of ${queue.device} in ${places.name(ns)} dropped it; what is dropped in a queue was never on the device`,
  )
}

/** The trail ends before a device on which a queue was put: there it is, dropped or held. */
export function heldInQueue(
  evidence: TraceEvidence,
  leg: Drop['leg'],
  next: { readonly ns: string; readonly device: string },
): Drop | undefined {
  const kind = queueOf(evidence, next.ns, next.device)
  if (kind === undefined) return undefined
  return trafficControl(
    evidence,
    { leg, ns: next.ns, device: next.device, evidence: 'inferred' },
    `it never left ${next.device} of ${evidence.parts.places.name(next.ns)}, which has a queueing discipline (${kind}): dropped or held there`,
  )
}
