/** What `policies` asks, pair by pair. Types only. */
import type { PortProbe } from '../../../lab/policy/reachability.ts'
import type { Actor, Verdict } from '../../../lab/policy/verdict.ts'
import type { Asked } from '../../check-source.ts'

/** One question of policies: may this actor reach that one on this port? */
export interface Square {
  readonly from: Actor
  readonly to: Actor
  readonly probe: PortProbe
  /** `80/tcp`, `icmp`. */
  readonly port: string
  readonly verdict: Verdict
  readonly question: Asked
}

export interface Squares {
  readonly squares: readonly Square[]
  /** Pairs that were left out, by sampling. */
  readonly left: number
}
