/**
 * The seam between promises and the machine. A source of promises is three pure functions: who must listen, what
 * is asked, what the answers mean. The runner (run.ts) asks the questions of all sources together, each distinct
 * question once, and hands every source the same evidence.
 */
import type { Lab } from '../lab/lab.ts'
import type { Actor } from '../lab/policy/verdict.ts'
import type { Cell, Check, Group } from './check.ts'
import type { Answer, Listening, Question } from './probing/question.ts'
import type { Readings } from './evidence/readings.ts'
import type { Captured } from './evidence/underlay.ts'
import type { Proof } from './evidence/proof.ts'

/** What is looked at, decided before anything is asked. */
export interface TestPlan {
  /** As its policies are enforced. */
  readonly lab: Lab
  /** The lab with the policies that nothing enforces; absent: it has none such. */
  readonly unenforced?: Lab
  /** Whether a run that samples asks about this pair of pods, hosts or externals; always true when it does not sample. */
  includes(from: Actor, to: Actor): boolean
  /** TCP and UDP port that no policy, Service or container names; the model's listeners are there, in every pod, host and external. */
  readonly control: number
  /** The same, and nothing listens there. */
  readonly closed: number
  /** The same, and in every pod the test listens there on its loopback addresses alone. */
  readonly loopback: number
}

/** A question, and what is expected of it. */
export interface Asked extends Question {
  /** Outcomes that meet the expectation. Any other is asked about once more before it counts. */
  readonly expected: readonly Answer['outcome'][]
}

/** What the questions and readings brought to light. */
export interface Evidence {
  /** The answer to a question that was asked, equal in every field of {@link Question}; the later one if it was asked twice. */
  answer(question: Question): Answer | undefined
  /** Whether a question had to be asked twice, and its first answer. */
  first(question: Question): Answer | undefined
  /**
   * Who has a port of a node: a listener of ours; a container (its answer then says who it is, if it is the built-in
   * responder); or why none is possible: `this kernel has no sockets for sctp`. Undefined: no listener was asked for there.
   */
  listener(netns: string, protocol: 'tcp' | 'udp' | 'sctp', port: number): 'ours' | 'container' | { readonly why: string } | undefined
  /** SYNs that TCP sent again because their refusal was slow to come, and that were refused again. */
  readonly lateRefusals?: number
  /** What was read of every node, before and after it was asked. */
  readonly readings?: Readings
  /** What the hosts' links to the underlay saw of {@link CheckSource.watched}: echoes, TCP's SYN and RST, UDP. */
  readonly captured?: Captured
  /** What crossed those links at any time and must not: a Service's address; a packet between pods outside its tunnel. */
  readonly caught?: Captured
  /** What stands behind a question that was expected to be silent and was. */
  proof?(question: Question): Proof | undefined
}

/** What a source of promises makes of the evidence. */
export interface Findings {
  readonly checks: readonly Check[]
  readonly cells?: readonly Cell[]
  /** What it did not look at, in sentences. */
  readonly untested?: readonly string[]
}

/** A source of promises. All three are pure; `questions` and `evaluate` see the same plan. */
export interface CheckSource {
  readonly group: Group
  /** Listeners are merged: two sources may ask for the same port of a node. Names are how people call the node: a pod's key. */
  listening(plan: TestPlan): readonly Listening[]
  questions(plan: TestPlan): readonly Asked[]
  /** Asked after the others, while every host's link to the underlay is listened at; few, because each frame is looked at. */
  watched?(plan: TestPlan): readonly Asked[]
  evaluate(plan: TestPlan, evidence: Evidence): Findings
}

/** What makes two questions one. */
export const questionKey = (q: Question): string =>
  `${q.netns} ${q.kind} ${q.address} ${q.port} ${q.size ?? ''} ${q.sourcePort ?? ''} ${q.nth ?? ''} ${q.count ?? ''}`
