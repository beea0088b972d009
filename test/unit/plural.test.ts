import { expect, test } from 'vitest'
import { plural } from '../../src/plural.ts'

test.each([
  [1, 'error', '1 error'],
  [0, 'error', '0 errors'],
  [2, 'kernel object', '2 kernel objects'],
  [3, 'address', '3 addresses'],
  [1, 'address', '1 address'],
  [2, 'echo reply', '2 echo replies'],
  [2, 'key', '2 keys'],
  [2, 'switch', '2 switches'],
  [1, 'pair of hosts', '1 pair of hosts'],
  [2, 'pair of hosts', '2 pairs of hosts'],
  [2, 'device, tunnels among them', '2 devices, tunnels among them'],
] as const)('%i %s: %s', (n, noun, text) => expect(plural(n, noun)).toBe(text))

test('a plural that is not made by rule is given', () => {
  const lab = ['lab was', 'labs were'] as const
  expect([plural(1, lab), plural(2, lab)]).toEqual(['1 lab was', '2 labs were'])
})
