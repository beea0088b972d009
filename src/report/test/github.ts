/**
 * What GitHub Actions reads from the output of a step: annotations at a line of the topology, and folded groups.
 * Source: docs.github.com, "Workflow commands for GitHub Actions"; escapes as the runner's ActionCommand undoes them.
 */
import { plural } from '../../plural.ts'
import type { Check, TestRun } from '../../verify/check.ts'
import { attributed, consequences, differenceText } from './causes.ts'
import { fileOf } from './test-json.ts'
import { visible } from '../formats/visible.ts'
import type { Outcome } from '../trace/outcome.ts'
import { commandOf, failuresOf, reasonOf, shortPath, someOf, titleOf } from './test-failures.ts'

/** GitHub shows ten annotations of each kind in a step and drops the others silently. */
const MOST = 10

/** Lines stay, as the runner wants them; whatever else would act on who reads the log is visible. */
const data = (text: string): string => text.replaceAll('%', '%25').split('\n').map(visible).join('%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')

export interface Annotation {
  readonly kind: 'error' | 'warning'
  readonly title: string
  readonly message: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

/** One workflow command. */
function annotationLine({ kind, title, message, file, line, column }: Annotation): string {
  const at = [
    ...(file === undefined ? [] : [`file=${property(file)}`]),
    ...(file === undefined || line === undefined ? [] : [`line=${line}`]),
    ...(file === undefined || column === undefined ? [] : [`col=${column}`]),
    `title=${property(title)}`,
  ]
  return `::${kind} ${at.join(',')}::${data(message)}\n`
}

/** Failures that an annotation of their own is made for: what follows from a difference is in that one's. */
const unexplained = (run: TestRun): readonly Check[] => failuresOf(run).filter((c) => !c.cause?.isKnown)

function driftAnnotations(run: TestRun, lab: string): Annotation[] {
  return attributed(run).drift.flatMap(({ difference, follows }): Annotation[] => {
    if (follows.length === 0) return []
    const [, file = run.file, line = '1'] = /^(.*):(\d+)$/.exec(difference.source ?? '') ?? []
    const text = consequences(follows)
    return [
      {
        kind: 'error',
        title: `${lab}: ${differenceText(difference)}`,
        message: [...difference.details, `${plural(follows.length, 'failed check')} follow from it: ${text.checks}`, text.pairs].join('\n'),
        file,
        line: Number(line),
      },
    ]
  })
}

function ofOutcome(outcome: Outcome, base: string): Annotation[] {
  const { run, lab } = outcome
  const drift = run ? driftAnnotations(run, lab) : []
  const checks = run
    ? someOf(unexplained(run), MOST).shown.map((c): Annotation => {
        const command = commandOf(c, lab)
        return {
          kind: 'error',
          title: `${lab}: ${titleOf(c)}`,
          message: `${reasonOf(c, base)}${command === undefined ? '' : `\n${command}`}`,
          file: fileOf(c, run),
          line: c.source?.line ?? 1,
          ...(c.source ? { column: c.source.column } : {}),
        }
      })
    : []
  const own = outcome.diagnostics.map((d): Annotation => ({
    kind: outcome.status === 'skipped' || d.severity === 'warning' ? 'warning' : 'error',
    title: `${lab}: ${outcome.status === 'skipped' ? 'skipped' : d.code}`,
    message: [d.message, ...(d.hint === undefined ? [] : [d.hint])].join('\n'),
    file: d.file ?? outcome.file,
    line: d.line ?? 1,
    ...(d.column === undefined ? {} : { column: d.column }),
  }))
  return [...own, ...drift, ...checks]
}

/** Failures that an annotation was not made for, because their lab has too many. */
const unshown = ({ run }: Outcome): number => (run ? unexplained(run).length - someOf(unexplained(run), MOST).shown.length : 0)

/** In turns: every lab has its first before any has its second. */
function inTurns<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = lists.reduce((most, l) => Math.max(most, l.length), 0)
  return Array.from({ length: longest }, (_, i) => lists.flatMap((l) => l.slice(i, i + 1))).flat()
}

/**
 * At most ten lines of each kind; when there are more, the tenth says how many.
 * @param workspace GITHUB_WORKSPACE: paths are written from there
 */
export function annotations(outcomes: readonly Outcome[], workspace: string): string {
  const all = inTurns(outcomes.map((o) => ofOutcome(o, workspace)))
  const more = { error: outcomes.reduce((sum, o) => sum + unshown(o), 0), warning: 0 }
  return (['error', 'warning'] as const)
    .flatMap((kind) => {
      const own = all.filter((a) => a.kind === kind)
      const total = own.length + more[kind]
      const shown = own.slice(0, total > MOST ? MOST - 1 : MOST)
      const rest: Annotation[] =
        total > shown.length
          ? [{ kind, title: 'netlab', message: `${total - shown.length} more ${kind}s: the log of this step and its summary have them` }]
          : []
      return [...shown, ...rest].map((a) => annotationLine(a.file === undefined ? a : { ...a, file: shortPath(a.file, workspace) }))
    })
    .join('')
}

/** Lines that GitHub's log folds under a title; elsewhere the text as it is. */
export const group = (title: string, text: string): string => `::group::${data(title)}\n${text}::endgroup::\n`
