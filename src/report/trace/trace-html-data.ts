/** What the page draws, decided here so that the script in the page only draws: stages, steps, tunnels, the place of the drop. */
import { addressOf, nodesOf, type Lab, type Node } from '../../lab/lab.ts'
import type { Decision, Drop, Evidence, Hop, TraceResult } from '../../trace/result.ts'
import { compare, inWords, tunnelOf, type LayerView } from './trace-html-layers.ts'

/** Index of a node on a stage, and of a device in it. */
export type Place = readonly [node: number, device: number]

export interface StageNode {
  readonly name: string
  readonly kind: Hop['nodeKind']
  /** Its address, or a switch's network. */
  readonly facts: string
  readonly devices: readonly string[]
}

export interface Tunnel {
  readonly from: Place
  readonly to: Place
  readonly label: string
}

/** A drawing of one way: its nodes in order, left to right. */
export interface Stage {
  readonly nodes: readonly StageNode[]
  readonly tunnels: readonly Tunnel[]
  /** Places in order that the packet never got to. */
  readonly unreached: readonly Place[]
  readonly drop: Place | null
}

/** One stop of the scrubber: the packet on a device, or its end. */
export interface Step {
  readonly leg: 'forward' | 'reply'
  readonly stage: number
  readonly place: Place
  readonly node: string
  readonly device: string
  readonly direction: Hop['direction'] | null
  readonly at: number | null
  readonly evidence: Evidence
  readonly drop: boolean
  /** Where the way ends well. */
  readonly last: boolean
  /** Bytes of the frame, of what was captured. */
  readonly size: number | null
  readonly layers: readonly LayerView[]
  readonly gone: readonly string[]
  readonly tunnel: boolean
  readonly decisions: readonly Decision[]
  /** The same in words, for the list and for who listens. */
  readonly text: string
}

export interface View {
  readonly stages: readonly Stage[]
  readonly steps: readonly Step[]
  /** Hops the packet never got to. */
  readonly never: readonly {
    readonly leg: Step['leg']
    readonly node: string
    readonly device: string
    readonly direction: Hop['direction']
  }[]
}

interface Visit {
  readonly node: string
  readonly kind: Hop['nodeKind']
  readonly devices: string[]
}

/** Nodes in the order of the way, one for every time it comes through, and where each hop is. */
function visitsOf(hops: readonly Hop[]): { visits: Visit[]; places: Place[] } {
  const visits: Visit[] = []
  const places = hops.map((hop): Place => {
    if (visits.at(-1)?.node !== hop.node) visits.push({ node: hop.node, kind: hop.nodeKind, devices: [] })
    const { devices } = visits.at(-1)!
    if (devices.at(-1) !== hop.device) devices.push(hop.device)
    return [visits.length - 1, devices.length - 1]
  })
  return { visits, places }
}

/** The reply's hops on the request's drawing, which it walks from right to left; undefined when it went another way. */
function onSameStage(visits: readonly Visit[], reply: readonly Hop[]): Place[] | undefined {
  let at = visits.length - 1
  const places: Place[] = []
  for (const hop of reply) {
    while (at >= 0 && visits[at]!.node !== hop.node) at--
    if (at < 0) return undefined
    const { devices } = visits[at]!
    if (!devices.includes(hop.device)) devices.push(hop.device)
    places.push([at, devices.lastIndexOf(hop.device)])
  }
  return places
}

/** The same drawing from right to left. */
function mirrored({ visits, places }: ReturnType<typeof visitsOf>): ReturnType<typeof visitsOf> {
  const turned = places.map(([node, device]): Place => [visits.length - 1 - node, visits[node]!.devices.length - 1 - device])
  return { visits: visits.toReversed().map((v) => ({ ...v, devices: v.devices.toReversed() })), places: turned }
}

/** From the last device without the wrapping to the first without it again, or where it was meant to be taken off. */
function tunnelsOf(hops: readonly Hop[], places: readonly Place[]): Tunnel[] {
  const found: Tunnel[] = []
  for (let i = 1; i < hops.length; i++) {
    const label = tunnelOf(hops[i]!.layers)
    const entry = hops[i - 1]!
    if (!label || tunnelOf(entry.layers) || entry.layers.length === 0) continue
    const rest = hops.slice(i)
    const seen = rest.findIndex((h) => h.layers.length > 0 && !tunnelOf(h.layers))
    const end = seen >= 0 ? seen : rest.findIndex((h) => h.device === entry.device && h.node !== entry.node)
    if (end >= 0) found.push({ from: places[i - 1]!, to: places[i + end]!, label })
  }
  return found
}

function factsOf(node: Node | undefined, family: 4 | 6): string {
  if (!node) return ''
  if (node.kind === 'switch') return node.cidrs.find((c) => c.includes(':') === (family === 6)) ?? node.cidrs[0] ?? ''
  if (node.kind === 'router') return 'between segments'
  return addressOf(node, node.kind === 'host' ? 4 : family) ?? node.addresses[0]?.ip ?? ''
}

