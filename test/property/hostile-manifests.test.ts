/**
 * Manifests and topologies that mean no good: whatever the text, there are diagnostics or a lab; each finding has a place in
 * its file, nothing is thrown, and nothing grows without bounds. HOSTILE_RUNS says how many of each sort (2000 in a thorough
 * run), HOSTILE_SEED which.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compile } from '../../src/compile/compile.ts'
import { resolve } from '../../src/lab/resolve.ts'
import { formatDiagnostics } from '../../src/report/formats/diagnostics.ts'
import type { Diagnostic } from '../../src/topology/diagnostics.ts'
import { mergeManifests } from '../../src/topology/kubernetes/manifests.ts'
import { load } from '../unit/lab/fixture.ts'

const RUNS = Number(process.env['HOSTILE_RUNS'] ?? 60)
const SEED = Number(process.env['HOSTILE_SEED'] ?? 20_261_129)

const topology = load('hosts: { node-1: {}, node-2.internal: {} }\npods: { own: { labels: { app: a } } }\nmanifests: [k.yaml]\n')

/** Whether a text becomes a lab; everything that must hold of it is checked. */
function holds(text: string): boolean {
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  const merged = mergeManifests(topology, [{ file: 'k.yaml', text }])
  const resolved = merged.value && resolve(merged.value)
  const all: Diagnostic[] = [...merged.diagnostics, ...(resolved?.diagnostics ?? [])]
  for (const { file, line = 0, column = 0, message, hint = '' } of all) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(column).toBeGreaterThanOrEqual(1)
    if (file === 'k.yaml') expect(line).toBeLessThanOrEqual(lines.length)
    expect(`${message}\n${hint}`).not.toMatch(/\bundefined\b|\[object|NaN|invalid input/i)
  }
  expect(resolved?.value === undefined).toBe(all.some((d) => d.severity === 'error'))
  formatDiagnostics(all, new Map([['k.yaml', text]]), { color: false })
  if (!resolved?.value) return false
  const lab = resolved.value
  const names = [...lab.hosts, ...lab.pods].map((n) => n.netns)
  expect(new Set(names).size).toBe(names.length)
  if (lab.pods.length <= 60) compile(lab)
  JSON.stringify(lab)
  return true
}

const check = <T>(arbitrary: fc.Arbitrary<T>, text: (value: T) => string): void =>
  fc.assert(
    fc.property(arbitrary, (value) => void holds(text(value))),
    { numRuns: RUNS, seed: SEED },
  )

/** Names and values that are right, nearly right, and wrong. */
const name = fc.oneof(
  fc.constantFrom(
    'web',
    'a.b',
    '10',
    '10.0.0.1',
    'x'.repeat(70),
    `${'y.'.repeat(120)}z`,
    'kubernetes',
    'own',
    'constructor',
    'toString',
    '-',
    '',
    'A_b',
  ),
  fc.stringMatching(/^[a-z0-9]([-.a-z0-9]{0,12}[a-z0-9])?$/),
)
const odd = fc.constantFrom<unknown>(null, '', 0, -1, 65_536, 1e308, true, [], {}, [null], [[]], '\0', 'é', '__proto__', { a: null })
const orOdd = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> => fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: odd })
const labels = fc.dictionary(fc.constantFrom('app', 'tier', 'kubernetes.io/os', 'x/y/z'), fc.constantFrom('a', 'b', '', 'x y'), {
  maxKeys: 2,
})
const port = fc.constantFrom<unknown>(80, 443, 8080, 'http', 0, 70_000, '80')
const protocol = fc.constantFrom<unknown>('TCP', 'UDP', 'SCTP', '', null, 'tcp')
const some = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> =>
  fc.record(Object.fromEntries(Object.entries(shape).map(([key, value]) => [key, orOdd(value)])), { requiredKeys: [] })

