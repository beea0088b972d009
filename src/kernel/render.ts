/**
 * Changes → batches, grouped by namespace and tool so that a lab costs processes in proportion to its
 * namespaces, never to its objects.
 */
import type { Batch, Line, Tool } from './batch.ts'
import { differences, Stage, stageOf, type Change } from './diff.ts'
import { keyOf, type BridgePort, type Chain, type Ipset, type Link, type Neighbour, type Route, type Rule, type Veth, type VethEnd } from './objects.ts'

/** Order of tools within a namespace and stage: settings, then devices and routes, then rules. */
const TOOLS: readonly Tool[] = ['sysctl', 'ip', 'ip -6', 'bridge', 'ipset', 'iptables-restore', 'ip6tables-restore', 'process']

/** One line of one tool in one namespace, and when it is due. */
interface Piece {
  readonly ns?: string
  readonly tool: Tool
  readonly stage: Stage
  readonly text: string
  /** Whether it belongs to the batches that take things away before anything is made. */
  readonly removes?: boolean
}

const set = <T>(word: string, value: T | undefined): string => (value === undefined ? '' : ` ${word} ${String(value)}`)

function linkAdd(o: Exclude<Link, { type: 'loopback' }>): string {
  switch (o.type) {
    case 'bridge':
      // With `dev`, because people name bridges: `ip` takes a bare `up` or `br` for words of its own.
      return `link add dev ${o.name} address ${o.mac} mtu ${o.mtu} up type bridge`
    case 'vxlan':
      return `link add ${o.name} address ${o.mac} mtu ${o.mtu} up type vxlan id ${o.vni} dev ${o.dev} local ${o.local} dstport ${o.port} nolearning`
    case 'gre':
    case 'ipip':
      return `link add ${o.name} mtu ${o.mtu} up type ${o.type} local ${o.local}${set('key', o.type === 'gre' ? o.key : undefined)}`
  }
}

const portLine = (end: VethEnd): string | undefined => end.port && `link set ${end.name} type bridge_slave hairpin ${end.port.hairpin ? 'on' : 'off'}`

function vethCreate(o: Veth): Piece[] {
  const { peer } = o
  const near = `link add ${o.name} address ${o.mac} mtu ${o.mtu}${set('master', o.port?.master)} up type veth peer name ${peer.name} address ${peer.mac} mtu ${peer.mtu} netns ${peer.ns}`
  const pieces: Piece[] = [{ ns: o.ns, tool: 'ip', stage: Stage.Devices, text: near }]
  // Hairpin is off on a new port, so only "on" needs saying.
  if (o.port?.hairpin) pieces.push({ ns: o.ns, tool: 'ip', stage: Stage.Devices, text: portLine(o)! })
  // The kernel refuses to raise the far end before the pair exists, so its own namespace does.
  pieces.push({ ns: peer.ns, tool: 'ip', stage: Stage.Config, text: `link set ${peer.name}${set('master', peer.port?.master)} up` })
  if (peer.port?.hairpin) pieces.push({ ns: peer.ns, tool: 'ip', stage: Stage.Config, text: portLine(peer)! })
  return pieces
}

/** Changes of a living device, end by end. */
function deviceReplace(before: Veth | Link, o: Veth | Link): Piece[] {
  const end = (a: Partial<VethEnd> & { port?: BridgePort }, b: typeof a & { ns: string; name: string }): Piece[] => {
    const changed = differences(a, b).map((f) => f.split('.')[0])
    const words = `${changed.includes('mtu') ? set('mtu', b.mtu) : ''}${changed.includes('mac') ? set('address', b.mac) : ''}`
    const texts = words ? [`link set dev ${b.name}${words}`] : []
    if (changed.includes('port')) texts.push(b.port ? `link set dev ${b.name} master ${b.port.master}` : `link set dev ${b.name} nomaster`, ...(b.port ? [portLine(b as VethEnd)!] : []))
    // Raising a device that is up already is no change, and one that went down is the commonest drift.
    texts.push(`link set dev ${b.name} up`)
    return texts.map((text) => ({ ns: b.ns, tool: 'ip', stage: Stage.Devices, text }))
  }
  if (o.kind === 'link') return end(before as VethEnd, o as VethEnd)
  const { peer: a, ...near } = before as Veth
  return [...end(near, o), ...end(a, o.peer)]
}

