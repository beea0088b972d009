/** Objects of manifests on their way into a topology: what each becomes, and what happens when a name is there already. */
import type { Diagnostic, Path } from '../diagnostics.ts'
import type { LoadedTopology, PodNames } from '../loaded.ts'
import type { ContainerSpec, PodSpec, Topology } from '../schema/schema.ts'
import type { NetworkPolicySpec, ServiceSpec } from './kubernetes.ts'
import { hasLabels, nodeLabels, type Labels } from './node-labels.ts'
import type { Item } from './objects.ts'
import type { Owner } from './ownership.ts'
import { baseOf, daemonPodName, keyIn } from './pod-names.ts'
import { addressesIn, isReady, isRunning } from './pod-status.ts'
import type { CronJobSpec, JobSpec, ManifestContainer, ManifestPodSpec, WorkloadKind, WorkloadSpec } from './workloads.ts'

/** Where an entry of the topology really stands. */
export interface Origin {
  readonly item: Item
  /** From the object to what became the entry: `['spec']`. */
  readonly below: Path
  /** Keys that are called otherwise there. */
  readonly renamed?: Readonly<Record<string, string>>
}

export interface KubernetesObject {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Labels
    readonly ownerReferences: readonly Owner[]
    readonly deletionTimestamp?: unknown
  }
  readonly spec: unknown
  readonly status?: unknown
}

type Section = 'namespaces' | 'pods' | 'services' | 'policies'

/** An entry of `pods` before its key is decided: names that are made up give way. */
interface Entry {
  readonly kind: WorkloadKind
  readonly key: string
  readonly spec: PodSpec
  readonly origin: Origin
  /** What names of its pods begin with, if they are made up. */
  readonly base?: string
  /** Addresses it had in its cluster. */
  readonly ips: readonly string[]
}

/** Names of the hosts a topology makes, replicas counted, with their labels. */
function hostsOf(topology: Topology): { name: string; labels: Labels }[] {
  return Object.entries(topology.hosts).flatMap(([name, { replicas, labels }]) =>
    (replicas === undefined ? [name] : Array.from({ length: replicas }, (_, i) => `${name}-${i + 1}`)).map((host) => ({
      name: host,
      labels: nodeLabels(host, labels),
    })),
  )
}

export interface Merged {
  readonly topology: Topology
  /** `section\0key` → where it stands. */
  readonly origins: ReadonlyMap<string, Origin>
  readonly podNames: PodNames
  readonly realAddresses: ReadonlyMap<string, readonly string[]>
}

export class Merge {
  readonly #loaded: LoadedTopology
  readonly #diagnostics: Diagnostic[]
  readonly #origins = new Map<string, Origin>()
  /** `Deployment shop/web` → where it stands. */
  readonly #objects = new Map<string, Origin>()
  readonly #pods: Entry[] = []
  /** Templates that were warned about: a DaemonSet makes many pods of one. */
  readonly #told = new Set<ManifestPodSpec>()
  readonly #added: { [S in Exclude<Section, 'pods'>]: Record<string, Topology[S][string]> } = { namespaces: {}, services: {}, policies: {} }

  constructor(loaded: LoadedTopology, diagnostics: Diagnostic[]) {
    this.#loaded = loaded
    this.#diagnostics = diagnostics
  }

