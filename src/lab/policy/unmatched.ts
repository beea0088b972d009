/**
 * NetworkPolicies that say nothing, or less than they seem to: a selector that selects no pod, a namespace label that no
 * namespace has, the name of a port that no container declares. All of it is legal, and most of it a slip of the pen.
 */
import type { Path } from '../../topology/diagnostics.ts'
import { suggest } from '../../topology/suggest.ts'
import { containerPods, type Lab, type Pod } from '../lab.ts'
import type { Problems } from '../problems.ts'
import { nearestLabels } from './nearest.ts'
import { namedPorts, namespaceLabels, policiesOf, WAYS, type Direction, type PodGroup, type PolicyRule } from './policies.ts'
import { selects, selectorText } from './selectors.ts'

/** Why a group has no pods, and what was meant. */
function emptiness(lab: Lab, { where, selector }: PodGroup): readonly [code: string, why: string, hint: string | undefined] {
  const namespaces = namespaceLabels(lab)
  const inside = typeof where === 'string' ? [where] : [...namespaces].flatMap(([name, labels]) => (selects(where, labels) ? [name] : []))
  const pods = selectorText(selector)
  if (typeof where !== 'string' && inside.length === 0) {
    const why = `no namespace has ${selectorText(where)}`
    return ['no-such-namespace', why, nearestLabels(where, [...namespaces.values()])]
  }
  const place = typeof where === 'string' ? `namespace ${where}` : `namespaces ${selectorText(where) || 'of this lab'}`
  const candidates = lab.pods.filter((p) => inside.includes(p.namespace))
  if (candidates.length > 0)
    return [
      'selects-nothing',
      `no pod of ${place} has ${pods}`,
      nearestLabels(
        selector,
        candidates.map((p) => p.labels),
      ),
    ]
  const onHosts = containerPods(lab).some((p) => inside.includes(p.namespace))
  const hint = onHosts
    ? 'pods with `hostNetwork` are their hosts: no policy selects them'
    : nearNamespace(where, [...namespaces.keys()], lab)
  return ['selects-nothing', `${place} ${typeof where === 'string' ? 'has' : 'have'} no pod`, hint]
}

function nearNamespace(where: PodGroup['where'], names: readonly string[], lab: Lab): string | undefined {
  if (typeof where !== 'string') return undefined
  const near = suggest(
    where,
    names.filter((name) => name !== where && lab.pods.some((p) => p.namespace === name)),
  )
  return near === undefined ? undefined : `did you mean the namespace \`${near}\`?`
}

/** Pods whose containers a rule's port names are looked up in. */
const targetsOf = (lab: Lab, direction: Direction, selected: PodGroup, { peers }: PolicyRule): readonly Pod[] => {
  if (direction === 'ingress') return [...selected.pods]
  return !peers || peers.blocks.length > 0 ? lab.pods : peers.groups.flatMap((g) => [...g.pods])
}

/** Warns of what a lab's policies select in vain. */
export function warnOfPolicies(lab: Lab, problems: Problems): void {
  for (const [i, policy] of policiesOf(lab).entries()) {
    const key = Object.keys(lab.policies)[i]!
    const title = `policy ${policy.title}`
    const tell = (path: Path, group: PodGroup, what: string): void => {
      const [code, why, hint] = emptiness(lab, group)
      problems.warning(['policies', key, ...path], code, `${title}: ${what}: ${why}`, hint)
    }
    const { where, pods } = policy.selected
    if (pods.size === 0) tell(['podSelector'], policy.selected, 'it selects no pod')
    // That its own namespace has no pod is said once.
    const isSaid = (peer: PodGroup): boolean => pods.size === 0 && peer.where === where && !lab.pods.some((p) => p.namespace === where)
    for (const direction of WAYS) {
      for (const rule of policy[direction] ?? []) {
        const side = direction === 'ingress' ? 'from' : 'to'
        const at = [direction, rule.index]
        const peers = lab.policies[key]![direction]![rule.index] as { readonly from?: readonly object[]; readonly to?: readonly object[] }
        const places = (peers[side] ?? []).flatMap((peer, n) => ('ipBlock' in peer ? [] : [n]))
        rule.peers?.groups.forEach((group, n) => {
          if (group.pods.size === 0 && !isSaid(group)) tell([...at, side, places[n]!], group, `${direction}[${rule.index}] ${side} nothing`)
        })
        const targets = targetsOf(lab, direction, policy.selected, rule)
        // Where no pod is selected, that is the reason.
        if (targets.length === 0) continue
        rule.ports?.forEach((port, n) => {
          if (port.kind !== 'named' || targets.some((pod) => namedPorts(pod, port.name, port.protocol).length > 0)) return
          const known = new Set(targets.flatMap((pod) => pod.containers.flatMap((c) => c.ports.flatMap((p) => p.name ?? []))))
          const near = suggest(port.name, known)
          problems.warning(
            ['policies', key, ...at, 'ports', n],
            'no-such-port',
            `${title}: no container declares a port ${port.name}/${port.protocol.toLowerCase()} where ${direction}[${rule.index}] looks for it`,
            near === undefined || near === port.name ? portHint(known) : `did you mean \`${near}\`?`,
          )
        })
      }
    }
  }
}

export const portHint = (names: ReadonlySet<string>): string =>
  names.size > 0 ? `ports have the names ${[...names].slice(0, 10).join(', ')}` : 'no port has a name there'
