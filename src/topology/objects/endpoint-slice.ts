/** discovery.k8s.io/v1 EndpointSlice: who answers for a Service without a selector. */
import type { Family } from '../address.ts'
import type { Source } from '../diagnostics.ts'

/** An EndpointSlice of a manifest, as far as it decides where packets go. */
export interface EndpointSlice {
  readonly name: string
  readonly namespace: string
  /** The Service of the same namespace it belongs to: its label `kubernetes.io/service-name`. */
  readonly service?: string
  readonly family: Family
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly port?: number }[]
  readonly endpoints: readonly { readonly addresses: readonly string[]; readonly ready: boolean; readonly nodeName?: string }[]
  readonly source: Source
}
