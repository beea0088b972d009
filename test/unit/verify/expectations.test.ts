import { describe, expect, test } from 'vitest'
import { expectations } from '../../../src/verify/checks/expectations/expectations.ts'
import type { Layer } from '../../../src/packet/headers.ts'
import type { Answer } from '../../../src/verify/probing/question.ts'
import { counterOf, findings, testPlanOf, withId, type World } from './passing-lab.ts'

const LAB = `
name: e
hosts: { node-1: {}, node-2: {} }
pods:
  a: { host: node-1 }
  b: { host: node-2, labels: { app: b }, containers: [{ name: http, ports: [{ containerPort: 80 }] }] }
  c: { host: node-2 }
  lone: { host: node-2, ip: 10.244.1.2 }
  beside: { host: node-1 }
  shut: { host: node-1, labels: { app: shut } }
externals:
  outside: {}
  friend: { podRoutes: true }
services:
  b: { selector: { app: b }, ports: [{ port: 80 }] }
  none: { selector: { app: x }, ports: [{ port: 80 }] }
policies:
  b: { podSelector: { matchLabels: { app: b } }, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] }
  shut: { podSelector: { matchLabels: { app: shut } }, policyTypes: [Egress] }
expect:
`

/** The check of one entry, given the answers. */
function judged(entry: string, answer?: Partial<Answer>, world: World = {}) {
  const plan = testPlanOf(`${LAB}  - ${entry}\n`)
  return withId(findings(expectations, plan, { ...(answer ? { trouble: () => answer } : {}), ...world }), 'expect-1')
}

describe('allow', () => {
  test.each([
    ['{ from: a, to: b, port: 80/tcp }', undefined, 'answered by b'],
    ['{ from: a, to: svc/b, port: 80/tcp }', undefined, 'answered by b'],
    ['{ from: a, to: outside }', undefined, 'answered'],
  ] as const)('%s holds', (entry, answer, detail) => {
    expect(judged(entry, answer, { listener: () => 'container' })).toMatchObject({ status: 'passed', detail, source: { line: 21 } })
  })

  test.each([
    ['{ from: a, to: b, port: 80/tcp }', { outcome: 'timeout' }, /^silence; policy default\/b ingress\[0\]: .* allows it$/],
    ['{ from: a, to: b, port: 81/tcp }', { outcome: 'timeout' }, /^silence; ingress of b is isolated by policy default\/b/],
    ['{ from: a, to: b, port: 80/tcp }', { by: 'c' }, /^answered by c instead of b$/],
    ['{ from: a, to: svc/b, port: 80/tcp }', { by: 'c' }, /^answered by c, which is no endpoint of Service b$/],
    ['{ from: a, to: svc/none, port: 80/tcp }', { outcome: 'refused' }, /^refused; Service none has no endpoint ready$/],
    ['{ from: a, to: 192.0.2.7, port: 53/udp }', { outcome: 'timeout' }, /^silence; no node of the lab has 192\.0\.2\.7$/],
    [
      '{ from: a, to: 10.244.1.1 }',
      { outcome: 'timeout' },
      /^silence from 10\.244\.1\.1, an address of node-2; no policy isolates either end for it$/,
    ],
    ['{ from: a, to: 10.244.1.1, port: 80/tcp }', { by: 'b' }, /^answered by b instead of node-2$/],
    ['{ from: shut, to: 192.0.2.7 }', { outcome: 'timeout' }, /^silence; egress of shut is isolated by policy default\/shut/],
    ['{ from: outside, to: a }', { outcome: 'unreachable', text: 'no route' }, /^unreachable: no route; outside has no route to pods$/],
  ] as const)('%s fails when the answer is %j', (entry, answer, detail) => {
    expect(judged(entry, answer, { listener: () => 'container' })).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(detail),
    })
  })

  test('a container that leaves its port to the test does not pass', () => {
    expect(judged('{ from: a, to: b, port: 80/tcp }', undefined, { listener: () => 'ours' })).toMatchObject({
      status: 'failed',
      detail: 'container http of b declares 80/tcp but does not listen there (netlab logs b --lab e)',
    })
  })

  test("a port that no container declares is the test's to listen on", () => {
    const plan = testPlanOf(`${LAB}  - { from: a, to: c, port: 81/tcp }\n`)
    expect(expectations.listening(plan)).toEqual([{ netns: 'e.c', name: 'c', ports: [{ protocol: 'tcp', port: 81 }] }])
    expect(judged('{ from: a, to: c, port: 81/tcp }')).toMatchObject({ status: 'passed' })
  })
})

