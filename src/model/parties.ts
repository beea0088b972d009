/** Who a word of the command line means, where policies are asked: a node, an address, a Service. */
import { formatIp, parseIp } from '../topology/address.ts'
import { nodesOf, type Lab } from './lab.ts'
import { serviceOf, type Service } from './services.ts'
import type { Address, End, Party } from './verdict.ts'

/** One end of a question, and the address it was called by, if it was. */
export type Meant =
  | { readonly kind: 'party'; readonly party: End; readonly address?: string }
  | { readonly kind: 'service'; readonly service: Service; readonly address?: string }

const isParty = (node: { readonly kind: string }): node is Party => ['pod', 'host', 'external'].includes(node.kind)

/** The pod, host or external that has an address; a host also has those of its bridge and its tunnel device. */
function ownerOf(lab: Lab, ip: string): Party | undefined {
  const has = (p: Party): boolean =>
    p.addresses.some((a) => a.ip === ip) || (p.kind === 'host' && p.blocks.some((b) => b.network === ip || b.gateway === ip))
  return [...lab.pods, ...lab.hosts, ...lab.externals].find(has)
}

/** What a word means: a node, `svc/…`, an address of somebody or of nobody. Undefined: none of these. */
export function meant(lab: Lab, word: string): Meant | undefined {
  const node =
    nodesOf(lab).find((n) => (n.kind === 'pod' ? n.key : n.name) === word) ?? lab.pods.find((p) => `${p.namespace}/${p.name}` === word)
  if (node) return isParty(node) ? { kind: 'party', party: node } : undefined
  if (word.startsWith('svc/')) {
    const service = serviceOf(lab, word)
    return service && { kind: 'service', service }
  }
  const ip = parseIp(word)
  if (!ip) return undefined
  const text = formatIp(ip.family, ip.value)
  const behind = lab.services.find((s) => s.clusterIPs.some((a) => a.ip === text))
  if (behind) return { kind: 'service', service: behind, address: text }
  const nobody: Address = { kind: 'address', name: text, addresses: [{ family: ip.family, ip: text, prefix: ip.family === 4 ? 32 : 128 }] }
  return { kind: 'party', party: ownerOf(lab, text) ?? nobody, address: text }
}
