/**
 * What became of one topology under `netlab test` or `netlab ci`, as plain data. A test of a running lab is an
 * outcome, too: so JUnit, annotations and summaries need to know only these.
 */
import type { Line } from '../../lab/policy/reachability.ts'
import type { Diagnostic } from '../../topology/diagnostics.ts'
import type { TestRun } from '../../verify/check.ts'
import { shortPath } from '../test/test-failures.ts'

/** `error`: there was nothing to diagnose, because it could not be built, tested to the end, or removed. */
export type Status = 'passed' | 'failed' | 'skipped' | 'error'

export interface Outcome {
  /** Absolute path of the topology. */
  readonly file: string
  /** Name of the lab; the file's base name where it has none that is known. */
  readonly lab: string
  readonly status: Status
  /** The exit code this topology alone would have. */
  readonly exit: number
  /** Why it was skipped or could not be tested. */
  readonly diagnostics: readonly Diagnostic[]
  /** What was found out; also of a run that could not be finished, as far as it came. */
  readonly run?: TestRun
  /** Actors that policies treat alike. */
  readonly kinds: readonly Line[]
  /** Facts about the lab, for those who read the report elsewhere: backend, attach module. */
  readonly properties: Readonly<Record<string, string>>
  /** Milliseconds, wall clock: all of it, and building it alone. */
  readonly tookMs: number
  readonly upMs?: number
  /** Files with traces of failures. */
  readonly traces: readonly string[]
}

/** Names of labs that more than one topology gives. */
export function sharedNames(labs: readonly Pick<Outcome, 'lab'>[]): ReadonlySet<string> {
  const once = new Set<string>()
  return new Set(labs.flatMap(({ lab }) => (once.has(lab) ? [lab] : (once.add(lab), []))))
}

/**
 * What reports that are read by name call each lab: its name, or where several topologies give the same one, each with its
 * own path, which no two share: `shop (staging/shop.yaml)`.
 * @param base directory that paths are written from
 */
export function titlesOf<L extends Pick<Outcome, 'lab' | 'file'>>(labs: readonly L[], base: string): ReadonlyMap<L, string> {
  const shared = sharedNames(labs)
  return new Map(labs.map((l) => [l, shared.has(l.lab) ? `${l.lab} (${shortPath(l.file, base)})` : l.lab]))
}
