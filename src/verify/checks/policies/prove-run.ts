/** Lifts each policy of a running lab in turn, measures what changes by that, and puts the lab back. */
import { upCommand } from '../../../state/up-command.ts'
import { compile } from '../../../compile/compile.ts'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import type { Lab } from '../../../lab/lab.ts'
import { withTemporaryRules } from '../../../state/temporary-rules.ts'
import type { Applied } from '../../../state/store.ts'
import { askInWaves } from '../../probing/ask-waves.ts'
import { Askers } from '../../probing/askers.ts'
import type { Check } from '../../check.ts'
import { listeners } from './policies.ts'
import { questionKey, type Asked } from '../../check-source.ts'
import { evaluateLift, liftsOf, type Flip, type Lift } from './prove.ts'
import type { Answer } from '../../probing/question.ts'
import { testPlanOf, type Sampling } from '../../test-plan.ts'

export interface ProveOptions extends Sampling {
  readonly signal?: AbortSignal
  /** How much longer than usual silence must last before it is an answer; 1 when absent. */
  readonly patience?: number
  readonly onProgress?: (phase: string, share?: number) => void
}

/** Milliseconds of silence, as in a test. */
const PATIENCE = { silent: 900, answering: 2500 } as const

async function ask(lab: Lab, askers: Askers, list: readonly Asked[], longer: number): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>()
  const round = async (questions: readonly Asked[]): Promise<void> => {
    const answered = await askInWaves(
      lab,
      askers,
      questions.map((question) => ({
        question,
        patience: Math.round(longer * (question.expected.includes('timeout') ? PATIENCE.silent : PATIENCE.answering)),
      })),
    )
    questions.forEach((q, i) => answers.set(questionKey(q), answered[i]!))
  }
  await round(list)
  // What came out differently is asked once more: lateness is no verdict.
  const different = list.filter((q) => !q.expected.includes(answers.get(questionKey(q))!.outcome))
  if (different.length > 0) await round(different)
  return answers
}

/**
 * Proves every policy of a lab. The caller holds its lock; the lab is as it was when this returns or throws, or its
 * check says that it is not.
 */
export async function proveAll(applied: Applied, options: ProveOptions = {}): Promise<Check[]> {
  const { signal, onProgress, patience = 1 } = options
  const { plan } = testPlanOf(applied.lab, options)
  const lifts = liftsOf(plan)
  if (lifts.length === 0)
    return [
      {
        id: 'prove',
        group: 'policy',
        title: 'policies are missed when they are lifted',
        status: 'skipped',
        detail: 'the lab has none',
        tested: 0,
      },
    ]
  const moving = lifts.filter((l) => l.flips.length > 0)
  const before = new Map<string, Answer>()
  const lifted = new Map<Lift, Map<string, Answer>>()
  const restored: Check[] = []
  const pool = new NamespacePool()
  const askers = new Askers()
  // Each question is a flow of its own: conntrack lets pass for half a minute what it let pass before.
  const abort = (): void => askers.close()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const flips = moving.flatMap((l) => l.flips)
    await askers.listen(listeners(flips.map((f) => f.square)))
    const distinct = [...new Map(flips.map((f) => [questionKey(f.square.question), f.square.question])).values()]
    for (const [key, answer] of await ask(applied.lab, askers, distinct, patience)) before.set(key, answer)
    const variants = moving.map((l) => compile(l.lab).objects)
    const visit = async (index: number): Promise<void> => {
      const lift = moving[index]!
      onProgress?.(`policy ${lift.policy.title} is lifted`, (index + 1) / moving.length)
      lifted.set(
        lift,
        await ask(
          applied.lab,
          askers,
          lift.flips.map((f) => f.lifted),
          patience,
        ),
      )
    }
    if (moving.length > 0) {
      const result = await withTemporaryRules(applied, variants, pool, visit, signal)
      const common = { id: 'prove-restores', group: 'policy', title: 'policies are in force again after each was lifted' } as const
      if (result.outcome === 'restored')
        restored.push({
          ...common,
          status: 'passed',
          detail: `${moving.length} lifted one after the other; every rule and set read back as before`,
          tested: moving.length,
        })
      else if (result.outcome === 'refused')
        restored.push({ ...common, status: 'failed', detail: `nothing was lifted: ${result.why}`, tested: 0 })
      else
        restored.push({
          ...common,
          status: 'failed',
          detail: `${result.why}; ${result.restored ? 'the lab is as it was' : `the lab is not as it was: ${upCommand(applied.lab)} puts it back`}`,
          tested: lifted.size,
        })
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    pool.close()
    askers.close()
  }
  const measured = (lift: Lift, flip: Flip): ReturnType<Parameters<typeof evaluateLift>[1]> => {
    const was = before.get(questionKey(flip.square.question))
    const is = lifted.get(lift)?.get(questionKey(flip.lifted))
    return was && is && { before: was, lifted: is }
  }
  return [
    ...lifts.filter((l) => l.skipped !== undefined || lifted.has(l)).flatMap((l) => evaluateLift(l, (f) => measured(l, f))),
    ...restored,
  ]
}
