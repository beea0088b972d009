// Policies and Services at size: what compiling them takes, and what hundreds of policies in force take from a stream.
import type { Row, Setting } from './benchmark.ts'
import { lab } from './labs.ts'
import { measure } from './measure.ts'
import { bundled } from './program.ts'
import type { Steps } from './programs/compiler.ts'
import { summarize } from './stats.ts'

const SIZE = { hosts: 20, pods: 1000, policies: 500, services: 200 }
const NAMESPACES = 20
const APPS = 25

export const needsRoot = false
export const title = `${SIZE.pods} pods × ${SIZE.policies} policies × ${SIZE.services} Services on ${SIZE.hosts} hosts`

const app = (n: number): string => `app-${n % APPS}`
const label = (n: number) => ({ matchLabels: { app: app(n) } })

/** A mix of what people write: peers by pods, by namespaces, by both, blocks with holes, ports by number, range and name. */
function somePolicy(n: number): object {
  const peers = [
    [{ podSelector: label(n + 1) }],
    [{ namespaceSelector: { matchLabels: { team: `team-${n % 5}` } } }, { podSelector: label(n + 2) }],
    [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['web', 'api'] }] } }],
    [{ ipBlock: { cidr: `10.${n % 200}.0.0/16`, except: [`10.${n % 200}.7.0/24`] } }, { ipBlock: { cidr: '203.0.113.0/24' } }],
  ][n % 4]
  const ports = [[{ port: 8080 }], [{ port: 'http' }, { port: 53, protocol: 'UDP' }], [{ port: 8000, endPort: 8100 }], undefined][
    (n >> 2) % 4
  ]
  const rule = (key: string) => [{ [key]: peers, ...(ports ? { ports } : {}) }]
  const spec = { podSelector: n % 10 === 0 ? {} : label(n), ingress: rule('from') }
  return n % 7 === 0 ? { ...spec, policyTypes: ['Ingress', 'Egress'], egress: rule('to') } : spec
}

/** As a cluster would have it: every namespace on every host, apps with Services, policies of all kinds. */
function cluster({ hosts, pods, policies, services }: typeof SIZE): object {
  const each = (count: number, key: (n: number) => string, value: (n: number) => object): object =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [key(n), value(n)]))
  const crowd = Math.ceil(pods / NAMESPACES)
  /** The n-th thing of a namespace, namespaces taking turns. */
  const turn = (n: number): { readonly space: string; readonly nth: number } => ({
    space: `ns-${n % NAMESPACES}`,
    nth: Math.floor(n / NAMESPACES),
  })
  return {
    hosts: { node: { replicas: hosts } },
    namespaces: each(
      NAMESPACES,
      (n) => `ns-${n}`,
      (n) => ({ labels: { team: `team-${n % 5}` } }),
    ),
    pods: each(
      pods,
      (n) => `ns-${Math.floor(n / crowd)}/pod-${n}`,
      (n) => ({
        labels: { app: app(n), tier: ['web', 'api', 'db'][n % 3] },
        containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }],
      }),
    ),
    services: each(
      services,
      (n) => `${turn(n).space}/svc-${n}`,
      (n) => ({
        selector: label(turn(n).nth).matchLabels,
        ...(n % 5 === 0 ? { type: 'NodePort' } : {}),
        ...(n % 10 === 0 ? { externalTrafficPolicy: 'Local' } : {}),
        ports: [
          { name: 'web', port: 80, targetPort: 'http' },
          { name: 'raw', port: 8080 },
        ],
      }),
    ),
    policies: each(
      policies,
      (n) => `${turn(n).space}/policy-${n}`,
      (n) => somePolicy(turn(n).nth),
    ),
  }
}

export async function run({ netlab, runs, say, turn }: Setting): Promise<Row[]> {
  const { file } = lab('policies', cluster(SIZE))
  const steps = await bundled('compiler')
  const took: Record<'read' | 'resolve' | 'compile' | 'plan' | 'cpu', number[]> = { read: [], resolve: [], compile: [], plan: [], cpu: [] }
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    const sample = await turn(async () => {
      const { stdout } = await measure([process.execPath, steps, file], { stdout: true })
      const parts = JSON.parse(stdout) as Steps
      const plan = await measure([netlab, 'plan', file])
      return { ...parts, plan: plan.wall, cpu: plan.cpu }
    })
    for (const name of ['read', 'resolve', 'compile', 'plan', 'cpu'] as const) took[name].push(sample[name])
  }
  const goal = { text: '≤ 2 s', met: (r: { readonly value: number }) => r.value <= 2 }
  return [
    { what: 'reading and checking the file', value: summarize(took.read), unit: 's' },
    { what: 'every name and address decided', value: summarize(took.resolve), unit: 's' },
    { what: 'compiled to kernel objects', value: summarize(took.compile), unit: 's', goal },
    { what: '`plan`, the whole command', value: summarize(took.plan), unit: 's', goal },
    { what: '`plan`, processor time', value: summarize(took.cpu), unit: 's' },
  ]
}
