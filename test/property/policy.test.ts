/** Random policies on random labels: the model, a naive reading of the specs, and the compiled chains agree on every packet. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../../src/compile/compile.ts'
import { addressOf, type External, type Lab, type Pod } from '../../src/model/lab.ts'
import { verdict } from '../../src/model/verdict.ts'
import { resolve } from '../../src/model/resolve.ts'
import { load } from '../unit/model/fixture.ts'
import { naivelyAllowed, type NaivePod } from '../unit/policy/naive.ts'
import { Netfilter } from '../unit/policy/netfilter.ts'

const pick = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const labels = fc.dictionary(pick('app', 'tier', 'team'), pick('a', 'b', ''), { maxKeys: 3 })
const values = fc.uniqueArray(pick('a', 'b', 'c', ''), { minLength: 1, maxLength: 3 })
const requirement = fc.oneof(
  fc.record({ key: pick('app', 'tier', 'team'), operator: pick('In', 'NotIn'), values }),
  fc.record({ key: pick('app', 'tier', 'team'), operator: pick('Exists', 'DoesNotExist') }),
)
const selector = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ matchLabels: labels }) },
  { weight: 3, arbitrary: fc.record({ matchExpressions: fc.array(requirement, { minLength: 1, maxLength: 2 }) }) },
)
const namespaceSelector = fc.oneof(selector, pick('x', 'y', 'default').map((name) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })))
const ipBlock = pick<object>(
  { cidr: '0.0.0.0/0' },
  { cidr: '::/0' },
  { cidr: '0.0.0.0/0', except: ['10.244.0.0/16'] },
  { cidr: '0.0.0.0/0', except: ['0.0.0.0/1'] },
  { cidr: '10.244.0.0/16', except: ['10.244.1.0/24', '10.244.0.2/32'] },
  { cidr: '10.244.1.0/24' },
  { cidr: '10.244.0.3/31' },
  { cidr: '203.0.113.10/32' },
  { cidr: 'fd00:10:244::/48', except: ['fd00:10:244:1::/64'] },
  { cidr: '2001:db8:ffff::/64' },
)
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector: selector, namespaceSelector }),
  fc.record({ ipBlock }),
)
const protocol = pick('TCP', 'UDP', 'SCTP')
const port = fc.oneof(
  fc.record({ protocol }),
  fc.record({ protocol, port: pick<number | string>(80, 81, 82, 'web', 'dns', 'none') }, { requiredKeys: ['port'] }),
  fc.record({ protocol, port: pick(79, 80, 81), endPort: pick(81, 82, 90) }, { requiredKeys: ['port', 'endPort'] }),
)
const rule = (key: 'from' | 'to'): fc.Arbitrary<object> => fc.record({ [key]: fc.array(peer, { maxLength: 3 }), ports: fc.array(port, { maxLength: 3 }) }, { requiredKeys: [] })
const policy = fc.record(
  {
    podSelector: selector,
    policyTypes: fc.uniqueArray(pick('Ingress', 'Egress'), { maxLength: 2 }),
    ingress: fc.array(rule('from'), { maxLength: 3 }),
    egress: fc.array(rule('to'), { maxLength: 3 }),
  },
  { requiredKeys: ['podSelector'] },
)
const NAMES = ['x/a', 'x/b', 'y/a', 'y/b', 'plain']
const containers = pick<object[]>(
  [],
  [{ name: 'c', ports: [{ name: 'web', containerPort: 80 }, { name: 'dns', containerPort: 80, protocol: 'UDP' }] }],
  [{ name: 'c', ports: [{ name: 'web', containerPort: 81 }] }, { name: 'd', ports: [{ name: 'web', containerPort: 82 }] }],
)
const world = fc.record({
  network: fc.constant({ podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] }),
  hosts: fc.constant({ node: { replicas: 2 } }),
  namespaces: fc.record({ x: fc.record({ labels }), y: fc.record({ labels }) }),
  pods: fc.tuple(...NAMES.map(() => fc.record({ labels, containers }))).map((specs) => Object.fromEntries(NAMES.map((name, i) => [name, specs[i]!]))),
  externals: fc.constant({ ext: { podRoutes: true } }),
  policies: fc.dictionary(pick('x/p', 'x/q', 'y/p', 'y/q', 'r'), policy, { maxKeys: 4 }),
})

interface Question {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP'
  readonly port?: number
}

const QUESTIONS: readonly Question[] = [{ protocol: 'ICMP' }, ...(['TCP', 'UDP', 'SCTP'] as const).flatMap((p) => [80, 81, 82, 95].map((n): Question => ({ protocol: p, port: n })))]

const naive = (pod: Pod): NaivePod => ({
  key: pod.key,
  labels: pod.labels,
  ips: pod.addresses.map((a) => a.ip),
  ports: pod.containers.flatMap((c) => c.ports.map((p) => ({ ...(p.name === undefined ? {} : { name: p.name }), port: p.containerPort, protocol: p.protocol }))),
})

function disagreements(lab: Lab): string[] {
  const { objects } = compile(lab)
  const filters = new Map(lab.hosts.flatMap((h) => lab.families.map((f): [string, Netfilter] => [`${h.name} ${f}`, new Netfilter(objects, h.netns, f)])))
  const naivePods = new Map(lab.pods.map((p) => [p, naive(p)]))
  const namespaces = Object.fromEntries(Object.entries(lab.namespaces).map(([name, { labels: l }]) => [name, l]))
  const parties: (Pod | External)[] = [...lab.pods, ...lab.externals]
  const wrong: string[] = []
  for (const family of lab.families) {
    for (const from of parties) {
      for (const to of parties) {
        if (from === to || (from.kind !== 'pod' && to.kind !== 'pod')) continue
        const [src, dst] = [addressOf(from, family)!, addressOf(to, family)!]
        for (const q of QUESTIONS) {
          const says = verdict(lab, { from, to, ...q, family }).allowed
          const naively = naivelyAllowed({ namespaces, policies: lab.policies }, { ...(from.kind === 'pod' ? { from: naivePods.get(from)! } : {}), ...(to.kind === 'pod' ? { to: naivePods.get(to)! } : {}), fromIp: src, toIp: dst, ...q })
          // Forwarded by the sender's host, then by the receiver's; once if that is the same.
          const hosts = new Set([...(from.kind === 'pod' ? [from.host] : []), ...(to.kind === 'pod' ? [to.host] : [])])
          const chains = [...hosts].every((h) => filters.get(`${h} ${family}`)!.passes({ src, dst, ...q }))
          if (says !== naively || says !== chains) wrong.push(`${src} > ${dst} ${q.protocol} ${'port' in q ? q.port : ''}: model ${says}, naive ${naively}, chains ${chains}`)
        }
      }
    }
  }
  return wrong
}

describe('NetworkPolicy', () => {
  test('the model, a naive evaluator and the compiled rules agree', () => {
    fc.assert(
      fc.property(world, (value) => {
        const { value: lab, diagnostics } = resolve(load(JSON.stringify({ name: 'random', ...value })))
        expect(diagnostics).toEqual([])
        expect(disagreements(lab!).slice(0, 3)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('a label that changes on a host with isolated pods changes sets, never chains', () => {
    fc.assert(
      fc.property(world, fc.record({ who: pick(...NAMES), labels }), (value, change) => {
        const build = (pods: typeof value.pods): Lab => resolve(load(JSON.stringify({ name: 'random', ...value, pods }))).value!
        const changed = { ...value.pods, [change.who]: { ...value.pods[change.who]!, labels: change.labels } }
        const chains = (lab: Lab): Map<string, string> => new Map(compile(lab).objects.flatMap((o) => (o.kind === 'chain' && o.chain.startsWith('NETLAB-') ? [[`${o.ns} ${o.family} ${o.chain}`, JSON.stringify(o.rules)] as const] : [])))
        const [before, after] = [chains(build(value.pods)), chains(build(changed))]
        for (const [key, rules] of before) if (after.has(key)) expect(after.get(key)).toBe(rules)
      }),
      { numRuns: 60 },
    )
  })
})
