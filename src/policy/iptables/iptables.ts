/**
 * NetworkPolicy on iptables and ipset, in the shape of kube-router's and Calico's iptables dataplanes, with two
 * chains per host instead of one per pod.
 *
 *   filter FORWARD ─ first ─▶ NETLAB-POLICY
 *     belongs to a connection that passed before     → RETURN (pass)
 *     from a pod to itself (through a Service)        → RETURN
 *     source in np4-out, the isolated pods            → NETLAB-EGRESS ──┐ each line: if subject, peer and port
 *     destination in np4-in                           → NETLAB-INGRESS ─┤ match, RETURN (this end agrees);
 *                                                                       └ nothing matched: DROP
 *
 * A packet passes when both chains return: the sender's policies and the receiver's must allow it. Who is a
 * subject or a peer is in sets, so a packet costs the same however many pods there are, and a pod whose labels
 * change moves between sets while the chains stay. Sets are named after what was asked for, not who matches.
 *
 * FORWARD comes after the DNAT of Services (nat PREROUTING) and before the SNAT of masquerading (nat
 * POSTROUTING): rules see pods' own addresses and ports. br_netfilter shows it packets between two pods of one
 * bridge. What a host sends to its own pods (kubelet's probes) leaves by OUTPUT and is never filtered; what other
 * hosts send is forwarded and is.
 */
import type { Chain, Ipset, KernelObject } from '../../kernel/objects.ts'
import type { Host, Lab, Pod } from '../../lab/lab.ts'
import { hostPortsOf } from '../../lab/services/host-ports.ts'
import { policiesOf, ruleText, WAYS, type Direction, type Policy } from '../../lab/policy/policies.ts'
import type { Family } from '../../topology/address.ts'
import type { Counter } from '../../netns/counter.ts'
import { ruleCounter } from '../../netns/iptables-save.ts'
import { comment, peerMatches, portMatches } from './matches.ts'
import type { PolicyModule } from '../policy.ts'
import { SetTable } from './sets.ts'

const ENTRY = 'NETLAB-POLICY'
const CHAIN: Readonly<Record<Direction, string>> = { egress: 'NETLAB-EGRESS', ingress: 'NETLAB-INGRESS' }
/** Where the pod that a direction isolates is in the packet, and where its peer. */
const SUBJECT = { egress: 'src', ingress: 'dst' } as const
const PEER = { egress: 'dst', ingress: 'src' } as const
const WORDS = { egress: 'nothing else goes out', ingress: 'nothing else comes in' } as const

/**
 * True where the source of an IP packet is its destination, as classic BPF (Documentation/networking/filter.rst):
 * no match of iptables compares two fields of a packet, and a set of pairs would grow with the pods.
 */
const TO_ITSELF: Readonly<Record<Family, string>> = {
  4: '6,32 0 0 12,7 0 0 0,32 0 0 16,29 0 1 0,6 0 0 65535,6 0 0 0',
  6: `18,${[0, 1, 2, 3].map((word) => `32 0 0 ${8 + 4 * word},7 0 0 0,32 0 0 ${24 + 4 * word},29 0 ${13 - 4 * word} 0`).join(',')},6 0 0 65535,6 0 0 0`,
}

interface HostPolicies {
  readonly pods: readonly Pod[]
  /** Those of the namespaces that have pods here: then a label that changes adds no rule and takes none away. */
  readonly policies: readonly Policy[]
}

const hosts = new WeakMap<Lab, Map<string, HostPolicies>>()

/** What each host enforces; a host whose pods no policy selects is not in it. */
function enforced(lab: Lab): Map<string, HostPolicies> {
  const known = hosts.get(lab)
  if (known) return known
  const policies = policiesOf(lab)
  const selected = new Set(policies.flatMap((p) => [...p.selected.pods].map((pod) => pod.host)))
  const podsOf = new Map<string, Pod[]>([...selected].map((name) => [name, []]))
  for (const pod of lab.pods) podsOf.get(pod.host)?.push(pod)
  const result = new Map<string, HostPolicies>()
  for (const [name, pods] of podsOf) {
    const namespaces = new Set(pods.map((p) => p.namespace))
    result.set(name, { pods, policies: policies.filter((p) => namespaces.has(p.namespace)) })
  }
  hosts.set(lab, result)
  return result
}

/** What a policy adds to a chain, the same on every host. */
interface Lines {
  /** Match of the pods it selects. */
  readonly subject: string
  readonly allows: readonly string[]
}

const lines = new WeakMap<Policy, Map<string, ReturnType<typeof SetTable.prototype.record<Lines>>>>()

function linesOf(policy: Policy, direction: Direction, sets: SetTable): Lines {
  const known = lines.get(policy) ?? new Map<string, ReturnType<typeof SetTable.prototype.record<Lines>>>()
  lines.set(policy, known)
  const key = `${direction} ${sets.family}`
  const before = known.get(key)
  if (before) {
    sets.replay(before.asked)
    return before.result
  }
  const made = sets.record((): Lines => {
    const subject = `-m set --match-set ${sets.local(policy)} ${SUBJECT[direction]} `
    const allows: string[] = []
    for (const rule of policy[direction]!) {
      const text = comment(`policy ${policy.title} ${ruleText(rule, direction)}`)
      for (const peer of peerMatches(rule, PEER[direction], sets, policy)) {
        for (const port of portMatches(rule, sets, policy)) allows.push(`${port.protocol}${subject}${peer}${port.match}${text}-j RETURN`)
      }
    }
    return { subject, allows }
  })
  known.set(key, made)
  return made.result
}

