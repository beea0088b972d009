/** Random topologies. Most of them make sense; those that do not must be told why. */
import fc from 'fast-check'

/** Long, similar, with dashes where a cut name would end. */
const NAMES = [
  'a',
  'b',
  'a-1',
  'a-11',
  'web',
  'a-name-that-is-long',
  'a-name-that-is-long-too',
  'a-name-that-is-longer',
  'p1',
  'p1-a',
  'node',
  'x'.repeat(40),
]
const name = fc.constantFrom(...NAMES)
const key = fc.oneof(
  name,
  fc.tuple(fc.constantFrom('default', 'shop', 'a-namespace-that-is-long'), name).map(([ns, n]) => `${ns}/${n}`),
)
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 })

/** One time in five. */
const rarely = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })

/** Small networks that do not overlap, several of them in one /24. */
const SEGMENTS = ['192.168.1.0/24', '192.168.2.0/25', '192.168.2.128/25', '10.0.0.0/16', '172.16.0.0/28'] as const
const segments = fc
  .uniqueArray(fc.constantFrom(...SEGMENTS), { minLength: 1, maxLength: 4 })
  .map((list) => Object.fromEntries(list.map((c, i) => [i === 3 ? 'a-segment-that-is-long' : `s${i}`, c])))

const backend = fc.oneof(
  fc.constantFrom('vxlan', 'gre', 'ipip', 'direct', 'vpc'),
  fc.record({ type: fc.constantFrom('vxlan', 'gre', 'ipip'), tunnel: fc.constantFrom('always', 'cross-segment') }),
  fc.record({ type: fc.constant('vxlan'), vni: fc.constantFrom(1, 1, 16_777_215), port: fc.constantFrom(8472, 4789) }),
  fc.record({ type: fc.constant('gre'), key: fc.constantFrom(0, 7) }),
)
const V4 = '10.244.0.0/16'
const V6 = 'fd00:10:244::/48'
const network = fc.record(
  {
    podCIDR: fc.constantFrom<string | string[]>(V4, V6, [V4, V6], [V6, V4]),
    hostPrefix: fc.constantFrom({}, { ipv4: 26 }, { ipv4: 22, ipv6: 112 }),
    backend,
    attach: fc.constantFrom<unknown>('bridge', 'routed', { type: 'bridge', name: 'docker0' }),
    masquerade: fc.boolean(),
  },
  { requiredKeys: ['podCIDR'] },
)

const labels = maybe(fc.constant({ app: 'web' }))
const hosts = fc.dictionary(
  name.map((n) => `h-${n}`),
  fc.record(
    {
      segment: maybe(fc.constantFrom('s0', 's0', 's0', 's1')),
      podCIDR: rarely(fc.constantFrom('10.244.0.0/24', '10.244.1.0/24', '10.244.64.0/20', 'fd00:10:244:7::/64')),
      mtu: maybe(fc.constantFrom(1400, 1500, 9000)),
      labels,
    },
    { requiredKeys: [] },
  ),
  { minKeys: 1, maxKeys: 4 },
)
const replicatedHosts = fc.integer({ min: 1, max: 6 }).map((replicas) => ({ worker: { replicas } }))

const container = fc.record({
  name: fc.constantFrom('c', 'd'),
  command: maybe(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 })),
})
const pods = fc.dictionary(
  key,
  fc.record(
    { replicas: maybe(fc.integer({ min: 1, max: 12 })), labels, containers: maybe(fc.array(container, { maxLength: 1 })) },
    { requiredKeys: [] },
  ),
  { maxKeys: 8 },
)
/** Addresses that are free in some labs and taken or outside in others. */
const pinned = fc.dictionary(
  fc.constantFrom('pin-1', 'pin-2'),
  fc.record({ ip: fc.constantFrom('10.244.0.2', '10.244.0.9', 'fd00:10:244::9'), host: fc.constantFrom('worker-1', 'h-a') }),
  { maxKeys: 1 },
)

const externals = fc.dictionary(
  fc.constantFrom('ext-1', 'ext-2', 'an-external-that-is-long'),
  fc.record(
    { address: rarely(fc.constantFrom('198.51.100.7', '203.0.113.10', '2001:db8::1')), podRoutes: fc.boolean() },
    { requiredKeys: [] },
  ),
  { maxKeys: 3 },
)

const services = fc.dictionary(
  fc.constantFrom('web', 'shop/web', 'db'),
  fc.record(
    {
      selector: fc.constantFrom({ app: 'web' }, { app: 'nobody' }),
      ports: fc.constantFrom(
        [{ port: 80 }],
        [
          { port: 80, targetPort: 8080, name: 'a' },
          { port: 53, protocol: 'UDP', name: 'b' },
        ],
      ),
      type: fc.constantFrom('ClusterIP', 'NodePort'),
      sessionAffinity: fc.constantFrom('None', 'ClientIP'),
    },
    { requiredKeys: ['selector', 'ports'] },
  ),
  { maxKeys: 2 },
)
const peer = fc.constantFrom<object>(
  { podSelector: {} },
  { namespaceSelector: {} },
  { podSelector: { matchLabels: { app: 'web' } } },
  { ipBlock: { cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] } },
  { ipBlock: { cidr: '::/0' } },
)
const policies = fc.dictionary(
  fc.constantFrom('deny', 'shop/deny', 'some'),
  fc.record(
    {
      podSelector: fc.constantFrom<object>({}, { matchLabels: { app: 'web' } }),
      policyTypes: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
      ingress: fc.array(
        fc.record({
          from: fc.array(peer, { maxLength: 2 }),
          ports: fc.constantFrom([], [{ port: 80 }], [{ port: 'http', protocol: 'TCP' }]),
        }),
        { maxLength: 2 },
      ),
      egress: fc.array(fc.record({ to: fc.array(peer, { maxLength: 2 }) }), { maxLength: 2 }),
    },
    { requiredKeys: ['podSelector', 'policyTypes'] },
  ),
  { maxKeys: 3 },
)

/** A topology as a plain value. */
export const topology = fc
  .record({
    services: rarely(services),
    policies: rarely(policies),
    network,
    segments,
    hosts: fc.oneof(
      replicatedHosts,
      hosts,
      fc.tuple(hosts, replicatedHosts).map(([a, b]) => ({ ...a, ...b })),
    ),
    pods,
    pinned: rarely(pinned),
    externals: maybe(externals),
  })
  .map(({ services, policies, network, segments, hosts, pods, pinned, externals }) => ({
    network,
    underlay: { segments },
    hosts,
    pods: { ...pods, ...pinned },
    ...(externals ? { externals } : {}),
    ...(services ? { services } : {}),
    ...(policies ? { policies } : {}),
  }))

export type PlainTopology = typeof topology extends fc.Arbitrary<infer T> ? T : never

/** JSON is YAML. */
export const textOf = (value: unknown): string => JSON.stringify(value, null, 1)
