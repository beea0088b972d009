/** Workers may be killed at any moment: whoever waits for them must hear of it, and rolling back must go on. */
import { afterEach, expect, test } from 'vitest'
import { Enter, WorkerGone, type Job } from '../../../src/kernel/enter.ts'

const job = (line: string): Job => ({ steps: [{ run: ['sh', '-c', line] }] })
let enter: Enter
afterEach(() => enter.close())

test('a worker that is killed fails the run, and the next run has a new one', async () => {
  enter = new Enter(1)
  await expect(enter.run([job('kill -9 $PPID'), job('true')], () => {})).rejects.toThrow(WorkerGone)
  const [result] = await enter.one(job('echo again'))
  expect(result).toMatchObject({ code: 0, stdout: 'again\n' })
})

test('nothing more is started once a result was refused with an error', async () => {
  enter = new Enter(2)
  const ended: number[] = []
  const run = enter.run(
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
