/** Entries of `expect:` as questions. Types only. */
import type { Lab } from '../../../lab/lab.ts'
import type { Actor } from '../../../lab/policy/verdict.ts'
import type { Frontend } from '../../../lab/services/semantics.ts'
import type { Family } from '../../../topology/address.ts'
import type { Source } from '../../../topology/diagnostics.ts'
import type { Asked } from '../../check-source.ts'

export type Expectation = Lab['expect'][number]

/** An entry in one family. */
export interface Case {
  readonly family: Family
  readonly from: Actor
  /** The node that has the address, a host also that of its bridge; absent: a Service, a port that leads to a pod, loopback, or an address that no node has. */
  readonly to?: Actor
  /** Whether any node has the address; the router may. */
  readonly isOwned: boolean
  readonly frontend?: Frontend
  readonly questions: readonly Asked[]
}

export interface Expected {
  /** `expect-1`: as they stand in the file. */
  readonly id: string
  readonly entry: Expectation
  readonly source?: Source & { readonly file?: string }
  readonly cases: readonly Case[]
  /** Why it cannot be asked. */
  readonly problem?: string
}
