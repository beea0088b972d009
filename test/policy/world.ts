/**
 * The lab of the policy cases: nine pods, a to c in namespaces x to z, spread over three hosts so that every
 * namespace has pods on one host and on several; an external that pods see by its own address, and hosts.
 *
 *             node-1   node-2   node-3          labels: pods `pod: a`, namespaces `ns: x`
 *   x           a b      c                      ports: TCP and UDP 80 and 81
 *   y            c       a        b             names: a and b call TCP 80 `web` and UDP 80 `dns`,
 *   z            c       b        a                    c calls TCP 81 `web` and UDP 81 `dns`
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileFile } from '../../src/cli/topology-file.ts'
import { NamespacePool } from '../../src/netns/namespace-pool.ts'
import { addressOf, type Lab } from '../../src/lab/lab.ts'
import { hostSource } from '../../src/backends/index.ts'
import { verdict, type Actor, type Question as Asked } from '../../src/lab/policy/verdict.ts'
import { removeLab } from '../../src/state/down.ts'
import { bringUp } from '../../src/state/up.ts'
import { Fleet, type Answer, type Question } from './fleet.ts'

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
  // No kernel here has SCTP sockets: the port is declared by someone who does not listen.
  return [
    { name: 'server', ports },
    { name: 'signal', command: ['sleep', 'infinity'], ports: [{ name: 'sig', containerPort: 36_412, protocol: 'SCTP' }] },
  ]
}

export function topology(name: string, { network, labels = {}, namespaces = {}, policies = {} }: Setup): object {
  return {
    name,
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
    // node-2 asks nobody, so its answers are still rationed (see matrix.pl).
    if (kind === 'sctp') return to !== 'node-2'
    // A server on every address of a node answers datagrams from the nearest one, not the one asked.
    return kind !== 'udp' || to !== 'node-2'
  })

export const say = ({ from, to, kind, port, family }: Probe): string =>
  `${from} > ${to} ${kind === 'icmp' ? 'icmp' : `${port}/${kind}`} IPv${family}`

/** Longest wait for an answer, milliseconds; what stays silent although it may pass is asked again with patience. */
const WAIT = 350
const PATIENT = 2500

export class World {
  readonly name = `nlpo-${randomBytes(3).toString('hex')}`
  readonly #dir = mkdtempSync(join(tmpdir(), 'nlpo-'))
  readonly #pool = new NamespacePool()
  readonly fleet = new Fleet((node) => this.ns(node))
  lab!: Lab

  get file(): string {
    return join(this.#dir, 'lab.yaml')
  }

  ns(node: string): string {
    return `${this.name}.${node.replace('/', '.')}`
  }

  /** Brings the lab to this; returns the outcome of `up`. */
  async up(setup: Setup): Promise<string> {
    writeFileSync(this.file, JSON.stringify(topology(this.name, setup)))
    const { compiled } = compileFile(this.file)
    this.lab = compiled.lab
    const result = await bringUp(compiled, this.#pool)
    assert.ok(['created', 'changed', 'unchanged'].includes(result.outcome), JSON.stringify(result).slice(0, 2000))
    return result.outcome
  }

  /** Begins to answer where there are no containers. */
  serve(): void {
    for (const node of ['ext', 'node-2']) this.fleet.serve(node, ['80/tcp', '81/tcp', '80/udp', '81/udp'])
  }

  actor(name: string): Actor {
    return [...this.lab.pods, ...this.lab.hosts, ...this.lab.externals].find((p) => (p.kind === 'pod' ? p.key : p.name) === name)!
  }

  question({ to, from, kind, port, family }: Probe): Question {
    return { from, kind, port, address: addressOf(this.actor(to), family)! }
  }

  /** What the model says. */
  computed({ from, to, kind, port, family }: Probe): boolean {
    const protocol = kind.toUpperCase() as Asked['protocol']
    return verdict(
      this.lab,
      { from: this.actor(from), to: this.actor(to), ...(kind === 'icmp' ? {} : { port }), protocol, family },
      hostSource,
    ).allowed
  }

  /**
   * Asks all at once. What `passes` says must be answered and was not is asked again, slowly: on a busy machine an
   * answer may be late, and lateness is no verdict.
   */
  async measure(probes: readonly Probe[], passes: (p: Probe) => boolean): Promise<Answer[]> {
    const answers = await this.fleet.ask(
      probes.map((p) => this.question(p)),
      WAIT,
    )
    const late = probes.flatMap((p, i) => (answers[i]!.outcome === 'timeout' && passes(p) ? [i] : []))
    if (late.length > 0) {
      const again = await this.fleet.ask(
        late.map((i) => this.question(probes[i]!)),
        PATIENT,
      )
      late.forEach((i, n) => (answers[i] = again[n]!))
    }
    return answers
  }

  async close(): Promise<void> {
    await this.fleet.close()
    await removeLab(this.name, this.#pool)
    this.#pool.close()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** Whether an answer came from whom it was asked of: containers tell the pod's name. */
export function isFrom(probe: Probe, { outcome, text }: Answer): boolean {
  if (outcome !== 'ok') return false
  return probe.kind === 'icmp' || probe.kind === 'sctp' || text.startsWith(`${probe.to} `)
}
