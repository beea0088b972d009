/** Objects of manifests on their way into a topology: what each becomes, and what happens when a name is there already. */
import type { Diagnostic, Path } from '../diagnostics.ts'
import type { LoadedTopology } from '../loaded.ts'
import type { NetworkPolicySpec, ServiceSpec } from './kubernetes.ts'
import { hasLabels, nodeLabels, type Labels } from './node-labels.ts'
import type { KINDS, ManifestPodSpec, WorkloadSpec } from './workloads.ts'
import type { ContainerSpec, PodSpec, Topology } from '../schema/schema.ts'
import type { YamlDocument } from '../yaml/yaml.ts'

/** Where an entry of the topology really stands. */
export interface Origin {
  readonly item: { readonly document: YamlDocument; readonly file: string; readonly at: Path }
  /** From the object to what became the entry: `['spec']`. */
  readonly below: Path
  /** Keys that are called otherwise there. */
  readonly renamed?: Readonly<Record<string, string>>
}

interface Meta {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly deletionTimestamp?: unknown
}

interface KubernetesObject {
  readonly metadata: Meta
  readonly spec: unknown
  readonly status?: unknown
}

type Section = 'namespaces' | 'pods' | 'services' | 'policies'

/** Names of the hosts a topology makes, replicas counted, with their labels. */
function hostsOf(topology: Topology): { name: string; labels: Labels }[] {
  return Object.entries(topology.hosts).flatMap(([name, { replicas, labels }]) =>
    (replicas === undefined ? [name] : Array.from({ length: replicas }, (_, i) => `${name}-${i + 1}`)).map((host) => ({
      name: host,
      labels: nodeLabels(host, labels),
    })),
  )
}

export class Merge {
  /** `section\0key` → where it stands. */
  readonly origins = new Map<string, Origin>()
  readonly #loaded: LoadedTopology
  readonly #diagnostics: Diagnostic[]
  /** Templates that were warned about: a DaemonSet makes many pods of one. */
  readonly #told = new Set<ManifestPodSpec>()
  readonly #added: { [S in Section]: Record<string, Topology[S][string]> } = { namespaces: {}, pods: {}, services: {}, policies: {} }

  constructor(loaded: LoadedTopology, diagnostics: Diagnostic[]) {
    this.#loaded = loaded
    this.#diagnostics = diagnostics
  }

  /** What the file says itself comes first: no address moves when a manifest is added. */
  topology(): Topology {
    const { topology } = this.#loaded
    const { namespaces, pods, services, policies } = this.#added
    return {
      ...topology,
      namespaces: { ...topology.namespaces, ...namespaces },
      pods: { ...topology.pods, ...pods },
      services: { ...topology.services, ...services },
      policies: { ...topology.policies, ...policies },
    }
  }