/** Lines that let packets through, then those that end the rest: one for every group of isolated pods. */
function directionRules(direction: Direction, policies: readonly Policy[], sets: SetTable): string[] {
  const allows: string[] = []
  const subjects = new Map<string, string[]>()
  for (const policy of policies) {
    if (!policy[direction]) continue
    const own = linesOf(policy, direction, sets)
    const titles = subjects.get(own.subject)
    if (titles) titles.push(policy.title)
    else subjects.set(own.subject, [policy.title])
    allows.push(...own.allows)
  }
  const ends = [...subjects].map(([subject, titles], i) => {
    // What comes to the last line is isolated by its policies alone: it takes the rest.
    const match = i === subjects.size - 1 ? '' : subject
    return `${match}${comment(`policy ${titles.join(', ')}: ${WORDS[direction]}`)}-j DROP`
  })
  return [...allows, ...ends]
}

function familyObjects(host: Host, lab: Lab, family: Family, { pods, policies }: HostPolicies): KernelObject[] {
  const sets = new SetTable({ lab, host, pods, family })
  const here = { kind: 'chain', ns: host.netns, from: host.source, table: 'filter', family } as const
  const ways = WAYS.filter((way) => policies.some((p) => p[way]))
  const filtered = ways.map((way): Chain => ({
    ...here,
    chain: CHAIN[way],
    builtin: false,
    rules: directionRules(way, policies, sets),
    note: `${way}: what is allowed, and a drop of the rest`,
  }))
  const entry = [
    `-m conntrack --ctstate RELATED,ESTABLISHED ${comment('belongs to a connection that was allowed')}-j RETURN`,
    ...(family === 6
      ? [135, 136].map(
          (type) => `-p ipv6-icmp -m icmp6 --icmpv6-type ${type} ${comment('neighbour discovery: IPv6 cannot do without')}-j RETURN`,
        )
      : []),
    ...(needsSelf(lab) ? [`-m bpf --bytecode "${TO_ITSELF[family]}" ${comment('a pod always reaches itself')}-j RETURN`] : []),
    ...ways.map(
      (way) => `-m set --match-set ${sets.isolated(way, policies)} ${SUBJECT[way]} ${comment(`pods isolated for ${way}`)}-j ${CHAIN[way]}`,
    ),
  ]
  return [
    ...sets.objects(),
    ...filtered,
    {
      ...here,
      chain: ENTRY,
      builtin: false,
      rules: entry,
      note: "NetworkPolicies: both the sender's and the receiver's must allow a new connection",
    },
    { ...here, chain: 'FORWARD', builtin: true, rules: [`${comment('NetworkPolicies')}-j ${ENTRY}`] },
  ]
}

/** Compiled chains by host and family, for {@link denies}. */
const compiledChains = new WeakMap<Lab, Map<string, readonly Chain[]>>()

function chainsOn(name: string, family: Family, lab: Lab, here: HostPolicies): readonly Chain[] {
  const known = compiledChains.get(lab) ?? new Map<string, readonly Chain[]>()
  compiledChains.set(lab, known)
  let chains = known.get(`${name} ${family}`)
  if (!chains) {
    const host = lab.hosts.find((h) => h.name === name)!
    chains = familyObjects(host, lab, family, here).filter((o): o is Chain => o.kind === 'chain')
    known.set(`${name} ${family}`, chains)
  }
  return chains
}

/** The last rules of a chain end what is left: one for every group of subjects, in the order of their first policies. */
function denies(pod: Pod, direction: Direction, family: Family, lab: Lab): Counter | undefined {
  const here = enforced(lab).get(pod.host)
  if (!here) return undefined
  const subjects = [...new Map(here.policies.filter((p) => p[direction]).map((p) => [p.selected.key, p.selected.pods])).values()]
  const place = subjects.findIndex((pods) => pods.has(pod))
  if (place < 0) return undefined
  const chain = chainsOn(pod.host, family, lab, here).find((c) => c.chain === CHAIN[direction])
  const rule = chain?.rules.at(place - subjects.length)
  return chain && rule !== undefined ? ruleCounter(chain.ns, family, chain.chain, rule) : undefined
}

/** The policies a rule names in its comment: `policy shop/deny-all: …`, `policy shop/a, shop/b: …`. */
function explain(rule: string): string[] | undefined {
  const comment = /--comment "([^"]*)"|--comment (\S+)|comment "([^"]*)"/.exec(rule)?.slice(1).find(Boolean)
  return /\bpolic(?:y|ies):? +((?:[\w.-]+\/)?[\w.-]+(?:, (?:[\w.-]+\/)?[\w.-]+)*)/i.exec(comment ?? '')?.[1]?.split(', ')
}

/** Only a Service or a port of its host sends a pod's packets out and back to itself. */
const needsSelf = (lab: Lab): boolean => lab.services.length > 0 || hostPortsOf(lab).length > 0

export const iptables: PolicyModule = {
  summary: 'two chains a host, members in ipsets',
  enforces: true,
  options: (z) => z.object({}),
  needs: (lab) => (policiesOf(lab).length === 0 ? [] : needsSelf(lab) ? ['ipset', 'bpf-match'] : ['ipset']),
  objects(host, lab): (Chain | Ipset)[] {
    const here = enforced(lab).get(host.name)
    return here ? (lab.families.flatMap((family) => familyObjects(host, lab, family, here)) as (Chain | Ipset)[]) : []
  },
  denies,
  explain,
}
