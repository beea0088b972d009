/** What is made of frames that were not captured, when the capture may have lost them. */
import { expect, test } from 'vitest'
import { evaluateWire } from '../../../src/verify/checks/model/wire.ts'
import type { Evidence } from '../../../src/verify/check-source.ts'
import { testPlanOf } from './passing-lab.ts'

const plan = testPlanOf('hosts: { h1: {}, h2: {} }\npods: { a: { host: h1 }, b: { host: h2 } }\n')
const evidence: Evidence = {
  answer: () => ({ outcome: 'ok', ms: 1 }),
  first: () => undefined,
  listener: () => undefined,
}
const headers = (lost: number) =>
  evaluateWire(plan, evidence, { frames: [], hosts: new Set(['h1', 'h2']), lost }, undefined).filter((c) => c.id === 'wire-headers')

test('nothing was lost: a packet that came through unseen did not go where it should', () => {
  const [first] = headers(0)
  expect(first!.status).toBe('failed')
  expect(first!.detail).toContain('was not on the underlay of')
})

test('frames were lost: nothing is concluded, and nothing counts as tested', () => {
  expect(headers(3).map((c) => [c.status, c.tested])).toEqual([['skipped', 0]])
})
