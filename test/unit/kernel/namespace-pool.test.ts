/** Workers may be killed at any moment: callers that wait for them must be told, and rolling back must go on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { HelperEnded, ProgramUnusable } from '../../../src/netns/failures.ts'
import { NamespacePool, type Job } from '../../../src/netns/namespace-pool.ts'

const job = (line: string): Job => ({ steps: [{ run: ['sh', '-c', line] }] })
let pool: NamespacePool
afterEach(() => pool.close())

test('a worker that is killed fails the run, and the next run has a new one', async () => {
  pool = new NamespacePool(1)
  await expect(pool.run([job('kill -9 $PPID'), job('true')], () => {})).rejects.toThrow(HelperEnded)
  const [result] = await pool.one(job('echo again'))
  expect(result).toMatchObject({ code: 0, stdout: 'again\n' })
})

test('a program that is missing, or may not be executed, is no answer of a namespace', async () => {
  pool = new NamespacePool(1)
  const dir = mkdtempSync(join(tmpdir(), 'netlab-pool-'))
  const plain = join(dir, 'plain')
  writeFileSync(plain, '', { mode: 0o644 })
  try {
    for (const [program, isThere] of [
      ['no-such-program-anywhere', false],
      [plain, true],
    ] as const)
      await expect(pool.one({ steps: [{ run: [program] }] })).rejects.toEqual(new ProgramUnusable(program, isThere))
    expect(await pool.one(job('echo fine'))).toMatchObject([{ code: 0 }])
    // What a program itself says of another is its own affair.
    expect(await pool.one(job('no-such-program-anywhere'))).toMatchObject([{ code: 127 }])
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('nothing more is started once a result was refused with an error', async () => {
  pool = new NamespacePool(2)
  const ended: number[] = []
  const run = pool.run(
    Array.from({ length: 50 }, () => job('true')),
    (index) => {
      ended.push(index)
      // The first to end, whichever: a busy machine may let the other worker end many before that of index 0.
      if (ended.length === 1) throw new Error('no')
    },
  )
  await expect(run).rejects.toThrow('no')
  const atThrow = ended.length
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(ended).toHaveLength(atThrow)
  expect(atThrow).toBeLessThan(15)
})

test('nothing is started once it was closed, by whatever still goes on', async () => {
  pool = new NamespacePool(1)
  await pool.one(job('true'))
  pool.close()
  await expect(pool.one(job('true'))).rejects.toThrow('let go')
})
