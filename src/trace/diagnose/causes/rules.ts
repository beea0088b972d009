/** A netfilter rule (or a chain's policy) ended it. */
import { backendOf } from '../../../backends/index.ts'
import { isBorderDrop } from '../../../compile/border.ts'
import type { KernelObject } from '../../../kernel/objects.ts'
import { borderRuleFor } from '../../../lab/underlay/border.ts'
import { policyModuleOf } from '../../../policy/index.ts'
import { servicesOf } from '../../../services/index.ts'
import { verdictOf, isDrop } from '../rules.ts'
import type { DiagnosedGroup, TraceEvidence } from '../evidence.ts'
import type { ReceivedTrace } from '../../collect/rule-traces.ts'
import { explainPolicy, inNode, showStatus, upAgain, withoutRule } from '../hints.ts'
import type { Drop } from '../../result.ts'
import { diverted } from './diverted.ts'
import { dropped, innerAddresses, isTunnelled, legOf, placeOf, portOf, type DropParts } from './drop-builder.ts'

/** The packet of a dropping group is lost unless it was seen somewhere afterwards. */
function isLast(evidence: TraceEvidence, { packet }: DiagnosedGroup): boolean {
  if (!packet) return true
  const chain = packet.role === 'probe' ? evidence.forward : packet.role === 'reply' ? evidence.reply : evidence.errors
  return !chain.some((s) => s.at > packet.at && s.netns !== packet.netns)
}

export function byRule(evidence: TraceEvidence): Drop | undefined {
  const drops = evidence.rules.filter((j) => isDrop(j.group) && isLast(evidence, j))
  // Of request and answer it is the answer's end that counts; an ICMP error dropped on its way explains nothing by itself.
  const drop = drops.findLast((j) => j.packet?.role !== 'error')
  return drop && ruleDrop(evidence, drop)
}

/** The chain the lab asked for that holds this rule. */
function chainOf(evidence: TraceEvidence, ns: string, table: string, text: string | undefined): KernelObject | undefined {
  const m = /^-A (\S+) (.*)$/.exec(text ?? '')
  if (!m) return undefined
  return evidence.parts.places.at(ns).find((o) => o.kind === 'chain' && o.table === table && o.chain === m[1] && o.rules.includes(m[2]!))
}

/** Who wrote a rule: the policies it is about, else the line of the topology behind its chain. */
export function chainSource(evidence: TraceEvidence, ns: string, table: string, text: string): string | undefined {
  const policies = policyModuleOf(evidence.parts.lab).explain(text)
  if (policies) return `policy ${policies.join(', ')}`
  const object = chainOf(evidence, ns, table, text)
  return object?.from && placeOf(evidence, object.from)
}

