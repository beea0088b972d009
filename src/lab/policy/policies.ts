/**
 * NetworkPolicies (networking.k8s.io/v1) with their selectors resolved to pods, as the API reference defines them
 * (https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/). What is read here is
 * what modules compile and what `netlab policy` explains: both see the same groups, rules and defaults.
 */
import { formatCidr, parseCidr, type Cidr } from '../../topology/address.ts'
import type { Source } from '../../topology/diagnostics.ts'
import type { LoadedTopology } from '../../topology/loaded.ts'
import type { LabelSelector, NetworkPolicyPeer, NetworkPolicySpec } from '../../topology/kubernetes/kubernetes.ts'
import { containerPods, type Lab, type Pod, type PolicySource } from '../lab.ts'
import { selects, selectorText, type Labels } from './selectors.ts'

export type Direction = 'ingress' | 'egress'
export const WAYS = ['egress', 'ingress'] as const satisfies Direction[]
export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** The pods a selector selects. */
export interface PodGroup {
  /** A namespace, or what selects namespaces. */
  readonly where: string | LabelSelector
  readonly selector: LabelSelector
  /** What was asked for, in canonical form: it never depends on who matches, so that what is named after it stays. */
  readonly key: string
  /** For people: `app=web in shop`. */
  readonly text: string
  readonly pods: ReadonlySet<Pod>
}

export interface IpBlock {
  readonly cidr: Cidr
  readonly except: readonly Cidr[]
  readonly text: string
}

/** Ports that are meant: all of the protocol, a range, or those a container gave a name. */
export type PortMatch =
  | { readonly protocol: Protocol; readonly kind: 'all' }
  | { readonly protocol: Protocol; readonly kind: 'range'; readonly first: number; readonly last: number }
  | { readonly protocol: Protocol; readonly kind: 'named'; readonly name: string }

/** One item of `ingress:` or `egress:`. */
export interface PolicyRule {
  readonly index: number
  readonly source?: Source
  /** Absent: anyone. */
  readonly peers?: { readonly groups: readonly PodGroup[]; readonly blocks: readonly IpBlock[] }
  /** Absent: every port of every protocol. */
  readonly ports?: readonly PortMatch[]
}

export interface Policy {
  readonly name: string
  readonly namespace: string
  /** `shop/deny-all`. */
  readonly title: string
  /** The file that holds it. */
  readonly file: string
  readonly source?: Source
  readonly selected: PodGroup
  /** Rules of a direction; absent where the policy does not isolate in this direction. */
  readonly ingress?: readonly PolicyRule[]
  readonly egress?: readonly PolicyRule[]
}

/** A port a container declared under this name. A pod may have several: one per protocol, or one per container. */
export function namedPorts(pod: Pod, name: string, protocol: Protocol): number[] {
  const found = pod.containers.flatMap((c) => c.ports.flatMap((p) => (p.name === name && p.protocol === protocol ? [p.containerPort] : [])))
  return [...new Set(found)]
}

/** Where a topology's policies and their rules stand. */
export function policySources(loaded: LoadedTopology): Record<string, PolicySource> {
  return Object.fromEntries(
    Object.entries(loaded.topology.policies).map(([key, spec]) => {
      const rules = (direction: Direction): Source[] =>
        (spec[direction] ?? []).map((_, i) => loaded.source(['policies', key, direction, i]))
      return [key, { ...loaded.source(['policies', key]), ingress: rules('ingress'), egress: rules('egress') }]
    }),
  )
}

/**
 * Directions a policy isolates. The API server's default where `policyTypes` is missing or empty: Ingress always,
 * Egress if there is an egress rule. Where it is given, rules of the other direction have no effect.
 */
function isolates(spec: NetworkPolicySpec, direction: Direction): boolean {
  const { policyTypes = [], egress = [] } = spec
  if (policyTypes.length > 0) return policyTypes.includes(direction === 'ingress' ? 'Ingress' : 'Egress')
  return direction === 'ingress' || egress.length > 0
}

/** Every namespace anything is in, with the label Kubernetes gives it by itself. */
export function namespaceLabels(lab: Lab): Map<string, Labels> {
  const names = new Set(['default', ...Object.keys(lab.namespaces), ...containerPods(lab).map((p) => p.namespace)])
  return new Map([...names].map((name) => [name, { ...lab.namespaces[name]?.labels, 'kubernetes.io/metadata.name': name }]))
}

/** Finds the pods of selectors; asks each question once. */
class Groups {
  readonly #namespaces: Map<string, Labels>
  readonly #pods = new Map<string, Pod[]>()
  readonly #known = new Map<string, PodGroup>()

  constructor(lab: Lab) {
    this.#namespaces = namespaceLabels(lab)
    for (const pod of lab.pods) {
      const list = this.#pods.get(pod.namespace)
      if (list) list.push(pod)
      else this.#pods.set(pod.namespace, [pod])
    }
  }

