/** Netfilter dropped it, and no rule trace says which rule: those of iptables-legacy, of bridges, and of a device's ingress. */
import type { CountedRule } from '../../collect/counters.ts'
import type { Sighting } from '../identity.ts'
import { familyNumber } from '../../collect/nf-tables.ts'
import { isDrop } from '../rules.ts'
import { textKey, type DiagnosedGroup, type TraceEvidence } from '../evidence.ts'
import { inNode, withoutRule } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { dropped, isTunnelled, type DropParts } from './drop-builder.ts'
import { ruleDrop } from './rules.ts'

type Common = Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>

/** The rule whose counter went up, if it is one; of several, nothing says which. */
function countedDrop(evidence: TraceEvidence, common: Common, packet: Sighting | undefined): Drop | undefined {
  const rules = evidence.details.counted.get(common.ns) ?? []
  const [rule] = rules
  if (!rule || rules.length > 1) return undefined
  const drop = ruleDrop(evidence, diagnosed(evidence, common.ns, rule, packet))
  return {
    ...drop,
    leg: common.leg,
    device: common.device,
    evidence: common.evidence,
    text: `${drop.text} (iptables-legacy: its counter went up meanwhile)`,
    ...(common.kernelReason === undefined ? {} : { kernelReason: common.kernelReason }),
    hint: inNode(evidence, common.ns, withoutRule({ ...rule, isLegacy: true })),
  }
}

/** A counted rule as if it had been traced. */
function diagnosed(evidence: TraceEvidence, ns: string, rule: CountedRule, packet: Sighting | undefined): DiagnosedGroup {
  const { family, table, chain, base, text } = rule
  const kind = text === undefined ? 'policy' : 'rule'
  const step = { ns, family, table, chain, kind, verdict: 'drop', packet: 0, handle: -familyNumber(family) } as const
  if (text !== undefined) evidence.texts.set(textKey(step), text)
  return { group: { ns, family, table, base, steps: [step] }, packet, at: packet }
}

export function untracedDrop(evidence: TraceEvidence, common: Common, packet: Sighting): Drop {
  const counted = countedDrop(evidence, common, packet)
  if (counted) return counted
  const name = evidence.parts.places.name(common.ns)
  const natives = evidence.details.native.get(common.ns) ?? []
  const candidates = [
    ...(evidence.details.counted.get(common.ns) ?? []).map((r) => r.text ?? `policy of ${r.table} ${r.chain}`),
    ...natives.map((r) => `${r.family} ${r.table} ${r.chain}: ${r.text}`),
  ]
  const [only] = natives
  const where = `a netfilter rule in ${name} dropped it${packet.direction === 'in' ? ` after it came in on ${packet.device}` : ''}`
  const which =
    candidates.length === 1 && only
      ? `: the only one of those that cannot be traced is in ${only.family} ${only.table} ${only.chain}`
      : candidates.length > 0
        ? `; it is one of those that cannot be traced: ${candidates.slice(0, 4).join(' | ')}${candidates.length > 4 ? ' | …' : ''}`
        : '; which one is not known: no trace and no counter tells'
  return dropped(evidence, {
    ...common,
    cause: isTunnelled(packet) && packet.direction === 'in' ? 'tunnel-firewall' : 'firewall',
    text: `${where}${which}`,
    rule: candidates.length === 1 && only ? only.text : undefined,
    hint: inNode(
      evidence,
      common.ns,
      candidates.length === 1 && only
        ? `nft delete rule ${only.family} ${only.table} ${only.chain} handle ${only.handle}`
        : natives.length > 0
          ? 'nft list ruleset'
          : 'iptables-save -c',
    ),
  })
}

/** A reset that was not made where the probe was going: by a rule, in the destination's name. */
export function byReset(evidence: TraceEvidence): Drop | undefined {
  const first = evidence.reply[0]
  const tcp = first?.layers.findLast((l) => l.type === 'tcp')
  if (
    !first ||
    !tcp?.flags.includes('rst') ||
    evidence.arrived ||
    evidence.destination === undefined ||
    first.netns === evidence.destination
  )
    return undefined
  const name = evidence.parts.places.name(first.netns)
  const last = evidence.forward.findLast((s) => s.netns === first.netns)
  if (!last) return undefined
  const common = { leg: 'forward', ns: first.netns, device: last.device, evidence: 'captured', kernelReason: 'RST' } as const
  return (
    countedDrop(evidence, common, last) ??
    dropped(evidence, {
      ...common,
      cause: 'firewall',
      text: `${name} answered with a TCP reset in the destination's name: a REJECT rule`,
      hint: inNode(evidence, first.netns, 'iptables-save -c'),
    })
  )
}

/** Without kernel events: the trail ends here, and here a rule of iptables-legacy ended something meanwhile. */
export function byCounters(evidence: TraceEvidence): Drop | undefined {
  const last = evidence.reply.at(-1) ?? evidence.forward.at(-1)
  const ns = last?.netns ?? evidence.parts.from.node.netns
  const leg = evidence.reply.length > 0 || evidence.arrived ? 'reply' : 'forward'
  return countedDrop(evidence, { leg, ns, device: last?.device ?? '', evidence: 'inferred' }, last)
}

/** EPERM at the source, or a reply that never left: the node's own OUTPUT chain. */
export function ownFirewall(evidence: TraceEvidence, common: Pick<DropParts, 'leg' | 'ns' | 'device' | 'evidence' | 'kernelReason'>): Drop {
  const traced = evidence.rules.find((j) => isDrop(j.group) && j.group.ns === common.ns)
  if (traced) return { ...ruleDrop(evidence, traced), leg: common.leg, cause: 'own-firewall', device: common.device }
  const counted = countedDrop(evidence, common, undefined)
  if (counted) return { ...counted, cause: 'own-firewall' }
  const name = evidence.parts.places.name(common.ns)
  return dropped(evidence, {
    ...common,
    cause: 'own-firewall',
    text: `${name} itself drops what it sends: a rule in its OUTPUT hook`,
    hint: inNode(evidence, common.ns, 'iptables -S OUTPUT'),
  })
}
