/** discovery.k8s.io/v1 EndpointSlice: who answers for a Service without a selector. */
import * as z from 'zod'
import { parseIp, type Family } from '../address.ts'
import type { Source } from '../diagnostics.ts'
import { unset } from '../schema/absent.ts'
import { ip, label, labelKey, portNumber, protocol, subdomain } from '../schema/scalars.ts'
import { quote } from '../schema/format.ts'
import { customIssue } from '../schema/messages.ts'
import { ignored, meta, typed } from './meta.ts'
import { keyIn } from './pod-names.ts'

/** An EndpointSlice of a manifest, as far as it decides where packets go. */
export interface EndpointSlice {
  readonly name: string
  readonly namespace: string
  /** The Service of the same namespace it belongs to: its label `kubernetes.io/service-name`. */
  readonly service?: string
  readonly family: Family
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly port?: number }[]
  readonly endpoints: readonly {
    readonly addresses: readonly string[]
    readonly ready: boolean
    /** It answers, although it is about to end. */
    readonly draining: boolean
    readonly nodeName?: string
  }[]
  readonly source: Source
}

const truth = z.boolean().optional()

const schema = z
  .strictObject({
    ...typed,
    metadata: meta,
    addressType: z.enum(['IPv4', 'IPv6', 'FQDN']),
    endpoints: z
      .array(
        z.strictObject({
          addresses: z.array(z.string()).min(1).max(100),
          conditions: z.strictObject({ ready: truth, serving: truth, terminating: truth }).default({}),
          nodeName: subdomain.optional(),
          ...ignored('deprecatedTopology hints hostname targetRef zone'),
        }),
      )
      .max(1000)
      .optional(),
    ports: z
      .array(
        z.strictObject({
          name: unset(label.optional(), ''),
          protocol: protocol.default('TCP'),
          port: portNumber.optional(),
          appProtocol: labelKey.optional(),
        }),
      )
      .max(100)
      .optional(),
  })
  .superRefine(({ addressType, endpoints, ports }, context) => {
    const names = new Set<string>()
    for (const [i, { name }] of (ports ?? []).entries()) {
      if (names.has(name ?? ''))
        context.addIssue(
          customIssue({ code: 'duplicate-name', message: `${quote(name ?? '')} is taken`, hint: 'names of ports are unique' }, [
            'ports',
            i,
            'name',
          ]),
        )
      names.add(name ?? '')
    }
    if (addressType === 'FQDN') return
    for (const [i, e] of (endpoints ?? []).entries()) {
      for (const [j, text] of e.addresses.entries()) {
        const path = ['endpoints', i, 'addresses', j]
        if (`IPv${parseIp(text)?.family}` !== addressType)
          context.addIssue(
            customIssue(
              { code: 'invalid-address', message: `${quote(text)} is not an ${addressType} address`, hint: 'as `addressType` says' },
              path,
            ),
          )
        else if (/^(127\.|169\.254\.|0\.0\.0\.0$|22[4-9]\.|23\d\.|::1?$|fe80:|ff)/.test(text))
          context.addIssue(
            customIssue(
              {
                code: 'address-reserved',
                message: `${quote(text)} cannot be an endpoint`,
                hint: 'loopback, link-local, multicast and unspecified addresses are refused',
              },
              path,
            ),
          )
      }
    }
  })

export const ENDPOINT_SLICE = { version: 'discovery.k8s.io/v1', schema } as const

const address = z.strictObject({ ip, nodeName: subdomain.optional(), ...ignored('hostname targetRef') })

/** core/v1 Endpoints: the older form, which a controller copies into EndpointSlices. */
export const ENDPOINTS = {
  version: 'v1',
  schema: z.strictObject({
    ...typed,
    metadata: meta,
    subsets: z
      .array(
        z.strictObject({
          addresses: z.array(address).default([]),
          notReadyAddresses: z.array(address).default([]),
          ports: z
            .array(
              z.strictObject({
                name: unset(label.optional(), ''),
                port: portNumber,
                protocol: unset(protocol.default('TCP'), ''),
                appProtocol: labelKey.optional(),
              }),
            )
            .default([]),
        }),
      )
      .default([]),
  }),
} as const

