/** What arrives although policies deny it: no drop to explain, so the rules that are not there must be. */
import { addressOf, type Node, nodeName } from '../../lab/lab.ts'
import { hidingOf } from '../../attach/index.ts'
import { hostSource } from '../../backends/index.ts'
import { sourceAddress, verdict, type Actor } from '../../lab/policy/verdict.ts'
import { isKeptOut, keptOutText } from '../../lab/underlay/border.ts'
import { unenforcedText } from '../../policy/index.ts'
import { frontendFor } from '../../lab/services/semantics.ts'
import { serviceVerdict } from '../../lab/services/service-verdict.ts'
import { placeOf } from './causes/drop-builder.ts'
import type { TraceEvidence } from './evidence.ts'

const PROTOCOLS = { icmp: 'ICMP', tcp: 'TCP', udp: 'UDP' } as const

/**
 * Names the policies that deny a probe which got to its end all the same; undefined when none does. What was translated so that
 * its receiver does not see who sent it is not examined: policies saw it as something else on the way.
 */
export function leak(evidence: TraceEvidence): string | undefined {
  const { lab, from, to, options } = evidence.parts
  const last = evidence.forward.at(-1)
  const ip = last?.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')
  if (!last || !ip || last.direction !== 'in') return undefined
  const { family } = from
  const actor = (has: (node: Node) => boolean): Actor | undefined => [...lab.pods, ...lab.hosts, ...lab.externals].find(has)
  const sender = actor((n) => n.netns === from.node.netns)
  const receiver = actor((n) => n.netns === last.netns)
  if (!sender || !receiver || sender === receiver || addressOf(receiver, family) !== ip.dst) return undefined
  if (receiver.kind === 'pod' && sourceAddress(lab, sender, receiver, family, hostSource) !== ip.src) return undefined
  const transport = last.layers.findLast((l) => l.type === 'tcp' || l.type === 'udp')
  const port = options.protocol === 'icmp' || !transport ? {} : { port: transport.dstPort }
  const frontend = to.flow && frontendFor(lab, sender, to.address, to.flow)
  const chosen = frontend && serviceVerdict(lab, sender, frontend, family, hostSource, hidingOf).ways.find((w) => w.actor === receiver)
  const said =
    chosen?.verdict ?? verdict(lab, { from: sender, to: receiver, family, protocol: PROTOCOLS[options.protocol], ...port }, hostSource)
  const arrival = {
    address: to.address,
    protocol: options.protocol,
    ...(to.flow && options.protocol !== 'icmp' ? { port: to.flow.port } : {}),
  }
  if (isKeptOut(lab, sender, arrival))
    return `${keptOutText(lab)}, but nothing dropped it: netlab status ${lab.name} names rules that are not as they were asked for`
  if (said.allowed) return undefined
  const [way, end, { isolating }] = said.egress.allowed
    ? (['ingress', receiver, said.ingress] as const)
    : (['egress', sender, said.egress] as const)
  const names = isolating.map((p) => (p.source ? `${p.title} (${placeOf(evidence, { file: p.file, ...p.source })})` : p.title))
  const deny = names.length === 1 ? `policy ${names[0]} denies` : `policies ${names.join(', ')} deny`
  const unenforced = unenforcedText(lab)
  if (unenforced !== undefined) return `${deny} this (${way} of ${nodeName(end)}), but ${unenforced}`
  return `${deny} this (${way} of ${nodeName(end)}), but nothing dropped it: netlab status ${lab.name} names rules that are not as they were asked for`
}
