/**
 * Batches → the kernel. Stage after stage, namespaces side by side; the first failing line stops it and is
 * mapped back to its object, and through that to the line of YAML that asked for it.
 */
import type { Batch, Line } from './batch.ts'
import { inDirectory, toolArgv } from './tools.ts'
import type { NamespacePool, Job, Step, StepResult } from '../netns/namespace-pool.ts'
import type { Daemon, KernelObject, Process } from './objects.ts'
import { requireRead, type Reading, type ReadStep } from './dumps/take.ts'

/** Why a line was refused. */
export interface ApplyFailure {
  readonly object: KernelObject
  /** The command as a person would type it: `ip -batch - (in demo.node-1): route replace …`. */
  readonly command: string
  /** The kernel's or tool's own words. */
  readonly stderr: string
}

/** A container or daemon that does not run, and why, in words for the user. */
export interface StartFailure {
  readonly id: string
  readonly message: string
}

export interface ApplyOptions {
  /** Where files of daemons are, and keys. */
  readonly directory: string
  /** Aborts between jobs; what is under way is finished. */
  readonly signal?: AbortSignal
  /** Told what could not be taken away. That is no failure: often it is gone already, and reading back shows what is left. */
  readonly onLeft?: (failure: ApplyFailure) => void
  /** Called after each batch with the share of lines done, 0 to 1. */
  readonly onProgress?: (share: number) => void
  /** Starts containers and daemons and waits until they run and are ready; resolves with what failed. */
  readonly startProcesses: (processes: readonly (Process | Daemon)[]) => Promise<readonly StartFailure[]>
  readonly stopProcesses: (processes: readonly (Process | Daemon)[]) => Promise<void>
  /** Has daemons take in changed files while they run; resolves with what failed. */
  readonly reloadDaemons: (daemons: readonly Daemon[]) => Promise<readonly StartFailure[]>
  /** Reads each namespace back right after its last batch, while a worker is inside anyway. */
  readonly readBack?: (ns: string) => readonly ReadStep[]
  /** Receives what was read. */
  readonly onRead?: (ns: string, reading: Reading) => void
}

/** Of batches that no tool runs: what is done with their containers and daemons. */
const byProcess = ({ tool }: Batch): 'process' | 'reload' | undefined => (tool === 'process' || tool === 'reload' ? tool : undefined)

/** Splits batches into phases: one phase has one stage and runs in parallel over namespaces. */
function phasesOf(batches: readonly Batch[]): Batch[][] {
  const phases: Batch[][] = []
  for (const batch of batches) {
    // Daemons that are started wait for each other, wherever one is told of changed files in between.
    const phase = phases.findLast(
      ([first]) => first!.stage === batch.stage && first!.removes === batch.removes && byProcess(first!) === byProcess(batch),
    )
    if (phase) phase.push(batch)
    else phases.push([batch])
  }
  return phases
}

function stepOf({ tool, lines, removes }: Batch, directory: string): Step {
  const texts = lines.map((l) => l.text)
  if (tool === 'sysctl') {
    return {
      put: texts.map((text) => {
        const at = text.indexOf(' = ')
        return [`/proc/sys/${text.slice(0, at)}`, text.slice(at + 3)] as const
      }),
    }
  }
  if (tool === 'ip' || tool === 'ip -6' || tool === 'bridge') return { lines: { tool, lines: texts, force: removes } }
  return {
    run: toolArgv[tool as keyof typeof toolArgv],
    input: `${[...inDirectory(tool, directory), ...texts].join('\n')}\n`,
    changes: true,
  }
}

/** Line number a tool blames: `Command failed -:7`, `line: 7`, `line 7 failed`. */
const BLAMED = /(?:Command failed -:|\bline:? )(\d+)/

function failureOf(batch: Batch, result: StepResult): ApplyFailure {
  const n = Number(BLAMED.exec(result.stderr)?.[1] ?? batch.lines.length)
  let line: Line = batch.lines[n - 1] ?? batch.lines[0]!
  // A whole table is committed at once, so a refusal may name the COMMIT; the words then name the rule.
  if (line.text === 'COMMIT') line = batch.lines.find((l) => l.text.startsWith('-A') && result.stderr.includes(l.text)) ?? line
  const where = batch.ns === undefined ? '' : ` (in ${batch.ns})`
  const words = result.stderr
    .replace(/^Command failed -:\d+$/m, '')
    .replace(/^line \d+$/m, '')
    .trim()
  return {
    object: line.object,
    command: `${batch.tool}${where}: ${line.text}`,
    stderr: words || `${batch.tool} ended with exit code ${result.code}`,
  }
}

