/** Workers may be killed at any moment: callers that wait for them must be told, and rolling back must go on. */
import { afterEach, expect, test } from 'vitest'
import { NamespacePool, WorkerGone, type Job } from '../../../src/netns/namespace-pool.ts'

const job = (line: string): Job => ({ steps: [{ run: ['sh', '-c', line] }] })
let pool: NamespacePool
afterEach(() => pool.close())

test('a worker that is killed fails the run, and the next run has a new one', async () => {
  pool = new NamespacePool(1)
  await expect(pool.run([job('kill -9 $PPID'), job('true')], () => {})).rejects.toThrow(WorkerGone)
  const [result] = await pool.one(job('echo again'))
  expect(result).toMatchObject({ code: 0, stdout: 'again\n' })
})

test('nothing more is started once a result was refused with an error', async () => {
  pool = new NamespacePool(2)
  const ended: number[] = []
  const run = pool.run(
    Array.from({ length: 50 }, () => job('true')),
    (index) => {
      ended.push(index)
      if (index === 0) throw new Error('no')
    },
  )
  await expect(run).rejects.toThrow('no')
  const atThrow = ended.length
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(ended).toHaveLength(atThrow)
  expect(atThrow).toBeLessThan(15)
})
