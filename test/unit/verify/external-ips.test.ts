/** External addresses of Services: who can ask them, who answers, and as whom the client is seen. */
import { describe, expect, test } from 'vitest'
import { dropsOf } from '../../../src/verify/checks/policies/deny-counters.ts'
import { frontendFor } from '../../../src/lab/services/semantics.ts'
import { expectedOutcomeOf } from '../../../src/verify/checks/services/expected-outcome.ts'
import { serviceQuestions, services } from '../../../src/verify/checks/services/services.ts'
import { failed, findings, testPlanOf, withId } from './passing-lab.ts'

const FAR = '198.51.100.7'
const NEAR = '192.168.50.13'
const TEXT = `
name: x
hosts: { node-1: {}, node-2: {}, node-3: {} }
pods:
  web-1: { host: node-1, labels: { app: web } }
  web-2: { host: node-2, labels: { app: web } }
  db: { host: node-2, labels: { app: db } }
  client: { host: node-1, labels: { app: client } }
  shut: { host: node-2, labels: { app: shut } }
  near: { host: node-1, labels: { app: db } }
externals: { outside: {} }
services:
  web: { externalIPs: [${FAR}, ${NEAR}], selector: { app: web }, ports: [{ port: 80 }] }
  local: { externalIPs: [${NEAR}], externalTrafficPolicy: Local, selector: { app: web }, ports: [{ port: 81 }] }
  db: { externalIPs: [${FAR}], selector: { app: db }, ports: [{ port: 5432 }] }
  none: { externalIPs: [${FAR}], selector: { app: none }, ports: [{ port: 99 }] }
policies:
  db: { podSelector: { matchLabels: { app: db } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: client } } }] }] }
  shut: { podSelector: { matchLabels: { app: shut } }, policyTypes: [Egress] }
`
const plan = testPlanOf(TEXT)
const { lab } = plan
const actor = (name: string) => [...lab.pods, ...lab.hosts, ...lab.externals].find((p) => p.name === name)!
const expectedOutcome = (from: string, ip: string, port: number) => {
  const frontend = frontendFor(lab, actor(from), ip, { protocol: 'tcp', port })
  return frontend && expectedOutcomeOf(lab, actor(from), frontend, 4)
}
const allowed = (from: string, ip: string, port: number) => expectedOutcome(from, ip, port)?.allowed.map((a) => [a.name, a.seen])
const denied = (from: string, ip: string, port: number) => expectedOutcome(from, ip, port)?.denied.map((d) => [d.to.name, d.from.name])
const NODE = { 1: ['192.168.50.11', '10.244.0.0', '10.244.0.1'], 3: ['192.168.50.13', '10.244.2.0', '10.244.2.1'] }

describe('what comes of an external address', () => {
  test('a client inside meets it at its own host, which hides the client', () => {
    expect(allowed('client', FAR, 80)).toEqual([
      ['web-1', NODE[1]],
      ['web-2', NODE[1]],
    ])
    expect(allowed('node-3', FAR, 80)).toEqual([
      ['web-1', NODE[3]],
      ['web-2', NODE[3]],
    ])
  })
  test("a client outside meets it only where it is a host's own address", () => {
    expect(expectedOutcome('outside', FAR, 80)).toBeUndefined()
    expect(allowed('outside', NEAR, 80)).toEqual([
      ['web-1', NODE[3]],
      ['web-2', NODE[3]],
    ])
  })
  test('with policy Local pods are seen as they are, and who comes from outside finds only pods of that host', () => {
    expect(allowed('client', NEAR, 81)?.map((a) => a[1])).toEqual([[actor('client').addresses[0]!.ip], [actor('client').addresses[0]!.ip]])
    expect(allowed('node-1', NEAR, 81)?.map((a) => a[1])).toEqual([NODE[1], NODE[1]])
    expect(expectedOutcome('outside', NEAR, 81)).toMatchObject({ without: 'dropped' })
  })
  test('policies see a pod where the endpoint is on its host, its host elsewhere, and its egress first', () => {
    expect([allowed('client', FAR, 5432)?.map((a) => a[0]), denied('client', FAR, 5432)]).toEqual([['near'], [['db', 'node-1']]])
    expect(denied('shut', FAR, 80)).toEqual([
      ['web-1', 'shut'],
      ['web-2', 'shut'],
    ])
  })
  test('no endpoint: pods are refused on their way out; a host that asks is on its own', () => {
    expect(expectedOutcome('client', FAR, 99)).toMatchObject({ without: 'refused' })
    expect(expectedOutcome('node-1', FAR, 99)).toBeUndefined()
  })
  test('what is Local without an endpoint here is dropped by the rule about that address', () => {
    const question = { netns: actor('outside').netns, kind: 'tcp', family: 4, address: NEAR, port: 81 } as const
    expect(dropsOf(lab, question)).toMatchObject([{ ns: 'x.node-3', title: 'default/local has no local endpoints' }])
  })
})

