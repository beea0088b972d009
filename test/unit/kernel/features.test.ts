import { expect, test } from 'vitest'
import { FEATURES } from '../../../src/kernel/features/feature.ts'

test('features are tried in one namespace: no two make a device of one name', () => {
  const names = FEATURES.flatMap(({ probe }) => [...probe.matchAll(/\blink add (\S+)|\bpeer name (\S+)/g)].map((m) => m[1] ?? m[2]!))
  expect(names.length).toBeGreaterThan(5)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})
