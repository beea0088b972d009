/** Chains and sets → lines, in an order that leaves no window between one set of rules and the next. */
import type { Line, Piece } from '../batch.ts'
import { Stage, type Change } from '../diff.ts'
import { keyOf, type Chain, type Ipset } from '../objects.ts'

/**
 * A set that changes is filled beside the old one and swapped in, so that no packet meets it half full. One that
 * goes away waits until the rules that matched it are gone.
 */
export function ipsetPieces(change: Change, o: Ipset): Piece[] {
  const piece = (stage: Stage, text: string): Piece => ({ ns: o.ns, tool: 'ipset', stage, text, removes: false })
  if (change.action === 'replace' && change.readers) return detour(o, piece)
  if (change.action === 'delete') return [piece(Stage.Cleanup, `destroy ${o.name}`)]
  const create = (name: string): string => `create ${name} ${o.type} family ${o.family === 4 ? 'inet' : 'inet6'}`
  if (change.action === 'create') return [{ ...piece(Stage.Config, create(o.name)), more: fillLines(o) }]
  // 31 characters at most; the name is unique in its namespace only for the moment of the swap.
  const next = 'netlab-next'
  return [create(next), ...o.members.map((m) => `add ${next} ${m}`), `swap ${next} ${o.name}`, `destroy ${next}`].map((text) =>
    piece(Stage.Config, text),
  )
}

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
const besides = (name: string): string => `${name.slice(0, 30)}~`

/**
 * Several sets cannot be swapped at once, but rules can be led to other sets at once: new ones are filled, the
 * chains commit with them in place of these (all readers in one transaction), these are filled while nobody looks,
 * and the chains come back. `-exist`: an earlier change may have been killed half-way.
 */
function detour(o: Ipset, piece: (stage: Stage, text: string) => Piece): Piece[] {
  const other = besides(o.name)
  const fill = (name: string): string[] => [`flush ${name}`, ...o.members.map((m) => `add ${name} ${m}`)]
  return [
    ...[`create ${other} ${o.type} family ${o.family === 4 ? 'inet' : 'inet6'} -exist`, ...fill(other)].map((text) =>
      piece(Stage.Config, text),
    ),
    ...fill(o.name).map((text) => piece(Stage.Settle, text)),
    piece(Stage.Cleanup, `destroy ${other}`),
  ]
}

/** Chains that match sets which change now: first led to the new sets, then back. */
export function detours(changes: readonly Change[]): { readonly changes: readonly Change[]; readonly back: readonly Chain[] } {
  const sets = new Set<string>()
  const readers = new Map<string, Chain>()
  for (const c of changes) {
    if (c.action !== 'replace' || !c.readers) continue
    sets.add(`${c.object.ns} ${(c.object as Ipset).name}`)
    for (const chain of c.readers) readers.set(keyOf(chain), chain)
  }
  if (sets.size === 0) return { changes, back: [] }
  const led = (o: Chain): Chain => ({
    ...o,
    rules: o.rules.map((rule) =>
      rule.replaceAll(/(--match-set )(\S+)/g, (whole, match: string, name: string) =>
        sets.has(`${o.ns} ${name}`) ? `${match}${besides(name)}` : whole,
      ),
    ),
  })
  const own = new Set<string>()
  const result = changes.map((c): Change => {
    if (c.object.kind !== 'chain' || !readers.has(keyOf(c.object))) return c
    own.add(keyOf(c.object))
    return { ...c, object: led(c.object) }
  })
  const others = [...readers]
    .filter(([key]) => !own.has(key))
    .map(([, chain]): Change => ({ action: 'replace', object: led(chain), before: chain }))
  return { changes: [...result, ...others], back: [...readers.values()] }
}

/**
 * The lines that put a chain in place or take it away. `iptables-restore` commits a table at once, so no packet
 * sees half of a change: that is why chains go away in the same transaction that stops jumping to them.
 */
export function chainLines(o: Chain, remove: boolean, before?: Chain): string[] {
  if (remove && !o.builtin) return [`-F ${o.chain}`, `-X ${o.chain}`]
  const clear = o.builtin ? `-F ${o.chain}` : `:${o.chain} - [0:0]`
  const policy = before?.policy === undefined ? [] : [`:${o.chain} ACCEPT [0:0]`]
  return [...policy, clear, ...(remove ? [] : o.rules.map((rule) => `-A ${o.chain} ${rule}`))]
}

/** `iptables-restore` wants `*table … COMMIT`; chains before the rules that jump to them, and gone after. */
export function byTable(lines: readonly Line[]): Line[] {
  const tables = new Map<string, Line[]>()
  for (const line of lines) {
    const { table } = line.object as Chain
    const group = tables.get(table)
    if (group) group.push(line)
    else tables.set(table, [line])
  }
  return [...tables].flatMap(([table, group]) => {
    const starts = (...marks: string[]): Line[] => group.filter((l) => marks.some((m) => l.text.startsWith(m)))
    const edge = (text: string, like: Line): Line => ({ text, object: like.object })
    return [edge(`*${table}`, group[0]!), ...starts(':'), ...starts('-F'), ...starts('-A'), ...starts('-X'), edge('COMMIT', group.at(-1)!)]
  })
}
