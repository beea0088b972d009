import { expect, test } from 'vitest'
import { joinHooks } from '../../../src/compile/hooks.ts'
import type { Chain } from '../../../src/kernel/objects.ts'

const chain = (name: string, rules: string[], more: Partial<Chain> = {}): Chain => ({
  kind: 'chain',
  ns: 'lab.node-1',
  family: 4,
  table: 'nat',
  chain: name,
  builtin: name === name.toUpperCase() && !name.includes('-'),
  rules,
  ...more,
})

test('jumps of several modules into one hook become one chain, in the order of the modules', () => {
  const objects = joinHooks([
    chain('KUBE-X', ['-j RETURN']),
    chain('POSTROUTING', ['-j KUBE-X']),
    chain('NETLAB-Y', []),
    chain('POSTROUTING', ['-j NETLAB-Y']),
  ])
  expect(objects).toEqual([chain('KUBE-X', ['-j RETURN']), chain('POSTROUTING', ['-j KUBE-X', '-j NETLAB-Y']), chain('NETLAB-Y', [])])
})

test('hooks of another namespace, family or table are other hooks', () => {
  const others = [
    chain('INPUT', ['-j A']),
    chain('INPUT', ['-j B'], { table: 'filter' }),
    chain('INPUT', ['-j C'], { family: 6 }),
    chain('INPUT', ['-j D'], { ns: 'lab.node-2' }),
  ]
  expect(joinHooks(others)).toEqual(others)
})

test('an unused hook is left out, because it is never read back', () => {
  expect(joinHooks([chain('INPUT', [])])).toEqual([])
})