/** A batch line cannot carry -6: the family shows in the destination or, for `default`, in the next hop. */
function routeText(verb: string, o: Route): string {
  const target = o.type ? `${o.type} ${o.dst}` : o.dst
  return `route ${verb} ${target}${set('via', o.via)}${set('dev', o.dev)}${o.onlink ? ' onlink' : ''}${set('src', o.src)}${set('table', o.table)}`
}

const neighbourText = (verb: string, o: Neighbour): string => `neigh ${verb} ${o.address} lladdr ${o.lladdr} dev ${o.dev} nud permanent`
const ruleText = (verb: string, o: Rule): string => `rule ${verb} from ${o.src} table ${o.table} priority ${o.priority}`

/**
 * A set that changes is filled beside the old one and swapped in, so that no packet meets it half full. One that
 * goes away waits until the rules that matched it are gone.
 */
function ipsetPieces(change: Change, o: Ipset): Piece[] {
  const piece = (stage: Stage, text: string): Piece => ({ ns: o.ns, tool: 'ipset', stage, text, removes: false })
  if (change.action === 'replace' && change.readers) return detour(o, piece)
  if (change.action === 'delete') return [piece(Stage.Cleanup, `destroy ${o.name}`)]
  const create = (name: string): string => `create ${name} ${o.type} family ${o.family === 4 ? 'inet' : 'inet6'}`
  if (change.action === 'create') return [create(o.name), ...o.members.map((m) => `add ${o.name} ${m}`)].map((text) => piece(Stage.Config, text))
  // 31 characters at most; the name is unique in its namespace only for the moment of the swap.
  const next = 'netlab-next'
  return [create(next), ...o.members.map((m) => `add ${next} ${m}`), `swap ${next} ${o.name}`, `destroy ${next}`].map((text) => piece(Stage.Config, text))
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
    ...[`create ${other} ${o.type} family ${o.family === 4 ? 'inet' : 'inet6'} -exist`, ...fill(other)].map((text) => piece(Stage.Config, text)),
    ...fill(o.name).map((text) => piece(Stage.Settle, text)),
    piece(Stage.Cleanup, `destroy ${other}`),
  ]
}

/** Chains that match sets which change now: first led to the new sets, then back. */
function detours(changes: readonly Change[]): { readonly changes: readonly Change[]; readonly back: readonly Chain[] } {
  const sets = new Set<string>()
  const readers = new Map<string, Chain>()
  for (const c of changes) {
    if (c.action !== 'replace' || !c.readers) continue
    sets.add(`${c.object.ns} ${(c.object as Ipset).name}`)
    for (const chain of c.readers) readers.set(keyOf(chain), chain)
  }
  if (sets.size === 0) return { changes, back: [] }
  const led = (o: Chain): Chain => ({ ...o, rules: o.rules.map((rule) => rule.replaceAll(/(--match-set )(\S+)/g, (whole, match: string, name: string) => (sets.has(`${o.ns} ${name}`) ? `${match}${besides(name)}` : whole))) })
  const own = new Set<string>()
  const result = changes.map((c): Change => {
    if (c.object.kind !== 'chain' || !readers.has(keyOf(c.object))) return c
    own.add(keyOf(c.object))
    return { ...c, object: led(c.object) }
  })
  const others = [...readers].filter(([key]) => !own.has(key)).map(([, chain]): Change => ({ action: 'replace', object: led(chain), before: chain }))
  return { changes: [...result, ...others], back: [...readers.values()] }
}

/**
 * The lines that put a chain in place or take it away. `iptables-restore` commits a table at once, so no packet
 * sees half of a change: that is why chains go away in the same transaction that stops jumping to them.
 */
function chainLines(o: Chain, remove: boolean, before?: Chain): string[] {
  if (remove && !o.builtin) return [`-F ${o.chain}`, `-X ${o.chain}`]
  const clear = o.builtin ? `-F ${o.chain}` : `:${o.chain} - [0:0]`
  const policy = before?.policy === undefined ? [] : [`:${o.chain} ACCEPT [0:0]`]
  return [...policy, clear, ...(remove ? [] : o.rules.map((rule) => `-A ${o.chain} ${rule}`))]
}

