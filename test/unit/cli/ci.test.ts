import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { exitOf } from '../../../src/cli/commands/test/ci-run.ts'
import { topologyFiles } from '../../../src/cli/commands/test/ci-files.ts'
import { schedule, type Cost, type Task } from '../../../src/cli/commands/test/ci-schedule.ts'
import { Failure } from '../../../src/cli/failure.ts'
import { traceName, tracePrefixes } from '../../../src/cli/commands/test/trace-failures.ts'
import type { Status } from '../../../src/report/trace/outcome.ts'

describe('the exit code of a run is its worst', () => {
  const of = (...codes: number[]) =>
    codes.map((exit) => ({ exit, status: (exit === 0 ? 'passed' : exit === 1 ? 'failed' : exit === 3 ? 'skipped' : 'error') as Status }))
  test.each([
    [[0, 0], 0],
    [[0, 3], 3],
    [[3, 1], 1],
    [[1, 2, 0], 2],
    [[2, 4, 1], 4],
    [[4, 70], 70],
    [[70, 130, 4], 130],
    [[], 3],
  ])('%j → %i', (codes, expected) => expect(exitOf(of(...codes), false)).toBe(expected))

  test('skipping may be allowed, but never everything', () => {
    expect(exitOf(of(0, 3), true)).toBe(0)
    expect(exitOf(of(3, 3), true)).toBe(3)
    expect(exitOf(of(1, 3), true)).toBe(1)
    // A machine that breaks down meanwhile is no lab that was skipped.
    expect(exitOf([...of(0), { exit: 3, status: 'error' }], true)).toBe(3)
  })
})

