/** A whole test of a running lab: who must listen listens, everything is asked, what differs is asked again, all is judged. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Enter } from '../kernel/enter.ts'
import type { Lab } from '../model/lab.ts'
import type { Applied } from '../state/store.ts'
import { Askers, portKey, type Held, type Put } from './askers.ts'
import type { Check, Group, TestRun } from './check.ts'
import { questionKey, type Asked, type Evidence, type Findings, type Promises, type Scene } from './promises.ts'
import type { Answer, Question } from './question.ts'
import { neighbourTable, type NeighbourTable } from './machine.ts'
import { forbidden } from './model-wire.ts'
import { readAfter, readBefore, type Readings } from './readings.ts'
import { UnderlayEar, type Heard } from './underlay.ts'
import { partiesOf, sceneOf, type Sampling } from './scene.ts'
import { DenyWatch, type Proof, type Proofs } from './vacuity-proof.ts'
import { learnedBy, waves } from './waves.ts'

export interface TestOptions extends Sampling {
  /** Absent: all. */
  readonly groups?: readonly Group[]
  readonly signal?: AbortSignal
  /** What is going on, and how far it is, from 0 to 1. */
  readonly onProgress?: (phase: string, share?: number) => void
  /** How much longer than usual silence must last before it is an answer; 1 when absent. */
  readonly patience?: number
}

/**
 * Milliseconds of silence. What should be silent is believed sooner: the rest costs nothing where all is well. And
 * before a second is over, when a SYN would be repeated: rules that deny count packets, not questions. When they are
 * asked again to see who counts them, silence itself says nothing.
 */
const PATIENCE = { silent: 900, answering: 2500, counted: 400 } as const
/** Of the second time, on a machine that may be busy. */
const LONGER = 1.6
/** After this long the kernel gives up neighbours it has no more room for (`neigh_forced_gc`), milliseconds. */
const NEIGHBOURS_AGE = 5200
/** Entries that questions may make at once, as a share of those nobody has taken yet: others learn meanwhile, too. */
const SHARE_OF_TABLE = 1 / 2
const LEAST_ENTRIES = 64

/** Asks, and keeps what was heard. */
class Asking implements Evidence {
  readonly #answers = new Map<string, Answer>()
  readonly #first = new Map<string, Answer>()
  held: ReadonlyMap<string, Held> = new Map()
  proofs: Proofs = new Map()
  readings?: Readings
  heard?: Heard
  caught?: Heard

  proof(question: Question): Proof | undefined {
    return this.proofs.get(questionKey(question))
  }

  answer(question: Question): Answer | undefined {
    return this.#answers.get(questionKey(question))
  }

  first(question: Question): Answer | undefined {
    return this.#first.get(questionKey(question))
  }

  listener(netns: string, protocol: 'tcp' | 'udp' | 'sctp', port: number): ReturnType<Evidence['listener']> {
    const held = this.held.get(portKey(netns, protocol, port))
    return held === 'busy' ? 'container' : held
  }

  /** @returns whether it is news: a second answer takes the place of the first */
  hear(question: Question, answer: Answer): void {
    const key = questionKey(question)
    const before = this.#answers.get(key)
    if (before) this.#first.set(key, before)
    this.#answers.set(key, answer)
  }
}

/** Each distinct question once; what any source expects of it is expected of it. */
function distinct(list: readonly Asked[]): Asked[] {
  const byKey = new Map<string, Asked>()
  for (const q of list) {
    const key = questionKey(q)
    const before = byKey.get(key)
    byKey.set(key, before ? { ...before, expected: before.expected.filter((o) => q.expected.includes(o)) } : q)
  }
  return [...byKey.values()]
}

/** Somebody who accepts a connection and says nothing may only be busy: asker.pl's words. */
const isHesitant = (q: Asked, answer: Answer): boolean => q.kind === 'tcp' && answer.text === 'connected, and it said nothing'
const isAsExpected = (q: Asked, answer: Answer | undefined): boolean =>
  answer !== undefined && q.expected.includes(answer.outcome) && !isHesitant(q, answer)

class Run {
  readonly asking = new Asking()
  readonly #lab: Lab
  readonly #options: TestOptions
  readonly #askers: Askers
  readonly #table: NeighbourTable = neighbourTable()
  readonly #spaces: ReadonlyMap<string, string>

  constructor(lab: Lab, askers: Askers, options: TestOptions) {
    this.#lab = lab
    this.#askers = askers
    this.#options = options
    this.#spaces = new Map(partiesOf(lab).flatMap((p) => p.addresses.map((a) => [a.ip, p.netns] as const)))
  }

