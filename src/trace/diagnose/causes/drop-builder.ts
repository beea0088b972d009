/** Who asked for it: the kernel object, and the line of the topology behind it. And small questions about live devices. */
import { describe } from '../../../kernel/kinds/index.ts'
import type { KernelObject, Learned, Route } from '../../../kernel/objects.ts'
import type { IpLink } from '../../../kernel/dumps/content.ts'
import { shownType } from '../../../kernel/links/index.ts'
import type { TunnelDevice } from '../../../kernel/links/link-type.ts'
import { tunnelsOf } from '../../../packet/tunnels.ts'
import { contains, parseCidr, parseIp } from '../../../topology/address.ts'
import type { Source } from '../../../topology/diagnostics.ts'
import type { Sighting } from '../identity.ts'
import type { TraceEvidence } from '../evidence.ts'
import { showStatus, upAgain } from '../hints.ts'
import type { CauseId, Drop, Evidence } from '../../result.ts'

export interface Maybe {
  readonly drop: Drop
  readonly certain: boolean
}

/** `lab.yaml:12`, or the manifest's own file and line. */
export const placeOf = (evidence: TraceEvidence, source: Pick<Source, 'file' | 'line'>): string =>
  `${source.file ?? evidence.parts.lab.file}:${source.line}`

/** The kernel object and the line behind it, as fields of a drop. */
function configuredBy(evidence: TraceEvidence, object: KernelObject | undefined): Pick<Drop, 'object' | 'source'> {
  if (!object) return {}
  return { object: describe(object), ...(object.from ? { source: placeOf(evidence, object.from) } : {}) }
}

export interface DropParts {
  readonly leg: Drop['leg']
  readonly ns: string
  readonly device: string
  readonly cause: CauseId
  readonly text: string
  readonly evidence: Evidence
  readonly kernelReason?: string | undefined
  readonly rule?: string | undefined
  readonly hint?: string | undefined
  readonly object?: KernelObject | undefined
  /** Overrides what the object gives. */
  readonly source?: string | undefined
  readonly policies?: readonly string[]
}

/** What it comes of when an entry is not there that an agent sets from a lease, and when it is another one: then the lease may say so. */
const MISSING: ReadonlySet<CauseId> = new Set<CauseId>(['no-route', 'no-route-back', 'fdb-missing', 'neighbour-missing'])
const WRONG: ReadonlySet<CauseId> = new Set<CauseId>(['route-wrong', 'fdb-wrong', 'neighbour-wrong'])

/** The cause behind the cause, of an entry that an agent should have set from a lease. */
function byLease(evidence: TraceEvidence, { cause, text, hint, object }: DropParts): Pick<DropParts, 'cause' | 'text' | 'hint'> {
  const obstacle = object && evidence.details.obstacles.get(object)
  const [isMissing, isWrong] = [MISSING.has(cause), WRONG.has(cause)]
  const behind: CauseId | undefined =
    obstacle?.kind === 'lease' && (isMissing || isWrong) ? 'lease' : obstacle?.kind === 'agent' && isMissing ? 'agent-down' : undefined
  if (!obstacle || behind === undefined) return { cause, text, hint }
  return { cause: behind, text: `${text}; ${obstacle.text}`, hint: obstacle.dead.length > 0 ? upAgain(evidence) : showStatus(evidence) }
}

export function dropped(evidence: TraceEvidence, p: DropParts): Drop {
  const { cause, text, hint } = byLease(evidence, p)
  return {
    leg: p.leg,
    node: evidence.parts.places.name(p.ns),
    device: p.device,
    cause,
    text,
    evidence: p.evidence,
    ...configuredBy(evidence, p.object),
    ...(p.kernelReason === undefined ? {} : { kernelReason: p.kernelReason }),
    ...(p.rule === undefined ? {} : { rule: p.rule }),
    ...(hint === undefined ? {} : { hint }),
    ...(p.source === undefined ? {} : { source: p.source }),
    ...(p.policies === undefined ? {} : { policies: p.policies }),
  }
}

/** Which way a sighted packet was going; an ICMP error goes the way of the answer. */
export const legOf = (s: Sighting): Drop['leg'] => (s.role === 'probe' ? 'forward' : 'reply')

export const linkOf = (evidence: TraceEvidence, ns: string, device: string): IpLink | undefined =>
  evidence.parts.liveState.seen(ns)?.links.find((l) => l.ifname === device)

/** How a device puts packets into others, if it does. */
export const tunnelDevice = (link: IpLink | undefined): TunnelDevice | undefined => link && shownType(link)?.tunnel

export const isUp = (link: IpLink | undefined): boolean => link?.flags.includes('UP') === true

/** Innermost addresses of a packet. */
export function innerAddresses(s: Sighting): { readonly src: string; readonly dst: string } | undefined {
  const ip = s.layers.findLast((l) => l.type === 'ipv4' || l.type === 'ipv6')
  return ip && { src: ip.src, dst: ip.dst }
}

/** Destination port of the innermost packet: behind a Service not the one that was asked for. */
export function portOf(s: Sighting): number | undefined {
  const l4 = s.layers.findLast((l) => l.type === 'tcp' || l.type === 'udp')
  return l4?.dstPort
}

/** Addresses of the outermost IP header. */
export function outerAddresses(s: Sighting): { readonly src: string; readonly dst: string } | undefined {
  const ip = s.layers.find((l) => l.type === 'ipv4' || l.type === 'ipv6')
  return ip && { src: ip.src, dst: ip.dst }
}

export const isTunnelled = (s: Sighting): boolean => tunnelsOf(s.layers).length > 0

/** The most specific route the lab asked for in a namespace towards an address. */
export function askedRoute(evidence: TraceEvidence, ns: string, address: string): Route | Learned | undefined {
  const ip = parseIp(address)
  if (!ip) return undefined
  const length = (dst: string): number => (dst === 'default' ? 0 : Number(dst.split('/')[1]))
  return evidence.parts.places
    .at(ns)
    .filter((o): o is Route | Learned => (o.kind === 'route' || o.kind === 'learned') && o.table === undefined && o.family === ip.family)
    .filter((o) => o.dst === 'default' || contains(parseCidr(o.dst)!, ip))
    .sort((a, b) => length(b.dst) - length(a.dst))[0]
}

/** Whether a device that the lab made is gone or down now, in words. */
export function deviceTrouble(evidence: TraceEvidence, ns: string, device: string): string | undefined {
  const snapshot = evidence.parts.liveState.seen(ns)
  if (!snapshot || snapshot.links.length === 0 || !deviceObject(evidence, ns, device)) return undefined
  const link = linkOf(evidence, ns, device)
  if (!link) return 'is gone'
  return isUp(link) ? undefined : 'is down'
}

/** The object that made a device. */
export function deviceObject(evidence: TraceEvidence, ns: string, device: string): KernelObject | undefined {
  const { places } = evidence.parts
  return places.at(ns).find((o) => o.kind === 'link' && o.name === device) ?? places.veth(ns, device)
}

export const interfaceDown = (evidence: TraceEvidence, leg: Drop['leg'], ns: string, device: string, more: Partial<DropParts> = {}): Drop =>
  dropped(evidence, {
    leg,
    ns,
    device,
    cause: 'interface-down',
    evidence: 'inferred',
    text: `${device} in ${evidence.parts.places.name(ns)} ${deviceTrouble(evidence, ns, device) ?? 'is down'}`,
    // Taken down, it lost its routes and addresses of IPv6; deleted, all of itself: raising it would not do.
    hint: upAgain(evidence),
    object: deviceObject(evidence, ns, device),
    ...more,
  })