function pieces(change: Change): Piece[] {
  const { action, object: o } = change
  const stage = stageOf(o)
  const ip = (text: string): Piece[] => [{ ns: o.ns, tool: 'ip', stage, text }]
  const remove = action === 'delete'
  switch (o.kind) {
    case 'netns':
      return [{ tool: 'ip', stage, text: `netns ${remove ? 'delete' : 'add'} ${o.ns}` }]
    case 'veth':
      if (change.action === 'replace') return deviceReplace(change.before as Veth, o)
      return remove ? ip(`link delete dev ${o.name}`) : vethCreate(o)
    case 'link':
      if (o.type === 'loopback') return remove ? [] : ip(`link set ${o.name} up`)
      if (change.action === 'replace') return deviceReplace(change.before as Link, o)
      return ip(remove ? `link delete dev ${o.name}` : linkAdd(o))
    case 'address':
      return ip(`address ${remove ? 'delete' : 'replace'} ${o.address} dev ${o.dev}${remove ? '' : set('scope', o.scope)}`)
    case 'route':
      return ip(routeText(remove ? 'delete' : 'replace', o))
    case 'rule':
      // Unlike a route's, the family of a rule does not follow from its addresses: without -6 it is IPv4.
      return [{ ns: o.ns, tool: o.family === 4 ? 'ip' : 'ip -6', stage, text: ruleText(remove ? 'delete' : 'add', o) }]
    case 'neighbour':
      return ip(remove ? `neigh delete ${o.address} dev ${o.dev}` : neighbourText('replace', o))
    case 'fdb':
      return [{ ns: o.ns, tool: 'bridge', stage, text: remove ? `fdb delete ${o.mac} dev ${o.dev} dst ${o.dst} self` : `fdb replace ${o.mac} dev ${o.dev} dst ${o.dst} self permanent` }]
    case 'sysctl':
      // A setting has no "absent"; the file no longer asks for it, so it stays as it is.
      return remove ? [] : [{ ns: o.ns, tool: 'sysctl', stage, text: `${o.key} = ${o.value}` }]
    case 'chain':
      return chainLines(o, remove, change.action === 'replace' ? (change.before as Chain) : undefined).map((text) => ({ ns: o.ns, tool: o.family === 4 ? 'iptables-restore' : 'ip6tables-restore', stage, text, removes: false }))
    case 'ipset':
      return ipsetPieces(change, o)
    case 'process':
      return [{ ns: o.ns, tool: 'process', stage, text: '' }]
  }
}

/** Batches in the order they must run; batches of one stage may run side by side, namespace by namespace. */
export function render(changes: readonly Change[]): Batch[] {
  const groups = new Map<string, { ns?: string; tool: Tool; stage: Stage; removes: boolean; lines: Line[] }>()
  const detoured = detours(changes)
  const settled = new Set(detoured.back.map((o): Change => ({ action: 'replace', object: o, before: o })))
  for (const change of [...detoured.changes, ...settled]) {
    let first = true
    for (const one of pieces(change)) {
      const p = settled.has(change) ? { ...one, stage: Stage.Settle } : one
      const removes = p.removes ?? change.action === 'delete'
      const key = `${removes ? 0 : 1} ${p.stage} ${p.ns ?? ''} ${p.tool}`
      let group = groups.get(key)
      if (!group) groups.set(key, (group = { ...(p.ns === undefined ? {} : { ns: p.ns }), tool: p.tool, stage: p.stage, removes, lines: [] }))
      const note = first ? change.object.note : undefined
      group.lines.push({ text: p.text, object: change.object, ...(note === undefined ? {} : { note }) })
      first = false
    }
  }
  const batches = [...groups.values()].map((g): Batch => (g.tool.endsWith('tables-restore') ? { ...g, lines: byTable(g.lines) } : g))
  const when = (b: Batch): number => (b.removes ? -b.stage : 100 + b.stage)
  // Namespace by namespace, as a reader follows it and as one job of a worker does it.
  const place = new Map<string | undefined, number>()
  for (const b of batches) if (!place.has(b.ns)) place.set(b.ns, place.size)
  return batches.sort((a, b) => when(a) - when(b) || place.get(a.ns)! - place.get(b.ns)! || TOOLS.indexOf(a.tool) - TOOLS.indexOf(b.tool))
}

/** `iptables-restore` wants `*table … COMMIT`; chains before the rules that jump to them, and gone after. */
function byTable(lines: readonly Line[]): Line[] {
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
