/**
 * Who may talk to whom, from the model alone: the rules of
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/ in the order a connection meets them.
 *
 *   - A pod that no policy selects for a direction is not isolated in it: everything passes.
 *   - A pod that one selects is: only what some rule of some such policy lists passes. Rules add up, never subtract.
 *   - Both ends must agree: the sender's egress and the receiver's ingress.
 *   - A pod always reaches itself, and its own node always reaches it and is reached by it.
 */
import { contains, parseIp, type Family } from '../../topology/address.ts'
import { addressOf, type External, type Host, type Lab, type NodeAddress, type Pod } from '../lab.ts'
import { nearestMiss, type Miss } from './nearest.ts'
import { namedPorts, policiesOf, type Direction, type Policy, type PolicyRule, type PortMatch, type Protocol } from './policies.ts'

/** An address that no node of the lab has. */
export interface Address {
  readonly kind: 'address'
  readonly name: string
  readonly addresses: readonly NodeAddress[]
}

/** A node that can begin or answer a connection. */
export type Actor = Pod | Host | External

/** Whom a question is about. */
export type End = Actor | Address

export interface Allowing {
  readonly policy: Policy
  readonly rule: PolicyRule
}

/** What one end says. */
export interface DirectionVerdict {
  /** Policies that select the pod for this direction; none: it is not isolated. */
  readonly isolating: readonly Policy[]
  /** Rules of those that let it pass. */
  readonly allowing: readonly Allowing[]
  readonly allowed: boolean
}

export interface Verdict {
  readonly allowed: boolean
  /** Why policies were not asked. */
  readonly exempt?: 'self' | 'own-node'
  readonly egress: DirectionVerdict
  readonly ingress: DirectionVerdict
}

export interface Question {
  readonly from: End
  readonly to: End
  /** Which of its addresses is asked for; default: the first one. */
  readonly toAddress?: string
  /** Absent for ICMP, which has no ports. */
  readonly port?: number
  readonly protocol: Protocol | 'ICMP'
  readonly family: Family
}

const FREE: DirectionVerdict = { isolating: [], allowing: [], allowed: true }

/** The address that pods of another host see on a host's own packets: the backend's to answer. */
export type HostSource = (lab: Lab, from: Host, to: Host, family: Family) => string | undefined

/** The address an actor sends from. */
export function sourceAddress(lab: Lab, from: End, to: End, family: Family, hostSource: HostSource): string | undefined {
  const far = from.kind === 'host' && to.kind === 'pod' && to.host !== from.name && lab.hosts.find((h) => h.name === to.host)
  return far ? hostSource(lab, from, far, family) : addressOf(from, family)
}

function portMatches(match: PortMatch, { port, protocol, to }: Question): boolean {
  if (match.protocol !== protocol) return false
  if (match.kind === 'all') return true
  if (port === undefined) return false
  if (match.kind === 'range') return port >= match.first && port <= match.last
  return to.kind === 'pod' && namedPorts(to, match.name, match.protocol).includes(port)
}

function ruleAllows(rule: PolicyRule, question: Question, peer: End, peerAddress: string | undefined): boolean {
  if (rule.ports && !rule.ports.some((m) => portMatches(m, question))) return false
  if (!rule.peers) return true
  if (peer.kind === 'pod' && rule.peers.groups.some((g) => g.pods.has(peer))) return true
  const ip = peerAddress === undefined ? undefined : parseIp(peerAddress)
  return ip !== undefined && rule.peers.blocks.some((b) => contains(b.cidr, ip) && !b.except.some((e) => contains(e, ip)))
}

/** Policies of a lab by the pods they select. */
const byPod = new WeakMap<Lab, Record<Direction, Map<Pod, Policy[]>>>()

/** The policies that isolate a pod in a direction. */
function isolating(lab: Lab, pod: Pod, direction: Direction): readonly Policy[] {
  let index = byPod.get(lab)
  if (!index) {
    index = { ingress: new Map(), egress: new Map() }
    for (const policy of policiesOf(lab)) {
      for (const way of ['ingress', 'egress'] as const) {
        if (policy[way]) for (const p of policy.selected.pods) index[way].set(p, [...(index[way].get(p) ?? []), policy])
      }
    }
    byPod.set(lab, index)
  }
  return index[direction].get(pod) ?? []
}

function evaluate(lab: Lab, direction: Direction, question: Question, hostSource: HostSource): DirectionVerdict {
  const [subject, peer] = direction === 'egress' ? [question.from, question.to] : [question.to, question.from]
  if (subject.kind !== 'pod') return FREE
  const policies = isolating(lab, subject, direction)
  if (policies.length === 0) return FREE
  const asked = question.toAddress ?? addressOf(peer, question.family)
  const address = direction === 'egress' ? asked : sourceAddress(lab, peer, subject, question.family, hostSource)
  const allowing = policies.flatMap((policy) =>
    policy[direction]!.filter((rule) => ruleAllows(rule, question, peer, address)).map((rule) => ({ policy, rule })),
  )
  return { isolating: policies, allowing, allowed: allowing.length > 0 }
}

/**
 * Why the denying direction of a verdict denies, as far as some rule comes near.
 * @param verdict what {@link verdict} said to the question
 */
export function missOf(lab: Lab, question: Question, { allowed, egress }: Verdict): Miss | undefined {
  if (allowed) return undefined
  const direction = egress.allowed ? 'ingress' : 'egress'
  const [subject, peer] = direction === 'egress' ? [question.from, question.to] : [question.to, question.from]
  if (subject.kind !== 'pod') return undefined
  const matches = (rule: PolicyRule): boolean => !rule.ports || rule.ports.some((m) => portMatches(m, question))
  return nearestMiss(lab, isolating(lab, subject, direction), direction, peer, matches)
}

const isOwnNode = (a: End, b: End): boolean => a.kind === 'host' && b.kind === 'pod' && b.host === a.name

/**
 * What policies say to a new connection. Whether there is a way at all (routes, listeners) is not their business.
 *
 * @param hostSource the backend's answer, as `backends/` gives it
 */
export function verdict(lab: Lab, question: Question, hostSource: HostSource): Verdict {
  const { from, to } = question
  if (from === to) return { allowed: true, exempt: 'self', egress: FREE, ingress: FREE }
  if (isOwnNode(from, to) || isOwnNode(to, from)) return { allowed: true, exempt: 'own-node', egress: FREE, ingress: FREE }
  const egress = evaluate(lab, 'egress', question, hostSource)
  const ingress = evaluate(lab, 'ingress', question, hostSource)
  return { allowed: egress.allowed && ingress.allowed, egress, ingress }
}
