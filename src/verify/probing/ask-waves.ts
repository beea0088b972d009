/** Puts questions to a lab's nodes, in as many waves as the machine's table of neighbours needs. */
import type { Lab } from '../../lab/lab.ts'
import { actorsOf } from '../test-plan.ts'
import type { Askers } from './askers.ts'
import { readMachine } from './machine.ts'
import type { Answer, Put } from './question.ts'
import { learnedBy, waves } from './waves.ts'

/** Entries that questions may make at once, as a share of those still free: others learn meanwhile, too. */
const SHARE_OF_TABLE = 1 / 2
const MIN_ENTRIES = 64

interface WavesOptions {
  readonly signal?: AbortSignal | undefined
  /** Called with every answer, with how many there are by then. */
  readonly onAnswer?: (count: number) => void
  readonly read?: typeof readMachine
}

/**
 * Answers in the order of the questions. What each wave made nodes learn is deleted after it.
 * @throws when `signal` is aborted between two waves
 */
export async function askInWaves(
  lab: Lab,
  askers: Pick<Askers, 'ask' | 'forget'>,
  puts: readonly Put[],
  { signal, onAnswer, read = readMachine }: WavesOptions = {},
): Promise<Answer[]> {
  const table = read()
  const most = Math.max(MIN_ENTRIES, Math.floor((table.most - table.taken) * SHARE_OF_TABLE))
  const rounds = waves(
    puts.map((p) => p.question),
    learnedBy(lab),
    most,
  )
  const answers: Answer[] = Array.from({ length: puts.length })
  let before = 0
  for (const wave of rounds) {
    signal?.throwIfAborted()
    const found = await askers.ask(
      wave.map((i) => puts[i]!),
      (count) => onAnswer?.(before + count),
    )
    wave.forEach((i, n) => (answers[i] = found[n]!))
    before += wave.length
    await askers.forget(actorsOf(lab).map((p) => p.netns))
  }
  return answers
}
