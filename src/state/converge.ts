/**
 * The loop that makes the kernel hold what is desired: apply the difference, read again, until there is none. It serves a first `up`, a
 * changed lab, and the way back.
 */
import { apply, type ApplyFailure, type ApplyOptions } from '../kernel/apply.ts'
import { diff } from '../kernel/diff.ts'
import type { Drift } from '../kernel/drift.ts'
import { namespacesOf, type Change } from '../kernel/kinds/index.ts'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import type { KernelObject } from '../kernel/objects.ts'
import { ReadingRecorder, type Readings } from '../kernel/dumps/readings.ts'
import { Observation, observe, observeElsewhere, stepsFor, type Asking, type ObserveOptions } from '../kernel/observe.ts'
import { render } from '../kernel/render.ts'
import { askSessions } from '../process/bird.ts'
import { reloadDaemons } from '../process/daemon.ts'
import { makeHandshakes } from '../process/wireguard/handshakes.ts'
import { obstacles, type Obstacle } from '../process/sessions.ts'
import { lastWords, runningIn, startedIn } from '../process/states.ts'
import { askWireguard } from '../process/wireguard/ask.ts'
import { startProcesses } from '../process/start.ts'
import { stopProcesses } from '../process/stop.ts'
import { stillToLearn, untilLearned, withoutLearned, withoutTakenBack } from './learning.ts'
import { processDir, type Applied } from './store.ts'
import { within, type Scope } from '../kernel/scope.ts'
import { Survey } from '../kernel/unmanaged/survey.ts'
import { compare, ownedOf, resettable } from './ownership.ts'

/** What happens next, for progress lines. */
export type Phase =
  | 'cleaning up'
  | 'reading'
  | 'applying'
  | 'waiting for daemons of'
  | 'waiting for learned routes of'
  | 'waiting for handshakes of'
  | 'reading back'
  | 'rolling back'

export interface ConvergeOptions {
  readonly signal?: AbortSignal
  /** Take away and put back what is in a running lab that it does not ask for. */
  readonly reset?: boolean
  readonly onPhase?: (phase: Phase) => void
  readonly onProgress?: (share: number) => void
  /** How long daemons may take until they have brought about what they must, milliseconds. */
  readonly patience?: number
}

/** A change may take others along (an address its routes); more rounds than this mean that something fights us. */
const ROUNDS = 3
/** How long routes may take until they are learned, milliseconds. */
const LEARNING = 30_000
/** How long handshakes may take, milliseconds: one that was lost is tried again after five seconds. */
const GREETING = 12_000

/** Why routes were not learned. */
export type Obstacles = ReadonlyMap<KernelObject, Pick<Obstacle, 'text'>>
type Diverged = { readonly drift: Drift; readonly obstacles?: Obstacles }

/** It is as desired. */
interface Held {
  readonly changes: readonly Change[]
  readonly readings?: Readings
  /** Hosts that encrypt for each other and have no session, in pairs: `node-1–node-3`. */
  readonly withoutSession: readonly string[]
}

export type Converged = Held | { readonly failure: ApplyFailure } | Diverged

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
  readonly #options: ConvergeOptions

  constructor(lab: string, pool: NamespacePool, options: ConvergeOptions) {
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

  async #asking(hints: readonly KernelObject[], running: boolean): Promise<Asking> {
    const dir = processDir(this.#lab)
    return { started: running ? await runningIn(dir) : startedIn(dir), sessions: askSessions(dir, hints), wireguard: askWireguard(dir) }
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
          directory: dir,
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
      if (isClean(now)) {
        const withoutSession = rollsBack ? [] : await this.#greet(desired, all, signal)
        return { changes: all, withoutSession, ...(seen.recorder ? { readings: seen.recorder.readings(spacesOf(desired)) } : {}) }
      }
      if (round === ROUNDS || stillToLearn(now).length > 0) return this.#diverged(now, desired)
      current = withoutTakenBack((resets ? resettable : ownedOf)(seen.observed, applied, desired), desired, true)
    }
  }

  /** Has hosts that encrypt make sessions with each other, if one of them was changed. */
  async #greet(desired: readonly KernelObject[], changes: readonly Change[], signal?: AbortSignal): Promise<string[]> {
    const devices = new Set(changes.flatMap(({ object: o }) => (o.kind === 'link' ? [`${o.ns} ${o.name}`] : [])))
    const changed = new Set(desired.flatMap((o) => (o.kind === 'wireguard' && devices.has(`${o.ns} ${o.dev}`) ? [o.ns] : [])))
    if (changed.size === 0 && !changes.some((c) => c.object.kind === 'wireguard')) return []
    const { onPhase, onProgress } = this.#options
    onPhase?.('waiting for handshakes of')
    return makeHandshakes(processDir(this.#lab), desired, {
      patience: GREETING,
      changed,
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    })
  }

  /** What is wrong in the end, and what daemons say about it: a rollback ends them and removes their logs. */
  async #diverged(now: Drift, desired: readonly KernelObject[]): Promise<Converged> {
    const object = now.missing.find((o) => o.kind === 'daemon')
    if (object?.kind !== 'daemon') return { drift: now, obstacles: await obstacles(processDir(this.#lab), desired, now) }
    const command = `start ${object.command.join(' ')} (in ${object.ns})`
    return { failure: { object, command, stderr: lastWords(processDir(this.#lab), object.id).join('\n') } }
  }
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

export const spacesOf = (objects: readonly KernelObject[]): string[] => objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