/** Where it was dropped: the device if it is drawn, else its node, else where it was last seen. */
function placeOfDrop(drop: Drop, visits: readonly Visit[], last: Place | undefined): Place {
  const mine = (v: Visit | undefined): boolean => v?.node === drop.node
  const node = last && mine(visits[last[0]]) ? last[0] : visits.findLastIndex(mine)
  if (node < 0) return last ?? [0, 0]
  const device = visits[node]!.devices.lastIndexOf(drop.device)
  return [node, device >= 0 ? device : last?.[0] === node ? last[1] : 0]
}

/** Hops up to the last that was seen; what comes after was never reached. */
const seenPart = (hops: readonly Hop[]): number => hops.findLastIndex((h) => h.evidence !== 'predicted') + 1

const place = (node: string, device: string): string => (device ? `${node}, ${device}` : node)

export function view(result: TraceResult, lab: Lab): View {
  const { forward, reply, drop } = result
  const nodes = new Map(nodesOf(lab).map((n) => [n.kind === 'pod' ? n.key : n.name, n]))
  const first = visitsOf(forward)
  if (first.visits.length === 0 && drop)
    first.visits.push({ node: drop.node, kind: nodes.get(drop.node)?.kind ?? 'host', devices: [drop.device] })
  const shared =
    onSameStage(
      first.visits.map((v) => ({ ...v, devices: [...v.devices] })),
      reply,
    ) && onSameStage(first.visits, reply)
  const own = shared ? undefined : mirrored(visitsOf(reply))

  const stages: Stage[] = []
  const steps: Step[] = []
  const never: View['never'][number][] = []
  const leg = (
    name: Step['leg'],
    hops: readonly Hop[],
    places: readonly Place[],
    stage: number,
    visits: readonly Visit[],
  ): Place | null => {
    const reached = seenPart(hops)
    // An answer made on the way, as a RST of a firewall, begins there and not where it was expected to.
    const begins =
      name === 'reply'
        ? Math.max(
            0,
            hops.findIndex((h) => h.layers.length > 0),
          )
        : 0
    let before: Hop['layers'] = []
    for (const [i, hop] of hops.slice(0, reached).entries()) {
      if (i < begins) continue
      const length = hop.capture === undefined ? undefined : result.captures[hop.capture]?.length
      const words = hop.layers.length > 0 ? inWords(hop.layers) : 'not seen here; it must have passed'
      steps.push({
        leg: name,
        stage,
        place: places[i]!,
        node: hop.node,
        device: hop.device,
        direction: hop.direction,
        at: hop.at,
        evidence: hop.evidence,
        drop: false,
        last: i === hops.length - 1,
        size: length ?? null,
        ...compare(before, hop.layers),
        tunnel: tunnelOf(hop.layers) !== undefined,
        decisions: hop.decisions,
        text: words,
      })
      if (hop.layers.length > 0) before = hop.layers
    }
    never.push(...hops.slice(reached).map(({ node, device, direction }) => ({ leg: name, node, device, direction })))
    if (drop?.leg !== name) return null
    const at = placeOfDrop(drop, visits, places[reached - 1])
    const last = steps.at(-1)
    steps.push({
      leg: name,
      stage,
      place: at,
      node: drop.node,
      device: drop.device,
      direction: null,
      at: null,
      evidence: drop.evidence,
      drop: true,
      last: false,
      size: last?.leg === name ? last.size : null,
      ...compare(before, before),
      tunnel: tunnelOf(before) !== undefined,
      decisions: [],
      text: `${result.outcome === 'rejected' ? 'Rejected' : 'Dropped'} at ${place(drop.node, drop.device)}: ${drop.text}`,
    })
    return at
  }
  const drawn = (visits: readonly Visit[]): StageNode[] =>
    visits.map((v) => ({ name: v.node, kind: v.kind, facts: factsOf(nodes.get(v.node), result.probe.family), devices: v.devices }))
  const rest = (stage: number, hops: readonly Hop[], places: readonly Place[]): Place[] => {
    const seen = new Set(steps.filter((s) => s.stage === stage && !s.drop).map((s) => s.place.join()))
    return places.slice(seenPart(hops)).filter((p) => !seen.has(p.join()))
  }

  const dropForward = leg('forward', forward, first.places, 0, first.visits)
  const dropReply = leg('reply', reply, shared ?? own!.places, shared ? 0 : 1, shared ? first.visits : own!.visits)
  stages.push({
    nodes: drawn(first.visits),
    tunnels: tunnelsOf(forward, first.places),
    unreached: rest(0, forward, first.places),
    drop: dropForward ?? (shared ? dropReply : null),
  })
  if (own)
    stages.push({ nodes: drawn(own.visits), tunnels: tunnelsOf(reply, own.places), unreached: rest(1, reply, own.places), drop: dropReply })
  return { stages, steps, never }
}
