import { expect, test } from 'vitest'
import { measureAll } from '../../../scripts/bench/all.ts'
import type { Benchmark, Row } from '../../../scripts/bench/benchmark.ts'

const row: Row = {
  what: 'a second',
  value: { median: 1, min: 1, max: 1, runs: 1 },
  unit: 's',
  goal: { text: '≤ 2 s', met: ({ value }) => value <= 2 },
}
const bench = (run: () => Row[], needsRoot = false): Benchmark => ({ title: 't', needsRoot, run: async () => run() })
const fails = (message: string): never => {
  throw new Error(message)
}

async function measured(benches: Record<string, Benchmark>, interruption = new AbortController().signal) {
  let cleaned = 0
  const unused = () => fails('not asked for')
  const result = await measureAll(benches, {
    setting: { netlab: '', runs: 1, mininetRuns: 0, drained: unused, turn: unused, drainedTurn: unused },
    isRoot: false,
    cleanUp: async () => void cleaned++,
    interruption,
    say: () => {},
  })
  return { ...result, cleaned }
}

test('a benchmark that fails costs no other its results', async () => {
  const { rows, exit, cleaned } = await measured({
    first: bench(() => [row]),
    broken: bench(() => fails('brctl: not found')),
    last: bench(() => [row, { what: 'said', text: 'in words' }]),
  })
  expect(rows.map(({ bench: name, what, text, met }) => [name, what, text ?? met])).toEqual([
    ['first', 'a second', true],
    ['broken', 'failed', 'brctl: not found'],
    ['last', 'a second', true],
    ['last', 'said', 'in words'],
  ])
  expect([exit, cleaned]).toEqual([1, 3])
})

test('what needs root is left out without it', async () => {
  const { rows, exit } = await measured({ root: bench(() => fails('run'), true), any: bench(() => [row]) })
  expect([rows.map((r) => r.bench), exit]).toEqual([['any'], 0])
})

test('an interruption ends them, and what is measured stays', async () => {
  const control = new AbortController()
  const broken = bench(() => {
    control.abort(new Error('interrupted by SIGINT'))
    return fails('killed')
  })
  const { rows, exit, cleaned } = await measured({ first: bench(() => [row]), broken, last: bench(() => [row]) }, control.signal)
  expect([rows.map((r) => r.bench), exit, cleaned]).toEqual([['first'], 130, 2])
})
