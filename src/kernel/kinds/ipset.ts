import type { Family } from '../../topology/address.ts'
import { Stage, type Common, type ObjectKind, type Piece } from './kind.ts'

/** A set of addresses (and ports) that rules match in one step however many members it has. */
export interface Ipset extends Common {
  readonly kind: 'ipset'
  readonly family: Family
  /** At most 31 characters (IPSET_MAXNAMELEN less the terminating NUL). */
  readonly name: string
  readonly type: 'hash:ip' | 'hash:net' | 'hash:ip,port'
  /** Sorted, as `ipset save` prints them: `10.244.0.2`, `10.0.0.0/8`, `10.1.0.0/16 nomatch`, `10.244.0.2,tcp:80`. */
  readonly members: readonly string[]
}

/** Identity of a set, for rules that name it. */
export const ipsetKey = (ns: string, name: string): string => `ipset ${ns} ${name}`

/** The name a changed set is filled under before the swap: unique in its namespace for that moment. */
const NEXT = 'netlab-next'

const create = (o: Ipset, name: string): string => `create ${name} ${o.type} family ${o.family === 4 ? 'inet' : 'inet6'}`

const filled = new WeakMap<Ipset['members'], { readonly name: string; readonly lines: readonly string[] }>()

/** The lines that fill a set. Hosts share the members of most sets, so they share these lines, too. */
function fillLines({ name, members }: Ipset): readonly string[] {
  const known = filled.get(members)
  if (known?.name === name) return known.lines
  const lines = members.map((m) => `add ${name} ${m}`)
  filled.set(members, { name, lines })
  return lines
}

/** The set that rules match while this one changes. */
const standIn = (o: Ipset): string => `${o.name.slice(0, 30)}~`

/** Sets as `ipset save` prints them. Types netlab does not make are left out. */
export function ipsetObjects(ns: string, save: string): Ipset[] {
  const sets = new Map<string, Ipset & { members: string[] }>()
  for (const line of save.split('\n')) {
    const [verb, name, ...rest] = line.split(' ')
    if (verb === 'create' && name !== undefined) {
      const type = rest[0]
      if (type !== 'hash:ip' && type !== 'hash:net' && type !== 'hash:ip,port') continue
      sets.set(name, { kind: 'ipset', ns, name, type, family: rest[rest.indexOf('family') + 1] === 'inet6' ? 6 : 4, members: [] })
    } else if (verb === 'add' && name !== undefined) sets.get(name)?.members.push(rest.join(' '))
  }
  for (const set of sets.values()) set.members.sort()
  return [...sets.values()]
}

export const ipset: ObjectKind<Ipset, 'ipset'> = {
  kind: 'ipset',
  key: (o) => ipsetKey(o.ns, o.name),
  describe: (o) => `ipset ${o.name} in ${o.ns}`,
  stage: () => Stage.Config,
  replaceable: (before, after) => before.type === after.type && before.family === after.family,
  wants: () => ['ipsets'],
  reader: () => ({ namespace: ({ ns, ipsets = '' }) => ipsetObjects(ns, ipsets) }),
  render(change) {
    const { object: o } = change
    const piece = (stage: Stage, text: string, more: readonly string[] = []): Piece => ({
      ns: o.ns,
      tool: 'ipset',
      stage,
      text,
      more,
      removes: false,
    })
    // One that goes away waits until the rules that matched it are gone.
    if (change.action === 'delete') return [piece(Stage.Cleanup, `destroy ${o.name}`)]
    if (change.action === 'create') return [piece(Stage.Config, create(o, o.name), fillLines(o))]
    const fill = (name: string): string[] => o.members.map((m) => `add ${name} ${m}`)
    // A set that changes alone is filled beside the old one and swapped in, so that no packet meets it half full.
    if (!change.readers) return [piece(Stage.Config, create(o, NEXT), [...fill(NEXT), `swap ${NEXT} ${o.name}`, `destroy ${NEXT}`])]
    // Several sets cannot be swapped at once, but rules can be led to other sets at once: those are filled, the chains
    // commit with them in place of these (all readers in one transaction), these are filled while nothing reads them,
    // and the chains come back. `-exist`: an earlier change may have been killed half-way.
    const other = standIn(o)
    return [
      piece(Stage.Config, `${create(o, other)} -exist`, [`flush ${other}`, ...fill(other)]),
      piece(Stage.Settle, `flush ${o.name}`, fill(o.name)),
      piece(Stage.Cleanup, `destroy ${other}`),
    ]
  },
  features: [
    {
      name: 'ipset',
      purpose: 'policies',
      probe: `ipset create npset hash:ip && printf '%s\\n' '*filter' '-A FORWARD -m set --match-set npset src -j ACCEPT' COMMIT | iptables-restore --noflush --wait=5`,
      needs: 'package ipset and kernel modules ip_set, ip_set_hash_ip, xt_set',
      tools: ['ipset', 'iptables-restore', 'iptables-save'],
    },
  ],
  atomic: { group: (o) => `${o.ns} ${o.family}`, standIn },
}
