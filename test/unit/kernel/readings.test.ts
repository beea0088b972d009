/** Which namespaces read as on record, and which readings come on record. */
import { describe, expect, test } from 'vitest'
import { changedSince, ReadingRecorder, type Readings } from '../../../src/kernel/dumps/readings.ts'
import { readSteps, type Reading } from '../../../src/kernel/dumps/take.ts'
import type { Wanted } from '../../../src/kernel/dumps/content.ts'
import { ABSENT, type StepResult } from '../../../src/netns/namespace-pool.ts'
import { sequenceOf, type DumpName } from '../../../src/netns/netlink/dumps.ts'
import { IDENTITY, request } from '../../../src/netns/netlink/message.ts'
import { NFT } from '../../../src/netns/netlink/queues-tables.ts'
import { DumpReader } from '../../../src/netns/netlink/reader.ts'
import { FakeNamespacePool } from './fake-namespace-pool.ts'

const single = (name: DumpName, type: number, content: number): Buffer => request(type, 0, sequenceOf(name), Buffer.alloc(8, content))
/** Which namespace it is, and how often its rules changed. */
const identity = (n: number): Buffer => single('identity', IDENTITY.message, n)
const generation = (n: number): Buffer => single('generation', NFT.newGeneration, n)

/** What was read of a namespace where this was wanted. */
function reading(wanted: readonly Wanted[], netlink: Buffer, files = ''): Reading {
  const steps = readSteps(wanted, true)
  const results = steps.map(({ part }, step): StepResult => {
    const done = { step, code: 0, stdout: part === 'files' ? files : '', stderr: '' }
    return part === 'netlink' ? { ...done, value: new DumpReader(netlink) } : done
  })
  return { steps, results }
}

function recorded(...readings: [ns: string, reading: Reading][]): Readings {
  const recorder = new ReadingRecorder()
  for (const [ns, of] of readings) recorder.add(ns, of)
  return recorder.readings(readings.map(([ns]) => ns))
}

describe('on record comes', () => {
  test('a digest by namespace, and each way of reading once', () => {
    const { ways, digests } = recorded(['a', reading(['links'], identity(1))], ['b', reading(['links'], identity(2))])
    expect(ways).toEqual([{ dump: ['identity', 'generation', 'links', 'addresses'], get: [] }])
    expect(Object.keys(digests)).toEqual(['a', 'b'])
    expect(digests['a']![1]).not.toBe(digests['b']![1])
  })
  test.each([
    ['where the kernel does not number namespaces', reading(['links'], generation(1))],
    ['where rules have no generation', reading(['links', 'chains4'], identity(1))],
    ['where sets are read by a program', reading(['links', 'ipsets'], Buffer.concat([identity(1), generation(1)]))],
    [
      "where iptables' older half is in use",
      reading(['links', 'chains4', '/proc/net/ip_tables_names'], Buffer.concat([identity(1), generation(1)]), 'filter'),
    ],
  ])('nothing %s', (_, of) => {
    expect(recorded(['a', of]).digests).toEqual({})
  })
  test('one where rules have a generation, and only that', () => {
    const both = Buffer.concat([identity(1), generation(1)])
    const of = (netlink: Buffer): Readings['digests'] =>
      recorded(['a', reading(['links', 'chains4', '/proc/net/ip_tables_names'], netlink, ABSENT)]).digests
    expect(of(both)['a']).toBeDefined()
    expect(of(Buffer.concat([identity(1), generation(2)]))['a']).not.toEqual(of(both)['a'])
  })
  test('nothing of a namespace that holds something else', () => {
    const recorder = new ReadingRecorder()
    recorder.add('a', reading(['links'], identity(1)))
    recorder.drop('a')
    expect(recorder.readings(['a']).digests).toEqual({})
  })
  test('what still holds of those that were not read, and of the lab', () => {
    const before = recorded(
      ['a', reading(['links'], identity(1))],
      ['b', reading(['links'], identity(2))],
      ['c', reading(['links'], identity(3))],
    )
    const recorder = new ReadingRecorder(before, new Set(['b']))
    expect(Object.keys(recorder.readings(['a', 'b']).digests)).toEqual(['a'])
    recorder.add('b', reading(['routes'], identity(2)))
    const { ways, digests } = recorder.readings(['a', 'b'])
    expect(digests['a']![1]).toBe(before.digests['a']![1])
    expect(ways[digests['b']![0]]!.dump).toContain('routes4')
  })
})

describe('namespaces changed', () => {
  const readings = recorded(['a', reading(['links'], identity(1))], ['b', reading(['links'], identity(2))])
  const answer = (by: Readonly<Record<string, Partial<StepResult>>>) => new FakeNamespacePool((_, { ns }) => by[ns!])
  const same = { a: { stdout: readings.digests['a']![1] }, b: { stdout: readings.digests['b']![1] } }

  test('that read otherwise, cannot be read, or are not on record', async () => {
    const changed = (by: Readonly<Record<string, Partial<StepResult>>>, spaces = ['a', 'b']) =>
      changedSince(readings, spaces, answer(by).pool).then((found) => [...found!])
    expect(await changed(same)).toEqual([])
    expect(await changed({ ...same, b: { stdout: 'other' } })).toEqual(['b'])
    expect(await changed({ ...same, a: { ...same.a, code: 1 } })).toEqual(['a'])
    expect(await changed(same, ['a', 'b', 'c'])).toEqual(['c'])
  })
  test('as they were read, without another program or dump', async () => {
    const fake = answer(same)
    await changedSince(readings, ['a', 'b'], fake.pool)
    expect(fake.jobs).toEqual(['a', 'b'].map((ns) => ({ ns, steps: [{ digest: readings.ways[0] }] })))
  })
  test('are not known without a record, or with that of another version', async () => {
    const none = new FakeNamespacePool()
    for (const unusable of [undefined, { ...readings, version: '0' }, { ...readings, digests: {} }])
      expect(await changedSince(unusable, ['a', 'b'], none.pool)).toBeUndefined()
    expect(none.jobs).toEqual([])
  })
})
