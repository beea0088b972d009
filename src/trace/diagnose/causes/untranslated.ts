/** The answer reached the client under the address of the pod, not under that of the Service: nothing there knows the connection. */
import type { TraceEvidence } from '../evidence.ts'
import type { Drop } from '../../result.ts'
import { showStatus, upAgain } from '../hints.ts'
import type { Sighting } from '../identity.ts'
import { dropped, innerAddresses } from './drop-builder.ts'

/** Where an answer comes from, with its port. */
function sender(s: Sighting): string {
  const l4 = s.layers.findLast((l) => l.type === 'tcp' || l.type === 'udp')
  return `${innerAddresses(s)?.src ?? '?'}:${l4?.srcPort ?? '?'}`
}

/** The node that gave the request another destination on its way, and where it came in there. */
function translator(forward: readonly Sighting[], address: string): Sighting | undefined {
  const next = forward.findIndex((s) => innerAddresses(s)?.dst !== address)
  return next > 0 ? forward[next - 1] : undefined
}

export function byUntranslated(evidence: TraceEvidence): Drop | undefined {
  const { from, to, options, places, liveState } = evidence.parts
  const answer = evidence.reply.at(-1)
  const at = translator(evidence.forward, to.address)
  if (options.protocol === 'icmp' || !at || !answer) return undefined
  if (answer.netns !== from.node.netns || answer.direction !== 'in' || at.netns === answer.netns) return undefined
  const asked = `${to.address}:${options.port}`
  if (sender(answer) === asked) return undefined
  const name = places.name(at.netns)
  const passed = evidence.reply.filter((s) => s.netns === at.netns)
  const isBridged = passed.length > 0 && passed.every((s) => places.port(s.netns, s.device) !== undefined)
  const key = `net/bridge/bridge-nf-call-ip${from.family === 6 ? '6' : ''}tables`
  const isPast = isBridged && liveState.seen(at.netns)?.sysctls.get(key) === '0'
  const object = isPast ? places.at(at.netns).find((o) => o.kind === 'sysctl' && o.key === key) : undefined
  const why = isPast
    ? `its bridge passed the answer on without translating it back, because ${key.replaceAll('/', '.')} is 0`
    : passed.length > 0
      ? 'it passed the answer on without translating it back'
      : 'the answer did not come by it again, so that nothing translated it back'
  return dropped(evidence, {
    leg: 'reply',
    ns: at.netns,
    device: passed[0]?.device ?? at.device,
    cause: 'not-translated-back',
    evidence: 'captured',
    object,
    text: `${places.name(from.node.netns)} asked ${asked} and got the answer of ${sender(answer)}, which it does not know: ${name} translated the request, and ${why}`,
    hint: isPast ? upAgain(evidence) : showStatus(evidence),
  })
}
