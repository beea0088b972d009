// Asks who reaches whom, once with new processes and once more with the same ones, and counts the processes where the
// kernel lists them.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer } from '../../../test/support/probe.ts'
import { PODS, PROBES, PolicyLab } from '../../../test/policy/policy-lab.ts'

/** What the program prints; the times of both rounds are seconds. */
export interface Matrix {
  readonly questions: number
  readonly answered: number
  /** Answers that are not as computed. */
  readonly wrong: number
  readonly processes: number
  readonly first: number
  readonly again: number
}

const children = (): string[] =>
  readdirSync('/proc/self/task').flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean))

const world = new PolicyLab()
try {
  const team = { matchLabels: { pod: 'a' } }
  const policies = {
    'x/p': { podSelector: {}, ingress: [{ from: [{ podSelector: team, namespaceSelector: {} }] }] },
    'y/p': { podSelector: team },
  }
  await world.up({ policies })
  await sleep(1000)
  const asked = PROBES.filter(
    (p) => p.family === 4 && PODS.includes(p.from) && PODS.includes(p.to) && (p.kind === 'tcp' || p.kind === 'udp'),
  )
  const before = new Set(children())
  const questions = asked.map((p) => world.question(p))
  const took: number[] = []
  let answers: readonly Answer[] = []
  for (let round = 0; round < 2; round++) {
    const from = performance.now()
    answers = await world.fleet.ask(questions, 350)
    took.push((performance.now() - from) / 1000)
  }
  const matrix: Matrix = {
    questions: asked.length,
    answered: answers.filter((a) => a.outcome === 'ok').length,
    wrong: asked.filter((p, i) => world.computed(p) !== (answers[i]!.outcome === 'ok')).length,
    processes: children().filter((pid) => !before.has(pid)).length,
    first: took[0]!,
    again: took[1]!,
  }
  console.log(JSON.stringify(matrix))
} finally {
  await world.close()
}
