/** A container that declares a port must listen there itself. */
import { describe, expect, test } from 'vitest'
import { containerOwners } from '../../../src/lab/lab.ts'
import { ABSENT } from '../../../src/netns/namespace-pool.ts'
import { listenedOn, type ContainerState } from '../../../src/verify/evidence/containers.ts'
import { expectations } from '../../../src/verify/checks/expectations/expectations.ts'
import { evaluateContainers } from '../../../src/verify/checks/model/containers.ts'
import { services } from '../../../src/verify/checks/services/services.ts'
import { failed, findings, testPlanOf, withId, type World } from './passing-lab.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue\n'
const TCP = `${HEAD}   0: 0100007F:0016 00000000:0000 0A 00000000\n   1: 0200F40A:1F90 0300F40A:9C40 01 00000000\n`
const TCP6 = `${HEAD}   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000\n`
const UDP = `${HEAD}  11: 00000000:14E9 00000000:0000 07 00000000\n  12: 0200F40A:9C41 0300F40A:0035 01 00000000\n`

test('listeners are told from connections', () => {
  expect([...listenedOn([TCP, TCP6, UDP, HEAD])]).toEqual(['22/tcp', '80/tcp', '5353/udp'])
  expect([...listenedOn([HEAD, ABSENT, HEAD, ABSENT])]).toEqual([])
})

const plan = testPlanOf(`
name: s
hosts: { node-1: {} }
pods:
  web:
    labels: { app: web }
    containers:
      - { name: side }
      - { name: c, ports: [{ name: http, containerPort: 8080 }, { name: dns, containerPort: 53, protocol: UDP }, { name: sig, containerPort: 36412, protocol: SCTP }] }
  bare: { labels: { app: bare } }
  client: {}
services:
  web: { selector: { app: web }, ports: [{ name: a, port: 80, targetPort: http }] }
  dns: { selector: { app: web }, ports: [{ port: 53, targetPort: dns, protocol: UDP }] }
  sig: { selector: { app: web }, ports: [{ port: 7, targetPort: sig, protocol: SCTP }] }
  other: { selector: { app: web }, ports: [{ port: 80, targetPort: 8081 }] }
  twin: { selector: { app: web }, ports: [{ port: 80, targetPort: 8080, protocol: UDP }] }
  bare: { selector: { app: bare }, ports: [{ port: 80 }] }
expect:
  - { from: client, to: svc/web, port: 80/tcp }
  - { from: client, to: svc/bare, port: 80/tcp }
`)
const owner = containerOwners(plan.lab).find((o) => o.key === 'web')!

const state = (more: Partial<ContainerState> = {}): ContainerState => ({
  owner,
  name: 'c',
  id: 'web.c',
  declared: ['8080/tcp', '53/udp'],
  idle: [],
  ...more,
})
const reading = (...states: ContainerState[]) => ({ nodes: new Map(), containers: [], states })

describe('an endpoint', () => {
  test('is played where no container declares the port; SCTP, which a kernel may not have, all the same', () => {
    const played = (list: ReturnType<typeof services.listening>) =>
      list.flatMap((l) => l.ports.map((p) => `${l.name} ${p.port}/${p.protocol}`)).toSorted()
    expect(played(services.listening(plan))).toEqual(['bare 80/tcp', 'web 36412/sctp', 'web 8080/udp', 'web 8081/tcp'])
    expect(played(expectations.listening(plan))).toEqual(['bare 80/tcp'])
  })

  test.each([
    [{ trouble: 'exited with code 3' }, 'container c of web declares 8080/tcp but exited with code 3 (netlab logs web --lab s)'],
    [{ idle: ['8080/tcp'] }, 'container c of web declares 8080/tcp but does not listen there (netlab logs web --lab s)'],
  ] as const)('that is idle (%j) is why a Service is refused', (more, why) => {
    const world = {
      readings: reading(state(more)),
      trouble: ({ kind }: { kind: string }) => (kind === 'tcp' ? ({ outcome: 'refused' } as const) : undefined),
    }
    const found = failed(findings(services, plan, world)).find((c) => c.to === 'svc/web')
    expect(found).toMatchObject({ id: 'service-answers', detail: `refused; behind it: web; ${why}` })
    expect(withId(findings(expectations, plan, world), 'expect-1')).toMatchObject({ status: 'failed', detail: `refused; ${why}` })
    expect(withId(findings(expectations, plan, world), 'expect-2').detail).not.toContain('container')
  })

  test('that listens elsewhere, or that is silent for another reason, is not blamed', () => {
    const found = findings(services, plan, { readings: reading(state({ idle: ['53/udp'] })), trouble: () => ({ outcome: 'timeout' }) })
    expect(failed(found).find((c) => c.to === 'svc/web')?.detail).toBe('silence; behind it: web')
  })

  test('that the test plays for its policies keeps no promise of a Service', () => {
    const world: World = { listener: () => 'ours', readings: reading(state({ trouble: 'was ended by signal 9' })) }
    const why = 'container c of web declares 8080/tcp but was ended by signal 9 (netlab logs web --lab s)'
    const found = failed(findings(services, plan, world))
    expect([...new Set(found.map((c) => c.to))]).toEqual(['svc/web', 'svc/dns'])
    expect(found.find((c) => c.to === 'svc/web')).toMatchObject({ id: 'service-answers', detail: why })
    expect(withId(findings(expectations, plan, world), 'expect-1')).toMatchObject({ status: 'failed', detail: why })
    expect(withId(findings(expectations, plan, world), 'expect-2')).toMatchObject({ status: 'passed' })
  })
})

describe('containers of the topology', () => {
  const judged = (...states: ContainerState[]) => evaluateContainers(states).map((c) => [c.id, c.status, c.port, c.detail])

  test('run and listen', () => {
    expect(judged(state(), state({ name: 'side', declared: [] }))).toEqual([
      ['containers-run', 'passed', undefined, '2 containers'],
      ['containers-listen', 'passed', undefined, '2 ports'],
    ])
  })

  test('that crashed are named, and nothing more is said of them', () => {
    expect(judged(state({ trouble: 'exited with code 3' }), state({ name: 'side', declared: [] }))).toEqual([
      ['containers-run', 'failed', undefined, 'container c exited with code 3'],
      ['containers-listen', 'skipped', undefined, 'no running container declares a TCP or UDP port'],
    ])
  })

  test('may end with code 0, if they need not listen', () => {
    const done = { trouble: 'exited with code 0', isDone: true }
    expect(judged(state(), state({ name: 'side', declared: [], ...done }))).toEqual([
      ['containers-run', 'passed', undefined, '2 containers, 1 of them ended with code 0'],
      ['containers-listen', 'passed', undefined, '2 ports'],
    ])
    expect(judged(state({ declared: ['8080/tcp'], ...done }))).toEqual([
      ['containers-run', 'passed', undefined, '1 container, 1 of them ended with code 0'],
      ['containers-listen', 'failed', '8080/tcp', 'container c declares 8080/tcp but exited with code 0'],
    ])
  })

  test('that do not listen are named with the port', () => {
    expect(judged(state({ idle: ['53/udp'] }))).toEqual([
      ['containers-run', 'passed', undefined, '1 container'],
      ['containers-listen', 'failed', '53/udp', 'container c declares 53/udp but does not listen there'],
    ])
    expect(evaluateContainers([state({ idle: ['53/udp'] })])[1]).toMatchObject({
      from: 'web',
      reproduce: ['logs', 'web', '--container', 'c'],
    })
  })

  test('are none where pods have none', () => expect(judged().map(([, status]) => status)).toEqual(['skipped', 'skipped']))
})
