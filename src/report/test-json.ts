/** `netlab test --json`. */
import type { Check, TestRun } from '../verify/check.ts'

/** `lab.yaml:12`. */
export const sourceText = (check: Check, file: string): string | undefined =>
  check.source && `${check.source.file ?? file}:${check.source.line}`

export const count = (run: TestRun, status: Check['status']): number => run.checks.filter((c) => c.status === status).length

export function testDocument(run: TestRun): object {
  return {
    lab: run.lab,
    file: run.file,
    passed: count(run, 'passed'),
    failed: count(run, 'failed'),
    skipped: count(run, 'skipped'),
    // As text, or left out when there is none: JSON has no undefined.
    checks: run.checks.map((check) => ({ ...check, source: sourceText(check, run.file) })),
    untested: run.untested,
    tookMs: run.tookMs,
  }
}
