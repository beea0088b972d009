/**
 * Policies and Services over every tunnel, in brief: what a tunnel could change is the address a rule sees, the replies of
 * translated connections, and protocols other than TCP. The long suites run over VXLAN; other tunnels may need the virtual
 * machine's kernel, which is slow.
 */
import { hidingOf } from '../../src/attach/index.ts'
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { backends, hostSource } from '../../src/backends/index.ts'
import { addressOf } from '../../src/lab/lab.ts'
import { clusterFrontend } from '../../src/lab/services/semantics.ts'
import { serviceVerdict } from '../../src/lab/services/service-verdict.ts'
import { verdict, type Question as Asked } from '../../src/lab/policy/verdict.ts'
import { familiesOf, lacking } from '../support/features.ts'
import { ownMachine } from '../support/machine.ts'
import { oneProcess } from '../support/resident.ts'
import type { Question } from '../support/fleet.ts'
import { ModelLab } from '../support/model-lab.ts'
import { optionTypes } from '../../src/topology/schema/schema.ts'

ownMachine()
oneProcess()

/** Those that add headers with what they choose by themselves. */
const TUNNELS = Object.entries(backends).flatMap(([type, { create, options }]) =>
  create(options(optionTypes).parse({ type })).reserve > 0 ? [type] : [],
)

const app = (name: string): object => ({ podSelector: { matchLabels: { app: name } } })
const pod = (host: string, name: string): object => ({
  host,
  labels: { app: name },
  containers: [
    {
      name: 'c',
      ports: [
        { name: 'http', containerPort: 8080 },
        { containerPort: 8080, protocol: 'UDP' },
      ],
    },
    { name: 's', command: ['sleep', 'infinity'], ports: [{ name: 'sig', containerPort: 36_412, protocol: 'SCTP' }] },
  ],
})
const PODS = { front: pod('node-1', 'front'), 'web-1': pod('node-1', 'web'), 'web-2': pod('node-2', 'web'), db: pod('node-2', 'db') }
const HOME: Readonly<Record<string, string>> = { front: 'node-1', 'web-1': 'node-1', 'web-2': 'node-2', db: 'node-2' }
const ENDS = [...Object.keys(PODS), 'node-1', 'node-2']
const VIPS = { 4: '10.96.0.77', 6: 'fd00:10:96::77' } as const
const KINDS: readonly (readonly [Question['kind'], number])[] = [
  ['tcp', 8080],
  ['udp', 8080],
  ['icmp', 0],
  ['sctp', 36_412],
]
/** Connections to the Service from each: enough to meet both pods, but for one time in eight million. */
const TRIES = 24

interface State {
  readonly teaches: string
  readonly policies: Readonly<Record<string, object>>
  /** Whether it passes, by hand; a host and its own pods, and hosts among themselves, are not asked about. */
  readonly passes: (from: string, to: string, kind: Question['kind']) => boolean
}

const isWeb = (name: string): boolean => name.startsWith('web')
const STATES: readonly State[] = [
  { teaches: 'without policies every node reaches every other', policies: {}, passes: () => true },
  {
    teaches: 'ingress: one client on one port',
    policies: { p: { ...app('web'), ingress: [{ from: [app('front')], ports: [{ port: 'http' }] }] } },
    passes: (from, to, kind) => !isWeb(to) || (from === 'front' && kind === 'tcp'),
  },
  {
    teaches: 'egress: only to the pod of another host',
    policies: { p: { ...app('front'), policyTypes: ['Egress'], egress: [{ to: [app('db')] }] } },
    passes: (from, to) => from !== 'front' || to === 'db',
  },
  {
    teaches: 'beyond a tunnel a host is known by the first address of its block',
    policies: {
      p: { ...app('web'), ingress: [{ from: [{ ipBlock: { cidr: '10.244.1.0/32' } }, { ipBlock: { cidr: 'fd00:10:244:1::/128' } }] }] },
    },
    passes: (from, to) => !isWeb(to) || (from === 'node-2' && to === 'web-1'),
  },
  {
    teaches: 'SCTP, by the name of a port',
    policies: { p: { ...app('web'), ingress: [{ from: [app('db')], ports: [{ port: 'sig', protocol: 'SCTP' }] }] } },
    passes: (from, to, kind) => !isWeb(to) || (from === 'db' && kind === 'sctp'),
  },
  { teaches: 'when policies are gone, so is their effect', policies: {}, passes: () => true },
]

class TunnelLab extends ModelLab {
  readonly #backend: string

  constructor(backend: string) {
    super()
    this.#backend = backend
  }

