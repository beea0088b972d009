/**
 * Who reaches whom on every port that policies speak of, and on one that none does. Pods that no selector, block or
 * port name can tell apart have one line: a lab of a thousand replicas has as many lines as it has kinds of pods.
 * Hosts are there too, as far as policies have a say in what they do: with the pods of other hosts.
 */
import { contains, familyName, parseCidr, parseIp, type Family } from '../../topology/address.ts'
import { addressOf, type Host, type Lab } from '../lab.ts'
import { isKeptOut, type Arrival } from '../underlay/border.ts'
import { namedPorts, policiesOf, type IpBlock, type PortMatch, type Protocol } from './policies.ts'
import { verdict, type Actor, type HostSource } from './verdict.ts'

/** Actors that policies treat alike. */
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
  /** By row and column; undefined: no pair that policies have a say in, such as a pod and itself, or its own host. */
  readonly cells: readonly (readonly (boolean | undefined)[])[]
}

export interface Reachability {
  readonly rows: readonly Line[]
  readonly columns: readonly Line[]
  readonly sheets: readonly Sheet[]
}

export const probeText = ({ protocol, port }: PortProbe): string =>
  port === undefined ? protocol.toLowerCase() : `${port}/${protocol.toLowerCase()}`

/** Ports that rules mention, also those of the border's firewall; one of each protocol that they mention whole; and one that no rule mentions, the control. */
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
  for (const { protocol, port } of lab.border?.firewall?.allow ?? []) {
    const name = protocol?.toUpperCase() as Protocol | undefined
    if (name !== undefined && port !== undefined) found.set(`${port}/${name}`, { protocol: name, port })
  }
  const control = [9, 99, 999, 9999, 49_999].find(isFree)
  const order = ['TCP', 'UDP', 'SCTP']
  const sorted = [...found.values()].sort((a, b) => order.indexOf(a.protocol) - order.indexOf(b.protocol) || a.port! - b.port!)
  return [...sorted, ...(control === undefined ? [] : [{ protocol: 'TCP' as const, port: control }]), { protocol: 'ICMP' }]
}

/**
 * What policies can see of the addresses that hosts send from, as text. A host may have one address for some hosts' pods and
 * another for others': then it also counts which hosts' pods see which.
 */
function hostViews(
  lab: Lab,
  inBlocks: (ips: readonly string[]) => string,
  hostSource: HostSource,
): Readonly<Record<'asSource' | 'asTarget', (host: string) => string>> {
  const known = new Map<string, string>()
  const seen = (from: Host, to: Host): string => {
    // Among pods of its own host policies have no say in what a host does.
    const ips = lab.families.flatMap((f) => (from === to ? addressOf(from, f) : hostSource(lab, from, to, f)) ?? [])
    let bits = known.get(ips.join())
    if (bits === undefined) known.set(ips.join(), (bits = ips.map((ip) => inBlocks([ip])).join('/')))
    return bits
  }
  const views = new Map(lab.hosts.map((from) => [from.name, lab.hosts.map((to) => seen(from, to))]))
  const abroad = lab.hosts.map((_, i) => new Set(views.get(lab.hosts[i]!.name)!.filter((_, j) => i !== j)))
  const isMixed = abroad.some((views) => views.size > 1)
  const index = new Map(lab.hosts.map((h, i) => [h.name, i]))
  return {
    asSource: (host) => (isMixed ? views.get(host)! : [...abroad[index.get(host)!]!]).join(' '),
    asTarget: (host) => (isMixed ? lab.hosts.map((from) => views.get(from.name)![index.get(host)!]).join(' ') : ''),
  }
}

