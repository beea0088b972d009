import { expect, test } from 'vitest'
import { compile } from '../../../src/compile/compile.ts'
import { policiesOf } from '../../../src/lab/policy/policies.ts'
import { enforcedLab, unenforcedText } from '../../../src/policy/index.ts'
import { testPlanOf } from '../../../src/verify/test-plan.ts'
import { lab } from '../lab/fixture.ts'

const text = (policy: string, policies = 'policies: { all: { podSelector: {} }, b: { podSelector: {} } }'): string =>
  `name: t\nnetwork: { policy: ${policy} }\nhosts: { n: {} }\npods: { a: {} }\n${policies}\n`

test('nothing enforces them: the lab has them, no host has rules, and a test plans without', () => {
  const l = lab(text('none'))
  expect(policiesOf(l)).toHaveLength(2)
  expect(unenforcedText(l)).toBe('nothing enforces 2 policies: network.policy is none')
  expect(compile(l).objects.filter((o) => o.kind === 'ipset' || (o.kind === 'chain' && o.table === 'filter'))).toEqual([])
  expect(enforcedLab(l)).toBe(enforcedLab(l))
  const { plan } = testPlanOf(l, {})
  expect([policiesOf(plan.lab), plan.unenforced]).toEqual([[], l])
})

test('a lab without policies, and one whose module enforces them, are as they are', () => {
  for (const l of [lab(text('none', '')), lab(text('iptables'))]) {
    expect([enforcedLab(l), unenforcedText(l), testPlanOf(l, {}).plan.unenforced]).toEqual([l, undefined, undefined])
  }
})
