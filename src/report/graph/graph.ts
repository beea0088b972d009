/**
 * What a drawing of a lab shows, whatever it is drawn with: segments, their hosts, the hosts' pods and
 * devices, and how much was left out. Layout and syntax are the renderers' (graph-text, graph-mermaid, graph-dot).
 */
import { attachOf } from '../../attach/index.ts'
import { carriage, carriages, podMTU } from '../../backends/index.ts'
import { linkType } from '../../kernel/links/index.ts'
import type { KernelObject, Link } from '../../kernel/objects.ts'
import { UPLINK, type External, type Host, type Lab, type Pod, type Segment } from '../../lab/lab.ts'
import { plural } from '../../plural.ts'

export interface HostPicture {
  readonly host: Host
  /** What carries packets to other hosts: `vxlan1 (VNI 1, UDP 8472)`; undefined for a host without peers. */
  readonly channel?: string
  /** What pods are plugged into: a bridge's name, or how it is done without one. */
  readonly access: string
  readonly podMTU: number
  readonly pods: readonly Pod[]
  /** Pods of this host that are not drawn. */
  readonly hidden: number
}

export interface SegmentPicture {
  readonly segment: Segment
  readonly hosts: readonly HostPicture[]
  /** Hosts of this segment that are not drawn, and the pods on them. */
  readonly hidden: { readonly hosts: number; readonly pods: number }
}

export interface Picture {
  readonly lab: Lab
  /** One line: `vxlan over bridge, 2 hosts, 5 pods, pod MTU 1450`. */
  readonly facts: string
  readonly segments: readonly SegmentPicture[]
  /** True when hosts differ, so that each has to say its own. */
  readonly mixedMTU: boolean
}

/** How much is drawn before the rest becomes "… and 38 more". */
export interface Limits {
  readonly podsPerHost: number
  readonly hostsPerSegment: number
}

/** Text scrolls: every host is there, and so many pods of each. */
export const TEXT_LIMITS: Limits = { podsPerHost: 12, hostsPerSegment: Infinity }

/** Shapes beyond which GitHub refuses to draw Mermaid (500 edges, 50 000 characters), and people to look. */
const MAX_SHAPES = 240

/** Diagrams do not scroll: the more hosts, the fewer pods of each; at some point not every host either. */
export function diagramLimits(lab: Lab): Limits {
  const hostsPerSegment = Math.max(4, Math.floor(MAX_SHAPES / 2 / lab.segments.length))
  const drawn = lab.segments.reduce((sum, s) => sum + Math.min(hostsPerSegment, lab.hosts.filter((h) => h.segment === s.segment).length), 0)
  return { podsPerHost: Math.min(TEXT_LIMITS.podsPerHost, Math.floor(MAX_SHAPES / Math.max(1, drawn)) - 1), hostsPerSegment }
}

export const addresses = (node: { readonly addresses: readonly { readonly ip: string }[] }): string =>
  node.addresses.map((a) => a.ip).join(', ')

/** `8080/tcp`: what the containers of a pod or external declare. */
export const ports = ({ containers = [] }: Pick<External, 'containers'>): string =>
  containers.flatMap((c) => c.ports.map((p) => `${p.containerPort}/${p.protocol.toLowerCase()}`)).join(', ')

export const outside = (external: External): string =>
  ['external', ...(external.podRoutes ? ['has routes to pods'] : []), ports(external)].filter(Boolean).join(', ')

/**
 * Splits what is drawn from what is counted. The line that counts takes a place of its own, so it never
 * stands for one thing alone.
 */
function cut<T>(list: readonly T[], most: number): { shown: readonly T[]; rest: readonly T[] } {
  if (list.length <= most) return { shown: list, rest: [] }
  const at = Math.max(0, most - 1)
  return { shown: list.slice(0, at), rest: list.slice(at) }
}

/** A device that carries packets between hosts, with the numbers both ends must agree on. */
function device(link: Link): string {
  const numbers = linkType(link).numbers?.(link) ?? []
  return numbers.length === 0 ? link.name : `${link.name} (${numbers.join(', ')})`
}

/** Decides what is drawn. `objects` are the lab's own: devices are read from them, not guessed from options. */
export function picture(lab: Lab, objects: readonly KernelObject[], limits: Limits): Picture {
  const podsOf = new Map<string, Pod[]>(lab.hosts.map((h) => [h.name, []]))
  for (const pod of lab.pods) podsOf.get(pod.host)!.push(pod)
  const linksOf = new Map<string, Link[]>(lab.hosts.map((h) => [h.netns, []]))
  for (const o of objects) if (o.kind === 'link' && o.type !== 'loopback') linksOf.get(o.ns)?.push(o)

  const isMixed = [...carriages(lab)].some((c) => c.device === UPLINK)
  // More than the two hosts route what pods send each other.
  const isByRouter = [...carriages(lab)].some((c) => c.hops > 2)
  const drawHost = (host: Host): HostPicture => {
    const links = linksOf.get(host.netns)!
    const out = lab.hosts.flatMap((far) => (far === host ? [] : carriage(lab, host, far).device))
    const tunnels = links.filter((l) => out.includes(l.name)).map(device)
    // Where each peer has a device of its own, the first stands for all.
    const named = tunnels.length > 3 ? `${tunnels[0]} and ${tunnels.length - 1} more` : tunnels.join(', ')
    const routes = isByRouter ? `routes of the router${lab.routers.length > 1 ? 's' : ''}` : 'direct routes'
    const channel = tunnels.length > 0 ? named + (isMixed ? ' across segments' : '') : routes
    const { shown, rest } = cut(podsOf.get(host.name)!, limits.podsPerHost)
    return {
      host,
      ...(lab.hosts.length > 1 ? { channel } : {}),
      access: attachOf(lab.attach).devices[0] ?? `${lab.attach.type} pods`,
      podMTU: podMTU(lab, host),
      pods: shown,
      hidden: rest.length,
    }
  }
  const segments = lab.segments.map((segment): SegmentPicture => {
    const { shown, rest } = cut(
      lab.hosts.filter((h) => h.segment === segment.segment),
      limits.hostsPerSegment,
    )
    return {
      segment,
      hosts: shown.map(drawHost),
      hidden: { hosts: rest.length, pods: rest.reduce((sum, h) => sum + podsOf.get(h.name)!.length, 0) },
    }
  })
  const mtus = [...new Set(lab.hosts.map((h) => podMTU(lab, h)))]
  const facts = [
    `${lab.backend.type} over ${lab.attach.type}`,
    plural(lab.hosts.length, 'host'),
    plural(lab.pods.length, 'pod'),
    ...(mtus.length === 1 ? [`pod MTU ${mtus[0]}`] : []),
  ]
  return { lab, facts: facts.join(', '), segments, mixedMTU: mtus.length > 1 }
}