  /** What the file says itself comes first: no address moves when a manifest is added. */
  result(): Merged {
    const { topology } = this.#loaded
    const { namespaces, services, policies } = this.#added
    const fixed = new Set(this.#pods.flatMap(({ key, base }) => (base === undefined ? [key] : [])))
    const pods: Record<string, PodSpec> = {}
    const bases = new Map<string, string>()
    const realAddresses = new Map<string, readonly string[]>()
    for (const { kind, key, spec, origin, base, ips } of this.#pods) {
      // Several kinds may have one name; what is made up is called otherwise in the file's place.
      const isTaken = base !== undefined && (fixed.has(key) || Object.hasOwn(pods, key))
      const entry = isTaken ? `${key} (${kind})` : key
      pods[entry] = spec
      this.#origins.set(`pods\0${entry}`, origin)
      if (base !== undefined) bases.set(entry, base)
      if (ips.length > 0) realAddresses.set(entry, ips)
    }
    return {
      topology: {
        ...topology,
        namespaces: { ...topology.namespaces, ...namespaces },
        pods: { ...topology.pods, ...pods },
        services: { ...topology.services, ...services },
        policies: { ...topology.policies, ...policies },
      },
      origins: this.#origins,
      podNames: { bases, fixed: new Set([...fixed].filter((key) => !Object.hasOwn(topology.pods, key))) },
      realAddresses,
    }
  }

  add(kind: WorkloadKind | 'Namespace' | 'Service' | 'NetworkPolicy', object: KubernetesObject, origin: Origin): void {
    const { metadata, spec } = object
    const key = kind === 'Namespace' ? metadata.name : keyIn(metadata.namespace, metadata.name)
    if (!this.#isNew(kind, key, origin)) return
    switch (kind) {
      case 'Namespace':
        return this.#namespace(key, metadata.labels, origin)
      case 'Service':
        return this.#put('services', key, spec as ServiceSpec, { ...origin, below: ['spec'] })
      case 'NetworkPolicy':
        return this.#put('policies', key, spec as NetworkPolicySpec, { ...origin, below: ['spec'] })
      case 'Pod':
        return this.#single(key, object, spec as ManifestPodSpec, { ...origin, below: ['spec'] })
      case 'CronJob': {
        const { jobTemplate, suspend } = spec as CronJobSpec
        const below = ['spec', 'jobTemplate', 'spec', 'template', 'spec']
        return suspend ? undefined : this.#job(kind, key, metadata.name, jobTemplate.spec, { ...origin, below })
      }
      case 'Job':
        return this.#job(kind, key, metadata.name, spec as JobSpec, { ...origin, below: ['spec', 'template', 'spec'] })
      default:
        return this.#workload(kind, key, metadata.name, spec as WorkloadSpec, { ...origin, below: ['spec', 'template', 'spec'] })
    }
  }

  /** One kind has each name once; a Namespace may be said twice, as `kubectl apply` takes it. */
  #isNew(kind: string, key: string, origin: Origin): boolean {
    const id = `${kind} ${key}`
    const before = this.#objects.get(id)
    this.#objects.set(id, before ?? origin)
    if (!before) return true
    const place = placeText(before)
    if (kind === 'Namespace') {
      const message = `namespace ${key} is there already, ${place}: its labels are merged, and later ones win`
      this.#tell('warning', 'merged-object', message, origin, ['metadata', 'name'])
      return true
    }
    this.#duplicate(NOUNS[kind] ?? kind, key, place, origin)
    return false
  }

  #duplicate(noun: string, key: string, place: string, origin: Origin): void {
    const message = `${noun} ${key} is there already: ${place}`
    this.#tell('error', 'duplicate-object', message, { ...origin, below: ['metadata'] }, ['name'], 'Rename one of the two, or remove it.')
  }

  #namespace(key: string, labels: Labels, origin: Origin): void {
    const own = ownEntry(this.#loaded.topology.namespaces, key)?.labels
    const before = ownEntry(this.#added.namespaces, key)?.labels
    this.#added.namespaces[key] = { labels: { ...before, ...labels, ...own } }
    if (!before) this.#origins.set(`namespaces\0${key}`, { ...origin, below: ['metadata'] })
  }

  #single(key: string, { metadata, status }: KubernetesObject, spec: ManifestPodSpec, origin: Origin): void {
    if (!isRunning(status)) {
      const message = `pod ${key} has ended (${(status as { phase: string }).phase}) and is left out`
      this.#tell('warning', 'not-acted-upon', message, { ...origin, below: ['metadata'] }, ['name'])
      return
    }
    const pod = { ...podOf(spec, metadata.labels), ready: isReady(status), terminating: metadata.deletionTimestamp !== undefined }
    this.#pod('Pod', key, pod, spec, origin, { ips: spec.hostNetwork === true ? [] : addressesIn(status) })
  }

