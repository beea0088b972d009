/**
 * Who answers for a Service: the ready pods its selector selects, as the EndpointSlice controller lists them, and
 * the EndpointSlices that manifests bring
 * (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/). Those that are about to end but still
 * answer are turned to only where no endpoint is ready, as kube-proxy does (KEP-1669, pkg/proxy/topology.go).
 */
import type { Family } from '../../topology/address.ts'
import type { LoadedTopology } from '../../topology/loaded.ts'
import type { EndpointSlice } from '../../topology/kubernetes/endpoint-slice.ts'
import type { ServiceSpec } from '../../topology/kubernetes/kubernetes.ts'
import { unknownHostHint } from '../hosts.ts'
import { addressOf, type Host, type HostPod } from '../lab.ts'
import type { Problems } from '../problems.ts'
import type { Answering, Endpoint } from './service.ts'

/** The endpoints a policy Local leaves a host, in one family. */
export function localEndpoints(
  { endpoints, draining = [] }: Pick<Answering, 'endpoints'> & Partial<Answering>,
  host: string,
  family: Family,
): Endpoint[] {
  const here = (list: readonly Endpoint[]): Endpoint[] => list.filter((e) => e.host === host && e.family === family)
  const ready = here(endpoints)
  return ready.length > 0 ? ready : here(draining)
}

interface Asking {
  readonly namespace: string
  readonly name: string
  readonly spec: ServiceSpec
  readonly families: readonly Family[]
}

/** An endpoint that answers: ready, or about to end. */
interface Candidate {
  readonly endpoint: Endpoint
  readonly ready: boolean
}

/** Finds endpoints; pods are indexed by namespace and label, so that many Services over many pods cost little. */
export class EndpointFinder {
  readonly #pods = new Map<string, HostPod[]>()
  readonly #slices = new Map<string, EndpointSlice[]>()
  readonly #selected = new WeakMap<ServiceSpec, HostPod[]>()

  constructor({ endpointSlices = [] }: LoadedTopology, hosts: readonly Host[], pods: readonly HostPod[], problems: Problems) {
    for (const pod of pods) {
      add(this.#pods, pod.namespace, pod)
      for (const [key, value] of Object.entries(pod.labels)) add(this.#pods, `${pod.namespace} ${key}=${value}`, pod)
    }
    const known = hosts.map((h) => h.name)
    for (const slice of endpointSlices) {
      if (slice.service !== undefined) add(this.#slices, `${slice.namespace}/${slice.service}`, slice)
      for (const e of slice.endpoints) {
        // It is an endpoint all the same, and a local one nowhere.
        if (e.nodeName !== undefined && !known.includes(e.nodeName))
          problems.warningAt(
            slice.source,
            'unknown-host',
            `endpoint slice ${slice.namespace}/${slice.name}: there is no host "${e.nodeName}"`,
            unknownHostHint(e.nodeName, known),
          )
      }
    }
  }

  /** Endpoints of the port at a position of the Service's list. */
  of(service: Asking, index: number): Answering {
    const found = new Map<string, Candidate>()
    for (const c of [...this.#ofPods(service, index), ...this.#ofSlices(service, index)]) {
      const key = `${c.endpoint.ip} ${c.endpoint.port}`
      if (!found.has(key)) found.set(key, c)
    }
    const all = [...found.values()]
    const of = (family: Family, ready: boolean): Endpoint[] =>
      all.filter((c) => c.endpoint.family === family && c.ready === ready).map((c) => c.endpoint)
    const usable = new Set(
      service.families.flatMap((family) => {
        const ready = of(family, true)
        return ready.length > 0 ? ready : of(family, false)
      }),
    )
    const endpoints = all.map((c) => c.endpoint)
    return { endpoints: endpoints.filter((e) => usable.has(e)), draining: all.filter((c) => !c.ready).map((c) => c.endpoint) }
  }

  #select({ namespace, spec }: Asking): HostPod[] {
    let pods = this.#selected.get(spec)
    if (pods) return pods
    const wanted = Object.entries(spec.selector ?? {})
    // An empty selector is none: such endpoints are listed by EndpointSlices.
    const lists = wanted.map(([key, value]) => this.#pods.get(`${namespace} ${key}=${value}`) ?? [])
    const fewest = lists.reduce<HostPod[] | undefined>((best, list) => (!best || list.length < best.length ? list : best), undefined) ?? []
    pods = fewest.filter((pod) => wanted.every(([key, value]) => Object.hasOwn(pod.labels, key) && pod.labels[key] === value))
    this.#selected.set(spec, pods)
    return pods
  }

  #ofPods(service: Asking, index: number): Candidate[] {
    const { spec, families } = service
    const port = spec.ports[index]!
    return this.#select(service).flatMap((pod): Candidate[] => {
      const ready = spec.publishNotReadyAddresses || (pod.ready && !pod.terminating)
      if (!ready && !pod.ready) return []
      const target = targetOf(pod, port.targetPort ?? port.port, port.protocol)
      // A pod without a port of that name is none of this port's, though it may be of another.
      if (target === undefined) return []
      return families.flatMap((family) => {
        const ip = addressOf(pod, family)
        return ip === undefined ? [] : [{ ready, endpoint: { family, ip, port: target, host: pod.host, pod: pod.key } }]
      })
    })
  }

  #ofSlices({ namespace, name, spec, families }: Asking, index: number): Candidate[] {
    const port = spec.ports[index]!
    return (this.#slices.get(`${namespace}/${name}`) ?? []).flatMap((slice) => {
      if (!families.includes(slice.family)) return []
      const target = slice.ports.find((p) => p.name === (port.name ?? '') && p.protocol === port.protocol)?.port
      if (target === undefined) return []
      return slice.endpoints.flatMap((e) => {
        const ready = e.ready || spec.publishNotReadyAddresses
        if (!ready && !e.draining) return []
        const host = e.nodeName === undefined ? {} : { host: e.nodeName }
        return e.addresses.slice(0, 1).map((ip): Candidate => ({ ready, endpoint: { family: slice.family, ip, port: target, ...host } }))
      })
    })
  }
}

/** The number behind a target port: its own, or that of the container port of this name and protocol. */
function targetOf(pod: HostPod, target: number | string, protocol: string): number | undefined {
  if (typeof target === 'number') return target
  for (const c of pod.containers) for (const p of c.ports) if (p.name === target && p.protocol === protocol) return p.containerPort
  return undefined
}

function add<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key)
  if (list) list.push(item)
  else map.set(key, [item])
}
