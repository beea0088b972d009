/**
 * JUnit XML, as Jenkins, GitLab, GitHub's and CircleCI's viewers read it: a `testsuite` for each lab, a `testcase`
 * for each check. The format was never standardised; this keeps to the elements of Jenkins' schema, and adds the
 * attributes `file` and `line` to test cases, which GitLab and CircleCI link and the others pass over.
 *
 * A check's `testcase` has no `time`, which the schema leaves open: all questions are asked side by side and shared, so from
 * the first question of a check to its last answer is nearly the whole test for each, and readers who add cases up would
 * get many times the suite's.
 */
import type { Check, TestRun } from '../../verify/check.ts'
import { titlesOf, type Outcome } from '../trace/outcome.ts'
import { commandOf, reasonOf, shortPath, titleOf } from './test-failures.ts'
import { causeText } from './causes.ts'
import { countsOf, fileOf } from './test-json.ts'

// XML 1.0, production 2 (Char): what is not in it cannot be written even as a character reference.
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** What XML cannot carry becomes U+FFFD, "replacement character"; what would act on who prints the file is a character reference. */
const safe = (text: string): string =>
  text
    .replaceAll(NOT_XML, '\ufffd')
    .replaceAll(/[&<>"]/g, (c) => ENTITIES[c]!)
    .replaceAll(/[\u007f-\u009f\p{Cf}\u2028\u2029]/gu, (c) => `&#${c.codePointAt(0)};`)

/** Parsers turn ends of lines and tabs in attributes into spaces unless they are references (XML 1.0, 3.3.3). */
const attribute = (text: string): string => safe(text).replaceAll(/[\t\n\r]/g, (c) => `&#${c.charCodeAt(0)};`)

/** A bare carriage return would be read as the end of a line (XML 1.0, 2.11). */
const content = (text: string): string => safe(text).replaceAll('\r', '&#13;')

type Attributes = Readonly<Record<string, string | number | undefined>>

const attributes = (of: Attributes): string =>
  Object.entries(of)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${attribute(String(value))}"`]))
    .join('')

/** An element with text or other elements; those are lines already. */
function element(name: string, of: Attributes, inside: string | readonly string[] = []): string[] {
  if (typeof inside === 'string') return [`<${name}${attributes(of)}>${content(inside)}</${name}>`]
  if (inside.length === 0) return [`<${name}${attributes(of)}/>`]
  return [`<${name}${attributes(of)}>`, ...inside.map((line) => `  ${line}`), `</${name}>`]
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3)

export interface JunitStyle {
  /** Directory that paths are written from. */
  readonly base: string
  readonly version: string
  /** When the run began. */
  readonly at: Date
}

function caseOf(check: Check, run: TestRun, title: string, base: string): string[] {
  const command = commandOf(check, run.lab)
  const again = command === undefined ? '' : `\nto see it: ${command}`
  const place = check.source && `${shortPath(fileOf(check, run), base)}:${check.source.line}`
  const asked = place === undefined ? '' : `\nasked for by ${place}`
  const cause = causeText(check, run)
  const result =
    check.status === 'failed'
      ? element(
          'failure',
          { message: reasonOf(check, base), type: check.id },
          `${reasonOf(check, base)}${cause === undefined ? '' : `\n${cause}`}${asked}${again}`,
        )
      : check.status === 'skipped'
        ? element('skipped', { message: reasonOf(check, base) })
        : []
  const file = shortPath(fileOf(check, run), base)
  return element('testcase', { name: titleOf(check), classname: `${title}.${check.group}`, file, line: check.source?.line }, result)
}

/** Whether building the lab was part of it: `netlab test` finds one that is up. */
const wasBuilt = ({ upMs, status }: Outcome): boolean => upMs !== undefined || status === 'error' || status === 'skipped'

/** What came of building and removing the lab. */
function own(outcome: Outcome, title: string, base: string): string[] {
  const first = outcome.diagnostics.find((d) => d.severity === 'error') ?? outcome.diagnostics[0]
  const message = first?.message ?? ''
  const text = outcome.diagnostics
    .map((d) => [[d.file, d.line, d.column].filter((p) => p !== undefined).join(':'), d.message, d.hint].filter(Boolean).join('\n'))
    .join('\n')
  const result =
    outcome.status === 'skipped'
      ? element('skipped', { message })
      : outcome.status === 'error'
        ? element('error', { message, type: first?.code }, text)
        : []
  const at = { file: shortPath(outcome.file, base), line: first?.line }
  const time = outcome.upMs === undefined ? undefined : seconds(outcome.upMs)
  return element('testcase', { name: 'the lab comes up and goes away', classname: `${title}.lab`, time, ...at }, result)
}

function suite(outcome: Outcome, title: string, { base, version, at }: JunitStyle): string[] {
  const { run } = outcome
  const checks = run?.checks ?? []
  const { failed, skipped } = countsOf(checks)
  const properties = { file: shortPath(outcome.file, base), netlab: version, ...outcome.properties }
  const notes = [...(run?.untested ?? []).map((u) => `not tested: ${u}`), ...outcome.traces.map((t) => `trace: ${shortPath(t, base)}`)]
  return element(
    'testsuite',
    {
      name: title,
      tests: checks.length + (wasBuilt(outcome) ? 1 : 0),
      failures: failed,
      errors: outcome.status === 'error' ? 1 : 0,
      skipped: skipped + (outcome.status === 'skipped' ? 1 : 0),
      time: seconds(outcome.tookMs),
      timestamp: at.toISOString().replace(/\.\d+Z$/, ''),
    },
    [
      ...element(
        'properties',
        {},
        Object.entries(properties).flatMap(([name, value]) => element('property', { name, value })),
      ),
      ...(wasBuilt(outcome) ? own(outcome, title, base) : []),
      ...(run ? checks.flatMap((c) => caseOf(c, run, title, base)) : []),
      ...(notes.length > 0 ? element('system-out', {}, notes.join('\n')) : []),
    ],
  )
}

/** The whole report, one suite for each lab; no two have one name, which viewers would take for one suite. */
export function junit(outcomes: readonly Outcome[], style: JunitStyle): string {
  const checks = outcomes.flatMap((o) => o.run?.checks ?? [])
  const { failed } = countsOf(checks)
  const of = (status: Outcome['status']): number => outcomes.filter((o) => o.status === status).length
  const titles = titlesOf(outcomes, style.base)
  const suites = outcomes.flatMap((o) => suite(o, titles.get(o)!, style))
  const totals = { tests: checks.length + outcomes.filter(wasBuilt).length, failures: failed, errors: of('error') }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${[
    ...element('testsuites', { name: 'netlab', ...totals, time: seconds(outcomes.reduce((sum, o) => sum + o.tookMs, 0)) }, suites),
  ].join('\n')}\n`
}
