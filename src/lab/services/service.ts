/** A Service of a lab, with every address and port decided and every endpoint known. Types only. */
import type { Family } from '../../topology/address.ts'
import type { Source } from '../../topology/diagnostics.ts'
import type { ServiceSpec } from '../../topology/kubernetes/kubernetes.ts'

export interface Endpoint {
  readonly family: Family
  readonly ip: string
  readonly port: number
  /** The host it runs on; absent: none of the lab's. */
  readonly host?: string
  /** The pod as the topology calls it; absent: an address of an EndpointSlice. */
  readonly pod?: string
}

/** All endpoints that can answer on a port of a Service. */
export interface Answering {
  /** Ready ones; of a family without any: those about to end. */
  readonly endpoints: readonly Endpoint[]
  /** About to end, but serving. Where a policy is Local, a host without ready ones turns to its own of these. */
  readonly draining: readonly Endpoint[]
}

export interface ServicePort {
  readonly name?: string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly port: number
  readonly targetPort: number | string
  readonly nodePort?: number
  /** Of every family of the Service: ready ones, or where none is ready those that are about to end. */
  readonly endpoints: readonly Endpoint[]
  /** Those about to end that still answer; absent: none. */
  readonly draining?: readonly Endpoint[]
}

export interface Service {
  readonly name: string
  readonly namespace: string
  /** As the topology calls it: `web`, `shop/cart`. */
  readonly key: string
  readonly type: ServiceSpec['type']
  /** One a family; none of a headless Service and of an ExternalName. */
  readonly clusterIPs: readonly { readonly family: Family; readonly ip: string }[]
  readonly headless: boolean
  readonly externalIPs: readonly string[]
  readonly ports: readonly ServicePort[]
  /** Seconds a client keeps its pod; absent: no affinity. */
  readonly affinity?: number
  readonly internalTrafficPolicy: 'Cluster' | 'Local'
  readonly externalTrafficPolicy: 'Cluster' | 'Local'
  readonly source: Source
}
