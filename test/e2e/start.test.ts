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
  const files = kept().filter((name) => new RegExp(`^${command}-[0-9a-f]{16}-[0-9a-f]+\\.cache$`).test(name))
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
    for (const damaged of [Buffer.alloc(0), Buffer.from('nonsense'), good.subarray(0, good.length / 2)]) {
      writeFileSync(file, damaged)
      assert.deepEqual(await netlab('plan', quickstart), first)
      assert.ok(statSync(file).size > good.length / 2, 'replaced')
    }
  })

  test('is done without where it cannot be kept', async () => {
    const first = await netlab('plan', quickstart)
    const file = keptFor('plan')
    rmSync(file)
    mkdirSync(file)
    assert.deepEqual(await netlab('plan', quickstart), first)
    assert.equal(keptFor('plan'), file)
  })

  test('is not kept for what is no command', async () => {
    assert.equal((await netlab('nonsense')).code, 2)
    assert.equal((await netlab('plan', join(dir, 'nowhere.yaml'))).code, 2)
    assert.deepEqual(kept(), [])
  })
})
