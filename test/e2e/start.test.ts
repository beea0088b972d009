/** What V8 has compiled is kept beside the program for the next run of a command, and is never needed. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { root } from '../support/root.ts'
import { run } from '../support/run.ts'

const dir = mkdtempSync(join(tmpdir(), 'netlab-start-'))
const quickstart = join(root, 'topologies/quickstart.yaml')
const netlab = (...words: string[]) => run([process.execPath, join(dir, 'bin/netlab.js'), ...words])
const kept = (): string[] => readdirSync(join(dir, 'dist')).filter((name) => name.includes('.cache'))
const keptFor = (command: string): string => {
  const files = kept().filter((name) => new RegExp(`^${command}-[0-9a-f]{16}-[\\w.-]+\\.cache$`).test(name))
  assert.equal(files.length, 1, kept().join())
  return join(dir, 'dist', files[0]!)
}

describe('what V8 has compiled', () => {
  for (const part of ['bin', 'dist']) cpSync(join(root, part), join(dir, part), { recursive: true })
  beforeEach(() => {
    for (const name of kept()) rmSync(join(dir, 'dist', name), { recursive: true })
  })
  after(() => rmSync(dir, { recursive: true }))

  test('is kept by the first run of a command, and used by the next', async () => {
    const first = await netlab('plan', quickstart)
    assert.equal(first.code, 0, first.stderr)
    const file = keptFor('plan')
    const { ino } = statSync(file)
    const second = await netlab('plan', quickstart)
    assert.deepEqual(second, first)
    assert.equal(statSync(file).ino, ino)
    await netlab('schema')
    assert.equal(statSync(keptFor('schema')).isFile(), true)
  })

  test('is made anew where the file is damaged', async () => {
    const first = await netlab('plan', quickstart)
    const file = keptFor('plan')
    const good = readFileSync(file)
    const head = good.indexOf('\n')
    for (const damaged of [
      Buffer.alloc(0),
      Buffer.from('nonsense'),
      good.subarray(0, head / 2),
      good.subarray(0, good.length / 2),
      Buffer.concat([good.subarray(0, head + 8), Buffer.alloc(good.length - head - 8)]),
    ]) {
      writeFileSync(file, damaged)
      assert.deepEqual(await netlab('plan', quickstart), first)
      assert.ok(statSync(file).size > good.length / 2, 'replaced')
    }
  })

  test('is kept for what a later run needs besides', async () => {
    assert.equal((await netlab('plan', quickstart)).code, 0)
    const file = keptFor('plan')
    const chunks = (): string[] => JSON.parse(readFileSync(file, 'latin1').split('\n', 1)[0]!).map(([name]: [string]) => name)
    const first = chunks()
    const other = await netlab('plan', join(root, 'topologies/from-manifests.yaml'), '--down')
    assert.equal(other.code, 0, other.stderr)
    const both = chunks()
    assert.ok(both.length > first.length, both.join())
    assert.deepEqual(both.slice(0, first.length), first)
    const { ino } = statSync(file)
    assert.equal((await netlab('plan', quickstart)).code, 0)
    assert.equal(statSync(file).ino, ino)
  })

  test('is done without where it cannot be kept', async () => {
    const first = await netlab('plan', quickstart)
    const file = keptFor('plan')
    rmSync(file)
    mkdirSync(file)
    assert.deepEqual(await netlab('plan', quickstart), first)
    assert.equal(keptFor('plan'), file)
  })

  test('is kept apart for other flags of V8, under which it could not be used', async () => {
    const first = await netlab('plan', quickstart)
    const withFlags = () => run([process.execPath, '--max-semi-space-size=4', join(dir, 'bin/netlab.js'), 'plan', quickstart])
    assert.deepEqual(await withFlags(), first)
    const made = new Map(kept().map((name) => [name, statSync(join(dir, 'dist', name)).ino]))
    assert.equal(made.size, 2, kept().join())
    assert.deepEqual([await netlab('plan', quickstart), await withFlags()], [first, first])
    assert.deepEqual(new Map(kept().map((name) => [name, statSync(join(dir, 'dist', name)).ino])), made)
  })

  test('is not kept for what is no command', async () => {
    assert.equal((await netlab('nonsense')).code, 2)
    assert.equal((await netlab('plan', join(dir, 'nowhere.yaml'))).code, 2)
    assert.deepEqual(kept(), [])
  })
})
