/** A finished test as `netlab test --json` prints it. */
import type { Line } from '../../lab/policy/reachability.ts'
import type { Check, TestRun } from '../../verify/check.ts'
import { causeFields, differenceId } from './causes.ts'
import { matrixOf } from './matrix.ts'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function countsOf(checks: readonly Check[]): Counts {
  const of = (status: Check['status']): number => checks.filter((c) => c.status === status).length
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') }
}

/** Probes and readings behind checks. Failures of one promise carry its whole number each: that counts once. */
export function testedIn(checks: readonly Check[]): number {
  const failed = new Map<string, number>()
  let sum = 0
  for (const { id, title, status, tested } of checks) {
    if (status === 'failed') failed.set(`${id} ${title}`, Math.max(tested, failed.get(`${id} ${title}`) ?? 0))
    else sum += tested
  }
  return [...failed.values()].reduce((total, n) => total + n, sum)
}

/** The file that asked for a check: a manifest, or the topology. */
export const fileOf = (check: Check, run: TestRun): string => check.source?.file ?? run.file

/** `lab.yaml:12`; absent where nothing in particular asked for it. */
export const placeOf = (check: Check, run: TestRun): string | undefined => check.source && `${fileOf(check, run)}:${check.source.line}`

const checkDocument = (check: Check, run: TestRun): object => {
  const { id, group, title, status, from, to, port, detail, tested, reproduce } = check
  return { id, group, title, status, from, to, port, detail, source: placeOf(check, run), tested, reproduce, ...causeFields(check) }
}

/** @param kinds actors that policies treat alike; given when the matrix was asked for */
export function testDocument(run: TestRun, kinds?: readonly Line[]): object {
  return {
    lab: run.lab,
    file: run.file,
    ...countsOf(run.checks),
    tested: testedIn(run.checks),
    tookMs: Math.round(run.tookMs),
    checks: run.checks.map((c) => checkDocument(c, run)),
    ...(run.drift ? { drift: run.drift.map((difference, at) => ({ id: differenceId(at), ...difference })) } : {}),
    untested: run.untested,
    ...(kinds ? { matrix: matrixOf(run.cells, kinds) } : {}),
  }
}
