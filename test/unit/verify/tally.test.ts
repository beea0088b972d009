import { expect, test } from 'vitest'
import { Tally } from '../../../src/verify/evidence/tally.ts'

test('what held is counted, what did not is shown one by one, and nothing to look at is no success', () => {
  const tally = new Tally('model', 'id', 'a title')
  expect(tally.checks('pod', 'there are none')).toMatchObject([{ status: 'skipped', detail: 'there are none', tested: 0 }])
  tally.add(undefined)
  expect(tally.checks('pod', 'there are none')).toMatchObject([{ status: 'passed', detail: '1 pod', tested: 1 }])
  tally.add({ from: 'a', to: 'b', detail: 'no answer' })
  expect(tally.checks('pod', '')).toMatchObject([{ status: 'failed', from: 'a', to: 'b', detail: 'no answer', tested: 2 }])
})
