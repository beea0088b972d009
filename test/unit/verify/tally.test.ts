import { expect, test } from 'vitest'
import { singular, Tally } from '../../../src/verify/evidence/tally.ts'

test.each([
  ['pods', 'pod'],
  ['addresses', 'address'],
  ['echo replies', 'echo reply'],
  ['pairs of hosts, both ways', 'pair of hosts, both ways'],
  ['devices, tunnels among them', 'device, tunnels among them'],
  ['hosts watched all the time', 'host watched all the time'],
])('one of %s is %s', (many, one) => {
  expect(singular(many)).toBe(one)
})

test('what held is counted, what did not is told one by one, and nothing to look at is no success', () => {
  const tally = new Tally('model', 'id', 'a title')
  expect(tally.checks('pods', 'there are none')).toMatchObject([{ status: 'skipped', detail: 'there are none', tested: 0 }])
  tally.add(undefined)
  expect(tally.checks('pods', 'there are none')).toMatchObject([{ status: 'passed', detail: '1 pod', tested: 1 }])
  tally.add({ from: 'a', to: 'b', detail: 'no answer' })
  expect(tally.checks('pods', '')).toMatchObject([{ status: 'failed', from: 'a', to: 'b', detail: 'no answer', tested: 2 }])
})
