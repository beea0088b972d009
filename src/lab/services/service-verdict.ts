/**
 * What policies say to a connection to a Service: they are asked after DNAT, once for each endpoint it may have become,
 * about the endpoint's own address and port.
 */
import type { Family } from '../../topology/address.ts'
import { localEndpoints } from './endpoints.ts'
import type { Endpoint } from './service.ts'
import type { Lab } from '../lab.ts'
import { resolveTarget } from '../actors.ts'
import type { Service, ServicePort } from './service.ts'
import { verdict, type End, type HostSource, type Verdict } from '../policy/verdict.ts'

/** One endpoint the connection may end at. */
export interface Way {
  readonly endpoint: Endpoint
  readonly actor: End
  readonly verdict: Verdict
}

export interface ServiceVerdict {
  readonly ways: readonly Way[]
  /** Whether each way is open: then it never depends on chance. */
  readonly allowed: boolean
  /** Why there is no way at all: nobody is ready, or with policy Local nobody of the client's own host. */
  readonly nobody?: 'refused' | 'dropped'
}

/** The client's own host: where its packets meet the Service. */
const hostOf = (from: End): string | undefined => (from.kind === 'pod' ? from.host : from.kind === 'host' ? from.name : undefined)

/** @param from a pod or host: other clients come in by a host, under a host's address */
export function serviceVerdict(
  lab: Lab,
  from: End,
  service: Service,
  port: ServicePort,
  family: Family,
  hostSource: HostSource,
): ServiceVerdict {
  const all = port.endpoints.filter((e) => e.family === family)
  const host = hostOf(from)
  const used = service.internalTrafficPolicy === 'Local' && host !== undefined ? localEndpoints(port, host, family) : all
  if (used.length === 0) return { ways: [], allowed: false, nobody: all.length > 0 ? 'dropped' : 'refused' }
  const ways = used.map((endpoint): Way => {
    const found = endpoint.pod === undefined ? resolveTarget(lab, endpoint.ip) : undefined
    const actor = found?.kind === 'actor' ? found.actor : lab.pods.find((p) => p.key === endpoint.pod)!
    const question = { from, to: actor, toAddress: endpoint.ip, protocol: port.protocol, port: endpoint.port, family }
    return { endpoint, actor, verdict: verdict(lab, question, hostSource) }
  })
  return { ways, allowed: ways.every((w) => w.verdict.allowed) }
}