  /** Asks all, once more what came out differently, and proves what stayed silent. */
  async ask(list: readonly Asked[], enter: Enter): Promise<void> {
    const watch = await DenyWatch.start(this.#lab, list, enter)
    await this.#round(list, 'asking', 1)
    await this.#askAgain(list)
    this.#options.onProgress?.('reading what was denied')
    this.asking.proofs = await watch.end(
      list,
      (q) => this.asking.answer(q),
      (questions) => this.#askers.ask(questions.map((question) => ({ question, patience: PATIENCE.counted }))),
    )
  }

  /** Asks while somebody listens. */
  async askWatched(list: readonly Asked[]): Promise<void> {
    await this.#round(list, 'watching the underlay', 1)
    await this.#askAgain(list)
  }

  async #askAgain(list: readonly Asked[]): Promise<void> {
    const strange = list.filter((q) => !isAsExpected(q, this.asking.answer(q)))
    if (strange.length === 0) return
    if (neighbourTable().refused > this.#table.refused) await sleep(NEIGHBOURS_AGE, undefined, { signal: this.#options.signal })
    await this.#round(strange, 'asking again', LONGER)
  }

  /** Whether a listener of ours has the port, which speaks first. */
  #isOurs({ kind, address, port }: Question): boolean {
    const netns = kind === 'tcp' ? this.#spaces.get(address) : undefined
    return netns !== undefined && this.asking.listener(netns, 'tcp', port) === 'ours'
  }

  async #round(list: readonly Asked[], phase: string, longer: number): Promise<void> {
    const { onProgress, patience = 1, signal } = this.#options
    const table = neighbourTable()
    const rounds = waves(list, learnedBy(this.#lab), Math.max(LEAST_ENTRIES, Math.floor((table.most - table.taken) * SHARE_OF_TABLE)))
    let before = 0
    onProgress?.(`${phase} ${list.length} questions`)
    for (const wave of rounds) {
      signal?.throwIfAborted()
      const puts = wave.map((i): Put => {
        const usual = list[i]!.expected.includes('timeout') ? PATIENCE.silent : PATIENCE.answering
        return { question: list[i]!, patience: Math.round(usual * longer * patience), quiet: this.#isOurs(list[i]!) }
      })
      const answers = await this.#askers.ask(puts, (count) =>
        onProgress?.(`${phase} ${list.length} questions`, (before + count) / list.length),
      )
      wave.forEach((i, n) => this.asking.hear(list[i]!, answers[n]!))
      before += wave.length
      if (rounds.length > 1) await this.#askers.forget(partiesOf(this.#lab).map((p) => p.netns))
    }
  }
}

/** A lab in which nothing answers keeps no promise, however many denials it keeps. */
function somethingIsReachable(asked: readonly Asked[], evidence: Evidence): Check {
  const hoped = asked.filter((q) => q.expected.includes('ok'))
  const heard = hoped.filter((q) => evidence.answer(q)?.outcome === 'ok').length
  const check = { id: 'something-is-reachable', group: 'model', title: 'something in this lab answers', tested: hoped.length } as const
  if (heard > 0) return { ...check, status: 'passed', detail: `${heard} of ${hoped.length} questions that may be answered were` }
  const detail =
    hoped.length > 0 ? `none of ${hoped.length} questions that should be answered was` : 'no question that was asked should be answered'
  return { ...check, status: 'failed', detail: `${detail}: what is denied here proves nothing` }
}

/**
 * Tests a running lab. Leaves it as it was.
 * @throws when `signal` is aborted, and when a helper process cannot run
 */
export async function runTest(applied: Applied, all: readonly Promises[], options: TestOptions = {}): Promise<TestRun> {
  const started = performance.now()
  const { lab } = applied
  const { groups, signal, onProgress } = options
  const { scene, untested } = sceneOf(lab, options)
  const sources = all.filter((s) => !groups || groups.includes(s.group))
  const askers = new Askers()
  const enter = new Enter()
  const ears: UnderlayEar[] = []
  const abort = (): void => void askers.close()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const run = new Run(lab, askers, options)
    onProgress?.('opening listeners')
    const [readings, held] = await Promise.all([readBefore(lab, enter), askers.listen(sources.flatMap((s) => s.listening(scene)))])
    run.asking.held = held
    run.asking.readings = readings
    const asked = distinct(sources.flatMap((s) => s.questions(scene)))
    const watched = distinct(sources.flatMap((s) => s.watched?.(scene) ?? []))
    const watch = new UnderlayEar(applied)
    ears.push(watch)
    await watch.watch(readings, forbidden(scene))
    await run.ask(asked, enter)
    signal?.throwIfAborted()
    if (watched.length > 0) {
      const ear = new UnderlayEar(applied)
      ears.push(ear)
      await ear.listen()
      await run.askWatched(watched)
      run.asking.heard = await ear.end()
    }
    run.asking.caught = await watch.end()
    signal?.throwIfAborted()
    await readAfter(readings, enter)
    return result(lab, scene, sources, asked, run.asking, untested, started)
  } finally {
    signal?.removeEventListener('abort', abort)
    enter.close()
    await Promise.all([askers.close(), ...ears.map((e) => e.end())])
  }
}

function result(
  lab: Lab,
  scene: Scene,
  sources: readonly Promises[],
  asked: readonly Asked[],
  evidence: Asking,
  untested: readonly string[],
  started: number,
): TestRun {
  const findings: Findings[] = sources.map((s) => s.judge(scene, evidence))
  return {
    lab: lab.name,
    file: lab.file,
    checks: [somethingIsReachable(asked, evidence), ...findings.flatMap((f) => f.checks)],
    cells: findings.flatMap((f) => f.cells ?? []),
    untested: [...untested, ...findings.flatMap((f) => f.untested ?? [])],
    tookMs: Math.round(performance.now() - started),
  }
}
