/**
 * Proves denies: compares what rules counted with what was asked, and where a rule counted too little asks parts of
 * it again until the question is found that no rule ever met.
 */
import type { NamespacePool } from '../../../netns/namespace-pool.ts'
import type { Lab } from '../../../lab/lab.ts'
import { placeKey, readCounters, type CounterPlace, type Counts } from '../../../netns/counter.ts'
import { questionKey, type Asked } from '../../check-source.ts'
import type { Proof, Proofs } from '../../evidence/proof.ts'
import type { Answer, Question } from '../../probing/question.ts'
import { buckets, counted, type Bucket } from './deny-counters.ts'

/** How a proof reaches the machine. */
export interface Means {
  /** Asks again, all at once; answers in the order of the questions. */
  ask(questions: readonly Question[]): Promise<readonly Answer[]>
  count(): Promise<Counts>
}

/** Rounds of asking again before a group stays a group. */
const ROUNDS = 16

/** Packets of a question that stays silent: datagrams are sent twice, and the first SYN is repeated after a second. */
const packets = (q: Question): number => (q.kind === 'tcp' ? 1 : 2)

const sum = (questions: readonly Question[]): number => questions.reduce((n, q) => n + packets(q), 0)

/** Whether silence may be what was wanted; two promises that contradict each other expect nothing at all of a question. */
const mayBeSilent = (q: Asked): boolean => q.expected.length === 0 || q.expected.includes('timeout')

const wayOf = (q: Question): string => `${q.netns} ${q.address}`
const byWay = (a: Question, b: Question): number => `${wayOf(a)} ${questionKey(a)}`.localeCompare(`${wayOf(b)} ${questionKey(b)}`)

/** Where the counters are that must count these questions. */
export function counters(lab: Lab, questions: readonly Question[]): CounterPlace[] {
  const found = new Map(buckets(lab, questions).flatMap((b) => b.counters.map((c) => [placeKey(c), c])))
  return [...found.values()].map(({ ns, reader }) => ({ ns, reader }))
}

/** Why counters could not be read, by {@link placeKey}. A host that is gone is another check's business. */
type Unread = Map<string, string>

/**
 * What stands behind each silent question.
 * @param silent questions without an answer, each asked once between the two readings
 * @param broken ways on which answers that must come did not, by {@link wayOf}
 * @param unread why counters could not be read
 */
export async function prove(
  lab: Lab,
  silent: readonly Asked[],
  before: Counts,
  after: Counts,
  means: Means,
  unread: ReadonlyMap<string, string> = new Map(),
  broken: ReadonlySet<string> = new Set(),
): Promise<Proofs> {
  const proofs = new Map<string, Proof>(silent.map((q) => [questionKey(q), { by: 'no-rule' }]))
  const expected = new Map(silent.map((q) => [questionKey(q), q.expected]))
  const set = (b: Bucket, proof: (q: Question) => Proof): void => {
    for (const q of b.questions) proofs.set(questionKey(q), proof(q))
  }
  const dropped = (b: Bucket): void => set(b, () => ({ by: 'rule', counter: b.counters[0]! }))
  const lost = (b: Bucket): void => set(b, () => ({ by: 'nothing', counters: b.counters, among: 1 }))

  /** Groups in doubt, one list a bucket: of each list one is asked in a round, so that rules are not shared. */
  let doubts: Bucket[][] = []
  for (const b of buckets(lab, silent)) {
    const why = b.counters.map((r) => unread.get(placeKey(r))).find((w) => w !== undefined)
    if (why !== undefined) set(b, () => ({ by: 'unread', why }))
    else if (counted(b, before, after) >= sum(b.questions)) dropped(b)
    else {
      // What is lost together, for want of a way from one node or to one, stands together: most likely first of all what went
      // a way on which answers are missing too.
      const ordered = b.questions.toSorted(byWay)
      const groups = [ordered.filter((q) => broken.has(wayOf(q))), ordered.filter((q) => !broken.has(wayOf(q)))]
      doubts.push(groups.filter((questions) => questions.length > 0).map((questions) => ({ ...b, questions })))
    }
  }
  let start = doubts.length > 0 ? await means.count() : after
  for (let round = 0; doubts.length > 0 && round < ROUNDS; round++) {
    const asked = doubts.map((groups) => groups[0]!)
    const answers = await means.ask(asked.flatMap((b) => b.questions))
    const end = await means.count()
    let at = 0
    doubts = doubts.flatMap((groups) => {
      const [b, ...rest] = groups as [Bucket, ...Bucket[]]
      const still: Question[] = []
      for (const q of b.questions) {
        const answer = answers[at++]
        if (answer?.outcome === 'timeout') still.push(q)
        // Behind a Service another endpoint may answer, and well so: that says nothing about the first.
        else if (answer && !expected.get(questionKey(q))!.includes(answer.outcome)) proofs.set(questionKey(q), { by: 'answer', answer })
        else proofs.set(questionKey(q), { by: 'rule', counter: b.counters[0]! })
      }
      const n = counted(b, start, end)
      const now = { ...b, questions: still }
      if (still.length === 0) return rest.length > 0 ? [rest] : []
      // Less than nothing: the host was there before.
      if (n <= 0) lost(now)
      else if (n >= sum(still) || still.length === 1) dropped(now)
      else {
        const half = Math.ceil(still.length / 2)
        rest.unshift({ ...b, questions: still.slice(0, half) }, { ...b, questions: still.slice(half) })
      }
      return rest.length > 0 ? [rest] : []
    })
    start = end
  }
  for (const groups of doubts) {
    const questions = groups.flatMap((b) => b.questions)
    for (const b of groups) set(b, () => ({ by: 'nothing', counters: b.counters, among: questions.length }))
  }
  return proofs
}

/** Watches the rules that deny while questions are asked: made before, told the answers afterwards. */
export class DenyWatch {
  readonly #lab: Lab
  readonly #pool: NamespacePool
  readonly #places: readonly CounterPlace[]
  readonly #before: Counts
  readonly #unread: Unread

  private constructor(lab: Lab, pool: NamespacePool, places: readonly CounterPlace[], before: Counts, unread: Unread) {
    this.#unread = unread
    this.#lab = lab
    this.#pool = pool
    this.#places = places
    this.#before = before
  }

  /** @param asked everything that is about to be asked */
  static async start(lab: Lab, asked: readonly Asked[], pool: NamespacePool): Promise<DenyWatch> {
    const places = counters(lab, asked.filter(mayBeSilent))
    const unread: Unread = new Map()
    return new DenyWatch(lab, pool, places, await readCounters(places, pool, unread), unread)
  }

  /**
   * What stands behind every silence.
   * @param ask asks again, each question once
   */
  async end(asked: readonly Asked[], answer: (q: Question) => Answer | undefined, ask: Means['ask']): Promise<Proofs> {
    const silent = asked.filter((q) => mayBeSilent(q) && answer(q)?.outcome === 'timeout')
    const broken = new Set(asked.filter((q) => !mayBeSilent(q) && answer(q)?.outcome === 'timeout').map(wayOf))
    const again = (): Promise<Counts> => readCounters(this.#places, this.#pool, this.#unread)
    return prove(this.#lab, silent, this.#before, await again(), { ask, count: again }, this.#unread, broken)
  }
}