  add(kind: keyof typeof KINDS, object: KubernetesObject, origin: Origin): void {
    const { metadata } = object
    const key = metadata.namespace === 'default' ? metadata.name : `${metadata.namespace}/${metadata.name}`
    switch (kind) {
      case 'Namespace': {
        const own = this.#loaded.topology.namespaces[metadata.name]
        return this.#put(
          'namespaces',
          metadata.name,
          { labels: { ...metadata.labels, ...own?.labels } },
          { ...origin, below: ['metadata'] },
          own !== undefined,
        )
      }
      case 'Service':
        return this.#put('services', key, object.spec as ServiceSpec, { ...origin, below: ['spec'] })
      case 'NetworkPolicy':
        return this.#put('policies', key, object.spec as NetworkPolicySpec, { ...origin, below: ['spec'] })
      case 'Pod': {
        const spec = object.spec as ManifestPodSpec
        return this.#pod(
          key,
          { ...podOf(spec, metadata.labels), ready: isReady(object.status), terminating: metadata.deletionTimestamp != null },
          spec,
          { ...origin, below: ['spec'] },
        )
      }
      default:
        return this.#workload(kind, key, object.spec as WorkloadSpec, { ...origin, below: ['spec', 'template', 'spec'] })
    }
  }

  #workload(
    kind: 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet',
    key: string,
    { template, replicas, ordinals }: WorkloadSpec,
    origin: Origin,
  ): void {
    const pod = podOf(template.spec, template.metadata.labels)
    if (kind === 'DaemonSet') {
      const hosts = hostsOf(this.#loaded.topology)
      const wanted = template.spec.nodeSelector ?? {}
      const fitting = hosts.filter(({ labels }) => hasLabels(labels, wanted))
      for (const { name } of fitting) this.#pod(`${key}-${name}`, { ...pod, host: name }, template.spec, origin)
      if (fitting.length === 0 && hosts.length > 0)
        this.#tell(
          'warning',
          'no-host-fits',
          `DaemonSet ${key}: no host has the labels ${Object.entries(wanted)
            .map(([k, v]) => `${k}=${v}`)
            .join(',')}: it has no pod`,
          origin,
          ['nodeSelector'],
        )
    } else if (kind === 'StatefulSet') {
      const first = ordinals?.start ?? 0
      for (let n = first; n < first + replicas; n++) this.#pod(`${key}-${n}`, pod, template.spec, origin)
    } else if (replicas > 0) this.#pod(key, { ...pod, replicas }, template.spec, origin)
  }

  /** A pod; what the topology says under the same name is said of this pod. */
  #pod(key: string, { nodeSelector, ...pod }: PodSpec, spec: ManifestPodSpec, origin: Origin): void {
    const own = this.#loaded.topology.pods[key]
    for (const [field, what] of this.#told.has(spec) ? [] : Object.entries(WITHOUT_EFFECT))
      if (spec[field as keyof typeof WITHOUT_EFFECT])
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
    this.#put('pods', key, merged, { ...origin, renamed: { host: 'nodeName' } }, own !== undefined)
  }

  #put<S extends Section>(section: S, key: string, value: Topology[S][string], origin: Origin, mayBeThere = false): void {
    const id = `${section}\0${key}`
    const before = this.origins.get(id)
    if (before || (!mayBeThere && Object.hasOwn(this.#loaded.topology[section], key))) {
      const place = before
        ? { file: before.item.file, line: before.item.document.positions.key([...before.item.at, 'metadata', 'name']).line }
        : { file: this.#loaded.file, line: this.#loaded.source([section, key]).line }
      this.#tell(
        'error',
        'duplicate-object',
        `${NOUNS[section]} ${key} is there already: ${place.file}:${place.line}`,
        { ...origin, below: ['metadata'] },
        ['name'],
        'Rename one of the two, or remove it.',
      )
      return
    }
    const added: Record<string, Topology[S][string]> = this.#added[section]
    added[key] = value
    this.origins.set(id, origin)
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

/** Fields of a pod that decide where it runs, or how it is connected, and are passed over here. */
const WITHOUT_EFFECT = {
  hostNetwork: 'it gets a network namespace of its own',
  affinity: '`nodeSelector`, `nodeName`, or `pods` of the topology, say where it runs',
  topologySpreadConstraints: 'pods are dealt round-robin over the hosts',
} as const

const NOUNS: Readonly<Record<Section, string>> = { namespaces: 'namespace', pods: 'pod', services: 'service', policies: 'policy' }

/** A container becomes the built-in responder: it answers on every port it declares. */
function podOf(spec: ManifestPodSpec, labels: Readonly<Record<string, string>>): PodSpec {
  const containers = spec.containers.map((c): ContainerSpec => ({
    name: c.name,
    ports: c.ports.map((p) => ({
      ...(p.name === undefined ? {} : { name: p.name }),
      containerPort: p.containerPort,
      protocol: p.protocol,
    })),
  }))
  return {
    labels: { ...labels },
    containers,
    ready: true,
    terminating: false,
    ...(spec.nodeName === undefined ? {} : { host: spec.nodeName }),
    ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
  }
}

/** What `kubectl get pod -o yaml` says of a pod that is not ready. */
function isReady(status: unknown): boolean {
  const conditions = (status as { conditions?: unknown } | undefined)?.conditions
  return (
    !Array.isArray(conditions) ||
    !conditions.some((c: unknown) => (c as { type?: unknown })?.type === 'Ready' && (c as { status?: unknown }).status === 'False')
  )
}