  #job(kind: 'Job' | 'CronJob', key: string, name: string, spec: JobSpec, origin: Origin): void {
    const { template, parallelism, completions = parallelism, suspend } = spec
    const running = suspend ? 0 : Math.min(parallelism, completions)
    // A CronJob names its Jobs by their time.
    const labels = kind === 'Job' ? { 'job-name': name, 'batch.kubernetes.io/job-name': name } : {}
    this.#generated(
      kind,
      key,
      name,
      { ...podOf(template.spec, { ...labels, ...template.metadata.labels }) },
      running,
      template.spec,
      origin,
    )
  }

  #generated(kind: WorkloadKind, key: string, name: string, pod: PodSpec, n: number, spec: ManifestPodSpec, origin: Origin): void {
    const base = `${key.slice(0, key.length - name.length)}${baseOf(name)}`
    if (n > 0) this.#pod(kind, key, { ...pod, replicas: n }, spec, origin, { base })
  }

  #workload(
    kind: Exclude<WorkloadKind, 'Pod' | 'Job' | 'CronJob'>,
    key: string,
    name: string,
    { template, replicas, ordinals }: WorkloadSpec,
    origin: Origin,
  ): void {
    const pod = podOf(template.spec, template.metadata.labels)
    const namespace = key.slice(0, key.length - name.length)
    if (kind === 'DaemonSet') {
      const hosts = hostsOf(this.#loaded.topology)
      const wanted = template.spec.nodeSelector ?? {}
      const fitting = hosts.filter(({ labels }) => hasLabels(labels, wanted))
      for (const [i, host] of fitting.entries())
        this.#pod(kind, `${namespace}${daemonPodName(name, host.name, i + 1)}`, { ...pod, host: host.name }, template.spec, origin)
      if (fitting.length === 0 && hosts.length > 0) {
        const labels = Object.entries(wanted).map(([k, v]) => `${k}=${v}`)
        const message = `DaemonSet ${key}: no host has the labels ${labels.join(',')}: it has no pod`
        this.#tell('warning', 'no-host-fits', message, origin, ['nodeSelector'])
      }
    } else if (kind === 'StatefulSet') {
      const first = ordinals?.start ?? 0
      for (let n = first; n < first + replicas; n++) {
        const labels = { ...pod.labels, 'statefulset.kubernetes.io/pod-name': `${name}-${n}`, 'apps.kubernetes.io/pod-index': String(n) }
        this.#pod(kind, `${key}-${n}`, { ...pod, labels }, template.spec, origin)
      }
    } else this.#generated(kind, key, name, pod, replicas, template.spec, origin)
  }

  /** A pod; what the topology says under the same name is said of this pod. */
  #pod(
    kind: WorkloadKind,
    key: string,
    { nodeSelector, ...pod }: PodSpec,
    spec: ManifestPodSpec,
    origin: Origin,
    { base, ips = [] }: { readonly base?: string; readonly ips?: readonly string[] } = {},
  ): void {
    const own = ownEntry(this.#loaded.topology.pods, key)
    for (const [field, what] of this.#told.has(spec) ? [] : Object.entries(WITHOUT_EFFECT))
      if (spec[field as keyof typeof WITHOUT_EFFECT] !== undefined)
        this.#tell('warning', 'not-acted-upon', `pod ${key}: \`${field}\` has no effect: ${what}`, origin, [field])
    this.#told.add(spec)
    // Who says where it runs need not say where it might.
    const wanted = { ...nodeSelector, ...own?.nodeSelector }
    const where = own?.host === undefined && Object.keys(wanted).length > 0 ? { nodeSelector: wanted } : {}
    const merged: PodSpec = own
      ? {
          ...pod,
          ...where,
          ...(own.host === undefined ? {} : { host: own.host }),
          ...(own.ip === undefined ? {} : { ip: own.ip }),
          ...(own.replicas === undefined ? {} : { replicas: own.replicas }),
          labels: { ...pod.labels, ...own.labels },
          containers: [
            ...pod.containers.map((c) => own.containers.find((o) => o.name === c.name) ?? c),
            ...own.containers.filter((o) => !pod.containers.some((c) => c.name === o.name)),
          ],
          ready: pod.ready && own.ready,
          terminating: pod.terminating || own.terminating,
        }
      : { ...pod, ...where }
    const placed = { ...origin, renamed: { host: 'nodeName' } }
    if (base === undefined) {
      const before = this.#origins.get(`pods\0${key}`)
      if (before) return this.#duplicate('pod', key, placeText(before), origin)
      this.#origins.set(`pods\0${key}`, placed)
    }
    this.#pods.push({
      kind,
      key,
      spec: merged,
      origin: placed,
      ips: merged.ip === undefined ? ips : [],
      ...(base === undefined ? {} : { base }),
    })
  }

  #put<S extends 'services' | 'policies'>(section: S, key: string, value: Topology[S][string], origin: Origin): void {
    if (Object.hasOwn(this.#loaded.topology[section], key)) {
      this.#duplicate(NOUNS[section]!, key, `${this.#loaded.file}:${this.#loaded.source([section, key]).line}`, origin)
      return
    }
    const added: Record<string, Topology[S][string]> = this.#added[section]
    added[key] = value
    this.#origins.set(`${section}\0${key}`, origin)
  }

  #tell(severity: Diagnostic['severity'], code: string, message: string, { item, below }: Origin, path: Path, hint?: string): void {
    this.#diagnostics.push({
      code,
      severity,
      message,
      file: item.file,
      ...item.document.positions.key([...item.at, ...below, ...path]),
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

