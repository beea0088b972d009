import { describe, expect, test } from 'vitest'
import { serviceQuestions, services, triesFor } from '../../../src/verify/checks/services/services.ts'
import { counterOf, failed, findings, testPlanOf, withId } from './passing-lab.ts'

const TEXT = `
name: s
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  web-1: &web { host: node-1, labels: { app: web }, containers: [{ name: c, ports: [{ name: http, containerPort: 8080 }] }] }
  web-2: { <<: *web, host: node-2 }
  db: { host: node-2, labels: { app: db } }
  client: { host: node-1 }
externals:
  outside: {}
services:
  web: { type: NodePort, selector: { app: web }, ports: [{ port: 80, targetPort: http, nodePort: 30080 }] }
  web-local: { type: NodePort, externalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 80, targetPort: http, nodePort: 30090 }] }
  sticky: { sessionAffinity: ClientIP, selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
  none: { selector: { app: nobody }, ports: [{ port: 80 }] }
  db: { selector: { app: db }, ports: [{ port: 5432 }] }
  names: { clusterIP: None, selector: { app: web } }
policies:
  db: { podSelector: { matchLabels: { app: db } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }] }] }
`
const plan = testPlanOf(TEXT)
const vip = (key: string): string => plan.lab.services.find((s) => s.key === key)!.clusterIPs[0]!.ip

describe('where everything is as it should be', () => {
  const found = findings(services, plan)

  test('there is one check for each port, at its cluster address and at its node ports; none for a headless Service', () => {
    expect(found.checks.map((c) => [c.id, c.status])).toEqual([
      ['service:web:80/tcp', 'passed'],
      ['service:web:30080/tcp', 'passed'],
      ['service:web-local:80/tcp', 'passed'],
      ['service:web-local:30090/tcp', 'passed'],
      ['service:sticky:80/tcp', 'passed'],
      ['service:none:80/tcp', 'passed'],
      ['service:db:5432/tcp', 'passed'],
    ])
  })

  test('who answered is counted', () => {
    expect(withId(found, 'service:web:80/tcp').detail).toMatch(/^answered by web-1 \(\d+\), web-2 \(\d+\)$/)
    expect(withId(found, 'service:web-local:30090/tcp').detail).toBe('answered by web-1 (1), web-2 (1); 1 dropped, as computed')
    expect(withId(found, 'service:none:80/tcp').detail).toBe('refused: no endpoint is ready')
    // web-1, web-2 and db itself, and node-1 is a stranger to db.
    expect(withId(found, 'service:db:5432/tcp').detail).toBe('answered by db (3); 2 dropped, as computed')
  })

  test('who is behind a Service without two endpoints is asked once, others until each must have been met', () => {
    const of = (key: string) =>
      serviceQuestions(plan).expectations.find((p) => p.frontend.service.key === key && p.frontend.kind === 'cluster')!
    expect(of('web').probes.reduce((n, k) => n + k.questions.length, 0)).toBeGreaterThanOrEqual(triesFor(2))
    expect(of('web').meetsAll).toBe(true)
    expect(of('db').probes.map((k) => k.questions.length)).toEqual([1, 1, 1, 1, 1])
    expect(of('sticky').meetsAll).toBe(false)
  })
})

test('tries make a false alarm rarer than one in a thousand million runs', () => {
  for (const n of [2, 3, 5, 8]) expect(n * (1 - 1 / n) ** triesFor(n)).toBeLessThan(1e-9)
  expect(triesFor(1)).toBe(1)
})

describe('what fails', () => {
  const when = (address: string, from: string, answer: object) =>
    failed(
      findings(services, plan, { trouble: (q, n) => (q.address === address && (from === '' || n.from === from) ? answer : undefined) }),
    )

  test.each([
    [
      'a stranger answers',
      'web',
      'client',
      { by: 'db' },
      'service-answers',
      /^answered by db, which is no endpoint of it; behind it: web-1, web-2$/,
    ],
    ['silence', 'web', 'client', { outcome: 'timeout' }, 'service-answers', /^silence; behind it: web-1, web-2$/],
    ['refused, though there are endpoints', 'web', 'client', { outcome: 'refused' }, 'service-answers', /^refused; behind it/],
    [
      "the source is not the client's",
      'web',
      'client',
      { by: 'web-2', seen: '10.244.0.1:4711' },
      'service-source',
      /^web-2 sees 10\.244\.0\.1 instead of 10\.244\.0\.\d$/,
    ],
    ['silence where there is no endpoint', 'none', '', { outcome: 'timeout' }, 'service-refuses', /^silence, though it has no endpoint$/],
    [
      'a policy is not asked',
      'db',
      'client',
      { by: 'db' },
      'service-policy',
      /^answered by db; ingress of db is isolated by policy default\/db/,
    ],
    ['a policy refuses instead of dropping', 'db', 'client', { outcome: 'refused' }, 'service-policy', /dropped without a word/],
  ] as const)('%s', (_, key, from, answer, id, detail) => {
    const [check] = when(vip(key), from, answer)
    expect(check).toMatchObject({ id, to: `svc/${key}`, detail: expect.stringMatching(detail), source: { path: `services.${key}` } })
    if (from)
      expect(check).toMatchObject({ from, reproduce: ['trace', from, `svc/${key}`, '--port', key === 'db' ? '5432/tcp' : '80/tcp'] })
  })

  test('a Local node port answers where it has no endpoint', () => {
    const host = plan.lab.hosts[2]!.addresses[0]!.ip
    const checks = when(host, 'outside', { by: 'web-1', seen: '203.0.113.10:1' })
    expect(checks.find((c) => c.id === 'service-local')).toMatchObject({
      to: 'node-3',
      port: '30090/tcp',
      detail: 'answered by web-1, though node-3 has no endpoint and the Service is Local',
    })
  })

  test('a Local node port hides who the client is', () => {
    const host = plan.lab.hosts[0]!.addresses[0]!.ip
    expect(when(host, 'outside', { by: 'web-1', seen: `${host}:1` }).find((c) => c.port === '30090/tcp')).toMatchObject({
      id: 'service-source',
    })
  })

  test('an endpoint that never gets anything', () => {
    const [check] = when(vip('web'), '', { by: 'web-1' })
    expect(check).toMatchObject({ id: 'service-spreads', detail: expect.stringMatching(/^web-2 got none of \d+: web-1 \(\d+\)$/) })
  })

  test('affinity that does not hold', () => {
    const checks = failed(
      findings(services, plan, {
        trouble: (q, n) => (q.address === vip('sticky') && n.from === 'client' ? { by: `web-${1 + (q.nth! % 2)}` } : undefined),
      }),
    )
    expect(checks).toMatchObject([{ id: 'service-affinity', from: 'client', detail: 'answered by web-1 and web-2 in turn' }])
  })

  test('silence that no rule made', () => {
    const found = findings(services, plan, {
      proof: (q) =>
        q.address === vip('db') && q.netns === 's.client'
          ? { by: 'nothing', counters: [counterOf('s.node-2', 'policy default/db: x')], among: 1 }
          : undefined,
    })
    expect(failed(found)).toMatchObject([{ id: 'deny-unproven', from: 'client', to: 'svc/db' }])
  })
})

