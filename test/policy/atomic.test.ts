/**
 * Changes of policies and labels under a stream of connections: what is denied before and after never passes in
 * between, what is allowed before and after is never refused, and what is established goes on.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ownMachine, unable } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import { Fleet, type Question } from '../support/fleet.ts'
import type { Answer } from '../support/probe.ts'
import { isFrom, PolicyLab, type Probe, type Setup } from './policy-lab.ts'

ownMachine()
oneProcess()

const CHANGES = 50
const A = { matchLabels: { pod: 'a' } }
const RED = { matchLabels: { team: 'red' } }
const from = (...peers: object[]): object => ({ podSelector: A, ingress: [{ from: peers }] })

/**
 * In all of them x/b and y/b may reach x/a and z/b may not, each time by another rule, through other sets, with
 * other labels: several sets and chains change at once.
 */
const SETUPS: readonly Setup[] = [
  { policies: { 'x/one': from({ podSelector: { matchLabels: { pod: 'b' } } }, { namespaceSelector: { matchLabels: { ns: 'y' } } }) } },
  { policies: { 'x/two': from({ namespaceSelector: {}, podSelector: RED }) }, labels: { 'x/b': { team: 'red' }, 'y/b': { team: 'red' } } },
  {
    policies: { 'x/two': from({ namespaceSelector: {}, podSelector: RED }), 'x/deny': { podSelector: RED } },
    labels: { 'x/a': { team: 'red' }, 'x/b': { team: 'red' }, 'y/b': { team: 'red' } },
  },
  {
    policies: {
      'x/two': {
        podSelector: RED,
        ingress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'NotIn', values: ['z'] }] } }] }],
      },
      'x/deny': { podSelector: {} },
    },
    labels: { 'x/a': { team: 'red' } },
  },
  {
    policies: {
      'x/two': {
        podSelector: RED,
        ingress: [{ from: [{ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'NotIn', values: ['z'] }] } }] }],
      },
      'x/deny': { podSelector: {} },
      'x/role': {
        podSelector: { matchLabels: { role: 'db' } },
        ingress: [{ from: [{ namespaceSelector: { matchLabels: { ns: 'x' } } }, { namespaceSelector: { matchLabels: { ns: 'y' } } }] }],
      },
    },
    labels: { 'x/a': { role: 'db' }, 'z/b': { team: 'red' } },
  },
]

const PAIRS: readonly [string, boolean][] = [
  ['x/b', true],
  ['y/b', true],
  ['z/b', false],
]
const PROBES: readonly Probe[] = PAIRS.flatMap(([sender]) =>
  ([4, 6] as const).flatMap((family) =>
    (['tcp', 'udp'] as const).map((kind): Probe => ({ from: sender, to: 'x/a', kind, port: 80, family })),
  ),
)
const passes = ({ from: sender }: Probe): boolean => PAIRS.find(([name]) => name === sender)![1]

describe('a change of policies', { skip: unable }, () => {
  const world = new PolicyLab()
  const stream = new Fleet((node) => world.ns(node))
  before(async () => {
    await world.up(SETUPS[0]!)
  })
  after(async () => {
    await stream.close()
    await world.close()
  })

  it('opens no window and closes nothing, fifty times', async () => {
    const questions: Question[] = PROBES.map((p) => world.question(p))
    const seen: { readonly probe: Probe; readonly answer: Answer }[] = []
    const over = new AbortController()
    // Each round asks what must pass with patience, what must not pass for a moment: connections all the time.
    const ask = async (wanted: boolean, patience: number): Promise<void> => {
      const own = PROBES.flatMap((p, i) => (passes(p) === wanted ? [i] : []))
      while (!over.signal.aborted) {
        const answers = await stream.ask(
          own.map((i) => questions[i]!),
          patience,
        )
        answers.forEach((answer, n) => seen.push({ probe: PROBES[own[n]!]!, answer }))
      }
    }
    const streams = [ask(true, 900), ask(false, 15)]
    for (let n = 1; n <= CHANGES; n++) assert.equal(await world.up(SETUPS[n % SETUPS.length]!), 'changed')
    await sleep(100)
    over.abort()
    await Promise.all(streams)
    const through = seen.filter(({ probe, answer }) => !passes(probe) && answer.outcome !== 'timeout')
    const refused = seen.filter(({ probe, answer }) => passes(probe) && !isFrom(probe, answer))
    assert.deepEqual(
      { through: through.slice(0, 5), refused: refused.slice(0, 5) },
      { through: [], refused: [] },
      `${through.length} passed, ${refused.length} were turned away of ${seen.length}`,
    )
    const count = (wanted: boolean): number => seen.filter(({ probe }) => passes(probe) === wanted).length
    assert.ok(
      count(true) > 10 * CHANGES && count(false) > 10 * CHANGES,
      `${count(true)} and ${count(false)} connections in ${CHANGES} changes`,
    )
  })
})