interface Conditions {
  readonly ready?: boolean | undefined
  readonly serving?: boolean | undefined
  readonly terminating?: boolean | undefined
}

/** Not said means: ready, serving if it is ready, not terminating (API reference, EndpointConditions). */
function stateOf({ ready, serving, terminating }: Conditions): { ready: boolean; draining: boolean } {
  const isReady = ready ?? true
  return { ready: isReady, draining: !isReady && (terminating ?? false) && (serving ?? isReady) }
}

type SliceObject = z.infer<typeof schema>

/** @param source where it stands */
function endpointSlice({ metadata, addressType, endpoints, ports }: SliceObject, source: Source): EndpointSlice | undefined {
  // kube-proxy passes over names.
  if (addressType === 'FQDN') return undefined
  const service = metadata.labels['kubernetes.io/service-name']
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(service === undefined ? {} : { service }),
    family: addressType === 'IPv4' ? 4 : 6,
    ports: (ports ?? []).map((p) => ({ name: p.name ?? '', protocol: p.protocol, ...(p.port === undefined ? {} : { port: p.port }) })),
    endpoints: (endpoints ?? []).map((e) => ({
      addresses: e.addresses,
      ...stateOf(e.conditions),
      ...(e.nodeName === undefined ? {} : { nodeName: e.nodeName }),
    })),
    source,
  }
}

type EndpointsObject = z.infer<(typeof ENDPOINTS)['schema']>

/** The slices that the mirroring controller makes of Endpoints, for the Service of the same name: one a subset and family. */
function mirrored({ metadata, subsets }: EndpointsObject, source: Source): EndpointSlice[] {
  return subsets.flatMap(({ addresses, notReadyAddresses, ports }) =>
    ([4, 6] as const).flatMap((family): EndpointSlice[] => {
      const endpoints = [...addresses.map((a) => ({ ...a, ready: true })), ...notReadyAddresses.map((a) => ({ ...a, ready: false }))]
        .filter(({ ip: text }) => parseIp(text)!.family === family)
        .map(({ ip: text, nodeName, ready }) => ({
          addresses: [text],
          ready,
          draining: false,
          ...(nodeName === undefined ? {} : { nodeName }),
        }))
      const { name, namespace } = metadata
      const slicePorts = ports.map((p) => ({ name: p.name ?? '', protocol: p.protocol, port: p.port }))
      return endpoints.length === 0 ? [] : [{ name, namespace, service: name, family, ports: slicePorts, endpoints, source }]
    }),
  )
}

const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'

/** A manifest's object that says who answers for a Service. */
interface Answering {
  readonly kind: 'EndpointSlice' | 'Endpoints'
  readonly object: unknown
  readonly source: Source
}

/**
 * The slices of manifests, without those that a cluster's controllers made and the lab makes by itself: what they list of
 * a Service with a selector, and the copies of Endpoints.
 */
export function slicesOf(all: readonly Answering[], services: Readonly<Record<string, { readonly selector?: unknown }>>): EndpointSlice[] {
  const hasSelector = ({ namespace, service = '' }: EndpointSlice): boolean => services[keyIn(namespace, service)]?.selector !== undefined
  const slices: EndpointSlice[] = []
  const copies: EndpointSlice[] = []
  for (const { kind, object, source } of all) {
    if (kind === 'Endpoints') {
      const endpoints = object as EndpointsObject
      const isMirrored = endpoints.metadata.labels['endpointslice.kubernetes.io/skip-mirror'] !== 'true'
      if (isMirrored) slices.push(...mirrored(endpoints, source).filter((slice) => !hasSelector(slice)))
      continue
    }
    const slice = endpointSlice(object as SliceObject, source)
    const manager = (object as SliceObject).metadata.labels[MANAGED_BY]
    if (!slice || (manager === 'endpointslice-controller.k8s.io' && hasSelector(slice))) continue
    if (manager === 'endpointslicemirroring-controller.k8s.io') copies.push(slice)
    else slices.push(slice)
  }
  const has = (copy: EndpointSlice): boolean => slices.some((s) => s.namespace === copy.namespace && s.service === copy.service)
  return [...slices, ...copies.filter((copy) => !has(copy))]
}
