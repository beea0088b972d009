/** `netlab bench`: what a pod network costs on this machine, as ratios to what its hosts do without one. */
import { writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { LOAD_TOOL } from '../../../bench/load.ts'
import type { BenchMachine, BenchReport, LabBench, SkippedLab } from '../../../bench/rows.ts'
import { MIN_ROUNDS } from '../../../bench/run.ts'
import { now } from '../../../clock.ts'
import { toolHint, unusable } from '../../../kernel/features/probe.ts'
import { MachineError, systemErrorWords } from '../../../netns/failures.ts'
import { benchDocument } from '../../../report/bench/bench-json.ts'
import { benchText, labText, limitsText } from '../../../report/bench/bench-text.ts'
import { chalkFor, Progress, say, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { labNames } from '../../../state/store.ts'
import { Watch } from '../../cleanup-guard.ts'
import { Exit, failure } from '../../failure.ts'
import { theLab } from '../../labs.ts'
import { requireNamespaces, requireOutside } from '../../machine.ts'
import { asFailure } from '../../report-failure.ts'
import { interrupted, interruption } from '../../signals.ts'
import { time, whole, type TimeRange } from '../../values.ts'
import { topologyFiles } from '../test/ci-files.ts'
import { benchFile, benchRunning, type Benchmark } from './bench-lab.ts'

interface BenchOptions {
  readonly quick?: true
  readonly rounds: string
  readonly time?: string
  readonly html?: string
  readonly json?: true
}

const TIME: TimeRange = {
  least: 20,
  most: 60_000,
  units: ['ms', 's'],
  expected: 'a time from 20ms to a minute',
  hint: 'Such as 500ms or 2s.',
}
const DEFAULT_SECONDS = 1
/** Of `--quick`: longest sample in seconds, and milliseconds for a lab. */
const QUICK = { seconds: 0.4, budget: 60_000 }

/** Running labs, and files. */
type Subject = { readonly running: string | undefined } | { readonly file: string }

function subjects(words: readonly string[]): Subject[] {
  if (words.length === 0) return [{ running: undefined }]
  const names = labNames()
  return words.flatMap((word): Subject[] =>
    names.includes(word) && !/[./]/.test(word) ? [{ running: word }] : topologyFiles([word]).files.map((file) => ({ file })),
  )
}

/** @throws Failure (exit 3) when it is missing */
function requireLoadTool(): void {
  const missing = unusable(LOAD_TOOL)
  if (missing) throw failure(Exit.Machine, 'tool-missing', missing.message, toolHint(missing.program, missing.isThere))
}

function thisMachine(): BenchMachine {
  const processors = cpus()
  return { processors: processors.length, model: processors[0]?.model.trim() ?? 'unknown', kernel: release() }
}

/** What a lab cannot be measured for is said at once, and is no reason to leave out the others. @throws what is no lack of the machine's */
function skipped(file: string, error: unknown): SkippedLab {
  const known = asFailure(error)
  if (known?.exit !== Exit.Machine) throw error
  const { hint } = known.diagnostics[0] ?? {}
  const reasons = known.diagnostics.map((d) => d.message)
  say(`${file} is not measured: ${reasons.join('; ')}${hint === undefined ? '' : `\n${hint}`}`)
  return { file, reasons, ...(hint === undefined ? {} : { hint }) }
}

/** Written before anything is measured, too: minutes of work are not lost to a file that cannot be written. */
function writeHtml(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new MachineError(`cannot write ${file}: ${systemErrorWords(error) ?? (error as Error).message}`, { cause: error })
  }
}

export async function bench(words: readonly string[], options: BenchOptions): Promise<void> {
  const started = now()
  const rounds = whole(options.rounds, 'rounds', MIN_ROUNDS, 1000)!
  const seconds = options.quick ? QUICK.seconds : options.time === undefined ? DEFAULT_SECONDS : time(options.time, 'time', TIME) / 1000
  requireNamespaces('bench')
  requireOutside()
  const all = subjects(words)
  const running = all.map((s) => ('running' in s ? theLab(s.running) : undefined))
  requireLoadTool()
  if (options.html !== undefined) writeHtml(options.html, '')
  const signal = interruption()
  const progress = new Progress()
  let phase = ''
  const benchmark: Benchmark = {
    rounds,
    seconds,
    ...(options.quick ? { budget: QUICK.budget } : {}),
    signal,
    onProgress: (text, share) => {
      if (text !== phase) progress.phase((phase = text))
      progress.share(share)
    },
  }
  const watch = new Watch('bench')
  const machine = thisMachine()
  const labs: LabBench[] = []
  const left: SkippedLab[] = []
  const chalk = chalkFor(process.stdout)
  try {
    for (const [i, subject] of all.entries()) {
      try {
        const lab = 'file' in subject ? await benchFile(subject.file, watch, benchmark) : await benchRunning(running[i]!, benchmark)
        labs.push(lab)
        progress.end()
        if (!options.json) await writeOut([labText(lab, chalk)])
      } catch (error) {
        progress.end()
        if (signal.aborted) throw interrupted()
        left.push(skipped('file' in subject ? subject.file : running[i]!.lab.name, error))
      }
    }
  } finally {
    progress.end()
    watch.end()
  }
  const report: BenchReport = { machine, labs, skipped: left, tookMs: now() - started }
  if (options.html !== undefined) writeHtml(options.html, (await import('../../../report/bench/bench-html.ts')).benchHtml(report))
  if (options.json) await writeJson(benchDocument(report))
  else await writeOut([benchText(report, chalk), limitsText(report, chalk)])
  process.exitCode = labs.length === 0 ? Exit.Machine : labs.some((l) => l.run.failed) ? Exit.Broken : Exit.Done
}
