/** What ports of hosts promise, in a lab that is as it should be but for one answer. */
import { describe, expect, test } from 'vitest'
import { squaresOf } from '../../../src/verify/checks/policies/policies.ts'
import { hostPorts } from '../../../src/verify/checks/services/host-ports.ts'
import { failed, findings, testPlanOf, withId } from './passing-lab.ts'

const plan = testPlanOf(`name: t
hosts: { node-1: {}, node-2: {} }
pods:
  web: { host: node-1, labels: { app: web }, containers: [{ name: c, ports: [{ containerPort: 8080, hostPort: 80 }] }] }
  near: { host: node-1 }
  far: { host: node-2, labels: { app: far }, containers: [{ name: c, ports: [{ containerPort: 53, hostPort: 53, protocol: UDP, hostIP: 127.0.0.1 }, { containerPort: 9, hostPort: 9, hostIP: 10.9.9.9 }] }] }
externals: { client: {} }
policies:
  web: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ ipBlock: { cidr: 203.0.113.0/24 } }] }] }
`)
describe('a lab as it should be', () => {
  const found = findings(hostPorts, plan)
  test('every client is asked for: outside, the host twice, the pod, one beside it, one elsewhere', () => {
    expect(failed(found)).toEqual([])
    const asked = hostPorts.questions(plan).filter((q) => q.port === 80)
    expect(asked.map((q) => `${q.netns} ${q.address} ${q.expected.join()}`)).toEqual([
      't.client 192.168.50.11 ok',
      't.node-1 192.168.50.11 ok',
      't.web 192.168.50.11 ok',
      't.near 192.168.50.11 timeout',
      't.far 192.168.50.11 timeout',
      't.node-1 127.0.0.1 ok',
    ])
    expect(withId(found, 'host-port:node-1:80/tcp').detail).toBe('answered by web (4); 2 dropped, as computed')
  })
  test('hostIP: who can ask is asked for', () => {
    expect(
      hostPorts
        .questions(plan)
        .filter((q) => q.port === 53)
        .map((q) => `${q.netns} ${q.address}`),
    ).toEqual(['t.node-2 127.0.0.1'])
    expect(withId(found, 'host-port:node-2:9/tcp:10.9.9.9')).toMatchObject({ status: 'skipped', detail: 'no node in the lab can ask it' })
  })
})

test('policies are asked about the pod there, not about a host that leads its port to it', () => {
  const l = testPlanOf(`name: t
hosts: { node-1: {}, node-2: {} }
pods:
  db: { host: node-1, labels: { app: db }, containers: [{ name: c, ports: [{ containerPort: 5432, hostPort: 5432 }] }] }
  other: { host: node-2 }
policies:
  db: { podSelector: { matchLabels: { app: db } }, ingress: [{ ports: [{ port: 5432 }], from: [{ podSelector: {} }] }] }
`)
  const to = squaresOf(l).squares.flatMap((s) => (s.question.port === 5432 && s.to.kind === 'host' ? [s.to.name] : []))
  expect([...new Set(to)]).toEqual(['node-2'])
})

test.each([
  ['another pod answers', { by: 'near' }, 'client', /^host-port-answers: answered by near, which is not where it leads; behind it: web$/],
  ['refused', { outcome: 'refused' }, 'client', /^host-port-answers: refused; behind it: web$/],
  [
    'the client is hidden',
    { by: 'web', seen: '10.244.0.1:40000' },
    'client',
    /^host-port-source: web sees 10\.244\.0\.1 instead of 203\.0\.113\.10$/,
  ],
  ['a policy is passed by', { by: 'web' }, 'near', /^service-policy: answered by web; /],
] as const)('%s', (_, answer, who, says) => {
  const found = failed(
    findings(hostPorts, plan, {
      trouble: (q, { from }) => (from === who && q.port === 80 && q.address !== '127.0.0.1' ? answer : undefined),
    }),
  )
  expect(found.map((c) => `${c.id}: ${c.detail}`)).toEqual([expect.stringMatching(says)])
  expect(found[0]).toMatchObject({ from: who, to: 'node-1', port: '80/tcp', reproduce: ['trace', who, 'node-1', '--port', '80/tcp'] })
})
