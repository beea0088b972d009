import { describe, expect, test } from 'vitest'
import { policyModuleOf } from '../../../src/policy/index.ts'
import { compiled, podOf } from '../lab/fixture.ts'

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

const made = compiled(TEXT)
const rules = made.objects.flatMap((o) => (o.kind === 'chain' && o.chain === 'NETLAB-INGRESS' ? [{ ns: o.ns, rules: o.rules }] : []))

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

describe('the rule that ends what no policy allows', () => {
  const lab = made.lab
  const of = (key: string, way: 'ingress' | 'egress' = 'ingress', family: 4 | 6 = 4): string | undefined =>
    policyModuleOf().denies(podOf(lab, key), way, family, lab)?.id
  const drops = rules[0]!.rules.filter((r) => r.endsWith('-j DROP'))

  test('is that of the pod, word for word as the chain has it', () => {
    expect([of('a'), of('b')]).toEqual(drops.map((rule) => `NETLAB-INGRESS ${rule}`))
    expect(policyModuleOf().denies(podOf(lab, 'a'), 'ingress', 4, lab)).toMatchObject({
      ns: 'who.node-1',
      title: 'policy default/for-a, default/again-a: nothing else comes in',
    })
  })

  test('does not exist for pods that are not isolated, nor in a direction they are not isolated in', () => {
    expect([of('free'), of('a', 'egress')]).toEqual([undefined, undefined])
  })
})

describe('what a rule means', () => {
  const { explain } = policyModuleOf()
  test('is told by the rules of the module, which name their policies', () => {
    expect(rules[0]!.rules.map((rule) => explain(`-A NETLAB-INGRESS ${rule}`))).toEqual([
      ['default/for-a', 'default/again-a'],
      ['default/for-b'],
    ])
  })
  test.each([
    ['-A MINE -m comment --comment "policy a/b" -j DROP', ['a/b']],
    ['ip saddr 10.0.0.1 comment "policy shop/deny-all: x" drop', ['shop/deny-all']],
    ['-A FORWARD -j DROP', undefined],
    ['-A FORWARD -m comment --comment "my firewall" -j DROP', undefined],
  ])('%s', (rule, titles) => expect(explain(rule)).toEqual(titles))
})
