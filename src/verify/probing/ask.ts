/** Questions of a whole test, asked in rounds: what comes out differently is asked once more before it counts. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { NamespacePool } from '../../netns/namespace-pool.ts'
import type { Lab } from '../../lab/lab.ts'
import { askInWaves } from './ask-waves.ts'
import { portKey, type Askers, type Held } from './askers.ts'
import { readMachine, type MachineLosses, type MachineReading } from './machine.ts'
import { questionKey, type Asked, type Evidence } from '../check-source.ts'
import { isWholeTrain, SILENT_ACCEPT, type Answer, type Put, type Question } from './question.ts'
import type { Readings } from '../evidence/readings.ts'
import { FirstWord } from './first-word.ts'
import type { Captured } from '../evidence/underlay.ts'
import { dropsOf } from '../checks/policies/deny-counters.ts'
import { DenyWatch } from '../checks/policies/deny-proof.ts'
import type { Proof, Proofs } from '../evidence/proof.ts'
import { plural } from '../../plural.ts'

/** How patiently, and whom to tell. */
export interface AskingOptions {
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
/**
 * Milliseconds of the second time, where the lab has shown that it answers far sooner. It holds for what the kernel repeats by itself:
 * a SYN after a second (RFC 6298, 2.1), and a request for a neighbour's address (net.ipv4.neigh.*.retrans_time_ms).
 */
const SOON = 1500
/** Answers that came within this share of the time that was given were far sooner. */
const FAR_SOONER = 1 / 20
/** TCP repeats a SYN that is not answered for so long, milliseconds (RFC 6298, 2.1). */
const SYN_IS_REPEATED = 1000
/** A denied SYN that is repeated is counted twice, and hides that another one was not. */
const BEFORE_SYN_IS_REPEATED = SYN_IS_REPEATED - 50
/** After a second, after two more, after four more (RFC 6298, 5.5). */
const repeatedSyns = (ms: number): number => Math.floor(Math.log2(ms / SYN_IS_REPEATED + 1))
/** Of the second time, on a machine that may be busy. */
const LONGER = 1.6
/** After this long the kernel gives up neighbours it has no more room for (`neigh_forced_gc`), milliseconds. */
const NEIGHBOURS_AGE = 5200
/** For a program that may say nothing before the client does, and what it says is of little interest, milliseconds. */
const FIRST_WORD = 1000
/** How often one is asked again, if the machine lost packets each time. */
const MAX_TIMES = 3

export interface Losses extends MachineLosses {
  /** Packets that came for the test's own sockets when these were full. */
  readonly unread: number
}

/** What is known so far. */
class Answers implements Evidence {
  readonly #answers = new Map<string, Answer>()
  readonly #first = new Map<string, Answer>()
  held: ReadonlyMap<string, Held> = new Map()
  lateRefusals = 0
  proofs: Proofs = new Map()
  readings?: Readings
  captured?: Captured
  caught?: Captured

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

  /** A later answer takes the place of the first. */
  record(question: Question, answer: Answer): void {
    if (question.kind === 'tcp' && answer.outcome === 'refused') this.lateRefusals += repeatedSyns(answer.ms)
    const key = questionKey(question)
    const before = this.#answers.get(key)
    if (before && !this.#first.has(key)) this.#first.set(key, before)
    this.#answers.set(key, answer)
  }
}

/** Each distinct question once; what any source expects of it is expected of it. */
export function distinct(list: readonly Asked[]): Asked[] {
  const byKey = new Map<string, Asked>()
  for (const q of list) {
    const key = questionKey(q)
    const before = byKey.get(key)
    byKey.set(key, before ? { ...before, expected: before.expected.filter((o) => q.expected.includes(o)) } : q)
  }
  return [...byKey.values()]
}

/** One lost echo is believed at once, unless packets are known to have been lost for another reason. */
const hasLost = ({ count }: Asked, answer: Answer | undefined): boolean =>
  count !== undefined && answer?.outcome === 'ok' && !isWholeTrain(count, answer)

export class Asking {
  readonly evidence = new Answers()
  readonly #lab: Lab
  readonly #options: AskingOptions
  readonly #askers: Pick<Askers, 'ask' | 'forget' | 'drops'>
  readonly #read: () => MachineReading
  readonly #before: MachineReading
  readonly #firstWord: FirstWord
  /** Milliseconds that the slowest answer took. */
  #slowest = 0

  constructor(lab: Lab, askers: Pick<Askers, 'ask' | 'forget' | 'drops'>, options: AskingOptions, read = readMachine) {
    this.#lab = lab
    this.#askers = askers
    this.#options = options
    this.#read = read
    this.#before = read()
    this.#firstWord = new FirstWord(lab, (netns, protocol, port) => this.evidence.listener(netns, protocol, port))
  }

