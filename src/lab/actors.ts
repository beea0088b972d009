/** Who a word of the command line means, where policies are asked: a node, an address, a Service. */
import { formatIp, parseIp } from '../topology/address.ts'
import { nodesOf, type Lab } from './lab.ts'
import { serviceOf } from './services/services.ts'
import type { Service } from './services/service.ts'
import type { Address, End, Actor } from './policy/verdict.ts'

/** One end of a question, and the address it was called by, if it was. */
export type ResolvedTarget =
  | { readonly kind: 'actor'; readonly actor: End; readonly address?: string }
  | { readonly kind: 'service'; readonly service: Service; readonly address?: string }

const isParty = (node: { readonly kind: string }): node is Actor => ['pod', 'host', 'external'].includes(node.kind)

/** The pod, host or external that has an address; a host also has those of its bridge and its tunnel device. */
function ownerOf(lab: Lab, ip: string): Actor | undefined {
  const has = (p: Actor): boolean =>
    p.addresses.some((a) => a.ip === ip) || (p.kind === 'host' && p.blocks.some((b) => b.network === ip || b.gateway === ip))
  return [...lab.pods, ...lab.hosts, ...lab.externals].find(has)
}

/** What a word means: a node, `svc/…`, an address, of a node or of none. Undefined: none of these. */
export function resolveTarget(lab: Lab, word: string): ResolvedTarget | undefined {
  const node =
    nodesOf(lab).find((n) => (n.kind === 'pod' ? n.key : n.name) === word) ?? lab.pods.find((p) => `${p.namespace}/${p.name}` === word)
  if (node) return isParty(node) ? { kind: 'actor', actor: node } : undefined
  if (word.startsWith('svc/')) {
    const service = serviceOf(lab, word)
    return service && { kind: 'service', service }
  }
  const ip = parseIp(word)
  if (!ip) return undefined
  const text = formatIp(ip.family, ip.value)
  const behind = lab.services.find((s) => s.clusterIPs.some((a) => a.ip === text))
  if (behind) return { kind: 'service', service: behind, address: text }
  const unowned: Address = { kind: 'address', name: text, addresses: [{ family: ip.family, ip: text, prefix: ip.family === 4 ? 32 : 128 }] }
  return { kind: 'actor', actor: ownerOf(lab, text) ?? unowned, address: text }
}
