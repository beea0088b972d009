/**
 * The lab of the policy cases: nine pods, a to c in namespaces x to z, spread over three hosts so that every
 * namespace has pods on one host and on several; an external that pods see by its own address, and hosts.
 *
 *             node-1   node-2   node-3          labels: pods `pod: a`, namespaces `ns: x`
 *   x           a b      c                      ports: TCP and UDP 80 and 81
 *   y            c       a        b             names: a and b call TCP 80 `web` and UDP 80 `dns`,
 *   z            c       b        a                    c calls TCP 81 `web` and UDP 81 `dns`
 */
import { hostSource } from '../../src/backends/index.ts'
import { addressOf } from '../../src/lab/lab.ts'
import { verdict, type Question as Asked } from '../../src/lab/policy/verdict.ts'
import type { Question } from '../support/fleet.ts'
import { ModelLab } from '../support/model-lab.ts'
import type { Answer } from '../support/probe.ts'

const HOSTS: Readonly<Record<string, string>> = {
  'x/a': 'node-1',
  'x/b': 'node-1',
  'x/c': 'node-2',
  'y/a': 'node-2',
  'y/b': 'node-3',
  'y/c': 'node-1',
  'z/a': 'node-3',
  'z/b': 'node-2',
  'z/c': 'node-1',
}
export const PODS = Object.keys(HOSTS)

export type Labels = Readonly<Record<string, string>>
export interface Setup {
  readonly network?: object
  /** Besides the one every pod has. */
  readonly labels?: Readonly<Record<string, Labels>>
  /** Besides the one every namespace has. */
  readonly namespaces?: Readonly<Record<string, Labels>>
  readonly policies?: Readonly<Record<string, object>>
}

function containers(name: string): object[] {
  const [low, high] = name.endsWith('c') ? [81, 80] : [80, 81]
  const ports = [
    { name: 'web', containerPort: low },
    { name: 'alt', containerPort: high },
    { name: 'dns', containerPort: low, protocol: 'UDP' },
    { containerPort: high, protocol: 'UDP' },
  ]
  // No kernel here has SCTP sockets: the port is declared by a container that does not listen.
  return [
    { name: 'server', ports },
    { name: 'signal', command: ['sleep', 'infinity'], ports: [{ name: 'sig', containerPort: 36_412, protocol: 'SCTP' }] },
  ]
}

function topology({ network, labels = {}, namespaces = {}, policies = {} }: Setup): object {
  return {
    network: { podCIDR: ['10.244.0.0/16', 'fd00:10:244::/48'], ...network },
    hosts: { node: { replicas: 3 } },
    namespaces: Object.fromEntries(['x', 'y', 'z'].map((ns) => [ns, { labels: { ns, ...namespaces[ns] } }])),
    pods: Object.fromEntries(
      PODS.map((key) => [key, { host: HOSTS[key], labels: { pod: key.slice(-1), ...labels[key] }, containers: containers(key) }]),
    ),
    externals: { ext: { podRoutes: true } },
    policies,
  }
}

export interface Probe {
  readonly from: string
  readonly to: string
  readonly kind: Question['kind']
  readonly port: number
  readonly family: 4 | 6
}

const PORTS: readonly [Probe['kind'], number][] = [
  ['tcp', 80],
  ['tcp', 81],
  ['udp', 80],
  ['udp', 81],
  ['icmp', 0],
  ['sctp', 36_412],
]
export const ROWS = [...PODS, 'ext', 'node-1']
export const COLUMNS = [...PODS, 'ext', 'node-2']

/** Every pair, protocol, port and family: what each case is measured with. */
export const PROBES: readonly Probe[] = ([4, 6] as const)
  .flatMap((family) =>
    ROWS.flatMap((from) => COLUMNS.flatMap((to) => PORTS.map(([kind, port]): Probe => ({ from, to, kind, port, family })))),
  )
  .filter(({ to, kind }) => {
    // node-2 asks no questions, so its answers are still rationed (see prober.pl).
    if (kind === 'sctp') return to !== 'node-2'
    // A server on every address of a node answers datagrams from the nearest one, not the one asked.
    return kind !== 'udp' || to !== 'node-2'
  })

export const say = ({ from, to, kind, port, family }: Probe): string =>
  `${from} > ${to} ${kind === 'icmp' ? 'icmp' : `${port}/${kind}`} IPv${family}`

export class PolicyLab extends ModelLab {
  /** Brings the lab to this; returns the outcome of `up`. */
  override up(setup: Setup): Promise<string> {
    return super.up(topology(setup))
  }

  /** Begins to answer where there are no containers. */
  serve(): void {
    for (const node of ['ext', 'node-2']) this.fleet.serve(node, ['80/tcp', '81/tcp', '80/udp', '81/udp'])
  }

  question({ to, from, kind, port, family }: Probe): Question {
    return { from, kind, port, address: addressOf(this.actor(to), family)! }
  }

  /** What the model says. */
  computed({ from, to, kind, port, family }: Probe): boolean {
    const protocol = kind.toUpperCase() as Asked['protocol']
    const question = { from: this.actor(from), to: this.actor(to), ...(kind === 'icmp' ? {} : { port }), protocol, family }
    return verdict(this.lab, question, hostSource).allowed
  }

  /** Asks all at once; what must pass and was not answered a second time. */
  measure(probes: readonly Probe[], passes: (p: Probe) => boolean): Promise<Answer[]> {
    return this.ask(
      probes.map((p) => this.question(p)),
      (i) => passes(probes[i]!),
    )
  }
}

/** Whether an answer came from the node that was asked: containers give the pod's name. */
export function isFrom(probe: Probe, { outcome, text }: Answer): boolean {
  if (outcome !== 'ok') return false
  return probe.kind === 'icmp' || probe.kind === 'sctp' || text.startsWith(`${probe.to} `)
}
