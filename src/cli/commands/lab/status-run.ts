/** `netlab status`: what the kernel holds against what was asked for. */
import { upCommand } from '../../../state/up-command.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe } from '../../../kernel/kinds/index.ts'
import { drift, type Drift } from '../../../kernel/drift.ts'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import type { KernelObject } from '../../../kernel/objects.ts'
import { changedSince } from '../../../kernel/dumps/readings.ts'
import { isElsewhere, observe, observeElsewhere } from '../../../kernel/observe.ts'
import { withFarEnds, within } from '../../../kernel/scope.ts'
import { Survey } from '../../../kernel/unmanaged/survey.ts'
import { askSessions } from '../../../process/bird.ts'
import { obstacles } from '../../../process/sessions.ts'
import { askWireguard } from '../../../process/wireguard/ask.ts'
import { endingText, lastWords, processStates, startedIn, unsupervised, type ProcessState } from '../../../process/states.ts'
import { driftFindings, unmanagedFindings, type Finding } from '../../../report/lab/drift.ts'
import { Screen } from '../../../report/formats/screen.ts'
import { isHealthy, statusText, type Health } from '../../../report/lab/status.ts'
import { chalkFor, Progress, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { hasAttempt, processDir, type Applied } from '../../../state/store.ts'
import { Exit, failure, Failure } from '../../failure.ts'
import { theLab, whileUp } from '../../labs.ts'
import { requireNamespaces } from '../../machine.ts'
import { onEnding } from '../../signals.ts'
import { time, type TimeRange } from '../../values.ts'

export interface StatusOptions {
  readonly json?: true
  /** Seconds between two readings, or without a value. */
  readonly watch?: string | true
}

/** Containers that do not run, and daemons that were stopped, apart from those that are missing. */
function notRunning(objects: readonly KernelObject[], states: ReadonlyMap<string, ProcessState>, file: string, lost: Drift): Finding[] {
  return objects.flatMap((o): Finding[] => {
    const p = o.kind === 'process' || o.kind === 'daemon' ? states.get(o.id) : undefined
    if (!p || (p.state === 'running' && !p.stopped) || lost.missing.includes(o)) return []
    const source = o.from ? { source: `${o.from.file ?? file}:${o.from.line}` } : {}
    const [state, detail] = p.stopped
      ? (['stopped', `process ${p.pid} was stopped by a signal`] as const)
      : (['exited', endingText(p)] as const)
    const repair = state === 'exited' && p.exitCode !== 0 ? ({ repair: true } as const) : {}
    return [{ state, object: describe(o), netns: o.ns, details: [detail], ...source, ...repair }]
  })
}

/** What starts containers and daemons stays to record how they end. */
function supervisor(lab: string): Finding[] {
  const left = unsupervised(processDir(lab))
  if (left.length === 0) return []
  const shown = left.length > 3 ? `${left.slice(0, 3).join(', ')} and ${left.length - 3} more` : left.join(', ')
  return [{ state: 'exited', object: `supervisor of ${shown}`, details: ['is gone: how they end will not be recorded'], repair: true }]
}

/** Longest wait for links that are starting, milliseconds: the kernel looks after them once a second. */
const PATIENCE = 1200

/** Reads everything back and compares. */
export async function readHealth(
  { lab, objects, baseline, readings }: Applied,
  pool: NamespacePool,
  patience: number,
  onProgress?: (share: number) => void,
): Promise<Health> {
  const dir = processDir(lab.name)
  const states = processStates(dir)
  const daemons = new Set(objects.flatMap((o) => (o.kind === 'daemon' ? [o.id] : [])))
  const spaces = objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
  const changed = await changedSince(readings, spaces, pool, onProgress)
  const scope = changed && withFarEnds(objects, changed)
  const survey = new Survey(objects, baseline, scope)
  const asking = { started: startedIn(dir), sessions: askSessions(dir, objects), wireguard: askWireguard(dir) }
  const options = { ...asking, survey, patience, ...(onProgress ? { onProgress } : {}) }
  let now: Drift
  if (scope) {
    // What reads as on record holds what was asked for.
    const shown = objects.filter((o) => !isElsewhere(o))
    const looked = new Set(scope.size === 0 ? [] : within(shown, scope))
    const observed = scope.size === 0 ? [] : await observe(shown, pool, { ...options, scope })
    const desired = objects.filter((o) => looked.has(o) || isElsewhere(o))
    now = drift(desired, [...observed, ...(await observeElsewhere(objects, asking))])
  } else now = drift(objects, await observe(objects, pool, options))
  const unlearned = await obstacles(dir, objects, now)
  const findings = [
    ...driftFindings(now, lab.file, (id) => lastWords(dir, id), unlearned),
    ...unmanagedFindings(survey.found, objects, lab.file),
    ...notRunning(objects, new Map(states.map((p) => [p.id, p])), lab.file, now),
    ...supervisor(lab.name),
  ]
  return {
    lab: lab.name,
    repair: upCommand(lab),
    halfDone: hasAttempt(lab.name),
    checked: objects.length,
    findings,
    containers: states.filter(({ id }) => !daemons.has(id)),
    daemons: states.filter(({ id }) => daemons.has(id)),
  }
}

export async function status(name: string | undefined, options: StatusOptions): Promise<void> {
  // `--watch demo`: an option that may have a value takes the word after it.
  const { watch } = options
  if (typeof watch === 'string' && name === undefined && !/^[\d.]+s?$/.test(watch)) return status(watch, { ...options, watch: true })
  const interval = watch === undefined ? undefined : watch === true ? DEFAULT_INTERVAL : time(watch, 'watch', INTERVAL) / 1000
  if (interval !== undefined && options.json)
    throw failure(
      Exit.Usage,
      'watch-json',
      '--watch and --json do not go together: --json prints exactly one document',
      'Run netlab status --json as often as you need it; its exit code says whether anything drifted.',
    )
  const applied = theLab(name)
  requireNamespaces('status')
  const pool = new NamespacePool()
  try {
    if (interval !== undefined) return await watchLab(applied, pool, interval)
    const health = await takeOnce(applied, pool)
    process.exitCode = isHealthy(health) ? Exit.Done : Exit.Broken
    const { lab, halfDone, checked, findings, containers, daemons } = health
    if (options.json) return await writeJson({ lab, healthy: isHealthy(health), halfDone, checked, findings, containers, daemons })
    return await writeOut([statusText(health, chalkFor(process.stdout))])
  } finally {
    pool.close()
  }
}

async function takeOnce(applied: Applied, pool: NamespacePool): Promise<Health> {
  const progress = new Progress()
  try {
    progress.phase(`reading ${applied.lab.name}`)
    return await whileUp(applied, 'read', () => readHealth(applied, pool, PATIENCE, (share) => progress.share(share)))
  } finally {
    progress.end()
  }
}

const DEFAULT_INTERVAL = 2
const INTERVAL: TimeRange = {
  least: 200,
  most: 3_600_000,
  units: ['s'],
  expected: 'seconds from 0.2 to 3600',
  hint: 'Such as --watch=5.',
  separator: '=',
}

/** Reads again and again until it is interrupted; the exit code is that of the last state. */
async function watchLab(first: Applied, pool: NamespacePool, interval: number): Promise<void> {
  const { name } = first.lab
  const stop = new AbortController()
  const interrupted = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve(), { once: true }))
  const done = onEnding(() => stop.abort())
  const screen = new Screen()
  const chalk = chalkFor(process.stdout)
  try {
    for (let patience = PATIENCE; !stop.signal.aborted; patience = 0) {
      // What Ctrl-C finds half read counts for nothing.
      const state = await Promise.race([reading(name, pool, patience, chalk), interrupted])
      if (!state) break
      process.exitCode = state.code
      const time = new Date().toLocaleTimeString('en-GB')
      await screen.show(chalk.dim(`netlab status ${name}, every ${interval} s: ${time}`), state.text)
      await sleep(interval * 1000, undefined, { signal: stop.signal }).catch(() => {})
    }
  } finally {
    await screen.leave()
    done()
  }
}

/** One state. A lab may go away and come back while it is watched, and change while it is read. */
async function reading(
  name: string,
  pool: NamespacePool,
  patience: number,
  chalk: ReturnType<typeof chalkFor>,
): Promise<{ readonly code: Exit; readonly text: string }> {
  try {
    const health = await readHealth(theLab(name), pool, patience)
    return { code: isHealthy(health) ? Exit.Done : Exit.Broken, text: statusText(health, chalk) }
  } catch (error) {
    const text = error instanceof Failure ? error.message : `changed while it was read (${(error as Error).message})`
    return { code: Exit.Broken, text: `${chalk.red('drifted')}  ${name}: ${text}\n` }
  }
}
