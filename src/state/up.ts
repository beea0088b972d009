/**
 * Makes the kernel hold what a compiled lab asks for. One loop serves a first `up`, a second one, a changed
 * file and a damaged lab: read the kernel, apply the difference, read again, until there is none.
 *
 * Fails whole: a first `up` that does not succeed removes what it made, a changed lab is put back as it was.
 */
import type { Compiled } from '../compile/compile.ts'
import { apply, type ApplyFailure, type ApplyOptions } from '../kernel/apply.ts'
import { diff } from '../kernel/diff.ts'
import { describe, namespacesOf, type Change } from '../kernel/kinds/index.ts'
import type { Drift } from '../kernel/drift.ts'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import type { KernelObject } from '../kernel/objects.ts'
import { changedSince, ReadingRecorder, type Readings } from '../kernel/dumps/readings.ts'
import { isElsewhere, namespaces, Observation, observe, observeElsewhere, stepsFor, type ObserveOptions } from '../kernel/observe.ts'
import { render } from '../kernel/render.ts'
import { askSessions } from '../process/bird.ts'
import { reloadDaemons } from '../process/daemon.ts'
import { obstacles, type Obstacle } from '../process/sessions.ts'
import { lastWords, runningIn, startedIn } from '../process/states.ts'
import { startProcesses } from '../process/start.ts'
import { stopProcesses } from '../process/stop.ts'
import { removeLab } from './down.ts'
import { stillToLearn, untilLearned, withoutLearned, withoutTakenBack } from './learning.ts'
import { endAttempt, processDir, readApplied, readJournal, writeApplied, writeAttempt, writeJournal, type Applied } from './store.ts'
import { withFarEnds, within, type Scope } from '../kernel/scope.ts'
import { Survey } from '../kernel/unmanaged/survey.ts'
import { addedByOthers, compare, ownedOf, resettable, undo, union, withAttempt } from './ownership.ts'
import { baselineOf } from '../kernel/unmanaged/sysctl-baseline.ts'

/** What happens next, for progress lines. */
export type Phase =
  | 'cleaning up'
  | 'reading'
  | 'applying'
  | 'waiting for daemons of'
  | 'waiting for learned routes of'
  | 'reading back'
  | 'rolling back'

export interface UpOptions {
  readonly signal?: AbortSignal
  /** Take away and put back what is in a running lab that it does not ask for. */
  readonly reset?: boolean
  /** Leave a failed lab as it is, for inspection. */
  readonly keep?: boolean
  readonly onPhase?: (phase: Phase) => void
  readonly onProgress?: (share: number) => void
  /** How long daemons may take until they have brought about what they must, milliseconds. */
  readonly patience?: number
  /** The lab as it was last brought up, read since the lock is held; absent: it is read. */
  readonly applied?: Applied
  /** Told, before anything happens, what is about to change in a lab that runs already. */
  readonly onChanges?: (changes: readonly Change[]) => void
}

export type UpResult =
  | {
      readonly outcome: 'created' | 'changed' | 'unchanged'
      readonly changes: readonly Change[]
      /** What is in the lab all the same, although it was not asked for, in words; after a reset, what could not be undone. */
      readonly unasked: readonly string[]
    }
  | { readonly outcome: 'foreign'; readonly namespaces: readonly string[] }
  | { readonly outcome: 'failed'; readonly failure: ApplyFailure; readonly rolledBack: boolean }
  /** Everything was accepted, yet the kernel does not hold it. */
  | { readonly outcome: 'diverged'; readonly drift: Drift; readonly obstacles?: Obstacles; readonly rolledBack: boolean }
  | { readonly outcome: 'interrupted'; readonly rolledBack: boolean }
  /** Something threw: the machine lacks something, or netlab has a bug. */
  | { readonly outcome: 'error'; readonly error: unknown; readonly rolledBack: boolean }

/** A change may take others along (an address its routes); more rounds than this mean that something fights us. */
const ROUNDS = 3

/** How long routes may take until they are learned, milliseconds. */
const LEARNING = 30_000

/** Why routes were not learned. */
type Obstacles = ReadonlyMap<KernelObject, Pick<Obstacle, 'text'>>
type Diverged = { readonly drift: Drift; readonly obstacles?: Obstacles }

type Converged = { readonly changes: readonly Change[]; readonly readings?: Readings } | { readonly failure: ApplyFailure } | Diverged

/** What to put on record of how a lab reads, once it holds what is desired. */
interface Recording {
  /** Settings that new namespaces have. */
  readonly baseline: Applied['baseline']
  /** How all namespaces read a moment ago; absent: not all of them read as on record. */
  readonly held?: Readings
}

