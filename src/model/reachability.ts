/**
 * Who reaches whom on every port that policies speak of, and on one that none does. Pods that no selector, block or
 * port name can tell apart have one line: a lab of a thousand replicas has as many lines as it has kinds of pods.
 */
import { contains, familyName, parseIp, type Family } from '../topology/address.ts'
import { addressOf, type External, type Lab, type Pod } from './lab.ts'
import { namedPorts, policiesOf, type IpBlock, type PortMatch, type Protocol } from './policies.ts'
import { verdict, type Party } from './verdict.ts'

/** Parties that policies treat alike. */
export interface Line {
  readonly label: string
  readonly members: readonly string[]
}

export interface PortProbe {
  readonly protocol: Protocol | 'ICMP'
  readonly port?: number
}

/** One table, and everything it holds for. */
export interface Sheet {
  readonly titles: readonly string[]
  readonly probes: readonly { readonly port: string; readonly family: Family }[]
  /** By row and column; undefined: a pod and itself. */
  readonly cells: readonly (readonly (boolean | undefined)[])[]
}

export interface Reachability {
  readonly rows: readonly Line[]
  readonly columns: readonly Line[]
  readonly sheets: readonly Sheet[]
}

type Member = Pod | External

export const probeText = ({ protocol, port }: PortProbe): string =>
  port === undefined ? protocol.toLowerCase() : `${port}/${protocol.toLowerCase()}`

/** Ports that rules mention; one of each protocol that they mention whole; and one nobody speaks of, the control. */
export function mentionedPorts(lab: Lab): PortProbe[] {
  const matches = policiesOf(lab).flatMap((p) => [...(p.ingress ?? []), ...(p.egress ?? [])].flatMap((r) => r.ports ?? []))
  const numbers = (m: PortMatch): number[] => {
    if (m.kind === 'range') return [...new Set([m.first, m.last])]
    return m.kind === 'named' ? [...new Set(lab.pods.flatMap((pod) => namedPorts(pod, m.name, m.protocol)))] : [1]
  }
  const found = new Map(
    matches.flatMap((m) => numbers(m).map((port): [string, PortProbe] => [`${port}/${m.protocol}`, { protocol: m.protocol, port }])),
  )
  const isFree = (port: number): boolean =>
    !matches.some((m) => m.protocol === 'TCP' && (m.kind === 'all' || (m.kind === 'range' && port >= m.first && port <= m.last))) &&
    !found.has(`${port}/TCP`)
  const control = [9, 99, 999, 9999, 49_999].find(isFree)
  const order = ['TCP', 'UDP', 'SCTP']
  const sorted = [...found.values()].sort((a, b) => order.indexOf(a.protocol) - order.indexOf(b.protocol) || a.port! - b.port!)
  return [...sorted, ...(control === undefined ? [] : [{ protocol: 'TCP' as const, port: control }]), { protocol: 'ICMP' }]
}

/** What policies can see of a party, as text: equal for pods, and for hosts, that they cannot tell apart. */
export function kindsOf(lab: Lab): (party: Party) => string {
  const policies = policiesOf(lab)
  const rules = policies.flatMap((p) => [...(p.ingress ?? []), ...(p.egress ?? [])])
  const groups = [...new Set([...policies.map((p) => p.selected), ...rules.flatMap((r) => r.peers?.groups ?? [])])]
  const blocks: IpBlock[] = rules.flatMap((r) => r.peers?.blocks ?? [])
  const names = [
    ...new Set(rules.flatMap((r) => (r.ports ?? []).flatMap((m) => (m.kind === 'named' ? [`${m.protocol} ${m.name}`] : [])))),
  ].map((n) => n.split(' ') as [Protocol, string])
  return (party) => {
    if (party.kind === 'external') return party.name
    // Beyond a tunnel a host is seen by the first address of its block.
    const own =
      party.kind === 'host'
        ? [...party.addresses.map((a) => a.ip), ...party.blocks.map((b) => b.network)]
        : party.addresses.map((a) => a.ip)
    const ips = own.map((ip) => parseIp(ip)!)
    const inBlocks = blocks.map((b) => (ips.some((ip) => contains(b.cidr, ip) && !b.except.some((e) => contains(e, ip))) ? 1 : 0))
    if (party.kind === 'host') return `host ${inBlocks.join('')}`
    return [
      party.namespace,
      groups.map((g) => (g.pods.has(party) ? 1 : 0)).join(''),
      inBlocks.join(''),
      names.map(([protocol, name]) => namedPorts(party, name, protocol).join('+')).join(','),
    ].join(' ')
  }
}

interface Class extends Line {
  /** The first two: a class reaches itself as one of its members reaches another. */
  readonly samples: readonly Member[]
}

function classes(lab: Lab, parties: readonly Member[]): Class[] {
  const kindOf = kindsOf(lab)
  const found = new Map<string, Member[]>()
  for (const p of parties) {
    const kind = kindOf(p)
    const list = found.get(kind)
    if (list) list.push(p)
    else found.set(kind, [p])
  }
  const nameOf = (p: Member): string => (p.kind === 'pod' ? p.key : p.name)
  return [...found.values()].map((members) => ({
    label: `${nameOf(members[0]!)}${members.length > 1 ? ` (+${members.length - 1})` : ''}`,
    members: members.map(nameOf),
    samples: members.slice(0, 2),
  }))
}

export function reachability(lab: Lab, ports: readonly PortProbe[] = mentionedPorts(lab)): Reachability {
  // An external without routes to pods cannot send to them whatever policies say.
  const rows = classes(lab, [...lab.pods, ...lab.externals.filter((x) => x.podRoutes)])
  const columns = classes(lab, [...lab.pods, ...lab.externals])
  const sheets = new Map<string, { titles: Map<string, Family[]>; probes: Sheet['probes'][number][]; cells: (boolean | undefined)[][] }>()
  for (const { protocol, port } of ports) {
    for (const family of lab.families) {
      const cell = (from: Class, to: Class): boolean | undefined => {
        const a = from.samples[0]!
        const b = to.samples.find((s) => s !== a)
        // Outside to outside is no pod's business.
        if (!b || (a.kind !== 'pod' && b.kind !== 'pod') || !addressOf(a, family) || !addressOf(b, family)) return undefined
        return verdict(lab, { from: a, to: b, protocol, ...(port === undefined ? {} : { port }), family }).allowed
      }
      const cells = rows.map((r) => columns.map((c) => cell(r, c)))
      const key = JSON.stringify(cells)
      let sheet = sheets.get(key)
      if (!sheet) sheets.set(key, (sheet = { titles: new Map(), probes: [], cells }))
      const title = probeText({ protocol, ...(port === undefined ? {} : { port }) })
      sheet.probes.push({ port: title, family })
      sheet.titles.set(title, [...(sheet.titles.get(title) ?? []), family])
    }
  }
  const lineOf = ({ label, members }: Class): Line => ({ label, members })
  return {
    rows: rows.map(lineOf),
    columns: columns.map(lineOf),
    sheets: [...sheets.values()].map(({ titles, probes, cells }) => ({
      titles: [...titles].map(([title, families]) =>
        families.length === lab.families.length ? title : `${title} ${families.map(familyName).join(' ')}`,
      ),
      probes,
      cells,
    })),
  }
}
