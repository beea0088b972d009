/** `--trace-failures DIR`: a trace of each failed pair, while the lab is still there to be asked. */
import { writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedNames, type Outcome } from '../../../report/trace/outcome.ts'
import { pcapng } from '../../../report/formats/pcapng.ts'
import { failuresOf, shortPath, someOf } from '../../../report/test/test-failures.ts'
import { traceHtml } from '../../../report/trace/trace-html.ts'
import { traceDocument } from '../../../report/trace/trace-json.ts'
import type { Applied } from '../../../state/store.ts'
import type { TraceResult } from '../../../trace/result.ts'
import type { Check, TestRun } from '../../../verify/check.ts'
import { asFailure } from '../../report-failure.ts'
import { traceResult, type TraceOptions } from '../trace/trace-run.ts'
import { plural } from '../../../plural.ts'
import { say } from '../../../report/formats/terminal.ts'

/** A trace takes up to two seconds and 200 KB; what all failures have in common shows in the first few. */
const MAX_TRACES = 10

/** What every file system and every artifact store takes as a part of a name, and people can read. */
const plain = (text: string): string => text.replaceAll(/[^A-Za-z0-9._-]+/g, '.').replaceAll(/\.{2,}/g, '.')

/**
 * What the traces of each topology's lab begin with, by the topology's absolute path: the name of the lab. Where several
 * topologies give the same one, the path of each is added, without its ending: `shop-staging.shop`. The same paths in the same order give
 * the same names; should two still be the same, as of `a/b.yaml` and `a.b.yaml`, the later one gets a number.
 * @param base directory that paths are written from
 */
export function tracePrefixes(labs: readonly Pick<Outcome, 'lab' | 'file'>[], base: string): ReadonlyMap<string, string> {
  const shared = sharedNames(labs)
  const taken = new Set(labs.flatMap(({ lab }) => (shared.has(lab) ? [] : [lab])))
  const prefixOf = ({ lab, file }: Pick<Outcome, 'lab' | 'file'>): string => {
    if (!shared.has(lab)) return lab
    const short = shortPath(file, base)
    // The end of a long path tells more than its beginning.
    const first = `${lab}-${plain(short.slice(0, short.length - extname(short).length))
      .slice(-40)
      .replace(/^\.+/, '')}`
    let prefix = first
    for (let n = 2; taken.has(prefix); n++) prefix = `${first}-${n}`
    taken.add(prefix)
    return prefix
  }
  return new Map(labs.map((l) => [l.file, prefixOf(l)]))
}

/** Name of the files with one trace, without ending: `shop-02-visitor-to-shop.db-5432.tcp`. */
export function traceName(prefix: string, number: number, [, from, to, ...options]: readonly string[]): string {
  const port = options[options.indexOf('--port') + 1]
  const words = [prefix, String(number).padStart(2, '0'), from!, 'to', to!, ...(options.includes('--port') ? [port!] : ['icmp'])]
  return plain(words.join('-')).slice(0, 120)
}

/** Arguments of `netlab trace` that the command line has declared, read the same way. */
function parsed(args: readonly string[]): { from: string; to: string; options: TraceOptions } {
  const text = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    args: args.slice(1),
    allowPositionals: true,
    options: {
      port: text,
      family: text,
      size: text,
      ttl: text,
      count: text,
      timeout: text,
      lab: text,
      'no-df': { type: 'boolean' },
      reply: { type: 'boolean' },
    },
  })
  const { 'no-df': whole, reply: _, family, ...rest } = values
  return {
    from: positionals[0]!,
    to: positionals[1]!,
    options: { ...rest, df: whole !== true, ...(family === undefined ? {} : { family: family as '4' | '6' }) },
  }
}

/** The trace that shows a failure. @throws Failure when there is nothing to trace, or no way to */
export function traceOf(applied: Applied, check: Check, signal: AbortSignal): Promise<TraceResult> {
  const { from, to, options } = parsed(check.reproduce!)
  return traceResult(() => applied, from, to, options, signal)
}

/** Pairs that fail several checks are traced once. */
function traceable(run: TestRun): Check[] {
  const seen = new Set<string>()
  return failuresOf(run).filter((c) => {
    const key = c.reproduce?.join(' ') ?? ''
    if (c.reproduce?.[0] !== 'trace' || seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/**
 * Traces failed pairs one after the other, at most ten, of every failing check at least one. What was cut and what
 * could not be traced is said on standard error: a trace is a help, and its failure no result of the test.
 * @param prefix what names of files begin with
 * @returns the files written, three for each trace
 */
export async function traceFailures(applied: Applied, run: TestRun, dir: string, signal: AbortSignal, prefix = run.lab): Promise<string[]> {
  const all = traceable(run)
  const chosen = someOf(all, MAX_TRACES).shown.slice(0, MAX_TRACES)
  const files: string[] = []
  if (all.length > chosen.length) say(`${run.lab}: ${chosen.length} of ${plural(all.length, 'failed pair')} traced`)
  for (const [i, check] of chosen.entries()) {
    signal.throwIfAborted()
    const path = join(dir, traceName(prefix, i + 1, check.reproduce!))
    try {
      const result = await traceOf(applied, check, signal)
      for (const [ending, data] of [
        ['json', `${JSON.stringify(traceDocument(result), null, 2)}\n`],
        ['pcapng', pcapng(result)],
        ['html', traceHtml(result, applied.lab)],
      ] as const) {
        writeFileSync(`${path}.${ending}`, data)
        files.push(`${path}.${ending}`)
      }
    } catch (error) {
      signal.throwIfAborted()
      say(
        `${run.lab}: no trace from ${check.reproduce![1]} to ${check.reproduce![2]}: ${asFailure(error)?.message ?? (error as Error).message}`,
      )
    }
  }
  return files
}
