/**
 * What `netlab test` finds out, as plain data: every reporter (table, JSON, JUnit, annotations, Markdown) reads it.
 *
 * A check that holds is one line, however many probes stand behind it; one that does not is one line for every
 * pair it fails for, so that each has its reason and its command to reproduce it.
 */
import type { Source } from '../topology/diagnostics.ts'

/** Where a promise comes from: the network model, the lab's policies, its Services, or the user's `expect`. */
export type Group = 'model' | 'policy' | 'service' | 'expect'

export interface Check {
  /** Stable: `pods-reach-pods`, `policy-denies`, `expect-3`. */
  readonly id: string
  readonly group: Group
  /** What must hold, as a sentence without its full stop: `pods reach pods without NAT`. */
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** The pair that fails, as people call it; absent where it is about the lab as a whole. */
  readonly from?: string
  readonly to?: string
  /** `80/tcp`, `icmp`. */
  readonly port?: string
  /** Why it failed or was skipped; of one that passed, what was counted. One line. */
  readonly detail?: string
  /** What in the topology asked for it. */
  readonly source?: Source & { readonly file?: string }
  /** Probes or readings behind it; 0 of what was skipped, and where there was nothing to ask. */
  readonly tested: number
  /** Arguments of the command that shows the failure: `['trace', 'pod-a', 'pod-b', '--port', '80/tcp']`. */
  readonly reproduce?: readonly string[]
}

/** One measured square of a reachability matrix. */
export interface Cell {
  readonly from: string
  readonly to: string
  readonly port: string
  readonly family: 4 | 6
  readonly expected: 'allow' | 'deny'
  readonly measured: 'allow' | 'deny'
  /**
   * Why it is a promise broken although both are the same. `unproven`: it did not get through, but no policy dropped it;
   * `elsewhere`: it was answered or refused, but not by who was asked.
   */
  readonly but?: 'unproven' | 'elsewhere'
}

export interface TestRun {
  readonly lab: string
  readonly file: string
  readonly checks: readonly Check[]
  /** Every measured pair of pods, hosts and externals; what a matrix is drawn from. */
  readonly cells: readonly Cell[]
  /** What was left out and why, in sentences: sampling, missing kernel features, ports that cannot be listened on. */
  readonly untested: readonly string[]
  /** Milliseconds, wall clock. */
  readonly tookMs: number
}