/** Where the named policies stand in the topology: ` (lab.yaml:9)`; nothing when the lab does not know. */
function policyLines(evidence: TraceEvidence, names: readonly string[]): string {
  const { lab } = evidence.parts
  const places = names.flatMap((name) => {
    const source = lab.policySources?.[name] ?? lab.policySources?.[name.replace(/^default\//, '')]
    return source ? [placeOf(evidence, source)] : []
  })
  return places.length > 0 ? ` (${places.join(', ')})` : ''
}

/** The line of a Service by the name of one of its ports: `shop/cart:web`. */
function serviceSource(evidence: TraceEvidence, port: string): { readonly source?: string } {
  const found = evidence.parts.lab.services.find((s) => `${s.namespace}/${s.name}` === port.replace(/:.*/, ''))
  return found ? { source: placeOf(evidence, found.source) } : {}
}

/** What the firewall of the border dropped: what no entry allows, or what passes only by a rule that is gone. */
function atBorder(
  evidence: TraceEvidence,
  packet: DiagnosedGroup['packet'],
  leg: Drop['leg'],
  where: string,
): Pick<DropParts, 'text' | 'hint'> {
  const { lab, from, options } = evidence.parts
  const ends = packet && innerAddresses(packet)
  const what = `the firewall of the border stops ${ends ? `${ends.src} → ${ends.dst}` : 'it'}`
  // An answer is one to what began inside: the rule that lets those pass must be gone.
  if (leg === 'reply')
    return { text: `${what}, an answer to what began inside: the rule for answers is missing (${where})`, hint: upAgain(evidence) }
  const sender = lab.externals.find((x) => x.netns === from.node.netns)
  const port = (packet && portOf(packet)) ?? options.port ?? undefined
  const rule =
    sender && ends && borderRuleFor(lab, sender, { address: ends.dst, protocol: options.protocol, ...(port === undefined ? {} : { port }) })
  return rule
    ? {
        text: `${what}, though \`allow\` lists ${rule.text} (${placeOf(evidence, rule.source)}): its rule is missing (${where})`,
        hint: upAgain(evidence),
      }
    : { text: `${what}: no entry of \`allow\` lists it (${where})`, hint: explainPolicy(evidence) }
}

/** How a rule that netlab did not write is taken away, by the tool that shows it. */
function takeAway(family: string, { table, chain, kind, handle }: ReceivedTrace, text: string | undefined): string {
  if (kind === 'policy')
    return /^[A-Z]+$/.test(chain) ? withoutRule({ family, table, chain }) : `nft 'chain ${family} ${table} ${chain} { policy accept ; }'`
  return text?.startsWith('-A ') || handle === undefined || handle < 0
    ? withoutRule({ family, table, chain, text })
    : `nft delete rule ${family} ${table} ${chain} handle ${handle}`
}

export function ruleDrop(evidence: TraceEvidence, { group, packet }: DiagnosedGroup): Drop {
  const last = verdictOf(group)!
  const text = evidence.textOf(last)
  const { lab, places, from, to } = evidence.parts
  const node = places.node(group.ns)
  const name = places.name(group.ns)
  const snapshot = evidence.parts.liveState.seen(group.ns)
  const device = (index: number | undefined): string | undefined => snapshot?.links.find((l) => l.ifindex === index)?.ifname
  const isReply = packet ? packet.role !== 'probe' : group.ns === evidence.destination && group.ns !== from.node.netns
  const leg: Drop['leg'] = packet ? legOf(packet) : isReply ? 'reply' : 'forward'
  const base = group.base.toUpperCase()
  const chain = last.chain === group.base ? group.base : `${group.base} → ${last.chain}`
  const object = chainOf(evidence, group.ns, group.table, text)
  const policies = policyModuleOf(lab).explain(text ?? '')
  const common = {
    leg,
    ns: group.ns,
    device: device(group.iif) ?? device(group.oif) ?? packet?.device ?? '',
    evidence: 'rule',
    kernelReason: 'NETFILTER_DROP',
    object,
    rule: text ?? (last.kind === 'policy' ? `policy of ${group.family} ${group.table} ${group.base}: drop` : undefined),
  } as const
  const said =
    text === undefined
      ? last.kind === 'policy'
        ? 'the chain policy drops it'
        : 'a rule drops it'
      : /REJECT|reject/.test(text)
        ? 'a rule rejects it'
        : 'a rule drops it'
  const where = `${said} in ${group.table} ${chain} of ${name}`
  const refusal = servicesOf(lab).explain(text ?? '')
  if (refusal) {
    const { port: service, isLocal: local } = refusal
    return dropped(evidence, {
      ...common,
      cause: 'no-endpoints',
      text: local
        ? `Service ${service} has no endpoint on ${name}, and its traffic policy Local allows no other: ${where}`
        : `Service ${service} has no endpoints that could answer (no ready pod has its labels and target port): ${where}`,
      hint: `netlab inspect ${lab.name}`,
      ...serviceSource(evidence, service),
    })
  }
  if (policies) {
    const policy = `policy ${policies.join(', ')}`
    return dropped(evidence, {
      ...common,
      cause: 'policy',
      source: `${policy}${policyLines(evidence, policies)}`,
      policies,
      text: `${policy} does not allow it: ${where}`,
      hint: explainPolicy(evidence),
    })
  }
  const check = text === undefined ? undefined : backendOf(lab.backend).explain?.(text)
  if (check !== undefined) {
    // It is right about a packet that a node before sent the wrong way.
    const before = diverted(evidence, leg)
    const addresses = packet && innerAddresses(packet)
    const what = `the source/destination check stops ${addresses ? `${addresses.src} → ${addresses.dst}` : 'it'}: ${check} (${where})`
    return before
      ? { ...before, text: `${before.text}; ${what}`, kernelReason: common.kernelReason }
      : dropped(evidence, { ...common, cause: 'source-dest-check', text: what, hint: upAgain(evidence) })
  }
  if (text !== undefined && isBorderDrop(text))
    return dropped(evidence, { ...common, cause: 'border-firewall', ...atBorder(evidence, packet, common.leg, where) })
  // Rules that netlab wrote are what the lab asked for; a policy of a chain, none asks for.
  const remedy = object ? showStatus(evidence) : inNode(evidence, group.ns, takeAway(group.family, last, text))
  const inTunnel = packet ? isTunnelled(packet) : evidence.isTunnelHeader(group)
  const tunnelled = inTunnel && /INPUT|OUTPUT|ROUTING/.test(base) && node.kind === 'host'
  if (tunnelled)
    return dropped(evidence, {
      ...common,
      cause: 'tunnel-firewall',
      text: `${name} throws the tunnel packet away before it is unpacked: ${where}`,
      hint: remedy,
    })
  const own = base.includes('OUTPUT') && (group.ns === from.node.netns || group.ns === to.node?.netns || group.ns === evidence.destination)
  if (own)
    return dropped(evidence, {
      ...common,
      device: common.device,
      cause: 'own-firewall',
      text: `${name} itself drops what it sends: ${where}`,
      hint: remedy,
    })
  return dropped(evidence, {
    ...common,
    cause: 'firewall',
    text: `${where.charAt(0).toUpperCase()}${where.slice(1)}`,
    hint: object ? undefined : remedy,
  })
}
