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
  /** The differences it may come of; only of a check that failed. */
  readonly cause?: Cause
}

/** A difference between what was asked for and what the kernel holds, as `netlab status` finds it. */
export interface Difference {
  readonly state: 'missing' | 'changed' | 'unexpected' | 'exited' | 'stopped'
  readonly object: string
  /** Network namespace that holds it, and the node that this is, as people call it. */
  readonly netns?: string
  readonly node?: string
  readonly details: readonly string[]
  /** `file:line` of what asked for it. */
  readonly source?: string
  /** `netlab up` puts it back. */
  readonly repair?: true
}

export interface Cause {
  /** Positions in {@link TestRun.drift}, in order. */
  readonly differences: readonly number[]
  /** A trace of the pair ended at the one difference; else all are where the pair's packets pass, and may be the cause. */
  readonly isKnown: boolean
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
  /** The command line that makes the lab again what its file asks for. */
  readonly repair: string
  readonly checks: readonly Check[]
  /** Every measured pair of pods, hosts and externals; what a matrix is drawn from. */
  readonly cells: readonly Cell[]
  /** What was left out and why, in sentences: sampling, missing kernel features, ports that cannot be listened on. */
  readonly untested: readonly string[]
  /** What the kernel holds otherwise than was asked for; read when a check failed. */
  readonly drift?: readonly Difference[]
  /** Milliseconds, wall clock. */
  readonly tookMs: number
}
