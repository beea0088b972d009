import { expect, test } from 'vitest'
import { compiled } from '../model/fixture.ts'

const TEXT = `
name: who
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1, labels: { app: a } }
  b: { host: node-1, labels: { app: b } }
  free: { host: node-2 }
policies:
  for-a: { podSelector: { matchLabels: { app: a } } }
  again-a: { podSelector: { matchLabels: { app: a } } }
  for-b: { podSelector: { matchLabels: { app: b } } }
`

const rules = compiled(TEXT).objects.flatMap((o) =>
  o.kind === 'chain' && o.chain === 'NETLAB-INGRESS' ? [{ ns: o.ns, rules: o.rules }] : [],
)

test('what is dropped is told by the policies that isolate the pod, and by no others', () => {
  expect(rules[0]!.rules.filter((r) => r.endsWith('-j DROP'))).toEqual([
    expect.stringMatching(
      /^-m set --match-set np4-s-[0-9a-f]{10} dst -m comment --comment "policy default\/for-a, default\/again-a: nothing else comes in" -j DROP$/,
    ),
    '-m comment --comment "policy default/for-b: nothing else comes in" -j DROP',
  ])
})

test('a host none of whose pods is selected gets no rules', () => {
  expect(rules.map((r) => r.ns)).toEqual(['who.node-1'])
})