  get families(): readonly (4 | 6)[] {
    return familiesOf(this.#backend)
  }

  /** Brings the lab to these policies. */
  override up(policies: object): Promise<string> {
    const isDual = this.families.length > 1
    const service = {
      type: 'NodePort',
      selector: { app: 'web' },
      ...(isDual ? { clusterIPs: Object.values(VIPS), ipFamilyPolicy: 'RequireDualStack' } : {}),
      clusterIP: VIPS[4],
      ports: [
        { name: 'main', port: 80, targetPort: 'http', nodePort: 30080 },
        { name: 'sig', port: 3868, targetPort: 'sig', protocol: 'SCTP', nodePort: 30081 },
      ],
    }
    const network = { backend: this.#backend, podCIDR: isDual ? ['10.244.0.0/16', 'fd00:10:244::/48'] : '10.244.0.0/16' }
    return super.up({ network, hosts: { node: { replicas: 2 } }, pods: PODS, services: { web: service }, policies })
  }
}

/** Pairs to ask about: at least one is a pod, and the other neither itself nor its own host. */
const PAIRS = ENDS.flatMap((from) => ENDS.map((to) => [from, to] as const)).filter(
  ([a, b]) => a !== b && (a in HOME || b in HOME) && HOME[a] !== b && HOME[b] !== a,
)

for (const backend of TUNNELS) {
  describe(`policies and Services over ${backend}`, { skip: lacking(backend) }, () => {
    const network = new TunnelLab(backend)
    before(() => network.up({ first: { podSelector: { matchLabels: { app: 'none' } } } }))
    after(() => network.close())

    for (const { teaches, policies, passes } of STATES) {
      it(teaches, async () => {
        await network.up(policies)
        const asked = network.families.flatMap((family) =>
          PAIRS.flatMap(([from, to]) =>
            KINDS.map(([kind, port]) => ({ from, to, kind, port, family, address: addressOf(network.actor(to), family)! })),
          ),
        )
        const answers = await network.ask(asked, (i) => passes(asked[i]!.from, asked[i]!.to, asked[i]!.kind))
        const wrong = asked.flatMap(({ from, to, kind, port, family }, i) => {
          const wanted = passes(from, to, kind)
          const protocol = kind.toUpperCase() as Asked['protocol']
          const question = { from: network.actor(from), to: network.actor(to), protocol, ...(kind === 'icmp' ? {} : { port }), family }
          const computed = verdict(network.lab, question, hostSource).allowed
          const { outcome, text } = answers[i]!
          // Hosts do not listen: they refuse, which only a host that was reached can do.
          const isRight = wanted
            ? outcome === (to in HOME || kind === 'icmp' || kind === 'sctp' ? 'ok' : 'refused') &&
              (!(to in HOME) || !/tcp|udp/.test(kind) || text.startsWith(`${to} `))
            : outcome === 'timeout'
          return isRight && computed === wanted
            ? []
            : [`${from} > ${to} ${kind} IPv${family}: expected ${wanted}, computed ${computed}, got ${outcome} ${text}`]
        })
        assert.deepEqual(wrong.slice(0, 9), [], `${wrong.length} of ${asked.length}`)
      })

      it(`${teaches}: through a Service`, async () => {
        const reach = (from: string, kind: 'tcp' | 'sctp'): string[] =>
          ['web-1', 'web-2'].filter((to) => from === to || HOME[to] === from || passes(from, to, kind))
        const groups = network.families.flatMap((family) =>
          ENDS.flatMap((from) => (['tcp', 'sctp'] as const).map((kind) => ({ from, kind, family, by: reach(from, kind) }))),
        )
        const asked = groups.flatMap((g) =>
          Array.from({ length: TRIES }, () => ({ ...g, address: VIPS[g.family], port: g.kind === 'tcp' ? 80 : 3868 })),
        )
        const answers = await network.ask(asked, (i) => asked[i]!.by.length === 2)
        // A machine that stood still loses packets and resets connections: a group with such an answer is asked once more.
        const isOdd = groups.map(({ by }, g) => {
          const outcomes = answers.slice(g * TRIES, (g + 1) * TRIES).map((a) => a.outcome)
          const silent = outcomes.filter((o) => o === 'timeout').length
          return outcomes.some((o) => o !== 'ok' && o !== 'timeout') || (by.length === 2 ? silent > 0 : by.length === 1 && silent === TRIES)
        })
        const odd = asked.flatMap((_, i) => (isOdd[Math.floor(i / TRIES)] ? [i] : []))
        const again = await network.ask(
          odd.map((i) => asked[i]!),
          (n) => asked[odd[n]!]!.by.length === 2,
        )
        for (const [n, i] of odd.entries()) answers[i] = again[n]!
        for (const [i, { from, kind, family, by }] of groups.entries()) {
          const own = answers.slice(i * TRIES, (i + 1) * TRIES)
          const title = `${from} > svc/web ${kind} IPv${family}`
          const heard = own.map((a) => a.outcome)
          assert.deepEqual(
            heard.filter((o) => o !== 'ok' && o !== 'timeout'),
            [],
            title,
          )
          assert.equal(heard.includes('ok'), by.length > 0, `${title}: ${heard.join(' ')}`)
          assert.equal(heard.includes('timeout'), by.length < 2, `${title}: ${heard.join(' ')}`)
          if (kind === 'tcp')
            assert.deepEqual([...new Set(own.flatMap((a) => (a.outcome === 'ok' ? [a.text.split(' ')[0]!] : [])))].sort(), by, title)
          const [service] = network.lab.services
          const port = service!.ports.find((p) => p.protocol === kind.toUpperCase())!
          const client = network.actor(from)
          const { ways } = serviceVerdict(
            network.lab,
            client,
            clusterFrontend(network.lab, client, service!, port, family),
            family,
            hostSource,
            hidingOf,
          )
          assert.deepEqual(ways.flatMap((w) => (w.verdict.allowed ? [w.endpoint.pod!] : [])).sort(), by, `${title}: computed`)
        }
      })
    }
  })
}
