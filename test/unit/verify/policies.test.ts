import { describe, expect, test } from 'vitest'
import { policies, squaresOf } from '../../../src/verify/checks/policies/policies.ts'
import { counterOf, failed, findings, testPlanOf, withId } from './passing-lab.ts'

const SHOP = `
name: shop
hosts: { node-1: {}, node-2: {} }
pods:
  web: { host: node-1, labels: { tier: web }, containers: [{ name: c, ports: [{ name: http, containerPort: 80 }] }] }
  db: { host: node-2, labels: { tier: db } }
  far: { host: node-2 }
externals:
  friend: { podRoutes: true }
  stranger: {}
policies:
  db-only:
    podSelector: { matchLabels: { tier: db } }
    ingress:
      - from: [{ podSelector: { matchLabels: { tier: web } } }]
        ports: [{ port: 5432 }]
  nobody: { podSelector: { matchLabels: { tier: none } } }
`

describe('where everything is as computed', () => {
  const plan = testPlanOf(SHOP)
  const found = findings(policies, plan)

  test('there is one check a policy, and one for what none isolates', () => {
    expect(found.checks.map((c) => [c.id, c.status])).toEqual([
      ['policy:default/db-only', 'passed'],
      ['policy:default/nobody', 'skipped'],
      ['policies-leave-alone', 'passed'],
    ])
  })

  test("counts are those that can be counted by hand, and the line is the policy's own", () => {
    // Who may send to db: web, far, both hosts, friend. 5432, 9 (the control) and ICMP each.
    // Denied: web on 9 and ICMP; far, node-1 and friend on all three. Allowed: web on 5432. No policy applies to its own node.
    expect(withId(found, 'policy:default/db-only')).toMatchObject({
      detail: expect.stringMatching(/^11 denied, 1 allowed, as computed, each deny counted by the rule that made it/),
      source: { line: 12, file: 'lab.yaml' },
      tested: 12,
    })
    expect(withId(found, 'policy:default/nobody').detail).toBe('it selects no pod')
  })

  test('a stranger does not ask pods, but is asked by them', () => {
    const asked = squaresOf(plan).squares
    expect(asked.some((s) => s.from.name === 'stranger')).toBe(false)
    expect(asked.some((s) => s.to.name === 'stranger')).toBe(true)
  })

  test('every square is a cell, measured as expected', () => {
    expect(found.cells!.length).toBe(squaresOf(plan).squares.length)
    expect(found.cells!.filter((c) => c.expected !== c.measured)).toEqual([])
    expect(found.cells).toContainEqual({ from: 'far', to: 'db', port: '5432/tcp', family: 4, expected: 'deny', measured: 'deny' })
  })

  test('who must listen is told: mentioned ports and the control', () => {
    const db = policies.listening(plan).find((l) => l.name === 'db')!
    expect(db.ports).toEqual([
      { protocol: 'tcp', port: 5432 },
      { protocol: 'tcp', port: 9 },
    ])
  })
})

describe('what fails is one check a pair', () => {
  const plan = testPlanOf(SHOP)
  const only = (from: string, to: string, port: number, answer: object) =>
    failed(
      findings(policies, plan, {
        trouble: (q, n) => (n.from === from && n.to === to && q.port === port && q.kind === 'tcp' ? answer : undefined),
      }),
    )

  test('denied, yet answered', () => {
    const [check, ...more] = only('far', 'db', 5432, { outcome: 'ok', by: 'db' })
    expect(more).toEqual([])
    expect(check).toMatchObject({
      id: 'policy-denies',
      from: 'far',
      to: 'db',
      port: '5432/tcp',
      detail: 'answered by db; ingress of db is isolated by policy default/db-only (lab.yaml:12), and no rule of it allows this',
      source: { line: 12 },
      reproduce: ['trace', 'far', 'db', '--port', '5432/tcp'],
    })
  })

  test('denied, yet refused: what policies deny is dropped', () => {
    expect(only('far', 'db', 5432, { outcome: 'refused' })[0]).toMatchObject({
      id: 'policy-denies',
      detail: expect.stringContaining('refused, and what policies deny'),
    })
  })

  test('allowed, yet silent', () => {
    expect(only('web', 'db', 5432, { outcome: 'timeout' })[0]).toMatchObject({
      id: 'policy-allows',
      detail: 'silence; policy default/db-only ingress[0]: 5432/tcp from tier=web in default (lab.yaml:15) allows it',
    })
  })

  test('allowed, and answered by another node', () => {
    expect(only('web', 'db', 5432, { outcome: 'ok', by: 'far' })[0]).toMatchObject({
      detail: expect.stringContaining('answered by far instead'),
    })
  })

  test('allowed, and refused although there is a listener', () => {
    expect(only('web', 'db', 5432, { outcome: 'refused' })[0]).toMatchObject({ id: 'policy-allows' })
  })

  test('no policy isolates it, yet it is silent', () => {
    expect(only('web', 'far', 9, { outcome: 'timeout' })[0]).toMatchObject({
      id: 'policy-allows',
      detail: 'silence; no policy isolates either end for it',
    })
  })

  test('a policy with a failure does not also pass', () => {
    const found = findings(policies, plan, { trouble: (_, n) => (n.to === 'db' ? { outcome: 'timeout' } : undefined) })
    expect(found.checks.some((c) => c.id === 'policy:default/db-only')).toBe(false)
  })
})