describe('a test', () => {
  const probes = (key: string, ip: string) =>
    serviceQuestions(plan)
      .expectations.filter((p) => p.frontend.kind === 'external' && p.frontend.service.key === key && p.frontend.address === ip)
      .flatMap((p) => p.probes.map((k) => k.from.name))

  test('asks it of all who have a way to it', () => {
    expect(probes('web', FAR)).toEqual(['web-1', 'web-2', 'db', 'client', 'shut', 'near', 'node-1'])
    expect(probes('web', NEAR)).toEqual(['web-1', 'web-2', 'db', 'client', 'shut', 'near', 'node-1', 'outside'])
    expect(probes('none', FAR)).toHaveLength(1)
  })
  test('finds it as computed, and says who has no way', () => {
    const found = findings(services, plan)
    expect(failed(found)).toEqual([])
    expect(withId(found, `service:web:80/tcp:${NEAR}`)).toMatchObject({
      title: `external address ${NEAR} of Service web answers as it should on port 80/tcp`,
      detail: expect.stringMatching(/^answered by web-1 \(\d+\), web-2 \(\d+\); \d+ dropped, as computed$/),
    })
    expect(withId(found, `service:none:99/tcp:${FAR}`).detail).toBe('refused: no endpoint is ready')
    expect(found.untested).toEqual([
      `external addresses of Services from outside, where they are no host's: ${FAR} (web), ${FAR} (db), ${FAR} (none); nothing in the lab routes them to one`,
    ])
  })
  test('names the address where a client is not answered, or seen under another address', () => {
    const found = findings(services, plan, {
      trouble: (q, n) =>
        q.address !== FAR || q.port !== 80
          ? undefined
          : n.from === 'client'
            ? { outcome: 'timeout' }
            : n.from === 'web-1'
              ? { by: 'web-2', seen: '10.244.0.2:4000' }
              : undefined,
    })
    expect(failed(found).map((c) => [c.id, c.from, c.to, c.port])).toEqual([
      ['service-source', 'web-1', FAR, '80/tcp'],
      ['service-answers', 'client', FAR, '80/tcp'],
    ])
    expect(failed(found)[0]!.reproduce).toEqual(['trace', 'web-1', FAR, '--port', '80/tcp'])
  })
  test('without a router, hosts have no route to it, and that is said', () => {
    const alone = testPlanOf(TEXT.replace('externals: { outside: {} }\n', ''))
    const { expectations, untested } = serviceQuestions(alone)
    const far = expectations.filter((p) => p.frontend.kind === 'external' && p.frontend.address === FAR)
    expect(far.flatMap((p) => p.probes).some((k) => k.from.kind !== 'pod')).toBe(false)
    // No endpoint, and no route: the outcome is open.
    expect(far.find((p) => p.frontend.service.key === 'none')!.probes).toEqual([])
    expect(untested).toContain(`external addresses of Services from hosts, which have no route to them: ${FAR} (web), ${FAR} (db)`)
  })
})
