/**
 * Changes → batches, grouped by namespace and tool so that a lab costs processes in proportion to its
 * namespaces, never to its objects.
 */
import { resetLines } from './links/non-default.ts'
import type { Batch, Line, Piece, Tool } from './batch.ts'
import { differences, Stage, stageOf, type Change } from './diff.ts'
import { type BridgePort, type Chain, type Link, type Neighbour, type Route, type Rule, type Veth, type VethEnd } from './objects.ts'
import { byTable, chainLines, detours, ipsetPieces } from './kinds/rules.ts'

/** Order of tools within a namespace and stage: settings, then devices and routes, then rules. */
const TOOLS: readonly Tool[] = ['sysctl', 'ip', 'ip -6', 'bridge', 'ipset', 'iptables-restore', 'ip6tables-restore', 'process']

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

const portLine = (end: VethEnd): string | undefined =>
  end.port && `link set ${end.name} type bridge_slave hairpin ${end.port.hairpin ? 'on' : 'off'}`

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
    if (changed.includes('port'))
      texts.push(
        b.port ? `link set dev ${b.name} master ${b.port.master}` : `link set dev ${b.name} nomaster`,
        ...(b.port ? [portLine(b as VethEnd)!] : []),
      )
    if (changed.includes('nonDefault')) texts.push(...resetLines(b as VethEnd, a.nonDefault ?? []))
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
      return [
        {
          ns: o.ns,
          tool: 'bridge',
          stage,
          text: remove
            ? `fdb delete ${o.mac} dev ${o.dev} dst ${o.dst} self`
            : `fdb replace ${o.mac} dev ${o.dev} dst ${o.dst} self permanent`,
        },
      ]
    case 'sysctl':
      // A setting has no "absent"; the file no longer asks for it, so it stays as it is.
      return remove ? [] : [{ ns: o.ns, tool: 'sysctl', stage, text: `${o.key} = ${o.value}` }]
    case 'chain':
      return chainLines(o, remove, change.action === 'replace' ? (change.before as Chain) : undefined).map((text) => ({
        ns: o.ns,
        tool: o.family === 4 ? 'iptables-restore' : 'ip6tables-restore',
        stage,
        text,
        removes: false,
      }))
    case 'ipset':
      return ipsetPieces(change, o)
    case 'process':
      return [{ ns: o.ns, tool: 'process', stage, text: '' }]
  }
}

interface Group extends Batch {
  readonly lines: Line[]
}

/** Batches in the order they must run; batches of one stage may run side by side, namespace by namespace. */
export function render(changes: readonly Change[]): Batch[] {
  const groups = new Map<string, Group>()
  const detoured = detours(changes)
  const settled = new Set(detoured.back.map((o): Change => ({ action: 'replace', object: o, before: o })))
  for (const change of [...detoured.changes, ...settled]) {
    let note = change.object.note
    let group: Group | undefined
    let like: Piece | undefined
    for (const p of pieces(change)) {
      // Most pieces of a large object go where the one before went.
      if (!group || !like || p.stage !== like.stage || p.tool !== like.tool || p.ns !== like.ns || p.removes !== like.removes) {
        const stage = settled.has(change) ? Stage.Settle : p.stage
        const removes = p.removes ?? change.action === 'delete'
        const key = `${removes ? 0 : 1} ${stage} ${p.ns ?? ''} ${p.tool}`
        group = groups.get(key)
        if (!group) groups.set(key, (group = { ...(p.ns === undefined ? {} : { ns: p.ns }), tool: p.tool, stage, removes, lines: [] }))
        like = p
      }
      group.lines.push(note === undefined ? { text: p.text, object: change.object } : { text: p.text, object: change.object, note })
      note = undefined
      for (const text of p.more ?? []) group.lines.push({ text, object: change.object })
    }
  }
  const batches = [...groups.values()].map((g): Batch => (g.tool.endsWith('tables-restore') ? { ...g, lines: byTable(g.lines) } : g))
  const when = (b: Batch): number => (b.removes ? -b.stage : 100 + b.stage)
  // Namespace by namespace, as a reader follows it and as one job of a worker does it.
  const place = new Map<string | undefined, number>()
  for (const b of batches) if (!place.has(b.ns)) place.set(b.ns, place.size)
  return batches.sort((a, b) => when(a) - when(b) || place.get(a.ns)! - place.get(b.ns)! || TOOLS.indexOf(a.tool) - TOOLS.indexOf(b.tool))
}
