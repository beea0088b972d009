/** What rides along with applying: reading namespaces back, and starting containers. */
import { describe, expect, test } from 'vitest'
import { apply, type ApplyFailure, type ApplyOptions } from '../../../src/kernel/apply.ts'
import type { Batch } from '../../../src/kernel/batch.ts'
import { diff } from '../../../src/kernel/diff.ts'
import { dumpsOf, type Reading } from '../../../src/kernel/dumps/take.ts'
import type { KernelObject } from '../../../src/kernel/objects.ts'
import { stepsFor } from '../../../src/kernel/observe.ts'
import { render } from '../../../src/kernel/render.ts'
import { compiled } from '../lab/fixture.ts'
import { FakeNamespacePool, holding, inputOf, program, refuse } from './fake-namespace-pool.ts'

const nothing = { directory: '/nonexistent', startProcesses: async () => [], stopProcesses: async () => {}, reloadDaemons: async () => [] }
const run = (fake: FakeNamespacePool, options: Partial<ApplyOptions>, list: readonly Batch[]): Promise<ApplyFailure | undefined> =>
  apply(list, fake.pool, { ...nothing, ...options })

describe('reading back', () => {
  const full = compiled(
    'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { a: {}, b: {} }\npods: { p: {} }\nexternals: { x: { podRoutes: true } }',
  )
  const all = render(diff([], full.objects))
  const steps = stepsFor(full.objects)
  const read = new Map<string, Reading[]>()
  const answer = { value: holding([{}], []) }
  const fake = new FakeNamespacePool((step) => ('dump' in step ? answer : {}))

  test('rides along with the last visit of each namespace, every part once', async () => {
    const onRead = (ns: string, reading: Reading): void => void read.set(ns, [...(read.get(ns) ?? []), reading])
    await apply(all, fake.pool, { ...nothing, readBack: steps, onRead })
    const spaces = full.objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
    for (const ns of spaces) {
      expect(read.get(ns)).toHaveLength(1)
      const [reading] = read.get(ns)!
      expect(reading!.steps).toEqual(steps(ns))
      expect(reading!.results).toHaveLength(steps(ns).length)
      expect(dumpsOf(ns, reading!)).toMatchObject({ links: [{}], routes: [] })
    }
  })

  test('costs no process, and comes after the last change', () => {
    const ofPod = fake.jobs.filter((j) => j.ns === 'lab.p')
    expect(ofPod).toHaveLength(1)
    expect(ofPod[0]!.steps.map(program)).toEqual(['put', 'ip', 'dump', 'get'])
    for (const ns of ['lab.a', 'lab.router', 'lab.switch-lan']) {
      const visits = fake.jobs.filter((j) => j.ns === ns)
      const reading = visits.map((j) => j.steps.some((s) => 'dump' in s))
      expect(reading, ns).toEqual([...reading.slice(1).map(() => false), true])
    }
  })

  test('that fails is a bug of ours or the machine, not of the topology', async () => {
    const broken = new FakeNamespacePool((step) =>
      'get' in step ? { code: 1, stderr: 'no such luck' } : 'dump' in step ? answer : undefined,
    )
    await expect(apply(all, broken.pool, { ...nothing, readBack: steps })).rejects.toThrow(/reading lab\.\S+ back: files: no such luck/)
  })
})

describe('containers', () => {
  const c = compiled('hosts: { a: {} }\npods:\n  p: { containers: [{ name: one, command: [sleep, "1"] }, { name: two }] }\n')
  const list = render(diff([], c.objects))
  test('are started last, all at once', async () => {
    const started: string[][] = []
    const fake = new FakeNamespacePool()
    await run(fake, { startProcesses: async (p) => (started.push(p.map((x) => x.id)), []) }, list)
    expect(started).toEqual([['p.one', 'p.two']])
  })
  test.each([
    ['p.one', 'start sleep 1 (in lab.p)'],
    ['p.two', 'start the built-in responder (in lab.p)'],
  ])('that do not start are named: %s', async (id, command) => {
    const failure = await run(new FakeNamespacePool(), { startProcesses: async () => [{ id, message: 'not found' }] }, list)
    expect(failure).toMatchObject({ command, stderr: 'not found', object: { kind: 'process', id, from: { line: 3, path: 'pods.p' } } })
  })
  test('are ended first', async () => {
    const done: string[] = []
    const fake = new FakeNamespacePool((s) => void done.push(inputOf(s).split(' ')[0]!))
    await run(fake, { stopProcesses: async (p) => void done.push(...p.map((x) => x.id)) }, render(diff(c.objects, [])))
    expect(done.slice(0, 3)).toEqual(['p.two', 'p.one', 'netns'])
  })
  test('are not started when the network could not be made', async () => {
    const started: KernelObject[] = []
    await run(
      refuse((s) => inputOf(s).startsWith('netns'), ''),
      { startProcesses: async (p) => (started.push(...p), []) },
      list,
    )
    expect(started).toEqual([])
  })
})
