/**
 * Batches → the kernel. Stage after stage, namespaces side by side; the first failing line stops it and is
 * mapped back to its object, and through that to the line of YAML that asked for it.
 */
import { toolArgv, type Batch, type Line } from './batch.ts'
import type { Enter, Job, Step, StepResult } from './enter.ts'
import type { KernelObject, Process } from './objects.ts'

/** Why a line was refused. */
export interface ApplyFailure {
  readonly object: KernelObject
  /** The command as a person would type it: `ip -batch - (in demo.node-1): route replace …`. */
  readonly command: string
  /** The kernel's or tool's own words. */
  readonly stderr: string
}

export interface ApplyOptions {
  /** Aborts between jobs; what is under way is finished. */
  readonly signal?: AbortSignal
  /** Called after each batch with the share of lines done, 0 to 1. */
  readonly onProgress?: (share: number) => void
  /** Starts containers; resolves with what failed. */
  readonly startProcesses: (processes: readonly Process[]) => Promise<readonly { id: string; message: string }[]>
  readonly stopProcesses: (processes: readonly Process[]) => Promise<void>
  /** Lines that read a namespace back, run by the last `ip` of the namespace's last batch: no process of their own. */
  readonly readBack?: (ns: string) => readonly string[] | undefined
  /** Receives what those lines printed. */
  readonly onRead?: (ns: string, output: string) => void
}

/** Splits batches into phases: one phase has one stage and runs in parallel over namespaces. */
function phasesOf(batches: readonly Batch[]): Batch[][] {
  const phases: Batch[][] = []
  for (const batch of batches) {
    const last = phases.at(-1)?.[0]
    if (last && last.stage === batch.stage && last.removes === batch.removes && (last.tool === 'process') === (batch.tool === 'process')) phases.at(-1)!.push(batch)
    else phases.push([batch])
  }
  return phases
}

function stepOf(batch: Batch, extra: readonly string[] | undefined): Step {
  if (batch.tool === 'sysctl') {
    return { put: batch.lines.map(({ text }) => { const at = text.indexOf(' = '); return [`/proc/sys/${text.slice(0, at)}`, text.slice(at + 3)] as const }) }
  }
  const run = toolArgv[batch.tool as keyof typeof toolArgv]
  const input = `${[...batch.lines.map((l) => l.text), ...(extra ?? [])].join('\n')}\n`
  return { run: extra ? ['ip', '-j', '-d', '-batch', '-'] : run, input }
}

/** Line number a tool blames: `Command failed -:7`, `line: 7`, `line 7 failed`. */
const BLAMED = /(?:Command failed -:|\bline:? )(\d+)/

function failureOf(batch: Batch, result: StepResult): ApplyFailure {
  const n = Number(BLAMED.exec(result.stderr)?.[1] ?? batch.lines.length)
  let line: Line = batch.lines[n - 1] ?? batch.lines[0]!
  // A whole table is committed at once, so a refusal may name the COMMIT; the words then name the rule.
  if (line.text === 'COMMIT') line = batch.lines.find((l) => l.text.startsWith('-A') && result.stderr.includes(l.text)) ?? line
  const where = batch.ns === undefined ? '' : ` (in ${batch.ns})`
  const words = result.stderr.replace(/^Command failed -:\d+$/m, '').replace(/^line \d+$/m, '').trim()
  return { object: line.object, command: `${batch.tool}${where}: ${line.text}`, stderr: words || `${batch.tool} ended with exit code ${result.code}` }
}

/** Runs the batches; undefined when all of them held. Throws an AbortError when the signal fired. */
export async function apply(batches: readonly Batch[], enter: Enter, options: ApplyOptions): Promise<ApplyFailure | undefined> {
  const total = batches.reduce((n, b) => n + b.lines.length, 0) || 1
  let done = 0
  const lastIp = new Map<string, Batch>()
  for (const b of batches) if (b.ns !== undefined && b.tool === 'ip' && !b.removes) lastIp.set(b.ns, b)

  for (const phase of phasesOf(batches)) {
    options.signal?.throwIfAborted()
    if (phase[0]!.tool === 'process') {
      const processes = phase.flatMap((b) => b.lines.map((l) => l.object as Process))
      if (phase[0]!.removes) await options.stopProcesses(processes)
      else {
        const [failed] = await options.startProcesses(processes)
        if (failed) {
          const object = processes.find((p) => p.id === failed.id) ?? processes[0]!
          return { object, command: `start ${object.command?.join(' ') ?? 'the built-in responder'} (in ${object.ns})`, stderr: failed.message }
        }
      }
      continue
    }
    const byNs = new Map<string, Batch[]>()
    for (const b of phase) byNs.set(b.ns ?? '', [...(byNs.get(b.ns ?? '') ?? []), b])
    const groups = [...byNs]
    const extras = new Map<Batch, readonly string[]>()
    const jobs = groups.map(([ns, group]): Job => {
      const steps = group.map((b) => {
        const extra = lastIp.get(ns) === b ? options.readBack?.(ns) : undefined
        if (extra) extras.set(b, extra)
        return stepOf(b, extra)
      })
      return ns === '' ? { steps } : { ns, steps }
    })
    let failure: ApplyFailure | undefined
    await enter.run(jobs, (index, results) => {
      const [ns, group] = groups[index]!
      for (const result of results) {
        const batch = group[result.step]!
        if (result.code !== 0) failure ??= failureOf(batch, result)
        else if (extras.has(batch)) options.onRead?.(ns, result.stdout)
      }
      done += group.reduce((n, b) => n + b.lines.length, 0)
      options.onProgress?.(done / total)
      return failure === undefined && !options.signal?.aborted
    })
    if (failure) return failure
  }
  options.signal?.throwIfAborted()
  return undefined
}
