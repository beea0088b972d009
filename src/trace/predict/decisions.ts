/** What a node decided about the probe between two hops: predicted lookups that the next hop confirmed, rules, translation, tunnels. */
import { answerOf, questionOf } from '../diagnose/causes/arp.ts'
import { chainSource } from '../diagnose/causes/rules.ts'
import { keyOfStep } from '../diagnose/chain.ts'
import type { Sighting } from '../diagnose/identity.ts'
import type { PredictedPath } from './path.ts'
import { verdictOf, type RuleGroup } from '../diagnose/rules.ts'
import type { TraceEvidence } from '../diagnose/evidence.ts'
import type { Decision } from '../result.ts'
import { plural } from '../../plural.ts'
import { tunnelsOf } from '../../packet/tunnels.ts'

const ipOf = (s: Sighting) => s.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')
/** Ports of the innermost packet; those of a tunnel around it are the tunnel's own business. */
const portsOf = (s: Sighting) =>
  s.layers
    .slice(s.layers.findLastIndex((l) => l.type === 'ipv4' || l.type === 'ipv6'))
    .findLast((l) => l.type === 'tcp' || l.type === 'udp')
const depth = (s: Sighting): number => s.layers.filter((l) => l.type === 'ipv4' || l.type === 'ipv6').length

/** An end of the packet, with its port where it has one. */
const end = (s: Sighting, side: 'src' | 'dst'): string => {
  const port = portsOf(s)
  return `${ipOf(s)?.[side] ?? '?'}${port ? `:${side === 'src' ? port.srcPort : port.dstPort}` : ''}`
}

export function decisionsOf(evidence: TraceEvidence, s: Sighting, next: Sighting | undefined, path: PredictedPath | undefined): Decision[] {
  const step = path?.steps.find((x) => keyOfStep(x) === keyOfStep({ ns: s.netns, device: s.device, direction: s.direction }))
  const decided = (step?.decisions ?? []).filter((d) => d.kind !== 'encap' && d.kind !== 'decap')
  const nat = next && next.netns === s.netns ? translations(s, next) : { dst: [], src: [] }
  const at = (stages: readonly Stage[]): Decision[] => rules(evidence, s, stages)
  return [
    ...beforeLeaving(evidence, s),
    ...askedAcross(evidence, s),
    ...at(['before']),
    ...nat.dst,
    ...decided,
    ...at(['between', 'after']),
    ...nat.src,
    ...(next && next.netns === s.netns ? tunnels(s, next) : []),
  ]
}

/** What a host sends to a Service is translated before it is on any device. */
function beforeLeaving({ forward, parts: { to, options, expected } }: TraceEvidence, s: Sighting): Decision[] {
  if (s !== forward[0] || ipOf(s)?.dst === to.address) return []
  const became = (side: 'src' | 'dst', was: string): string =>
    `${was}${options.port && side === 'dst' ? `:${options.port}` : ''} became ${end(s, side)}`
  const list: Decision[] = [{ kind: 'nat', text: `destination ${became('dst', to.address)} before it left`, evidence: 'captured' }]
  if (ipOf(s)?.src !== expected.source)
    list.push({ kind: 'nat', text: `source ${became('src', expected.source)} before it left`, evidence: 'captured' })
  return list
}

/**
 * What a node had to ask before the packet could leave, where the question went to other hosts as well: tunnels make one link of theirs
 * and its own.
 */
function askedAcross({ neighbours, parts: { places } }: TraceEvidence, s: Sighting): Decision[] {
  if (s.direction !== 'out' || places.port(s.netns, s.device)) return []
  const here = (x: Sighting): boolean => x.netns === s.netns && x.device === s.device
  const asked = neighbours.find((q) => here(q) && q.direction === 'out' && questionOf(q) !== undefined && q.at <= s.at)
  const target = asked && questionOf(asked)
  const answer = neighbours.find((a) => asked && here(a) && answerOf(a) === target && a.direction === 'in' && a.at >= asked.at)
  if (!asked || !answer) return []
  const outer = (x: Sighting) => x.layers.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  const across = neighbours.filter((x) => x.direction === 'out' && depth(x) > depth(asked) && x.at >= asked.at && x.at <= answer.at)
  const copies = across.filter((x) => questionOf(x) === target)
  const back = across.find((x) => answerOf(x) === target)
  if (copies.length === 0 || !back) return []
  const peers = new Set(copies.map((x) => outer(x)!.dst)).size
  const mac = answer.layers.find((l) => l.type === 'ethernet')?.src
  const text = `${target} is ${mac}: asked of ${plural(peers, 'peer')} in ${tunnelsOf(back.layers)[0]!.label}, answered from ${outer(back)!.src}`
  return [{ kind: 'neighbour', text, evidence: 'captured' }]
}

/** A packet meets DNAT before it is routed, and SNAT afterwards. */
function translations(s: Sighting, next: Sighting): Readonly<Record<'dst' | 'src', readonly Decision[]>> {
  const nat = (side: 'src' | 'dst', word: string): Decision[] =>
    ipOf(s) && ipOf(next) && end(s, side) !== end(next, side)
      ? [{ kind: 'nat', text: `${word} ${end(s, side)} becomes ${end(next, side)}`, evidence: 'captured' }]
      : []
  return { dst: nat('dst', 'destination'), src: nat('src', 'source') }
}

function tunnels(s: Sighting, next: Sighting): Decision[] {
  const list: Decision[] = []
  const outer = (x: Sighting) => x.layers.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  if (depth(next) > depth(s))
    list.push({
      kind: 'encap',
      text: `into ${tunnelsOf(next.layers)[0]?.label ?? 'a tunnel'}: ${outer(next)?.src} > ${outer(next)?.dst}`,
      evidence: 'captured',
    })
  if (depth(next) < depth(s))
    list.push({ kind: 'decap', text: `out of ${tunnelsOf(s.layers)[0]?.label ?? 'the tunnel'}`, evidence: 'captured' })
  return list
}

/** Where netfilter looks at a packet: before it is routed, when it is known where it goes, and when it leaves. */
type Stage = 'before' | 'between' | 'after'

/** By the chain that the hook calls, as iptables names it; a hook that has no device to leave by comes before routing. */
const stageOf = ({ base, oif }: RuleGroup): Stage => {
  if (/postrouting/i.test(base)) return 'after'
  if (/prerouting/i.test(base)) return 'before'
  return oif === undefined && !/input/i.test(base) ? 'before' : 'between'
}

/** Rules that matched the packet after this hop, of some stages, in their order. */
function rules(evidence: TraceEvidence, s: Sighting, stages: readonly Stage[]): Decision[] {
  const here = evidence.rules.filter(({ at }) => at === s)
  return stages
    .flatMap((stage) => here.filter(({ group }) => stageOf(group) === stage))
    .flatMap(({ group }): Decision[] => {
      const last = verdictOf(group)
      return group.steps.flatMap((t): Decision[] => {
        const text = evidence.textOf(t)
        if (t.kind === 'policy' || text === undefined)
          return t === last && last.verdict === 'drop'
            ? [{ kind: 'rule', text: `${group.table} ${group.base}: policy drop`, evidence: 'rule' }]
            : []
        const source = chainSource(evidence, group.ns, group.table, text)
        return [
          {
            kind: 'rule',
            text: `${group.table} ${text.replace(/^-A /, '')}`,
            evidence: 'rule',
            ...(source === undefined ? {} : { source }),
          },
        ]
      })
    })
}