test.each([
  ['another node answers', 'web', { outcome: 'ok', by: 'far' }, 'elsewhere'],
  ['it is refused although there is a listener', 'web', { outcome: 'refused' }, 'elsewhere'],
  ['something else rejects what policies drop', 'far', { outcome: 'unreachable' }, 'unproven'],
  // Seen by what is expected and what is measured.
  ['it is silent', 'web', { outcome: 'timeout' }, undefined],
  ['it is answered', 'far', { outcome: 'ok', by: 'db' }, undefined],
] as const)('a cell says why it is broken although it looks right, where %s', (_, from, answer, but) => {
  const found = findings(policies, testPlanOf(SHOP), {
    trouble: (q, n) => (n.from === from && n.to === 'db' && q.port === 5432 ? answer : undefined),
  })
  expect(failed(found)).toHaveLength(1)
  const cell = found.cells!.find((c) => c.from === from && c.to === 'db' && c.port === '5432/tcp')!
  expect([cell.but, found.cells!.filter((c) => c.but !== undefined).length]).toEqual([but, but === undefined ? 0 : 1])
})

test('a refusal counts as reached where no listener is possible', () => {
  const found = findings(policies, testPlanOf(SHOP), {
    trouble: (q, n) => (n.from === 'web' && n.to === 'db' && q.port === 5432 ? { outcome: 'refused' } : undefined),
    listener: () => ({ why: 'address in use' }),
  })
  expect(failed(found)).toEqual([])
  expect(found.untested!.join()).toContain('5432/tcp is answered at db: no listener is possible there (address in use)')
})

test('silence that no rule counted is no deny', () => {
  const plan = testPlanOf(SHOP)
  const found = findings(policies, plan, {
    proof: (q) =>
      q.netns === 'shop.far' && q.port === 5432
        ? { by: 'nothing', counters: [counterOf('shop.node-2', 'policy default/db-only: nothing else comes in')], among: 1 }
        : undefined,
  })
  const checks = failed(found)
  // The matrix must not show it like a good deny.
  expect(found.cells!.filter((c) => c.but !== undefined)).toEqual([
    { from: 'far', to: 'db', port: '5432/tcp', family: 4, expected: 'deny', measured: 'deny', but: 'unproven' },
  ])
  expect(checks).toHaveLength(1)
  expect(checks[0]).toMatchObject({
    id: 'deny-unproven',
    from: 'far',
    to: 'db',
    port: '5432/tcp',
    detail: expect.stringMatching(
      /^silent, but no policy dropped it: the rule "policy default\/db-only: nothing else comes in" on node-2 counted no packet of it/,
    ),
  })
})

test('sampling never leaves out a kind of pair, and says how many pairs it left', () => {
  const many = `
name: many
hosts: { node-1: {}, node-2: {} }
pods:
  web: { replicas: 6, labels: { tier: web } }
  db: { replicas: 4, labels: { tier: db } }
policies:
  db: { podSelector: { matchLabels: { tier: db } }, ingress: [{ from: [{ podSelector: { matchLabels: { tier: web } } }] }] }
`
  const { squares, left } = squaresOf(testPlanOf(many, () => false))
  const kinds = new Set(squares.map((s) => `${s.from.name.replace(/-\d+$/, '')} ${s.to.name.replace(/-\d+$/, '')}`))
  expect(kinds).toEqual(new Set(['web web', 'web db', 'db web', 'db db', 'web node', 'db node', 'node web', 'node db']))
  expect(left).toBeGreaterThan(50)
  expect(squares.some((s) => !s.verdict.allowed)).toBe(true)
})

test('a lab without policies promises nothing about them', () => {
  const plan = testPlanOf('name: free\nhosts: { a: {} }\npods: { p: {}, q: {} }\n')
  expect(findings(policies, plan)).toMatchObject({ checks: [], cells: [] })
})
