/** Which host each pod runs on, and what keeps it from running anywhere. */
import type { LoadedTopology } from '../topology/loaded.ts'
import { hasLabels } from '../topology/kubernetes/node-labels.ts'
import type { Path } from '../topology/diagnostics.ts'
import type { ContainerSpec, PodSpec } from '../topology/schema/schema.ts'
import { expand, inFileOrder, type Entry } from './expand.ts'
import { checkFamilies, unknownHostHint } from './hosts.ts'
import type { Host } from './lab.ts'
import { checkHostPorts, HostPorts } from './addressing/host-ports.ts'
import type { Leases } from './addressing/lease.ts'
import type { Problems } from './problems.ts'
import { selectorText } from './policy/selectors.ts'

/** A pod and its host. */
export interface Placed extends Entry<PodSpec> {
  readonly host: Host
  /** Addresses it had in the cluster that a manifest was taken from: kept where they fit. */
  readonly real: readonly string[]
}

/** Every pod that runs, in file order, with its host. */
export function place(loaded: LoadedTopology, hosts: readonly Host[], leases: Leases, problems: Problems): Placed[] {
  const byName = new Map(hosts.map((h) => [h.name, h]))
  const placed: Placed[] = []
  /** Specs that were looked at, and whether some host may run them. */
  const checked = new Map<PodSpec, boolean>()
  const lost = new Set<PodSpec>()
  /** Pods of manifests by the host that they name and that is not there. */
  const unbound = new Map<string, Entry<PodSpec>[]>()
  const turns = new RoundRobin(hosts)
  const hostPorts = new HostPorts()
  for (const e of expand(inFileOrder(loaded, 'pods', loaded.topology.pods), ['pods'], problems, loaded.podNames)) {
    if (!checked.has(e.spec)) {
      checkFamilies(`pod ${e.name}`, [...e.path, 'ip'], e.spec.ip, hosts[0]?.blocks.map((b) => b.family) ?? [], problems)
      if (e.spec.replicas !== undefined && e.spec.ip)
        problems.error(
          [...e.path, 'ip'],
          'pinned-replicas',
          `ip cannot be pinned for ${e.spec.replicas} replicas at once`,
          'Write the pods out, or leave it to netlab.',
        )
      if (e.spec.hostNetwork === true && e.spec.ip)
        problems.error([...e.path, 'ip'], 'conflicting-keys', `pod ${e.name}: with \`hostNetwork\` it has the addresses of its host`)
      const isOfManifest = loaded.source(e.path).file !== undefined
      checkContainers(`pod ${e.name}`, e.path, e.spec.containers, problems, isOfManifest)
      checkHostPorts(e, problems)
      checked.set(e.spec, checkSelector(e, hosts, problems, isOfManifest))
    }
    if (!checked.get(e.spec)) continue
    const name = e.name.replace(/^default\//, '')
    let host: Host | undefined
    if (e.spec.host !== undefined) {
      host = byName.get(e.spec.host)
      if (!host && hosts.length > 0) {
        if (loaded.source(e.path).file !== undefined) {
          const others = unbound.get(e.spec.host)
          if (others) others.push(e)
          else unbound.set(e.spec.host, [e])
        } else if (!lost.has(e.spec))
          problems.error(
            [...e.path, 'host'],
            'unknown-host',
            `pod ${e.name}: there is no host "${e.spec.host}"`,
            unknownHostHint(e.spec.host, [...byName.keys()]),
          )
        lost.add(e.spec)
      }
    } else {
      const before = byName.get(leases.pods.get(name)?.host ?? '')
      host = turns.host(e.spec.nodeSelector, before, (h) => hostPorts.taken(h, e.spec) === undefined)
    }
    if (host && !hostPorts.take(host, { ...e, name }, problems, loaded.source, loaded.file)) continue
    if (host) placed.push({ ...e, name, host, real: loaded.realAddresses?.get(String(e.path.at(-1))) ?? [] })
  }
  for (const [host, pods] of unbound) leftOut(host, pods, [...byName.keys()], problems)
  return placed
}

/** Pods that a warning names before the rest is counted. */
const MAX_NAMED = 5

/** A cluster takes pods that are bound to a node it does not have, and removes them after a while (the garbage collector of pods). */
function leftOut(host: string, pods: readonly Entry<PodSpec>[], known: readonly string[], problems: Problems): void {
  const [first] = pods
  const names = pods.slice(0, MAX_NAMED).map((p) => p.name)
  const [who, them, are] =
    pods.length === 1
      ? [`pod ${names[0]}`, 'it', 'it is']
      : [`${pods.length} pods (${names.join(', ')}${pods.length > MAX_NAMED ? ', …' : ''})`, 'them', 'they are']
  const message = `${who}: there is no host "${host}": a cluster would remove ${them}, here ${are} left out`
  problems.warning([...first!.path, 'host'], 'unknown-host', message, unknownHostHint(host, known))
}

type NodeSelector = PodSpec['nodeSelector']

const fits = (host: Host, wanted: NodeSelector): boolean => hasLabels(host.labels, wanted ?? {})

/** Spreads pods round-robin over the hosts they may run on: for each `nodeSelector` anew. */
class RoundRobin {
  readonly #hosts: readonly Host[]
  readonly #groups = new Map<string, { readonly hosts: readonly Host[]; next: number }>()

  constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  /**
   * @param before where it runs in a running lab: it stays if it still may; undefined: there is no such host
   * @param isFree whether a host has what the pod takes of it: another one gets it otherwise
   */
  host(wanted: NodeSelector, before: Host | undefined, isFree: (host: Host) => boolean): Host | undefined {
    const key = selectorText({ matchLabels: wanted ?? {} })
    let group = this.#groups.get(key)
    if (!group) this.#groups.set(key, (group = { hosts: wanted ? this.#hosts.filter((h) => fits(h, wanted)) : this.#hosts, next: 0 }))
    const { hosts } = group
    const at = group.next++
    if (before && hosts.includes(before)) return before
    const inTurn = hosts[at % hosts.length]
    if (inTurn === undefined || isFree(inTurn)) return inTurn
    return hosts.map((_, i) => hosts[(at + i) % hosts.length]!).find(isFree) ?? inTurn
  }
}

/** Hosts and their labels, for hints: those that a kubelet gives every node come last. */
function knownLabels(hosts: readonly Host[]): string {
  const known = [...new Set(hosts.flatMap((h) => Object.entries(h.labels).map(([k, v]) => `${k}=${v}`)))]
  const isOfKubelet = (label: string): boolean => /^(beta\.)?kubernetes\.io\//.test(label)
  const ordered = [...known.filter((l) => !isOfKubelet(l)), ...known.filter(isOfKubelet)]
  return `Labels of hosts: ${ordered.slice(0, 10).join(', ')}${ordered.length > 10 ? ', …' : ''}.`
}

/** Whether some host may run the pod. One of a manifest waits otherwise, as in a cluster: it does not become part of the lab. */
function checkSelector(
  { name, spec: { host, nodeSelector }, path }: Entry<PodSpec>,
  hosts: readonly Host[],
  problems: Problems,
  isOfManifest: boolean,
): boolean {
  if (!nodeSelector || hosts.length === 0) return true
  const pinned = hosts.find((h) => h.name === host)
  if (host !== undefined ? !pinned || fits(pinned, nodeSelector) : hosts.some((h) => fits(h, nodeSelector))) return true
  const wanted = selectorText({ matchLabels: nodeSelector })
  const why = `${pinned ? `host ${pinned.name} does not have` : 'no host has'} the labels ${wanted}`
  if (isOfManifest)
    problems.warning(
      [...path, 'nodeSelector'],
      'no-host-fits',
      `pod ${name}: ${why}: in a cluster it would wait, here it is left out`,
      knownLabels(hosts),
    )
  else problems.error([...path, 'nodeSelector'], 'no-host-fits', `pod ${name}: ${why}`, knownLabels(hosts))
  return false
}

/** @param owner whose they are: `pod web`, `external client` */
export function checkContainers(
  owner: string,
  at: Path,
  containers: readonly ContainerSpec[],
  problems: Problems,
  isOfManifest: boolean,
): void {
  const names = new Set<string>()
  const ports = new Map<string, string>()
  containers.forEach((c, i) => {
    const path = [...at, 'containers', i]
    if (names.has(c.name)) problems.error([...path, 'name'], 'name-taken', `${owner} has two containers called "${c.name}"`)
    names.add(c.name)
    c.ports.forEach((p, j) => {
      const key = `${p.containerPort}/${p.protocol}`
      const other = ports.get(key)
      if (other !== undefined)
        // The API server takes it, with a warning: only one of them can listen.
        problems[isOfManifest ? 'warning' : 'error'](
          [...path, 'ports', j],
          'port-taken',
          `${owner}: port ${key} is declared ${other === c.name ? `twice by "${other}"` : `by "${other}" and "${c.name}"`}`,
          'Its containers share one network namespace, so one port has one listener.',
        )
      else ports.set(key, c.name)
    })
  })
}