/** A visit to one namespace: its batches of one phase, and what is read on the way out. */
interface Visit {
  readonly ns: string
  readonly batches: readonly Batch[]
  readonly reads: readonly ReadStep[]
}

/** Lines for one visit to the machine's namespace: none follows from another, and visits are side by side. */
const TOGETHER = 50

function visitsOf(phase: readonly Batch[], isLast: (b: Batch) => boolean, readBack: ApplyOptions['readBack']): Visit[] {
  const byNs = new Map<string, Batch[]>()
  const ofMachine: Visit[] = []
  for (const b of phase) {
    if (b.ns === undefined) {
      for (let at = 0; at < b.lines.length; at += TOGETHER)
        ofMachine.push({ ns: '', batches: [{ ...b, lines: b.lines.slice(at, at + TOGETHER) }], reads: [] })
      continue
    }
    const group = byNs.get(b.ns)
    if (group) group.push(b)
    else byNs.set(b.ns, [b])
  }
  const others = [...byNs].map(([ns, batches]) => ({ ns, batches, reads: batches.some(isLast) ? (readBack?.(ns) ?? []) : [] }))
  return [...ofMachine, ...others]
}

function jobOf({ ns, batches, reads }: Visit, directory: string): Job {
  const steps = [...batches.map((b) => stepOf(b, directory)), ...reads.map((r) => r.step)]
  return ns === '' ? { steps } : { ns, steps }
}

/** Runs the batches; undefined when all of them held. Throws an AbortError when the signal fired. */
export async function apply(batches: readonly Batch[], pool: NamespacePool, options: ApplyOptions): Promise<ApplyFailure | undefined> {
  const total = batches.reduce((n, b) => n + b.lines.length, 0) || 1
  let done = 0
  const last = new Map(batches.flatMap((b) => (b.ns === undefined || b.removes || byProcess(b) ? [] : [[b.ns, b] as const])))

  for (const phase of phasesOf(batches)) {
    options.signal?.throwIfAborted()
    if (byProcess(phase[0]!)) {
      const failed = await applyProcesses(phase, options)
      if (failed) return failed
      continue
    }
    const visits = visitsOf(phase, (b) => last.get(b.ns!) === b, options.readBack)
    let failure: ApplyFailure | undefined
    await pool.run(
      visits.map((visit) => jobOf(visit, options.directory)),
      (index, results) => {
        const visit = visits[index]!
        const reads = results.slice(visit.batches.length)
        if (reads.length > 0) {
          const reading = { steps: visit.reads, results: reads }
          requireRead(visit.ns, reading)
          options.onRead?.(visit.ns, reading)
        }
        for (const result of results.slice(0, visit.batches.length)) {
          const batch = visit.batches[result.step]!
          if (result.code !== 0 && batch.removes) options.onLeft?.(failureOf(batch, result))
          else if (result.code !== 0) failure ??= failureOf(batch, result)
        }
        done += visit.batches.reduce((n, b) => n + b.lines.length, 0)
        options.onProgress?.(done / total)
        return failure === undefined && !options.signal?.aborted
      },
    )
    if (failure) return failure
  }
  options.signal?.throwIfAborted()
  return undefined
}

async function applyProcesses(phase: readonly Batch[], options: ApplyOptions): Promise<ApplyFailure | undefined> {
  const processes = phase.flatMap((b) => b.lines.map((l) => l.object as Process | Daemon))
  if (phase[0]!.removes) {
    await options.stopProcesses(processes)
    return undefined
  }
  const [failed] = await (phase[0]!.tool === 'reload' ? options.reloadDaemons(processes as Daemon[]) : options.startProcesses(processes))
  if (!failed) return undefined
  const object = processes.find((p) => p.id === failed.id) ?? processes[0]!
  const line = phase.flatMap((b) => b.lines).find((l) => l.object === object)
  return { object, command: `${line?.text} (in ${object.ns})`, stderr: failed.message }
}