  /** @param where a namespace, or what selects namespaces; without `pods` all of their pods */
  group(where: string | LabelSelector, pods: LabelSelector = {}): PodGroup {
    const what = selectorText(pods)
    const place = typeof where === 'string' ? `=${where}` : `~${selectorText(where)}`
    const key = `${place} ${what}`
    let group = this.#known.get(key)
    if (!group) {
      const inside =
        typeof where === 'string' ? [where] : [...this.#namespaces].flatMap(([name, labels]) => (selects(where, labels) ? [name] : []))
      const members = inside.flatMap((name) => (this.#pods.get(name) ?? []).filter((p) => selects(pods, p.labels)))
      this.#known.set(key, (group = { where, selector: pods, key, text: groupText(where, what), pods: new Set(members) }))
    }
    return group
  }
}

/** `app=web in shop`, `all pods in namespaces team=red`. */
function groupText(where: string | LabelSelector, what: string): string {
  const pods = what || 'all pods'
  if (typeof where === 'string') return `${pods} in ${where}`
  const names = selectorText(where)
  return names ? `${pods} in namespaces ${names}` : `${pods} in all namespaces`
}

function blockOf({ cidr, except = [] }: NonNullable<NetworkPolicyPeer['ipBlock']>): IpBlock {
  const parsed = except.map((c) => parseCidr(c)!)
  const network = parseCidr(cidr)!
  return {
    cidr: network,
    except: parsed,
    text: `${formatCidr(network)}${parsed.length > 0 ? ` except ${parsed.map(formatCidr).join(', ')}` : ''}`,
  }
}

type RuleSpec = NonNullable<NetworkPolicySpec['ingress']>[number] & NonNullable<NetworkPolicySpec['egress']>[number]

function ruleOf(spec: RuleSpec, index: number, namespace: string, groups: Groups, source: Source | undefined): PolicyRule {
  const peers = spec.from ?? spec.to ?? []
  const ports = spec.ports ?? []
  return {
    index,
    ...(source ? { source } : {}),
    ...(peers.length === 0
      ? {}
      : {
          peers: {
            groups: peers.flatMap((p) => (p.ipBlock ? [] : [groups.group(p.namespaceSelector ?? namespace, p.podSelector)])),
            blocks: peers.flatMap((p) => (p.ipBlock ? [blockOf(p.ipBlock)] : [])),
          },
        }),
    ...(ports.length === 0
      ? {}
      : {
          ports: ports.map(({ protocol, port, endPort }): PortMatch => {
            if (port === undefined) return { protocol, kind: 'all' }
            return typeof port === 'string'
              ? { protocol, kind: 'named', name: port }
              : { protocol, kind: 'range', first: port, last: endPort ?? port }
          }),
        }),
  }
}

/** `80/tcp`, `8000-8100/tcp`, `web/tcp`, `any/udp`. */
const portText = (p: PortMatch): string => {
  const l4 = p.protocol.toLowerCase()
  if (p.kind === 'all') return `any/${l4}`
  return p.kind === 'named' ? `${p.name}/${l4}` : `${p.first === p.last ? p.first : `${p.first}-${p.last}`}/${l4}`
}

/** `80/tcp, 443/tcp`. */
export const portsText = ({ ports = [] }: PolicyRule): string => ports.map(portText).join(', ')

/** `ingress[0]: 80/tcp from app=web in shop`. */
export function ruleText(rule: PolicyRule, direction: Direction): string {
  const { index, peers } = rule
  const who = peers ? [...peers.groups.map((g) => g.text), ...peers.blocks.map((b) => b.text)] : ['anyone']
  const what = rule.ports ? `${portsText(rule)} ` : ''
  return `${direction}[${index}]: ${what}${direction === 'ingress' ? 'from' : 'to'} ${who.join('; ')}`
}

const resolved = new WeakMap<Lab, readonly Policy[]>()

/** The policies of a lab, in its order. Resolved once a lab. */
export function policiesOf(lab: Lab): readonly Policy[] {
  const known = resolved.get(lab)
  if (known) return known
  const groups = new Groups(lab)
  const policies = Object.entries(lab.policies).map(([key, spec]): Policy => {
    const [namespace, name] = key.includes('/') ? (key.split('/') as [string, string]) : ['default', key]
    const source = lab.policySources?.[key]
    const rules = (direction: Direction): PolicyRule[] =>
      ((spec[direction] ?? []) as RuleSpec[]).map((rule, i) => ruleOf(rule, i, namespace, groups, source?.[direction][i]))
    return {
      name,
      namespace,
      title: `${namespace}/${name}`,
      file: source?.file ?? lab.file,
      ...(source ? { source: { line: source.line, column: source.column, path: source.path } } : {}),
      selected: groups.group(namespace, spec.podSelector),
      ...(isolates(spec, 'ingress') ? { ingress: rules('ingress') } : {}),
      ...(isolates(spec, 'egress') ? { egress: rules('egress') } : {}),
    }
  })
  resolved.set(lab, policies)
  return policies
}