describe('which topologies words mean', () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-ci-'))
  afterAll(() => rmSync(dir, { recursive: true, force: true }))
  const put = (name: string, text = 'hosts: { a: {} }\npods: { p: {} }\n') => {
    mkdirSync(join(dir, name, '..'), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  put('labs/b.yaml')
  put('labs/a.yml')
  put('labs/typo.yaml', 'hostz: {}\n')
  put('labs/k8s.yaml', '# of the shop\napiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n---\napiVersion: v1\nkind: Pod\n')
  put('labs/notes.md', '')
  put('labs/deep/c.yaml')
  put('empty/readme.md', '')
  const at = (...names: string[]) => names.map((n) => join(dir, n))

  test('a directory: its topologies, not its manifests, not its directories', () => {
    const { files, passedOver } = topologyFiles(at('labs'))
    expect(files).toEqual(at('labs/a.yml', 'labs/b.yaml', 'labs/typo.yaml'))
    expect(passedOver).toEqual(at('labs/k8s.yaml'))
  })
  test('patterns, files, each once, in the order they are named', () => {
    expect(topologyFiles(at('labs/b.yaml', 'labs/*.yml', 'labs', 'labs/**/c.yaml')).files).toEqual(
      at('labs/b.yaml', 'labs/a.yml', 'labs/typo.yaml', 'labs/deep/c.yaml'),
    )
  })
  test('a file that is named is taken for what it is called', () => {
    expect(topologyFiles(at('labs/k8s.yaml')).files).toEqual(at('labs/k8s.yaml'))
  })
  test('every word that means nothing is told, with what was perhaps meant', () => {
    let failure: unknown
    try {
      topologyFiles([...at('labs/bb.yaml', 'labs/*.json', 'empty', 'labs/b.yaml')])
    } catch (error) {
      failure = error
    }
    expect(failure).toBeInstanceOf(Failure)
    const { exit, diagnostics } = failure as Failure
    expect(exit).toBe(2)
    expect(diagnostics.map((d) => [d.code, d.hint])).toEqual([
      ['file-not-found', `did you mean ${join(dir, 'labs/b.yaml')}?`],
      ['no-topologies', 'Name files, directories or patterns.'],
      ['no-topologies', 'Topologies are files called *.yaml or *.yml.'],
    ])
  })
})

describe('labs run side by side where there is room', () => {
  const room: Cost = { memory: 100, neighbours: 100 }
  /** Runs tasks of these costs; gives which ran together, and the order they began in. */
  async function trial(costs: Readonly<Record<string, Partial<Cost> & { name?: string }>>, jobs: number, stopAfter = Infinity) {
    const now = new Set<string>()
    const together: string[][] = []
    const began: string[] = []
    const stop = new AbortController()
    const tasks = Object.entries(costs).map(([id, { name = id, ...cost }]): Task => ({
      name,
      cost: { memory: 1, neighbours: 1, ...cost },
      run: async () => {
        began.push(id)
        now.add(id)
        together.push([...now].toSorted())
        await sleep(1)
        now.delete(id)
        if (began.length >= stopAfter) stop.abort()
      },
    }))
    await schedule(tasks, jobs, room, stop.signal)
    expect(now.size).toBe(0)
    return { together, began, most: Math.max(0, ...together.map((t) => t.length)) }
  }

  test('as many as asked for, all of them once', async () => {
    const { most, began } = await trial({ a: {}, b: {}, c: {}, d: {}, e: {} }, 2)
    expect(most).toBe(2)
    expect(began.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect((await trial({ a: {}, b: {} }, 1)).most).toBe(1)
    expect((await trial({}, 4)).most).toBe(0)
  })
  test.each(['memory', 'neighbours'] as const)('no more than there is %s for, the smaller filling up', async (what) => {
    const { together } = await trial({ big: { [what]: 70 }, other: { [what]: 60 }, small: { [what]: 20 } }, 3)
    expect(together.some((t) => t.includes('big') && t.includes('other'))).toBe(false)
    expect(together).toContainEqual(['big', 'small'])
  })
  test('one that is too large for the machine runs alone', async () => {
    const { together } = await trial({ huge: { memory: 1000 }, a: {}, b: {} }, 3)
    expect(together.filter((t) => t.includes('huge'))).toEqual([['huge']])
  })
  test('two of one name never meet', async () => {
    const { together, began } = await trial({ 'a/lab': { name: 'lab' }, 'b/lab': { name: 'lab' }, c: {} }, 3)
    expect(together.some((t) => t.includes('a/lab') && t.includes('b/lab'))).toBe(false)
    expect(began).toHaveLength(3)
  })
  test('nothing begins after an interruption', async () => {
    expect((await trial({ a: {}, b: {}, c: {}, d: {} }, 1, 2)).began).toHaveLength(2)
  })
})

describe('names of traces', () => {
  test.each([
    [['trace', 'shop/web', 'svc/shop/cart', '--port', '80/tcp'], 'shop-03-shop.web-to-svc.shop.cart-80.tcp'],
    [['trace', 'a', 'fd00::2', '--family', '6'], 'shop-03-a-to-fd00.2-icmp'],
    [['trace', '../../etc', '-x;rm -rf'], 'shop-03-.etc-to--x.rm.-rf-icmp'],
  ])('%j', (args, expected) => expect(traceName('shop', 3, args)).toBe(expected))
  test('stay short', () => expect(traceName('a'.repeat(300), 1, ['trace', 'a', 'b'])).toHaveLength(120))

  const prefixes = (...labs: (readonly [string, string])[]): string[] => [
    ...tracePrefixes(
      labs.map(([lab, file]) => ({ lab, file })),
      '/repo',
    ).values(),
  ]
  test('begin with the lab, where several have its name also with the file', () => {
    expect(prefixes(['x', '/repo/iso.yaml'], ['y', '/repo/y.yaml'], ['x', '/repo/labs/iso2.yml'])).toEqual(['x-iso', 'y', 'x-labs.iso2'])
    expect(prefixes(['x', '/elsewhere/iso.yaml'], ['x', '/repo/iso.yaml'])).toEqual(['x-elsewhere.iso', 'x-iso'])
  })
  test('are never the same twice, however alike the files are called', () => {
    const alike = prefixes(['x', '/repo/a/b.yaml'], ['x', '/repo/a.b.yaml'], ['x', '/repo/a.b.yml'], ['x-a.b', '/repo/c.yaml'])
    expect(new Set(alike).size).toBe(4)
    expect(alike[3]).toBe('x-a.b')
    const long = prefixes(...['a', 'b'].map((end) => ['x'.repeat(63), `/repo/${end}/${'long/'.repeat(50)}lab.yaml`] as const))
    const names = long.map((prefix) => traceName(prefix, 7, ['trace', 'a', 'b']))
    expect(new Set(names).size).toBe(2)
    for (const name of names) expect(name).toContain('-07-')
  })
})
