/** Who a word of the command line means, where policies are asked: a node, an address, a Service. */
import { bits, canonicalIp, parseIp } from '../topology/address.ts'
import { findNode, type Lab } from './lab.ts'
import { serviceOf } from './services/services.ts'
import type { Service } from './services/service.ts'
import type { End, Actor } from './policy/verdict.ts'

/** One end of a question, and the address it was called by, if it was. */
export type ResolvedTarget =
  | { readonly kind: 'actor'; readonly actor: End; readonly address?: string }
  | { readonly kind: 'service'; readonly service: Service; readonly address?: string }

const isParty = (node: { readonly kind: string }): node is Actor => ['pod', 'host', 'external'].includes(node.kind)

/** Pods, hosts and externals by their addresses; a host also has those of its bridge and its tunnel device. */
const byAddress = new WeakMap<Lab, ReadonlyMap<string, Actor>>()

/** Who has an address: a pod, a host, an external, or no node of the lab. */
export function actorAt(lab: Lab, ip: string): End {
  let known = byAddress.get(lab)
  if (!known) {
    const blocks = lab.hosts.flatMap((h) => h.blocks.flatMap((b) => [[b.network, h] as const, [b.gateway, h] as const]))
    const own = [...lab.externals, ...lab.hosts, ...lab.pods].flatMap((p) => p.addresses.map((a) => [a.ip, p] as const))
    byAddress.set(lab, (known = new Map<string, Actor>([...blocks, ...own])))
  }
  const text = canonicalIp(ip)
  const family = text.includes(':') ? 6 : 4
  return known.get(text) ?? { kind: 'address', name: text, addresses: [{ family, ip: text, prefix: bits(family) }] }
}

/** What a word means: a node, `svc/…`, an address, of a node or of none. Undefined: none of these. */
export function resolveTarget(lab: Lab, word: string): ResolvedTarget | undefined {
  const node = findNode(lab, word)
  if (node) return isParty(node) ? { kind: 'actor', actor: node } : undefined
  if (word.startsWith('svc/')) {
    const service = serviceOf(lab, word)
    return service && { kind: 'service', service }
  }
  if (!parseIp(word)) return undefined
  const text = canonicalIp(word)
  const behind = lab.services.find((s) => s.clusterIPs.some((a) => a.ip === text))
  if (behind) return { kind: 'service', service: behind, address: text }
  return { kind: 'actor', actor: actorAt(lab, text), address: text }
}