const container = some({
  name: fc.constantFrom('c', 'd', 'e'),
  image: fc.constant('x'),
  restartPolicy: fc.constantFrom('Always', 'Never'),
  ports: fc.array(some({ name: fc.constantFrom('http', 'web', ''), containerPort: port, protocol, hostPort: port }), { maxLength: 3 }),
})
const podSpec = some({
  containers: fc.array(
    container.map((c) => ({ name: 'c', ...c })),
    { minLength: 1, maxLength: 2 },
  ),
  initContainers: fc.array(container, { maxLength: 1 }),
  hostNetwork: fc.boolean(),
  nodeName: fc.constantFrom('node-1', 'node-2.internal', 'nowhere', ''),
  nodeSelector: labels,
}).map((spec) => ({ containers: [{ name: 'c' }], ...spec }))
const selector = some({
  matchLabels: labels,
  matchExpressions: fc.array(
    some({ key: fc.constant('app'), operator: fc.constantFrom('In', 'Exists', 'NotIn', 'is'), values: fc.array(fc.constant('a')) }),
    { maxLength: 1 },
  ),
})
const template = { metadata: { labels: { app: 'a' } } }
const workload = podSpec.chain((spec) =>
  some({
    replicas: fc.integer({ min: 0, max: 40 }),
    selector: fc.constant({ matchLabels: { app: 'a' } }),
    ordinals: some({ start: fc.nat(5) }),
  }).map((more) => ({
    selector: { matchLabels: { app: 'a' } },
    template: { ...template, spec },
    ...more,
  })),
)
const service = some({
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', ''),
  selector: labels,
  clusterIP: fc.constantFrom('None', '', '10.96.0.1', '10.96.0.7', 'fd00::1', '1.2.3.4'),
  ports: fc.array(
    some({ name: fc.constantFrom('a', 'b', ''), port, targetPort: port, nodePort: fc.constantFrom(0, 30_080, 30_081, 80), protocol }),
    { maxLength: 3 },
  ),
  externalIPs: fc.array(fc.constantFrom('192.168.50.11', '198.51.100.1', 'fe80::1'), { maxLength: 2 }),
  ipFamilyPolicy: fc.constantFrom('SingleStack', 'PreferDualStack', 'RequireDualStack'),
  sessionAffinity: fc.constantFrom('ClientIP', 'None', ''),
})
const peer = some({
  podSelector: selector,
  namespaceSelector: selector,
  ipBlock: some({
    cidr: fc.constantFrom('10.0.0.0/8', '0.0.0.0/0', '::/0', '10.0.0.0/33'),
    except: fc.array(fc.constant('10.1.0.0/16'), { maxLength: 1 }),
  }),
})
const rule = (side: string): fc.Arbitrary<object> =>
  some({ [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(some({ port, endPort: port, protocol }), { maxLength: 2 }) })
const policy = some({
  podSelector: selector,
  policyTypes: fc.subarray(['Ingress', 'Egress']),
  ingress: fc.array(rule('from'), { maxLength: 2 }),
  egress: fc.array(rule('to'), { maxLength: 2 }),
})
const endpoints = some({
  subsets: fc.array(
    some({ addresses: fc.array(some({ ip: fc.constantFrom('192.0.2.1', '::1', 'x') })), ports: fc.array(some({ port })) }),
    { maxLength: 2 },
  ),
})

const KINDS: Readonly<Record<string, readonly [version: string, spec: fc.Arbitrary<unknown>]>> = {
  Pod: ['v1', podSpec],
  Deployment: ['apps/v1', workload],
  ReplicaSet: ['apps/v1', workload],
  StatefulSet: ['apps/v1', workload],
  DaemonSet: ['apps/v1', workload],
  ReplicationController: ['v1', workload],
  Job: ['batch/v1', podSpec.map((spec) => ({ template: { ...template, spec } }))],
  CronJob: ['batch/v1', podSpec.map((spec) => ({ schedule: '* * * * *', jobTemplate: { spec: { template: { ...template, spec } } } }))],
  Service: ['v1', service],
  NetworkPolicy: ['networking.k8s.io/v1', policy],
  Namespace: ['v1', odd],
  ConfigMap: ['v1', odd],
}

const metadata = some({
  name,
  namespace: fc.constantFrom('shop', 'ops', '', 'default'),
  labels,
  ownerReferences: fc.array(fc.record({ kind: fc.constantFrom('Deployment', 'ReplicaSet', 'Pod'), name, controller: fc.boolean() }), {
    maxLength: 1,
  }),
})
const status = some({ phase: fc.constantFrom('Running', 'Failed'), podIP: fc.constantFrom('10.244.0.9', 'x', '10.0.0.1'), conditions: odd })
const object = fc.constantFrom(...Object.keys(KINDS)).chain((kind) =>
  fc
    .record({
      apiVersion: orOdd(fc.constant(KINDS[kind]![0])),
      kind: fc.constant(kind),
      metadata: orOdd(metadata),
      spec: orOdd(KINDS[kind]![1]),
    })
    .chain((made) => fc.option(status, { nil: undefined }).map((found) => (found === undefined ? made : { ...made, status: found }))),
)
const anything = fc.oneof(
  { weight: 6, arbitrary: object },
  {
    weight: 1,
    arbitrary: endpoints.chain((more) => name.map((n) => ({ apiVersion: 'v1', kind: 'Endpoints', metadata: { name: n }, ...more }))),
  },
  { weight: 1, arbitrary: fc.array(object, { maxLength: 3 }).map((items) => ({ apiVersion: 'v1', kind: 'List', items })) },
)

/** A text after a few blows. */
const blow = fc.record({
  at: fc.nat(),
  remove: fc.nat(8),
  insert: fc.constantFrom('', '{', '}', '"', '\n---\n', '&a ', '*a', '\t', '\0', '\r', '!!x ', ': ', '- '),
})
const damaged = fc
  .tuple(fc.array(anything, { minLength: 1, maxLength: 3 }), fc.array(blow, { minLength: 1, maxLength: 3 }))
  .map(([objects, blows]) =>
    blows.reduce(
      (text, { at, remove, insert }) => {
        const offset = at % (text.length + 1)
        return text.slice(0, offset) + insert + text.slice(offset + remove)
      },
      objects.map((o) => JSON.stringify(o, null, 1)).join('\n---\n'),
    ),
  )

describe('no manifest crashes netlab', () => {
  it('objects of every kind, with fields that are right and wrong', () =>
    check(fc.array(anything, { minLength: 1, maxLength: 6 }), (list) => list.map((o) => JSON.stringify(o)).join('\n---\n')))
  it('as a stream of JSON', () =>
    check(fc.array(anything, { minLength: 2, maxLength: 4 }), (list) => list.map((o) => JSON.stringify(o)).join('\n')))
  it('texts after a few blows', () => check(damaged, (text) => text))
  it('the generator makes labs, too, and not mistakes alone', () => {
    const made = fc.sample(fc.array(anything, { minLength: 1, maxLength: 2 }), { numRuns: 200, seed: SEED })
    expect(made.filter((list) => holds(list.map((o) => JSON.stringify(o)).join('\n---\n'))).length).toBeGreaterThan(10)
  })
})

describe('what is large is refused before it costs much', () => {
  it.each([
    ['documents', '---\n'.repeat(1_750_000)],
    ['objects of nothing', '{}\n---\n'.repeat(500_000)],
    ['nesting', '['.repeat(200_000)],
    ['nesting in a stream', `{}${'{"a":'.repeat(100_000)}`],
  ])('%s', (_what, text) => {
    const { value, diagnostics } = mergeManifests(topology, [{ file: 'k.yaml', text }])
    expect(value).toBeUndefined()
    expect(diagnostics.length).toBeGreaterThan(0)
    expect(process.memoryUsage().rss).toBeLessThan(1_200_000_000)
  })
})
