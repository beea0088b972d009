import { describe, expect, test } from 'vitest'
import { LoadFailed, parseCount, parseStream } from '../../../src/bench/load.ts'
import { between, parseProcessorTime } from '../../../src/bench/processors.ts'
import { disturbances, limits, rowsOf } from '../../../src/bench/rows.ts'
import { median, roundRatios, summarize } from '../../../src/bench/statistics.ts'
import { report, run } from './measured.ts'

describe('statistics', () => {
  test.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 10, 2], 3],
  ])('the median of %j is %d', (values, expected) => expect(median(values)).toBe(expected))

  test('a summary has the median, the range and the number of values', () => {
    expect(summarize([4, 1, 10, 2])).toEqual({ median: 3, min: 1, max: 10, runs: 4 })
  })

  test('rounds are compared one by one, as far as both series go', () => {
    expect(roundRatios([2, 9, 8], [1, 3])).toEqual([2, 3])
  })
})

describe('processors', () => {
  const text = (user: number, idle: number): string => `cpu  ${user} 10 30 ${idle} 7 2 3 5 9 9\ncpu0 1 2 3\n`

  test('ticks are seconds; guests are in the time of users already', () => {
    const time = parseProcessorTime(text(50, 100))
    expect(time.busy).toBeCloseTo(0.95)
    expect(time.interrupts).toBeCloseTo(0.05)
    expect(time.stolen).toBeCloseTo(0.05)
    expect(time.total).toBeCloseTo(2.07)
  })

  test('between two readings', () => {
    const spent = between(parseProcessorTime(text(50, 100)), parseProcessorTime(text(90, 160)))
    expect([spent.busy, spent.interrupts, spent.stolen, spent.total].map((n) => Number(n.toFixed(6)))).toEqual([0.4, 0, 0, 1])
  })
})

describe('what load.pl prints', () => {
  const processors = (busy: number): string => `cpu  ${busy} 0 0 1000 0 0 0 0 0 0\n`

  test('the rates of streams add up, although each has a time of its own', () => {
    const { rate, bytes, processors: spent } = parseStream(`${processors(100)}${processors(150)}1000 1000000000\n900 500000000\n`)
    expect(rate).toBe(2800)
    expect(bytes).toBe(1900)
    expect(spent.busy).toBeCloseTo(0.5)
  })

  test('a count and its time', () => expect(parseCount('500 250000000\n')).toEqual({ count: 500, seconds: 0.25 }))

  test.each(['', '0 250000000', '12', 'x y'])('%j is no measurement', (text) => {
    expect(() => parseCount(text)).toThrow(LoadFailed)
  })
})

describe('rows', () => {
  test('every path has every measure, as a ratio to host to host of the same round', () => {
    const rows = rowsOf(run())
    expect(rows).toHaveLength(15)
    const of = (id: string) => rows.filter((r) => r.path.id === id).map((r) => r.ratio!.median)
    for (const ratio of of('host-host')) expect(ratio).toBe(1)
    for (const ratio of of('same-host')) expect(ratio).toBeCloseTo(1.5)
    for (const ratio of of('other-host')) expect(ratio).toBeCloseTo(0.5)
  })

  test('ratios come of rounds, not of medians: what disturbs a round disturbs both', () => {
    const [host, near] = run().results
    // The machine was ten times slower in one round.
    const slow = (values: readonly number[]): number[] => values.map((v, i) => (i === 2 ? v / 10 : v))
    const slowed = [host!, near!].map((r) => ({ ...r, samples: { ...r.samples, stream: slow(r.samples.stream) } }))
    const row = rowsOf({ results: slowed }).find((r) => r.path.id === 'same-host' && r.measure === 'stream')!
    expect(row.value.min).toBeLessThan(row.value.median / 5)
    expect([row.ratio!.min, row.ratio!.median, row.ratio!.max].map((n) => Number(n.toFixed(6)))).toEqual([1.5, 1.5, 1.5])
  })

  test('without host to host there is nothing to compare with', () => {
    const rows = rowsOf(run({ results: run().results.slice(1) }))
    expect(rows.map((r) => r.ratio)).toEqual(rows.map(() => undefined))
  })
})

describe('what the numbers cannot say', () => {
  test('a quiet run has no notes', () => expect(disturbances(run())).toEqual([]))

  test('other work, a hypervisor that gave time away, and a base that varies', () => {
    const [host, ...others] = run().results
    const wide = { ...host!, samples: { ...host!.samples, latency: [1, 1, 1, 1, 9].map((n) => n * 1e-5) } }
    const notes = disturbances(run({ results: [wide, ...others], background: { busy: 0.4, stolen: 0.2 } }))
    expect(notes.join('\n')).toMatch(/40 % busy[\s\S]*20 % of the time to other guests[\s\S]*varied by 800 % \(round trip\)/)
  })

  test('the limits name the processors of this machine', () => {
    const { machine } = report()
    expect(limits(machine).join('\n')).toMatch(/share 2 processors[\s\S]*no wire[\s\S]*GSO[\s\S]*\/proc\/stat/)
    expect(limits({ ...machine, processors: 1 })[0]).toContain('one processor')
  })
})