/** What policies can see of an actor, as text: equal for pods, and for hosts, that they cannot tell apart. */
export function kindsOf(lab: Lab, hostSource: HostSource): (actor: Actor) => string {
  const policies = policiesOf(lab)
  const rules = policies.flatMap((p) => [...(p.ingress ?? []), ...(p.egress ?? [])])
  const groups = [...new Set([...policies.map((p) => p.selected), ...rules.flatMap((r) => r.peers?.groups ?? [])])]
  const blocks: IpBlock[] = rules.flatMap((r) => r.peers?.blocks ?? [])
  const names = [
    ...new Set(rules.flatMap((r) => (r.ports ?? []).flatMap((m) => (m.kind === 'named' ? [`${m.protocol} ${m.name}`] : [])))),
  ].map((n) => n.split(' ') as [Protocol, string])
  const inBlocks = (texts: readonly string[]): string => {
    const ips = texts.map((ip) => parseIp(ip)!)
    return blocks.map((b) => (ips.some((ip) => contains(b.cidr, ip) && !b.except.some((e) => contains(e, ip))) ? 1 : 0)).join('')
  }
  const toBorder = lab.border?.firewall?.allow.map((rule) => rule.to.map((c) => parseCidr(c)!)) ?? []
  const inBorder = ({ addresses }: Actor): string =>
    toBorder.map((cidrs) => (addresses.some((a) => cidrs.some((c) => contains(c, parseIp(a.ip)!))) ? 1 : 0)).join('')
  const { asSource, asTarget } = hostViews(lab, blocks.length === 0 ? () => '' : inBlocks, hostSource)
  return (actor) => {
    if (actor.kind === 'external') return actor.name
    if (actor.kind === 'host') {
      return ['host', ...actor.addresses.map((a) => inBlocks([a.ip])), inBorder(actor), asSource(actor.name)].join(' ')
    }
    return [
      actor.namespace,
      groups.map((g) => (g.pods.has(actor) ? 1 : 0)).join(''),
      inBlocks(actor.addresses.map((a) => a.ip)),
      inBorder(actor),
      asTarget(actor.host),
      names.map(([protocol, name]) => namedPorts(actor, name, protocol).join('+')).join(','),
    ].join(' ')
  }
}

interface Class extends Line {
  readonly all: readonly Actor[]
}

function classes(lab: Lab, actors: readonly Actor[], hostSource: HostSource): Class[] {
  const kindOf = kindsOf(lab, hostSource)
  const found = new Map<string, Actor[]>()
  for (const p of actors) {
    const kind = kindOf(p)
    const list = found.get(kind)
    if (list) list.push(p)
    else found.set(kind, [p])
  }
  const nameOf = (p: Actor): string => (p.kind === 'pod' ? p.key : p.name)
  return [...found.values()].map((members) => ({
    label: `${nameOf(members[0]!)}${members.length > 1 ? ` (+${members.length - 1})` : ''}`,
    members: members.map(nameOf),
    all: members,
  }))
}

/** Whether policies have a say in it: one of the two is a pod, and the other neither itself nor its own host. */
function isEvaluated(a: Actor, b: Actor): boolean {
  if (a === b) return false
  if (a.kind === 'pod') return b.kind !== 'host' || a.host !== b.name
  return b.kind === 'pod' && (a.kind !== 'host' || b.host !== a.name)
}

/** Any such pair stands for all: members of a class are treated alike. */
function pairOf(from: Class, to: Class): readonly [Actor, Actor] | undefined {
  for (const a of from.all) for (const b of to.all) if (isEvaluated(a, b)) return [a, b]
  return undefined
}

/** @param hostSource the backend's answer, as `backends/` gives it */
export function reachability(lab: Lab, hostSource: HostSource, ports: readonly PortProbe[] = mentionedPorts(lab)): Reachability {
  // An external without routes to pods cannot send to them whatever policies say.
  const hosts = lab.hosts.filter((h) => lab.pods.some((p) => p.host !== h.name))
  const rows = classes(lab, [...lab.pods, ...hosts, ...lab.externals.filter((x) => x.podRoutes)], hostSource)
  const columns = classes(lab, [...lab.pods, ...hosts, ...lab.externals], hostSource)
  const pairs = rows.map((r) => columns.map((c) => pairOf(r, c)))
  const sheets = new Map<string, { titles: Map<string, Family[]>; probes: Sheet['probes'][number][]; cells: (boolean | undefined)[][] }>()
  for (const { protocol, port } of ports) {
    for (const family of lab.families) {
      const cell = ([from, to]: readonly [Actor, Actor] | readonly [] = []): boolean | undefined => {
        const address = to && addressOf(to, family)
        if (!from || !to || !addressOf(from, family) || !address) return undefined
        // What comes from outside meets the border first.
        if (
          isKeptOut(lab, from, {
            address,
            protocol: protocol.toLowerCase() as Arrival['protocol'],
            ...(port === undefined ? {} : { port }),
          })
        )
          return false
        return verdict(lab, { from, to, protocol, ...(port === undefined ? {} : { port }), family }, hostSource).allowed
      }
      const cells = pairs.map((row) => row.map((pair) => cell(pair)))
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
