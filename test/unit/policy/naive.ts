/**
 * A second opinion on NetworkPolicy, deliberately naive: straight from the specs as they were written, one question
 * at a time, nothing resolved, nothing shared with the model. Addresses are strings of bits.
 */
import type { NetworkPolicySpec } from '../../../src/topology/kubernetes/kubernetes.ts'

export interface NaivePod {
  readonly key: string
  readonly labels: Readonly<Record<string, string>>
  readonly ips: readonly string[]
  readonly ports: readonly { readonly name?: string; readonly port: number; readonly protocol: string }[]
}

export interface NaiveWorld {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly policies: Readonly<Record<string, NetworkPolicySpec>>
}

export interface NaivePacket {
  /** Absent: an external. */
  readonly from?: NaivePod
  readonly fromIp: string
  readonly to?: NaivePod
  readonly toIp: string
  readonly protocol: string
  readonly port?: number
}

function bitsOf(ip: string): string {
  if (!ip.includes(':'))
    return ip
      .split('.')
      .map((n) => Number(n).toString(2).padStart(8, '0'))
      .join('')
  const [head = '', tail] = ip.split('::')
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : [])
  const all =
    tail === undefined
      ? groups(head)
      : [...groups(head), ...Array<string>(8 - groups(head).length - groups(tail).length).fill('0'), ...groups(tail)]
  return all.map((g) => Number.parseInt(g, 16).toString(2).padStart(16, '0')).join('')
}

function inCidr(ip: string, cidr: string): boolean {
  const [network, length] = cidr.split('/') as [string, string]
  if (network.includes(':') !== ip.includes(':')) return false
  return bitsOf(ip).slice(0, Number(length)) === bitsOf(network).slice(0, Number(length))
}

type Selector = NetworkPolicySpec['podSelector']

function matches(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  for (const key in selector.matchLabels) if (labels[key] !== selector.matchLabels[key]) return false
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const has = key in labels
    if (operator === 'Exists' && !has) return false
    if (operator === 'DoesNotExist' && has) return false
    if (operator === 'In' && !(has && values.some((v) => v === labels[key]))) return false
    if (operator === 'NotIn' && has && values.some((v) => v === labels[key])) return false
  }
  return true
}

const namespaceOf = (key: string): string => (key.includes('/') ? key.split('/')[0]! : 'default')

function sideAllows(world: NaiveWorld, way: 'ingress' | 'egress', packet: NaivePacket): boolean {
  const me = way === 'ingress' ? packet.to : packet.from
  const other = way === 'ingress' ? packet.from : packet.to
  const otherIp = way === 'ingress' ? packet.fromIp : packet.toIp
  if (!me) return true
  let isIsolated = false
  for (const key in world.policies) {
    const policy = world.policies[key]!
    if (namespaceOf(key) !== namespaceOf(me.key) || !matches(policy.podSelector, me.labels)) continue
    const types = policy.policyTypes?.length ? policy.policyTypes : (policy.egress?.length ?? 0) > 0 ? ['Ingress', 'Egress'] : ['Ingress']
    if (!types.includes(way === 'ingress' ? 'Ingress' : 'Egress')) continue
    isIsolated = true
    for (const rule of (way === 'ingress' ? policy.ingress : policy.egress) ?? []) {
      const peers = ('from' in rule ? rule.from : 'to' in rule ? rule.to : undefined) ?? []
      const ports = rule.ports ?? []
      const isPeer =
        peers.length === 0 ||
        peers.some(({ ipBlock, podSelector, namespaceSelector }) => {
          if (ipBlock) return inCidr(otherIp, ipBlock.cidr) && !(ipBlock.except ?? []).some((e) => inCidr(otherIp, e))
          if (!other) return false
          const ns = namespaceOf(other.key)
          const inNamespace = namespaceSelector
            ? matches(namespaceSelector, { ...world.namespaces[ns], 'kubernetes.io/metadata.name': ns })
            : ns === namespaceOf(key)
          return inNamespace && (!podSelector || matches(podSelector, other.labels))
        })
      const isPort =
        ports.length === 0 ||
        ports.some(({ protocol, port, endPort }) => {
          if (protocol !== packet.protocol) return false
          if (port === undefined) return true
          if (typeof port === 'string')
            return packet.to?.ports.some((p) => p.name === port && p.protocol === protocol && p.port === packet.port) ?? false
          return packet.port !== undefined && packet.port >= port && packet.port <= (endPort ?? port)
        })
      if (isPeer && isPort) return true
    }
  }
  return !isIsolated
}

export function naivelyAllowed(world: NaiveWorld, packet: NaivePacket): boolean {
  if (packet.from && packet.from === packet.to) return true
  return sideAllows(world, 'egress', packet) && sideAllows(world, 'ingress', packet)
}