/** Not what every object inherits: `constructor` is a name, too. */
const ownEntry = <T>(map: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(map, key) ? map[key] : undefined)

const placeText = ({ item }: Origin): string => `${item.file}:${item.document.positions.key([...item.at, 'metadata', 'name']).line}`

/** Fields of a pod that decide where it runs, or how it is connected, and are passed over here. */
const WITHOUT_EFFECT = {
  affinity: '`nodeSelector`, `nodeName`, or `pods` of the topology, say where it runs',
  topologySpreadConstraints: 'pods are dealt round-robin over the hosts',
} as const

/** What messages call what a topology has a section for. */
const NOUNS: Readonly<Record<string, string>> = {
  Pod: 'pod',
  Service: 'service',
  NetworkPolicy: 'policy',
  services: 'service',
  policies: 'policy',
}

/** A container becomes the built-in responder: it answers on every port it declares. */
const containerOf = ({ name, ports }: ManifestContainer): ContainerSpec => ({
  name,
  ports: ports.map(({ name: called, containerPort, protocol, hostPort, hostIP }) => ({
    ...(called === undefined ? {} : { name: called }),
    containerPort,
    protocol,
    ...(hostPort === undefined ? {} : { hostPort }),
    ...(hostIP === undefined ? {} : { hostIP }),
  })),
})

function podOf(spec: ManifestPodSpec, labels: Labels): PodSpec {
  // An init container that is always restarted is a sidecar: it runs as long as the pod does (KEP-753). The others have ended.
  const sidecars = spec.initContainers.filter((c) => c.restartPolicy === 'Always')
  return {
    labels: { ...labels },
    containers: [...spec.containers, ...sidecars].map(containerOf),
    ready: true,
    terminating: false,
    ...(spec.hostNetwork === true ? { hostNetwork: true } : {}),
    ...(spec.nodeName === undefined ? {} : { host: spec.nodeName }),
    ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
  }
}