test('a pod that meets itself is seen as its host, and no other is', () => {
  const self = serviceQuestions(plan)
    .expectations.find((p) => p.frontend.service.key === 'db')!
    .probes.find((k) => k.from.name === 'db')!
  expect(self.expectedOutcome.allowed).toMatchObject([{ name: 'db', seen: expect.arrayContaining(['10.244.1.1']) }])
  const other = serviceQuestions(plan)
    .expectations.find((p) => p.frontend.service.key === 'db')!
    .probes.find((k) => k.from.name === 'web-1')!
  expect(other.expectedOutcome.allowed).toMatchObject([{ name: 'db', seen: [other.from.addresses[0]!.ip] }])
})

test('behind a node port policies see the host, unless the pod is on it', () => {
  const np = testPlanOf(TEXT.replace('  db: { selector: { app: db }, ports', '  db: { type: NodePort, selector: { app: db }, ports'))
  const probes = serviceQuestions(np).expectations.find((p) => p.frontend.service.key === 'db' && p.frontend.kind === 'node')!.probes
  expect(probes.map((k) => [k.frontend.host!.name, k.expectedOutcome.denied.map((d) => d.from.name)])).toEqual([
    ['node-1', ['node-1']],
    ['node-2', ['outside']],
    ['node-3', ['node-3']],
  ])
})

test('in a large lab one pod of each host asks, and that is told', () => {
  const big = testPlanOf(`
name: big
hosts: { n: { replicas: 3 } }
pods: { p: { replicas: 30, labels: { app: p } }, last: { labels: { app: last } } }
services:
  p: { selector: { app: p }, ports: [{ port: 80 }] }
  last: { selector: { app: last }, ports: [{ port: 80 }] }
`)
  const { expectations, untested } = serviceQuestions(big)
  expect(expectations[0]!.probes.map((k) => k.from.kind)).toEqual(['pod', 'pod', 'pod', 'host'])
  expect(expectations[0]!.meetsAll).toBe(false)
  // A pod that is the only one behind its Service meets itself.
  expect(expectations[1]!.probes.map((k) => k.from.name)).toEqual(['p-1', 'p-2', 'p-3', 'last', 'n-1'])
  expect(untested).toEqual(['Services from 28 pods: one pod of each host asks, and one endpoint'])
})

test('refusals are rationed: no client is refused by one host more often than Linux allows', () => {
  const services = Array.from({ length: 40 }, (_, i) => `  none-${i}: { selector: { app: x }, ports: [{ port: 80 }] }`).join('\n')
  const { expectations, untested } = serviceQuestions(
    testPlanOf(`name: r\nhosts: { n: {} }\npods: { a: {}, b: {} }\nservices:\n${services}\n`),
  )
  const asked = expectations.flatMap((p) => p.probes.map((k) => k.from.name))
  expect(['a', 'b', 'n'].map((name) => asked.filter((x) => x === name).length)).toEqual([4, 4, 4])
  expect(untested).toEqual([expect.stringMatching(/^28 ports of Services without endpoints: Linux rations refusals/)])
})

test('where the policy is Local, a host without a ready endpoint turns to one of its own that is about to end', () => {
  const ending = testPlanOf(`
name: s
hosts: { node-1: {}, node-2: {} }
pods:
  old: { host: node-1, terminating: true, labels: { app: web } }
  new: { host: node-2, labels: { app: web } }
  client: { host: node-1 }
services:
  web: { internalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 80 }] }
`)
  // By old: itself, client and node-1.
  expect(withId(findings(services, ending), 'service:web:80/tcp').detail).toBe('answered by old (3), new (1)')
})