  /** Asks all, once more what came out differently, and proves what stayed silent. */
  async ask(list: readonly Asked[], pool: NamespacePool): Promise<void> {
    const watch = await DenyWatch.start(this.#lab, list, pool)
    await this.#round(list, 'asking', (q) => this.#patienceOf(q, 1))
    await this.#askAgain(list)
    this.#options.onProgress?.('reading what was denied')
    this.evidence.proofs = await watch.end(
      list,
      (q) => this.evidence.answer(q),
      (questions) =>
        askInWaves(
          this.#lab,
          this.#askers,
          questions.map((question) => ({ question, patience: PATIENCE.counted })),
          { ...this.#options, read: this.#read },
        ),
    )
  }

  /** Asks while the listeners run. */
  async askWatched(list: readonly Asked[]): Promise<void> {
    // What got no answer before, however patiently it was asked, gets none now: the listeners only have to see it pass.
    const hopeless = new Set(list.filter((q) => this.#isHopeless(q)))
    await this.#round(list, 'watching the underlay', (q) => (hopeless.has(q) ? PATIENCE.counted : this.#patienceOf(q, 1)))
    await this.#askAgain(list.filter((q) => !hopeless.has(q)))
  }

  /** Whether the same question has been asked before, without listeners, and in vain. */
  #isHopeless({ nth: _nth, ...same }: Asked): boolean {
    const answer = this.evidence.answer(same)
    return answer !== undefined && !this.#isAsExpected(same, answer)
  }

  /** What was lost since this began and no lab has lost: by the machine, of all senders, and by the test. */
  get lost(): Losses {
    const now = this.#read()
    const { drops } = this.#askers
    return { refused: now.refused - this.#before.refused, dropped: now.dropped - this.#before.dropped, unread: drops }
  }

  async #askAgain(list: readonly Asked[]): Promise<void> {
    let before: Losses = { refused: 0, dropped: 0, unread: 0 }
    for (let time = 1; time <= MAX_TIMES; time++) {
      const { lost } = this
      const isFull = lost.refused > before.refused
      const isLosing = isFull || lost.dropped > before.dropped || lost.unread > before.unread
      const different = list.filter((q) => {
        const answer = this.evidence.answer(q)
        return !this.#isAsExpected(q, answer) || (isLosing && hasLost(q, answer))
      })
      if (different.length === 0 || (time > 1 && !isLosing)) return
      if (isFull) await sleep(NEIGHBOURS_AGE, undefined, { signal: this.#options.signal })
      before = this.lost
      const unanswered = new Set(isLosing ? [] : different.filter((q) => this.#isLost(q)))
      await this.#round(different, 'asking again', (q) => (unanswered.has(q) ? this.#soon(q) : this.#patienceOf(q, LONGER)), LONGER)
    }
  }

  /** Whether a question was lost, not late: there was silence, and everything that was answered came far sooner. */
  #isLost(question: Asked): boolean {
    const { patience = 1 } = this.#options
    const isQuick = this.#slowest > 0 && this.#slowest <= PATIENCE.answering * patience * FAR_SOONER
    return isQuick && this.evidence.answer(question)?.outcome === 'timeout' && !this.#isSilent(question)
  }

  /** However little time the user gives: never less for it than the kernel needs to repeat something, unless the usual is less. */
  #soon(question: Asked): number {
    return Math.min(this.#patienceOf(question, LONGER), SOON / Math.min(1, this.#options.patience ?? 1))
  }

  #isSilent(question: Asked): boolean {
    return question.expected.includes('timeout') && !this.#mayBeLate(question)
  }

  /** Milliseconds of silence until it is an answer. @param longer how many times the usual */
  #patienceOf(question: Asked, longer: number): number {
    return (this.#isSilent(question) ? PATIENCE.silent : PATIENCE.answering) * longer
  }

  /**
   * Whether silence would come as a surprise, though it is not ruled out: no rule would count it, so there is time to wait for more.
   * A refusal by ICMP that comes back while connect(2) still holds the socket is thrown away (`LockDroppedIcmps`), and
   * only the second SYN's is received.
   */
  #mayBeLate(question: Asked): boolean {
    return question.expected.includes('refused') && dropsOf(this.#lab, question).length === 0
  }

  #isAsExpected(q: Asked, answer: Answer | undefined): boolean {
    return answer !== undefined && q.expected.includes(answer.outcome) && !this.#isHesitant(q, answer)
  }

  /** Who speaks by itself, and accepts a connection and says nothing, may only be busy. */
  #isHesitant(q: Asked, { text }: Answer): boolean {
    return q.kind === 'tcp' && text === SILENT_ACCEPT && this.#firstWord.isCertain(q)
  }

  /**
   * @param patienceOf milliseconds of silence, before the time that the user gives is taken into account
   * @param longer how many times longer than usual who accepts a connection may take to say something
   */
  async #round(list: readonly Asked[], phase: string, patienceOf: (q: Asked) => number, longer = 1): Promise<void> {
    const { onProgress, patience = 1, signal } = this.#options
    onProgress?.(`${phase}: ${plural(list.length, 'question')}`)
    const puts = list.map((question): Put => {
      const longest = question.kind === 'tcp' && this.#isSilent(question) ? BEFORE_SYN_IS_REPEATED : Infinity
      const put = { question, patience: Math.min(Math.round(patienceOf(question) * patience), longest) }
      if (question.kind !== 'tcp') return put
      if (this.#firstWord.isOurs(question)) return { ...put, quiet: true }
      return this.#firstWord.isCertain(question) ? put : { ...put, talk: Math.round(FIRST_WORD * longer * patience) }
    })
    const onAnswer = (answers: number): void => onProgress?.(`${phase}: ${plural(list.length, 'question')}`, answers / list.length)
    const answers = await askInWaves(this.#lab, this.#askers, puts, { signal, onAnswer, read: this.#read })
    list.forEach((question, i) => {
      const answer = answers[i]!
      // A train takes as long as it is, and who says nothing is waited for.
      if (answer.outcome === 'ok' && question.count === undefined && answer.text !== SILENT_ACCEPT)
        this.#slowest = Math.max(this.#slowest, answer.ms)
      this.evidence.record(question, answer)
    })
  }
}
