/**
 * Makes the kernel hold what a compiled lab asks for. One loop serves a first `up`, a second one, a changed
 * file and a damaged lab: read the kernel, apply the difference, read again, until there is none.
 *
 * Fails whole: a first `up` that does not succeed removes what it made, a changed lab is put back as it was.
 */
import type { Compiled } from '../compile/compile.ts'
import type { ApplyFailure } from '../kernel/apply.ts'
import { diff } from '../kernel/diff.ts'
import { describe, type Change } from '../kernel/kinds/index.ts'
import type { Drift } from '../kernel/drift.ts'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import type { KernelObject } from '../kernel/objects.ts'
import { changedSince, ReadingRecorder, type Readings } from '../kernel/dumps/readings.ts'
import { isElsewhere, namespaces } from '../kernel/observe.ts'
import { Session, spacesOf, type Converged, type ConvergeOptions, type Obstacles } from './converge.ts'
import { removeLab } from './down.ts'
import { endAttempt, readApplied, readJournal, writeApplied, writeAttempt, writeJournal, type Applied } from './store.ts'
import { withFarEnds, within } from '../kernel/scope.ts'
import { Survey } from '../kernel/unmanaged/survey.ts'
import { addedByOthers, compare, ownedOf, resettable, undo, union, withAttempt } from './ownership.ts'
import { baselineOf } from '../kernel/unmanaged/sysctl-baseline.ts'

export interface UpOptions extends ConvergeOptions {
  /** Leave a failed lab as it is, for inspection. */
  readonly keep?: boolean
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
      /** Hosts that encrypt for each other and have no session yet, in pairs: `node-1–node-3`. */
      readonly withoutSession: readonly string[]
    }
  | { readonly outcome: 'foreign'; readonly namespaces: readonly string[] }
  | { readonly outcome: 'failed'; readonly failure: ApplyFailure; readonly rolledBack: boolean }
  /** Everything was accepted, yet the kernel does not hold it. */
  | { readonly outcome: 'diverged'; readonly drift: Drift; readonly obstacles?: Obstacles; readonly rolledBack: boolean }
  | { readonly outcome: 'interrupted'; readonly rolledBack: boolean }
  /** Something threw: the machine lacks something, or netlab has a bug. */
  | { readonly outcome: 'error'; readonly error: unknown; readonly rolledBack: boolean }

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
      return { outcome: hasUndone ? 'changed' : 'unchanged', changes, unasked, withoutSession: [] }
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
      const { changes, withoutSession } = result
      return { outcome: applied ? 'changed' : 'created', changes, unasked, withoutSession }
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
