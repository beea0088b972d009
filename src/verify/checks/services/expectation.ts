/** What a Service, or a port of a host that leads to a pod, must do for its clients, and the probes that show it. Types only. */
import type { Frontend, ServiceFrontend } from '../../../lab/services/semantics.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import type { Family } from '../../../topology/address.ts'
import type { Asked } from '../../check-source.ts'
import type { ExpectedOutcome } from './expected-outcome.ts'

/** A client that probes, once or several times. */
export interface FrontendProbe<F extends Frontend = Frontend> {
  readonly from: Actor
  readonly frontend: F
  readonly family: Family
  readonly expectedOutcome: ExpectedOutcome
  readonly questions: readonly Asked[]
}

/** One port of one Service in one family, at its cluster address, at its node ports, or at an external address. */
export interface ServiceExpectation {
  /** As it is for every client: without the host that translates. */
  readonly frontend: ServiceFrontend
  readonly family: Family
  readonly probes: readonly FrontendProbe<ServiceFrontend>[]
  /** Enough tries that every endpoint must have been met. */
  readonly meetsAll: boolean
}

export interface ServiceQuestions {
  readonly expectations: readonly ServiceExpectation[]
  readonly untested: readonly string[]
}