type Watching = Pick<ObserveOptions, 'survey' | 'recorder'>

interface Looking extends Pick<ObserveOptions, 'already' | 'scope'>, Watching {
  /** Containers that should run and do not count as missing. */
  readonly running?: boolean
}

export class Session {
  readonly #lab: string
  readonly #pool: NamespacePool
  readonly #options: UpOptions

  constructor(lab: string, pool: NamespacePool, options: UpOptions) {
    this.#lab = lab
    this.#pool = pool
    this.#options = options
  }

  /** What the kernel holds. */
  async observe(hints: readonly KernelObject[], { running = false, ...options }: Looking = {}): Promise<KernelObject[]> {
    return observe(hints, this.#pool, { ...options, ...(await this.#asking(hints, running)) })
  }

  /** What there is of containers, daemons and sessions. Containers that should run and do not count as missing. */
  async observeElsewhere(hints: readonly KernelObject[]): Promise<KernelObject[]> {
    return observeElsewhere(hints, await this.#asking(hints, true))
  }

  async #asking(hints: readonly KernelObject[], running: boolean): Promise<Pick<ObserveOptions, 'started' | 'sessions'>> {
    const dir = processDir(this.#lab)
    return { started: running ? await runningIn(dir) : startedIn(dir), sessions: askSessions(dir, hints) }
  }

  /**
   * Brings `owned` (what is there and ours) to `desired`. `signal` is left out while rolling back.
   * @param recording absent: how the lab reads is not put on record
   */
  async converge(
    owned: readonly KernelObject[],
    applied: readonly KernelObject[],
    desired: readonly KernelObject[],
    signal?: AbortSignal,
    recording?: Recording,
  ): Promise<Converged> {
    const dir = processDir(this.#lab)
    const rollsBack = signal === undefined && this.#options.signal !== undefined
    const { onPhase, onProgress } = this.#options
    let current = withoutTakenBack(owned, desired, false)
    const resets = this.#options.reset === true && !rollsBack
    let all: readonly Change[] | undefined
    for (let round = 1; ; round++) {
      const changes = diff(current, desired)
      all ??= changes
      const hints = [...applied, ...desired]
      const watch = (scope?: Scope): Watching =>
        recording
          ? { survey: new Survey(desired, recording.baseline, scope), recorder: new ReadingRecorder(scope && recording.held, scope) }
          : {}
      // Worth it only when whole namespaces are made: then each is read by the command that fills it.
      const watching = current.length === 0 && changes.length > 0 ? watch() : undefined
      const already = watching && new Observation(hints, watching)
      if (changes.length > 0) {
        onPhase?.(rollsBack ? 'rolling back' : 'applying')
        const options: ApplyOptions = {
          ...(signal ? { signal } : {}),
          ...(onProgress ? { onProgress } : {}),
          startProcesses: async (list) => {
            if (list.some((o) => o.kind === 'daemon')) onPhase?.('waiting for daemons of')
            const failures = await startProcesses(dir, list, { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) })
            // What never ran must not be taken, later on, for what ran and has ended.
            if (failures.length > 0)
              await stopProcesses(
                dir,
                failures.map(({ id }) => id),
              )
            return failures
          },
          stopProcesses: (list) =>
            stopProcesses(
              dir,
              list.map((p) => p.id),
            ),
          reloadDaemons: (list) => reloadDaemons(dir, list, signal),
          ...(already ? { readBack: stepsFor(desired, watching.survey), onRead: (ns, reading) => already.take(ns, reading) } : {}),
        }
        const failure = await apply(render(changes), this.#pool, options)
        if (failure) return { failure }
      }
      onPhase?.('reading back')
      const look = async ({ scope, ...options }: Pick<Looking, 'already' | 'scope'> & Watching = {}): Promise<Seen> => {
        const observing = { ...(options.already ? options : watch(scope)), ...(scope ? { scope } : {}) }
        const observed = await this.observe(hints, observing)
        const { recorder } = observing
        const part = (objects: readonly KernelObject[]): readonly KernelObject[] => (scope ? within(objects, scope) : objects)
        return { observed, now: compare(part(applied), part(desired), observed, { recorder, resets }), ...(recorder ? { recorder } : {}) }
      }
      // What was not touched is as it was a moment ago. What daemons do reaches further than what they are told.
      const scope = round === 1 && !already && recording?.held && !desired.some((o) => o.kind === 'daemon') ? touchedBy(changes) : undefined
      let seen = await look(already ? { already, ...watching } : scope ? { scope } : {})
      if (scope && !isClean(seen.now)) seen = await look()
      const awaited = rollsBack ? [] : stillToLearn(seen.now)
      if (awaited.length > 0) {
        onPhase?.('waiting for learned routes of')
        await untilLearned(awaited, desired, {
          observe: (hints) => this.observe(hints),
          patience: this.#options.patience ?? LEARNING,
          ...(signal ? { signal } : {}),
          ...(onProgress ? { onProgress } : {}),
        })
        seen = await look()
      }
      // A user who pressed Ctrl-C meanwhile was told that it is undone.
      signal?.throwIfAborted()
      // On the way back daemons get no time: status shows what they have not brought about.
      const now = rollsBack ? withoutLearned(seen.now) : seen.now
      if (isClean(now)) return { changes: all, ...(seen.recorder ? { readings: seen.recorder.readings(spacesOf(desired)) } : {}) }
      if (round === ROUNDS || stillToLearn(now).length > 0) return this.#diverged(now, desired)
      current = withoutTakenBack((resets ? resettable : ownedOf)(seen.observed, applied, desired), desired, true)
    }
  }

  /** What is wrong in the end, and what daemons say about it: a rollback ends them and removes their logs. */
  async #diverged(now: Drift, desired: readonly KernelObject[]): Promise<Converged> {
    const object = now.missing.find((o) => o.kind === 'daemon')
    if (object?.kind !== 'daemon') return { drift: now, obstacles: await obstacles(processDir(this.#lab), desired, now) }
    const command = `start ${object.command.join(' ')} (in ${object.ns})`
    return { failure: { object, command, stderr: lastWords(processDir(this.#lab), object.id).join('\n') } }
  }
}

/** A running lab as it was found. */
interface Look {
  readonly owned: readonly KernelObject[]
  /** What was found beside kernel objects. */
  readonly survey: Survey
  readonly unasked: readonly string[]
  /** How all namespaces read on record and now; absent: not all read as on record. */
  readonly held?: Readings
  record(): Readings | undefined
}

/** A look at the kernel, and what came of it. */
interface Seen {
  readonly observed: readonly KernelObject[]
  readonly now: Drift
  readonly recorder?: ReadingRecorder
}

const isClean = ({ missing, changed, unexpected }: Drift): boolean => missing.length + changed.length + unexpected.length === 0

/** Namespaces in which something changes. */
const touchedBy = (changes: readonly Change[]): Scope =>
  new Set(changes.flatMap((c) => [...namespacesOf(c.object), ...(c.action === 'replace' ? namespacesOf(c.before) : [])]))

const spacesOf = (objects: readonly KernelObject[]): string[] => objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))

/** Brings a lab up. The caller holds its lock and has checked the machine. */
export async function bringUp(compiled: Compiled, pool: NamespacePool, options: UpOptions = {}): Promise<UpResult> {
  const { lab, objects: desired } = compiled
  const session = new Session(lab.name, pool, options)
  let applied = options.applied ?? readApplied(lab.name)
  const journal = readJournal(lab.name)
  const ours = new Set(journal?.namespaces)
  const present = new Set(namespaces())
  const foreign = spacesOf(desired).filter((ns) => present.has(ns) && !ours.has(ns))
  if (foreign.length > 0) return { outcome: 'foreign', namespaces: foreign }

  if (journal && !applied) {
    // An earlier `up` was killed half-way.
    options.onPhase?.('cleaning up')
    await removeLab(lab.name, pool)
    applied = undefined
  }
  const before = applied ? withAttempt(applied) : []
  const baseline = await baselineOf(applied, before, desired, present, pool)
  const hints = [...before, ...desired]
  const mine = options.reset ? resettable : ownedOf
  const wordsFor = (observed: readonly KernelObject[], survey: Survey): string[] => [
    ...addedByOthers(observed, before, desired).map(describe),
    ...survey.found.map((each) => each.object),
  ]
  /** What is there and ours; only what does not read as on record is read in full, as what does holds what was applied. */
  const look = async ({ objects, readings }: Applied): Promise<Look> => {
    const changed = before === objects ? await changedSince(readings, spacesOf(before), pool) : undefined
    const scope = changed && withFarEnds(hints, changed)
    const recorder = new ReadingRecorder(scope && readings, scope)
    const survey = new Survey(desired, baseline, scope)
    const record = (): Readings | undefined => recorder.readings(spacesOf(desired))
    if (!scope) {
      const observed = await session.observe(hints, { running: true, recorder, survey })
      compare(before, desired, observed, { recorder })
      return { owned: mine(observed, before, desired), record, survey, unasked: wordsFor(observed, survey) }
    }
    const observed =
      scope.size === 0
        ? []
        : await session.observe(
            hints.filter((o) => !isElsewhere(o)),
            { scope, recorder, survey },
          )
    const looked = new Set(scope.size === 0 ? [] : within(before, scope))
    if (scope.size > 0) compare([...looked], within(desired, scope), observed, { recorder })
    const same = before.filter((o) => !isElsewhere(o) && !looked.has(o))
    const owned = [...same, ...mine([...observed, ...(await session.observeElsewhere(hints))], before, desired)]
    return { owned, record, survey, unasked: wordsFor(observed, survey), ...(scope.size === 0 && readings ? { held: readings } : {}) }
  }
  let owned: readonly KernelObject[] = []
  let held: Readings | undefined
  let unasked: readonly string[] = []
  if (applied) {
    options.onPhase?.('reading')
    let found = await look(applied)
    const hasUndone = options.reset === true && found.survey.found.length > 0
    if (hasUndone) {
      await undo(found.survey.found, pool)
      found = await look(applied)
    }
    ;({ owned, held, unasked } = found)
    const changes = diff(owned, desired)
    if (changes.length === 0) {
      remember(compiled, applied, baseline, held ?? found.record())
      return { outcome: hasUndone ? 'changed' : 'unchanged', changes, unasked }
    }
    options.onChanges?.(changes)
  }
  writeJournal({ version: 1, lab: lab.name, file: lab.file, namespaces: [...new Set([...spacesOf(before), ...spacesOf(desired)])] })
  if (applied) writeAttempt({ version: 1, lab: lab.name, objects: union(before, desired) })

  let result: Converged | { readonly error: unknown }
  try {
    options.signal?.throwIfAborted()
    result = await session.converge(owned, before, desired, options.signal, { baseline, ...(held ? { held } : {}) })
    if ('changes' in result) {
      remember(compiled, applied, baseline, result.readings)
      if (options.reset && applied) {
        const survey = new Survey(desired, baseline)
        unasked = wordsFor(await session.observe(hints, { running: true, survey }), survey)
      }
      return { outcome: applied ? 'changed' : 'created', changes: result.changes, unasked }
    }
  } catch (error) {
    result = { error }
  }
  const rolledBack = options.keep ? false : await rollBack(session, lab.name, applied, union(before, desired), pool, options)
  if ('error' in result)
    return options.signal?.aborted ? { outcome: 'interrupted', rolledBack } : { outcome: 'error', ...result, rolledBack }
  return 'failure' in result ? { outcome: 'failed', failure: result.failure, rolledBack } : { outcome: 'diverged', ...result, rolledBack }
}

/** Saves the lab as it now is; a later reader finds the lines of the newest file. */
function remember(
  { lab, objects, needs }: Compiled,
  applied: Applied | undefined,
  baseline: Applied['baseline'],
  readings?: Readings,
): void {
  writeJournal({ version: 1, lab: lab.name, file: lab.file, namespaces: spacesOf(objects) })
  const since = applied?.since ?? Math.floor(Date.now() / 1000)
  writeApplied({ version: 1, lab, objects, since, needs, ...(baseline ? { baseline } : {}), ...(readings ? { readings } : {}) })
  endAttempt(lab.name)
}

/**
 * Puts things back: a new lab goes away, a changed one becomes what it was. True when that worked.
 * @param touched everything that may have been made
 */
async function rollBack(
  session: Session,
  lab: string,
  applied: Applied | undefined,
  touched: readonly KernelObject[],
  pool: NamespacePool,
  options: UpOptions,
): Promise<boolean> {
  options.onPhase?.('rolling back')
  try {
    return await putBack(session, lab, applied, touched, pool)
  } catch {
    // What made the change fail matters more than what made the way back fail, and status shows what is left.
    return false
  }
}

async function putBack(
  session: Session,
  lab: string,
  applied: Applied | undefined,
  touched: readonly KernelObject[],
  pool: NamespacePool,
): Promise<boolean> {
  if (!applied) {
    await removeLab(lab, pool)
    return true
  }
  const owned = ownedOf(await session.observe([...applied.objects, ...touched]), touched)
  const present = new Set(namespaces())
  const result = await session.converge(owned, touched, applied.objects)
  if (!('changes' in result)) return false
  const baseline = await baselineOf(applied, touched, applied.objects, present, pool)
  try {
    remember({ lab: applied.lab, objects: applied.objects, needs: applied.needs ?? [] }, applied, baseline)
  } catch {
    // Where nothing can be written, what is on record still says the same, and names more namespaces than there are.
    endAttempt(lab)
  }
  return true
}
