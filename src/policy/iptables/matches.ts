/** Policy rules as iptables matches, in the form and order `iptables-save` prints them. Each ends with a space. */
import type { Policy, PolicyRule, Protocol } from '../../lab/policy/policies.ts'
import type { SetTable } from './sets.ts'

/** xt_comment keeps 255 bytes. */
const COMMENT_BYTES = 255

/** As it is printed: in quotes unless it is one plain word. */
export function comment(text: string): string {
  const cut = text.length > COMMENT_BYTES ? `${text.slice(0, COMMENT_BYTES - 3)}...` : text
  return `-m comment --comment ${/[^\w-]/.test(cut) ? `"${cut}"` : cut} `
}

/** Ways to be a peer of this rule; no way in this family: no match at all. */
export function peerMatches({ peers }: PolicyRule, end: 'src' | 'dst', sets: SetTable, policy: Policy): string[] {
  if (!peers) return ['']
  const match = (set: string): string => `-m set --match-set ${set} ${end} `
  const blocks = peers.blocks.filter((b) => b.cidr.family === sets.family)
  const plain = blocks.filter((b) => b.except.length === 0)
  if (plain.some((b) => b.cidr.prefix === 0)) return ['']
  return [
    ...(peers.groups.length > 0 ? [match(sets.peers(peers.groups, policy))] : []),
    ...(plain.length > 0 ? [match(sets.blocks(plain, policy))] : []),
    // A hole in one block is no hole in the next: each has a set of its own.
    ...new Set(blocks.filter((b) => b.except.length > 0).map((b) => match(sets.blocks([b], policy)))),
  ]
}

/** xt_multiport takes 15 ports; a range counts twice. */
const MAX_PORTS = 15

/** Ports in as few lists as they fit. */
function lists(ranges: readonly { readonly first: number; readonly last: number }[]): string[][] {
  const result: string[][] = []
  let room = 0
  for (const { first, last } of ranges) {
    const cost = first === last ? 1 : 2
    if (room < cost) {
      result.push([])
      room = MAX_PORTS
    }
    result.at(-1)!.push(first === last ? String(first) : `${first}:${last}`)
    room -= cost
  }
  return result
}

export interface PortWords {
  /** Comes first in the rule. */
  readonly protocol: string
  readonly match: string
}

/** Ways to be a port of this rule. */
export function portMatches({ ports }: PolicyRule, sets: SetTable, policy: Policy): PortWords[] {
  if (!ports) return [{ protocol: '', match: '' }]
  return (['TCP', 'UDP', 'SCTP'] as const satisfies Protocol[]).flatMap((p): PortWords[] => {
    const own = ports.filter((m) => m.protocol === p)
    const l4 = p.toLowerCase()
    const protocol = `-p ${l4} `
    if (own.some((m) => m.kind === 'all')) return [{ protocol, match: '' }]
    const ranges = own.filter((m) => m.kind === 'range')
    const unique = [...new Map(ranges.map((r) => [`${r.first}:${r.last}`, r])).values()]
    return [
      ...lists(unique).map((list) => ({
        protocol,
        match: list.length === 1 ? `-m ${l4} --dport ${list[0]} ` : `-m multiport --dports ${list.join(',')} `,
      })),
      ...[...new Set(own.flatMap((m) => (m.kind === 'named' ? [m.name] : [])))].map((name) => ({
        protocol,
        match: `-m set --match-set ${sets.named(name, p, policy)} dst,dst `,
      })),
    ]
  })
}
