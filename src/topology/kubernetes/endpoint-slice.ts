/** discovery.k8s.io/v1 EndpointSlice: who answers for a Service without a selector. */
import * as z from 'zod'
import { parseIp, type Family } from '../address.ts'
import type { Source } from '../diagnostics.ts'
import { label, labelKey, portName, portNumber, protocol } from '../schema/scalars.ts'
import { quote } from '../schema/format.ts'
import { customIssue } from '../schema/messages.ts'
import { ignored, meta, typed } from './meta.ts'

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
          nodeName: label.optional(),
          ...ignored('deprecatedTopology hints hostname targetRef zone'),
        }),
      )
      .max(1000)
      .optional(),
    ports: z
      .array(
        z.strictObject({
          name: z.union([z.literal(''), portName]).optional(),
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
        const ip = parseIp(text)
        if (`IPv${ip?.family}` !== addressType)
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

/** @param source where it stands */
export function endpointSlice(object: z.infer<typeof schema>, source: Source): EndpointSlice | undefined {
  const { metadata, addressType, endpoints, ports } = object
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
