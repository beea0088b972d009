/** What must come of a connection to a Service or a port of a host: which endpoints must answer this client, which must not, and which may. */
import { hidingOf } from '../../../attach/index.ts'
import { hostSource } from '../../../backends/index.ts'
import { serviceVerdict, type ServiceVerdict, type Way } from '../../../lab/services/service-verdict.ts'
import type { Frontend } from '../../../lab/services/semantics.ts'
import { type Lab, nodeName } from '../../../lab/lab.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import type { Family } from '../../../topology/address.ts'

/** An endpoint that may answer. */
export interface Allowed extends Pick<Way, 'endpoint'> {
  /** How it is called, and calls itself. */
  readonly name: string
  /** How else: where no container declares the port, a listener of the test answers as the host of a pod with `hostNetwork`. */
  readonly alias?: string
  /** Under which addresses it may see the client. */
  readonly seen: readonly string[]
}

/** An endpoint that policies keep from this client. */
export interface Denied extends Pick<Way, 'endpoint' | 'from' | 'verdict'> {
  readonly to: Actor
}

export interface ExpectedOutcome extends Pick<ServiceVerdict, 'without'> {
  readonly allowed: readonly Allowed[]
  readonly denied: readonly Denied[]
  /** Endpoints that are no nodes of the lab, or have no way back: what comes of them is not known. */
  readonly foreign: readonly Way['endpoint'][]
}

/** What must come of it. */
export function expectedOutcomeOf(lab: Lab, from: Actor, frontend: Frontend, family: Family): ExpectedOutcome {
  const { ways, without } = serviceVerdict(lab, from, frontend, family, hostSource, hidingOf)
  const allowed: Allowed[] = []
  const denied: Denied[] = []
  const foreign: Way['endpoint'][] = []
  for (const { endpoint, actor: to, from: client, verdict, seen } of ways) {
    if (to.kind === 'address' || (verdict.allowed && !seen)) foreign.push(endpoint)
    else if (seen && verdict.allowed) allowed.push({ endpoint, name: endpoint.pod ?? nodeName(to), alias: nodeName(to), seen })
    else denied.push({ endpoint, to, from: client, verdict })
  }
  return { allowed, denied, foreign, ...(without ? { without } : {}) }
}
