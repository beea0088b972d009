/** Labels that were nearly meant: what a selector that selects nothing, or a rule that does not match, most likely stands for. */
import type { LabelSelector } from '../../topology/kubernetes/kubernetes.ts'
import { suggest } from '../../topology/suggest.ts'
import type { External, Host, Lab, Pod } from '../lab.ts'
import { namespaceLabels, portsText, type Direction, type Policy, type PolicyRule } from './policies.ts'
import { holds, requirementsOf, type Labels, type Requirement } from './selectors.ts'

/** Requirements of a selector that labels do not meet. */
export const unmet = (selector: LabelSelector, labels: Labels): Requirement[] => requirementsOf(selector).filter((r) => !holds(r, labels))

/** What a label is instead: `app is wbe`, `it has no label app`. */
export function labelsInstead(selector: LabelSelector, labels: Labels): string {
  const keys = [...new Set(unmet(selector, labels).map((r) => r.key))]
  return keys.map((key) => (Object.hasOwn(labels, key) ? `${key} is ${labels[key]}` : `it has no label ${key}`)).join(', ')
}

/**
 * "Did you mean …?" for a selector that selects none of these labels: another value of a key, or another key. Undefined if
 * none of its requirements resembles what there is.
 */
export function nearestLabels(selector: LabelSelector, all: readonly Labels[]): string | undefined {
  const values = new Map<string, Set<string>>()
  for (const labels of all) {
    for (const [key, value] of Object.entries(labels)) values.set(key, (values.get(key) ?? new Set()).add(value))
  }
  for (const { key, operator, values: wanted = [] } of requirementsOf(selector)) {
    if (operator === 'NotIn' || operator === 'DoesNotExist') continue
    const known = values.get(key)
    if (!known) {
      const near = suggest(key, values.keys())
      if (near !== undefined) return `did you mean the label \`${near}\`?`
    } else if (operator === 'In' && !wanted.some((value) => known.has(value))) {
      const near = wanted.flatMap((value) => suggest(value, known) ?? [])[0]
      return near === undefined ? `\`${key}\` is ${[...known].slice(0, 5).join(', ')} here` : `did you mean \`${key}: ${near}\`?`
    }
  }
  return undefined
}

/** What keeps one rule from allowing a connection. */
export interface Miss {
  readonly policy: Policy
  readonly rule: PolicyRule
  /** Differences in words, the fewest first of all. */
  readonly differences: readonly string[]
}

/** The far end of a connection. */
type Peer = Pod | Host | External | { readonly kind: 'address'; readonly name: string }

function peerMiss(peer: Peer, name: string, { peers }: PolicyRule, namespaces: ReadonlyMap<string, Labels>): string[] | undefined {
  if (!peers) return []
  if (peer.kind !== 'pod')
    return peers.blocks.length > 0 ? [`${name} has no address in ${peers.blocks.map((b) => b.text).join(' or ')}`] : undefined
  const misses = peers.groups.map(({ where, selector }): string[] => {
    const labels = namespaces.get(peer.namespace) ?? {}
    const place =
      typeof where === 'string'
        ? where === peer.namespace
          ? []
          : [`${name} is in namespace ${peer.namespace}, not ${where}`]
        : unmet(where, labels).length > 0
          ? [`namespace ${peer.namespace} of ${name}: ${labelsInstead(where, labels)}`]
          : []
    return [...place, ...(unmet(selector, peer.labels).length > 0 ? [`${name}: ${labelsInstead(selector, peer.labels)}`] : [])]
  })
  return misses.toSorted((a, b) => a.length - b.length)[0] ?? [`${name} is no address of ${peers.blocks.map((b) => b.text).join(' or ')}`]
}

/**
 * Of the rules that might have allowed a connection, the one that differs least from it, and in what: which label, which
 * namespace, which port. Undefined: there is no rule, or none that is about such a peer.
 * @param portMatches whether a rule's ports hold the one that was asked for
 */
export function nearestMiss(
  lab: Lab,
  policies: readonly Policy[],
  direction: Direction,
  peer: Peer,
  portMatches: (rule: PolicyRule) => boolean,
): Miss | undefined {
  const namespaces = namespaceLabels(lab)
  const name = peer.kind === 'pod' ? peer.key : peer.name
  const misses = policies.flatMap((policy) =>
    (policy[direction] ?? []).flatMap((rule): Miss[] => {
      const who = peerMiss(peer, name, rule, namespaces)
      if (!who) return []
      const port = portMatches(rule) ? [] : [`the port is none of ${portsText(rule)}`]
      return [{ policy, rule, differences: [...who, ...port] }]
    }),
  )
  return misses.toSorted((a, b) => a.differences.length - b.differences.length)[0]
}

/** `policy shop/db ingress[0] (lab.yaml:31), but client: tier is wbe`. */
export function missText({ policy, rule, differences }: Miss, way: Direction): string {
  const { line } = rule.source ?? policy.source ?? {}
  return `policy ${policy.title} ${way}[${rule.index}] (${policy.file}${line === undefined ? '' : `:${line}`}), but ${differences.join(', and ')}`
}
