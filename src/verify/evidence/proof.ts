/** Why a question that must be denied stayed unanswered. Types only. */
import type { Counter } from '../../netns/counter.ts'
import type { Answer } from '../probing/question.ts'

/** What stands behind a silence. */
export type Proof =
  /** What had to drop it counted it. */
  | { readonly by: 'rule'; readonly counter: Counter }
  /** It was not counted: it was lost somewhere else. `among`: one of so many it is, and asking again did not tell which. */
  | { readonly by: 'nothing'; readonly counters: readonly Counter[]; readonly among: number }
  /** It was asked again, and this came back: whatever kept it silent the first time, it was no rule. */
  | { readonly by: 'answer'; readonly answer: Answer }
  /** Unknown: the counters of a host could not be read. */
  | { readonly by: 'unread'; readonly why: string }
  /** Nothing in the lab denies it: silence is no promise kept. */
  | { readonly by: 'no-rule' }

/** By `questionKey` of check-source.ts. */
export type Proofs = ReadonlyMap<string, Proof>
