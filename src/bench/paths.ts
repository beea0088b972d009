/** Between which nodes of a lab is measured, and why not between others. */
import { carriage } from '../backends/index.ts'
import { addressOf, hostOf, nodeName, type Host, type Lab, type Pod } from '../lab/lab.ts'
import type { Family } from '../topology/address.ts'

/** The port that servers listen on. */
export const PORT = 5201

/** A kind of path. With `policies-N`: of the path to another host, under so many policies. */
export type PathId = 'host-host' | 'same-host' | 'other-host' | 'service' | `policies-${number}`

/** One path that is measured, from a client to a server. */
export interface BenchPath {
  readonly id: PathId
  /** `pod, other host` */
  readonly title: string
  readonly from: string
  readonly to: string
  /** Namespaces of the client and the server. */
  readonly client: string
  readonly server: string
  /** What the client connects to. */
  readonly address: string
  readonly family: Family
  /** Policies of the lab. */
  readonly policies: number
  /** Whether the underlay carries its packets encrypted. */
  readonly encrypted: boolean
}

/** A path that a lab does not have, or that was not measured. */
export interface Unmeasured {
  readonly id: PathId | 'encrypted'
  readonly reason: string
}

export interface Paths {
  readonly paths: readonly BenchPath[]
  readonly unmeasured: readonly Unmeasured[]
}

/** The host farthest from the first: of another segment, if there is one. */
export function otherHost({ hosts: [first, ...others] }: Pick<Lab, 'hosts'>): Host | undefined {
  return others.find((h) => h.segment !== first!.segment) ?? others[0]
}

interface Place {
  readonly name: string
  readonly netns: string
  readonly addresses: Host['addresses']
}

/** A path between two places; a family that both have, IPv4 if they may choose. */
function path(id: PathId, title: string, from: Place, to: Place, lab: Lab, encrypted: boolean, address?: string): BenchPath {
  const shared = ([4, 6] as const).find((f) => addressOf(from, f) !== undefined && addressOf(to, f) !== undefined)
  const family = address === undefined ? (shared ?? 4) : address.includes(':') ? 6 : 4
  return {
    id,
    title,
    from: from.name,
    to: to.name,
    client: from.netns,
    server: to.netns,
    address: address ?? addressOf(to, family)!,
    family,
    policies: Object.keys(lab.policies).length,
    encrypted,
  }
}

const placeOf = (node: Host | Pod): Place => ({ name: nodeName(node), netns: node.netns, addresses: node.addresses })

/** Whether what goes from one pod to the other cannot be read on the underlay. */
const isEncrypted = (lab: Lab, from: Pod, to: Pod): boolean =>
  from.host !== to.host && carriage(lab, hostOf(lab, from), hostOf(lab, to)).encrypted === true

/** Titles of the paths to another host say how that is reached. */
const title = (what: string, encrypted: boolean): string => (encrypted ? `${what}, encrypted` : what)

/** A client and what it measures against. */
export interface Ends {
  readonly client: Pod
  /** A pod of the same host. */
  readonly near?: Pod | undefined
  /** A pod of another host. */
  readonly far?: Pod | undefined
}

/** From a host to another: what the machine carries without any pod network. */
function hostPath(lab: Lab, from: Host, to: Host): BenchPath {
  return path('host-host', 'host to host', placeOf(from), placeOf(to), lab, false)
}

/** The path to a pod of another host, under the policies that a lab has. */
export function farPath(lab: Lab, client: Pod, far: Pod, id: PathId, under = ''): BenchPath {
  const encrypted = isEncrypted(lab, client, far)
  return path(id, title(`pod, other host${under}`, encrypted), placeOf(client), placeOf(far), lab, encrypted)
}

/** The paths between hosts and pods. */
export function podPaths(lab: Lab, ends: Ends): Paths {
  const { client, near, far } = ends
  const host = hostOf(lab, client)
  const other = far ? hostOf(lab, far) : otherHost({ hosts: [host, ...lab.hosts.filter((h) => h !== host)] })
  const paths: BenchPath[] = []
  const unmeasured: Unmeasured[] = []
  const alone = 'the lab has one host'
  if (other) paths.push(hostPath(lab, host, other))
  else unmeasured.push({ id: 'host-host', reason: `${alone}: there is nothing to compare with` })
  if (near) paths.push(path('same-host', 'pod, same host', placeOf(client), placeOf(near), lab, false))
  else unmeasured.push({ id: 'same-host', reason: `no other pod is on ${host.name}` })
  if (far) paths.push(farPath(lab, client, far, 'other-host'))
  else unmeasured.push({ id: 'other-host', reason: other ? 'no pod is on another host' : alone })
  return { paths, unmeasured }
}

/** The path through a Service's address to a pod, which is its only endpoint. */
export function servicePath(lab: Lab, { client, far, near }: Ends, key: string): BenchPath | undefined {
  const server = far ?? near
  const service = lab.services.find((s) => s.key === key)
  const address = service?.clusterIPs.find(({ family }) => addressOf(client, family) !== undefined)?.ip
  if (!server || address === undefined) return undefined
  const encrypted = isEncrypted(lab, client, server)
  const where = far ? 'other host' : 'same host'
  return { ...path('service', title(`Service, ${where}`, encrypted), placeOf(client), placeOf(server), lab, encrypted, address) }
}

/** Pods of a running lab to measure between: a client that has a pod beside it and one elsewhere, if any has. */
export function endsIn({ pods }: Lab): Ends | undefined {
  const ends = pods.map((client): Ends => ({
    client,
    near: pods.find((p) => p !== client && p.host === client.host),
    far: pods.find((p) => p.host !== client.host),
  }))
  const found = (e: Ends): number => Number(e.near !== undefined) + Number(e.far !== undefined)
  return ends.toSorted((a, b) => found(b) - found(a))[0]
}
