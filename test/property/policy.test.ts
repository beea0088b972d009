/** Random policies on random labels: the model, a naive reading of the specs, and the compiled chains agree on every packet. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compile } from '../../src/compile/compile.ts'
import { addressOf, type External, type Lab, type Pod } from '../../src/lab/lab.ts'
import { hostSource } from '../../src/backends/index.ts'
import { reachability } from '../../src/lab/policy/reachability.ts'
import { verdict, type Actor } from '../../src/lab/policy/verdict.ts'
import { resolve } from '../../src/lab/resolve.ts'
import { dropsOf } from '../../src/verify/checks/policies/deny-counters.ts'
import { load } from '../unit/lab/fixture.ts'
import { labels, pick, policy } from '../unit/policy/arbitrary.ts'
import { naivelyAllowed, type NaivePod } from '../unit/policy/naive.ts'
import { Netfilter } from '../unit/policy/netfilter.ts'

const NAMES = ['x/a', 'x/b', 'y/a', 'y/b', 'plain']
const containers = pick<object[]>(
  [],
  [
    {
      name: 'c',
      ports: [
        { name: 'web', containerPort: 80 },
        { name: 'dns', containerPort: 80, protocol: 'UDP' },
      ],
    },
  ],
  [
    { name: 'c', ports: [{ name: 'web', containerPort: 81 }] },
    { name: 'd', ports: [{ name: 'web', containerPort: 82 }] },
  ],
)
const world = fc.record({
  network: fc.constant({ podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] }),
  hosts: fc.constant({ node: { replicas: 2 } }),
  namespaces: fc.record({ x: fc.record({ labels }), y: fc.record({ labels }) }),
  pods: fc
    .tuple(...NAMES.map(() => fc.record({ labels, containers })))
    .map((specs) => Object.fromEntries(NAMES.map((name, i) => [name, specs[i]!]))),
  externals: fc.constant({ ext: { podRoutes: true } }),
  policies: fc.dictionary(pick('x/p', 'x/q', 'y/p', 'y/q', 'r'), policy, { maxKeys: 4 }),
})

/** Underlays where a host's address depends on whom it speaks to. */
const underlays = pick<object>(
  { network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'] } },
  { network: { podCIDR: '10.244.0.0/16', backend: 'direct' } },
  {
    network: { podCIDR: '10.244.0.0/16', backend: { type: 'vxlan', tunnel: 'cross-segment' } },
    underlay: { segments: { one: '192.168.1.0/24', two: '192.168.2.0/24' } },
  },
)

/** Squares of the table that do not say what the model says of each pair of members. */
function misplaced(lab: Lab): string[] {
  const actors = new Map([...lab.pods, ...lab.hosts, ...lab.externals].map((p): [string, Actor] => [p.kind === 'pod' ? p.key : p.name, p]))
  const { rows, columns, sheets } = reachability(lab, hostSource)
  const isOwn = (a: Actor, b: Actor): boolean => a.kind === 'host' && b.kind === 'pod' && b.host === a.name
  return sheets.flatMap(({ probes, cells }) =>
    probes.flatMap(({ port: text, family }) => {
      const [number, l4] = text.includes('/') ? (text.split('/') as [string, string]) : [undefined, text]
      const probe = {
        protocol: l4.toUpperCase() as Question['protocol'],
        ...(number === undefined ? {} : { port: Number(number) }),
        family,
      }
      return rows.flatMap((row, i) =>
        columns.flatMap((column, j) =>
          row.members.flatMap((a) =>
            column.members.flatMap((b) => {
              const [from, to] = [actors.get(a)!, actors.get(b)!]
              if (from === to || (from.kind !== 'pod' && to.kind !== 'pod') || isOwn(from, to) || isOwn(to, from)) return []
              const says = verdict(lab, { from, to, ...probe }, hostSource).allowed
              return says === cells[i]![j] ? [] : [`${a} > ${b} ${text} ${family}: model ${says}, table ${cells[i]![j]}`]
            }),
          ),
        ),
      )
    }),
  )
}

interface Question {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP'
  readonly port?: number
}

const QUESTIONS: readonly Question[] = [
  { protocol: 'ICMP' },
  ...(['TCP', 'UDP', 'SCTP'] as const).flatMap((p) => [80, 81, 82, 95].map((n): Question => ({ protocol: p, port: n }))),
]

const naive = (pod: Pod): NaivePod => ({
  key: pod.key,
  labels: pod.labels,
  ips: pod.addresses.map((a) => a.ip),
  ports: pod.containers.flatMap((c) =>
    c.ports.map((p) => ({ ...(p.name === undefined ? {} : { name: p.name }), port: p.containerPort, protocol: p.protocol })),
  ),
})

function disagreements(lab: Lab): string[] {
  const { objects } = compile(lab)
  const filters = new Map(
    lab.hosts.flatMap((h) => lab.families.map((f): [string, Netfilter] => [`${h.name} ${f}`, new Netfilter(objects, h.netns, f)])),
  )
  const naivePods = new Map(lab.pods.map((p) => [p, naive(p)]))
  const namespaces = Object.fromEntries(Object.entries(lab.namespaces).map(([name, { labels: l }]) => [name, l]))
  const actors: (Pod | External)[] = [...lab.pods, ...lab.externals]
  const wrong: string[] = []
  for (const family of lab.families) {
    for (const from of actors) {
      for (const to of actors) {
        if (from === to || (from.kind !== 'pod' && to.kind !== 'pod')) continue
        const [src, dst] = [addressOf(from, family)!, addressOf(to, family)!]
        for (const q of QUESTIONS) {
          const says = verdict(lab, { from, to, ...q, family }, hostSource).allowed
          const naively = naivelyAllowed(
            { namespaces, policies: lab.policies },
            {
              ...(from.kind === 'pod' ? { from: naivePods.get(from)! } : {}),
              ...(to.kind === 'pod' ? { to: naivePods.get(to)! } : {}),
              fromIp: src,
              toIp: dst,
              ...q,
            },
          )
          // Forwarded by the sender's host, then by the receiver's; once if that is the same.
          const hosts = new Set([...(from.kind === 'pod' ? [from.host] : []), ...(to.kind === 'pod' ? [to.host] : [])])
          const chains = [...hosts].every((h) => filters.get(`${h} ${family}`)!.passes({ src, dst, ...q }))
          // Where it must end if it is denied: the sender's host comes first.
          const kind = q.protocol.toLowerCase() as 'tcp'
          const told = dropsOf(lab, { netns: from.netns, kind, family, address: dst, port: q.port ?? 0 }).map((c) => `${c.ns} ${c.id}`)
          const ends = [...hosts].flatMap((h) => {
            const end = filters.get(`${h} ${family}`)!.end({ src, dst, ...q })
            return end === undefined ? [] : [`${lab.hosts.find((x) => x.name === h)!.netns} ${end}`]
          })
          if (told.join() !== ends.slice(0, 1).join())
            wrong.push(`${src} > ${dst} ${q.protocol}: told to end at ${told.join()}, ends at ${ends.join()}`)
          if (says !== naively || says !== chains)
            wrong.push(`${src} > ${dst} ${q.protocol} ${'port' in q ? q.port : ''}: model ${says}, naive ${naively}, chains ${chains}`)
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
        expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([])
        expect(disagreements(lab!).slice(0, 3)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('the table says of every pair what the model says, hosts included', () => {
    fc.assert(
      fc.property(world, underlays, fc.integer({ min: 1, max: 5 }), (value, underlay, replicas) => {
        const topology = { name: 'random', ...value, ...underlay, hosts: { node: { replicas } } }
        const { value: lab, diagnostics } = resolve(load(JSON.stringify(topology)))
        expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([])
        expect(misplaced(lab!).slice(0, 3)).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  test('a label that changes on a host with isolated pods changes sets, never chains', () => {
    fc.assert(
      fc.property(world, fc.record({ who: pick(...NAMES), labels }), (value, change) => {
        const build = (pods: typeof value.pods): Lab => resolve(load(JSON.stringify({ name: 'random', ...value, pods }))).value!
        const changed = { ...value.pods, [change.who]: { ...value.pods[change.who]!, labels: change.labels } }
        const chains = (lab: Lab): Map<string, string> =>
          new Map(
            compile(lab).objects.flatMap((o) =>
              o.kind === 'chain' && o.chain.startsWith('NETLAB-')
                ? [[`${o.ns} ${o.family} ${o.chain}`, JSON.stringify(o.rules)] as const]
                : [],
            ),
          )
        const [before, after] = [chains(build(value.pods)), chains(build(changed))]
        for (const [key, rules] of before) if (after.has(key)) expect(after.get(key)).toBe(rules)
      }),
      { numRuns: 60 },
    )
  })
})
