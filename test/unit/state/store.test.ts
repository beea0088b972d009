/** What is recorded about labs. /run/netlab is root's; these tests put it elsewhere, so that anyone can run them. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { backends } from '../../../src/backends/index.ts'
import * as store from '../../../src/state/store.ts'
import { optionTypes } from '../../../src/topology/schema/schema.ts'
import { compiled } from '../lab/fixture.ts'

const place = vi.hoisted(() => ({ dir: '', failing: '' }))

/** Every path below /run/netlab is one below `place.dir`; the function called `failing` fails once. */
vi.mock('node:fs', async (original) => {
  const fs = await original<Record<string, unknown>>()
  const moved = (value: unknown): unknown => (typeof value === 'string' ? value.replace(/^\/run\/netlab(?=\/|$)/, place.dir) : value)
  const wrap = ([name, f]: [string, unknown]): [string, unknown] => {
    if (typeof f !== 'function' || /^[A-Z]/.test(name)) return [name, f]
    return [
      name,
      (...args: unknown[]): unknown => {
        if (name === place.failing) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        return (f as (...a: unknown[]) => unknown)(...args.map(moved))
      },
    ]
  }
  return Object.fromEntries(Object.entries(fs).map(wrap))
})

const root = mkdtempSync(join(tmpdir(), 'netlab-store-'))
beforeEach(() => {
  place.dir = join(root, 'netlab')
  place.failing = ''
  rmSync(place.dir, { recursive: true, force: true })
})
afterAll(() => rmSync(root, { recursive: true }))

const { lab, objects } = compiled('hosts: { a: {}, b: {} }\npods: { p: {} }\nexternals: { x: {} }')
const journal: store.Journal = { version: 1, lab: 'lab', file: '/tmp/lab.yaml', namespaces: ['lab.a', 'lab.p', 'lab.shop.cart_v2'] }
const applied: store.Applied = { version: 1, lab, objects, since: 1_700_000_000 }
const file = (name: string): string => join(place.dir, 'lab', name)

test('nothing is recorded about a lab that is not', () => {
  expect([store.readJournal('lab'), store.readApplied('lab'), store.labNames()]).toEqual([undefined, undefined, []])
  expect(() => store.forget('lab')).not.toThrow()
  expect(existsSync(place.dir)).toBe(false)
})

test('what is written is read back, lab and objects and all', () => {
  store.writeJournal(journal)
  store.writeApplied(applied)
  expect(store.readJournal('lab')).toEqual(journal)
  expect(store.readApplied('lab')).toEqual(JSON.parse(JSON.stringify(applied)))
  expect(store.readApplied('lab')).toEqual(applied)
  expect(store.labNames()).toEqual(['lab'])
})

test('the one router of a lab that an earlier version made is plugged into everything', () => {
  const { routers, ...rest } = lab
  const { segments: _segments, isEdge: _isEdge, addresses: _addresses, ...router } = routers[0]!
  store.writeApplied({ ...applied, lab: { ...rest, router } as unknown as store.Applied['lab'] })
  expect(store.readApplied('lab')!.lab).toEqual(lab)
  store.writeApplied({ ...applied, lab: rest as store.Applied['lab'] })
  expect(store.readApplied('lab')!.lab.routers).toEqual([])
})

test.each(Object.entries(backends))('options that %s has got since are in a lab that an earlier version made', (type, backend) => {
  const backendNow = { type, ...backend.options(optionTypes).parse({}) }
  const since = Object.keys(backend.unsaid ?? {})
  const then = Object.fromEntries(Object.entries(backendNow).filter(([option]) => !since.includes(option)))
  store.writeApplied({ ...applied, lab: { ...lab, backend: then as typeof backendNow } })
  expect(store.readApplied('lab')!.lab.backend).toEqual(backendNow)
})

describe('writing', () => {
  test('replaces as a whole: one that fails leaves what was there', () => {
    store.writeJournal(journal)
    place.failing = 'renameSync'
    expect(() => store.writeJournal({ ...journal, namespaces: ['lab.other'] })).toThrow('no space')
    place.failing = ''
    expect(store.readJournal('lab')).toEqual(journal)
  })
  test('leaves no half a file where it counts, and no second file when it is done', () => {
    place.failing = 'renameSync'
    expect(() => store.writeJournal(journal)).toThrow('no space')
    expect(existsSync(file('journal.json'))).toBe(false)
    place.failing = ''
    store.writeJournal(journal)
    expect(readdirSync(join(place.dir, 'lab'))).toEqual(['journal.json'])
  })
})

describe('a file that cannot be trusted is an error, never nothing', () => {
  const put = (name: string, text: string): void => {
    mkdirSync(join(place.dir, 'lab'), { recursive: true })
    writeFileSync(file(name), text)
  }
  test.each([
    ['another version', JSON.stringify({ ...journal, version: 2 })],
    ['no version', '{}'],
    ['no object', '[]'],
    ['null', 'null'],
    ['half a file', JSON.stringify(journal).slice(0, 30)],
    ['empty', ''],
  ])('%s', (_, text) => {
    put('journal.json', text)
    expect(() => store.readJournal('lab')).toThrow(store.StateError)
    expect(() => store.readJournal('lab')).toThrow('/run/netlab/lab/journal.json')
    put('applied.json', text)
    expect(() => store.readApplied('lab')).toThrow(store.StateError)
  })
  test('and told apart: written by another version, or damaged', () => {
    put('journal.json', JSON.stringify({ ...journal, version: 2 }))
    expect(() => store.readJournal('lab')).toThrow('another version')
    put('journal.json', '{')
    expect(() => store.readJournal('lab')).toThrow('damaged')
  })
  test('also where reading itself fails', () => {
    mkdirSync(file('journal.json'), { recursive: true })
    expect(() => store.readJournal('lab')).toThrow()
  })
})

describe('forgetting', () => {
  test('leaves other labs alone', () => {
    store.writeJournal(journal)
    store.writeJournal({ ...journal, lab: 'other', namespaces: ['other.a'] })
    store.forget('lab')
    expect(store.labNames()).toEqual(['other'])
    expect(store.readJournal('lab')).toBeUndefined()
  })
  test('leaves nothing where it was the last, and can be done twice', () => {
    store.writeJournal(journal)
    store.writeApplied(applied)
    mkdirSync(store.processDir('lab').replace('/run/netlab', place.dir), { recursive: true })
    writeFileSync(file('process/p.c.log'), 'x')
    store.forget('lab')
    store.forget('lab')
    expect(existsSync(place.dir)).toBe(false)
  })
  test('does not follow links out of its directory', () => {
    store.writeJournal(journal)
    const outside = join(root, 'outside')
    mkdirSync(outside, { recursive: true })
    writeFileSync(join(outside, 'precious'), 'x')
    symlinkSync(outside, file('link'))
    store.forget('lab')
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('x')
  })
})

test('names are those of labs, in order', () => {
  for (const lab of ['b', 'a', 'c']) store.writeJournal({ ...journal, lab, namespaces: [`${lab}.x`] })
  writeFileSync(join(place.dir, 'stray-file'), 'x')
  expect(store.labNames()).toEqual(['a', 'b', 'c'])
})

test('paths stay below the state directory', () => {
  expect([store.labDir('lab'), store.processDir('lab')]).toEqual(['/run/netlab/lab', '/run/netlab/lab/process'])
})