describe('deny, and what says so', () => {
  test.each([
    [
      '{ from: a, to: b, port: 81/tcp, result: deny }',
      { outcome: 'timeout' },
      /^dropped on node-2 by the rule "policy default\/b: nothing else comes in", which counted it$/,
    ],
    ['{ from: a, to: svc/none, port: 80/tcp, result: deny }', { outcome: 'refused' }, /^refused: Service none has no endpoint ready$/],
    ['{ from: a, to: 10.96.7.7, port: 80/tcp, result: deny }', { outcome: 'refused' }, /^refused: no Service has 10\.96\.7\.7:80\/tcp$/],
    ['{ from: a, to: 127.0.0.1, port: 80/tcp, result: deny }', { outcome: 'refused' }, /^refused: nothing listens on a's own loopback$/],
    ['{ from: a, to: 10.244.0.99, result: deny }', { outcome: 'timeout' }, /^silence: no node of the lab has 10\.244\.0\.99$/],
    [
      '{ from: outside, to: a, result: deny }',
      { outcome: 'unreachable', text: 'no route' },
      /^unreachable: no route: outside has no route to pods$/,
    ],
    ['{ from: outside, to: 10.244.0.1, result: deny }', { outcome: 'unreachable' }, /^unreachable: outside has no route to pods$/],
    [
      '{ from: shut, to: 10.244.1.1, result: deny }',
      { outcome: 'timeout' },
      /^dropped on node-1 by the rule "policy default\/shut: nothing else goes out", which counted it$/,
    ],
    [
      '{ from: outside, to: a, result: deny }',
      { outcome: 'timeout' },
      /^silence, and no refusal came back: outside has no route to pods, as the topology has it$/,
    ],
    // A rule there may have counted others' packets: these never got so far.
    [
      '{ from: outside, to: b, result: deny }',
      { outcome: 'timeout' },
      /^silence, and no refusal came back: outside has no route to pods, as the topology has it$/,
    ],
  ] as const)('%s holds when the answer is %j', (entry, answer, detail) => {
    expect(judged(entry, answer)).toMatchObject({ status: 'passed', detail: expect.stringMatching(detail) })
  })

  test.each([
    ['{ from: a, to: b, port: 80/tcp, result: deny }', { by: 'b' }, /^answered by b; policy default\/b ingress\[0\]: .* allows it$/],
    ['{ from: a, to: c, result: deny }', { outcome: 'timeout' }, /^silence, but nothing in the lab denies it: it got lost$/],
    ['{ from: a, to: c, port: 80/tcp, result: deny }', { outcome: 'refused' }, /^refused: c was reached, but nothing listens on 80\/tcp/],
    [
      '{ from: a, to: router, port: 80/tcp, result: deny }',
      { outcome: 'refused' },
      /^refused: 192\.168\.\S+ was reached, but nothing listens/,
    ],
    [
      '{ from: a, to: 10.244.0.1, port: 80/tcp, result: deny }',
      { outcome: 'refused' },
      /^refused from 10\.244\.0\.1, an address of node-1: node-1 was reached/,
    ],
    // The bridge's address, and the tunnel device's: they are the host's, and silence from there is no deny.
    [
      '{ from: a, to: 10.244.0.1, result: deny }',
      { outcome: 'timeout' },
      /^silence from 10\.244\.0\.1, an address of node-1, but nothing in the lab denies it: it got lost$/,
    ],
    [
      '{ from: shut, to: 10.244.0.1, result: deny }',
      { outcome: 'timeout' },
      /^silence from 10\.244\.0\.1, an address of node-1, but nothing in the lab denies it: it got lost$/,
    ],
    ['{ from: a, to: 10.244.1.0, result: deny }', { outcome: 'timeout' }, /^silence from 10\.244\.1\.0, an address of node-2, but nothing/],
    [
      '{ from: outside, to: 169.254.1.1, result: deny }',
      { outcome: 'timeout' },
      /^silence, but nothing in the lab denies it: it got lost$/,
    ],
    ['{ from: a, to: router, result: deny }', { outcome: 'timeout' }, /^silence, but nothing in the lab denies it: it got lost$/],
    ['{ from: a, to: c, result: deny }', { outcome: 'unreachable' }, /the path is broken$/],
    ['{ from: friend, to: a, result: deny }', { outcome: 'unreachable' }, /the path is broken$/],
    ['{ from: a, to: svc/b, port: 80/tcp, result: deny }', { outcome: 'refused' }, /though Service b has endpoints$/],
  ] as const)('%s fails when the answer is %j', (entry, answer, detail) => {
    expect(judged(entry, answer)).toMatchObject({ status: 'failed', detail: expect.stringMatching(detail) })
  })

  test.each([
    [
      { outcome: 'unreachable', text: 'no route' },
      /^unreachable: no route: outside is outside the cluster, where nothing has a route to cluster addresses$/,
    ],
    [{ outcome: 'timeout' }, /outside is outside the cluster, where nothing has a route to cluster addresses/],
  ] as const)('a cluster address has no route outside the cluster: %j', (answer, detail) => {
    for (const to of ['svc/b', 'svc/none'])
      expect(judged(`{ from: outside, to: ${to}, port: 80/tcp, result: deny }`, answer)).toMatchObject({
        status: 'passed',
        detail: expect.stringMatching(detail),
      })
    expect(judged('{ from: outside, to: svc/b, port: 80/tcp }', answer)).toMatchObject({ status: 'failed' })
  })

  test('silence that no rule counted fails', () => {
    expect(
      judged('{ from: a, to: b, port: 81/tcp, result: deny }', undefined, {
        trouble: () => ({ outcome: 'timeout' }),
        proof: () => ({ by: 'nothing', counters: [counterOf('e.node-2', 'policy default/b: x')], among: 1 }),
      }),
    ).toMatchObject({
      status: 'failed',
      detail: expect.stringMatching(/^silent, but no policy dropped it/),
      reproduce: ['trace', 'a', 'b', '--port', '81/tcp'],
    })
  })
})

describe('entries', () => {
  test('are asked in every family both ends have', () => {
    const dual = testPlanOf(`
name: d
network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }
hosts: { n: {} }
pods: { a: {}, b: {} }
expect: [{ from: a, to: b }, { from: a, to: 10.244.0.3 }]
`)
    expect(expectations.questions(dual).map((q) => q.family)).toEqual([4, 6, 4])
    const check = withId(
      findings(expectations, dual, { trouble: (q) => (q.family === 6 ? { outcome: 'timeout' } : undefined) }),
      'expect-1',
    )
    expect(check).toMatchObject({
      status: 'failed',
      detail: 'IPv6: silence; no policy isolates either end for it',
      reproduce: ['trace', 'a', 'b', '--family', '6'],
    })
  })

  test('that cannot be asked fail, and say why', () => {
    expect(judged('{ from: switch-lan, to: a }')).toMatchObject({
      status: 'failed',
      tested: 0,
      detail: expect.stringContaining('switch-lan is a switch'),
    })
  })

  test('say what they promise', () => {
    expect(judged('{ from: a, to: b, port: 80/tcp, result: deny }').title).toBe('a does not reach b on 80/tcp')
    expect(judged('{ from: a, to: b, wire: [vxlan] }').title).toBe('a reaches b, inside vxlan on the underlay')
  })
})

describe('wire', () => {
  const ethernet = { type: 'ethernet', src: '', dst: '' } as unknown as Layer
  const ip = (src: string, dst: string, length: number): Layer => ({ type: 'ipv4', src, dst, ttl: 64, length, id: 0 }) as unknown as Layer
  const plain = (type: string): Layer => ({ type, dstPort: 8472, vni: 1 }) as unknown as Layer
  const [A, B] = ['10.244.0.2', '10.244.1.2']
  const inner = [ip(A, B, 84), plain('icmp')]
  const outer = ip('192.168.50.11', '192.168.50.12', 134)
  const VXLAN = [ethernet, outer, plain('udp'), plain('vxlan'), ethernet, ...inner]
  const captured = (layers: readonly Layer[], more: object = {}): World => ({
    listener: () => 'container',
    captured: {
      frames: layers.length > 0 ? [{ host: 'node-1', direction: 'out', layers }] : [],
      hosts: new Set(['node-1', 'node-2']),
      lost: 0,
      ...more,
    },
  })
  const wire = (list: string, world: World, to = 'lone') => judged(`{ from: a, to: ${to}, wire: [${list}] }`, undefined, world)

  test.each([
    ['vxlan', VXLAN],
    ['ipv4, udp, vxlan, ethernet', VXLAN],
    ['gre', [ethernet, outer, plain('gre'), ...inner]],
    ['ipip', [ethernet, outer, ...inner]],
    ['', [ethernet, ...inner]],
  ] as const)('[%s] holds where it is encapsulation', (list, layers) => {
    expect(wire(list, captured(layers))).toMatchObject({ status: 'passed', detail: expect.stringMatching(/; seen on the underlay/) })
  })

  test.each([
    ['', VXLAN, 'encapsulated in ipv4 > udp 8472 > vxlan 1 > ethernet on the underlay of node-1, expected no encapsulation'],
    ['vxlan', [ethernet, ...inner], 'not encapsulated on the underlay of node-1, expected vxlan'],
    ['gre', [ethernet, outer, ...inner], 'encapsulated in ipv4 on the underlay of node-1, expected gre'],
    ['vxlan', [], 'not seen on the underlay'],
    ['vxlan', [ethernet, ip(A, '10.244.1.9', 84), plain('icmp')], 'not seen on the underlay'],
  ] as const)('[%s] fails where it is not', (list, layers, detail) => {
    expect(wire(list, captured(layers))).toMatchObject({ status: 'failed', detail })
  })

  test('is said to be unknown where no capture was possible, or not of all of it', () => {
    expect(wire('vxlan', captured([], { hosts: new Set() }))).toMatchObject({
      status: 'skipped',
      detail: "no capture was possible on the hosts' links to the underlay",
    })
    expect(wire('vxlan', captured([], { lost: 3 }))).toMatchObject({ status: 'skipped' })
  })

  test('means nothing on one host, and that is a promise broken', () => {
    expect(wire('', captured([]), 'beside')).toMatchObject({
      status: 'failed',
      detail: 'both are on node-1: no packet between them crosses the underlay',
    })
  })
})

test('an endpoint without a container is played when a Service is asked for, whatever else is tested', () => {
  const plan = testPlanOf(`
name: e
hosts: { node-1: {} }
pods: { a: { host: node-1 }, b: { host: node-1, labels: { app: b } } }
services: { b: { selector: { app: b }, ports: [{ port: 80, targetPort: 8080 }] } }
expect: [{ from: a, to: svc/b, port: 80/tcp }]
`)
  expect(expectations.listening(plan)).toEqual([{ netns: 'e.b', name: 'b', ports: [{ protocol: 'tcp', port: 8080 }] }])
})

test('where pods are routed, no host has a gateway of theirs, and silence from its address belongs to no node', () => {
  const plan = testPlanOf(
    `${LAB}  - { from: a, to: 10.244.0.1, result: deny }\n`.replace('name: e', 'name: e\nnetwork: { attach: routed }'),
  )
  const check = withId(findings(expectations, plan, { trouble: () => ({ outcome: 'timeout' }) }), 'expect-1')
  expect(check).toMatchObject({ status: 'passed', detail: 'silence: no node of the lab has 10.244.0.1' })
})
