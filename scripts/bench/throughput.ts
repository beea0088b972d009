// What hundreds of policies in force take from a stream between two pods, and from the opening of connections.
import { fileURLToPath } from 'node:url'
import type { Goal, Measured, Row, Setting } from './benchmark.ts'
import { lab, type LabFile } from './labs.ts'
import { measure, run as command } from './measure.ts'
import { ratio, summarize, type Unit } from './stats.ts'

const STREAM = fileURLToPath(new URL('./stream.pl', import.meta.url))
const POLICIES = 500
const SECONDS = 2
const PORT = 5001

export const needsRoot = true
export const title = `two pods under ${POLICIES} policies (vxlan, bridge)`

const CLIENT = { matchLabels: { app: 'client' } }
const OTHER = { matchLabels: { app: 'other' } }

/**
 * All of them select the pods that are measured, in turn by ingress of the server and egress of the client. Every
 * second one lists this connection, and the first that does comes after those that do not: the opening packet goes
 * through half of the rules.
 */
function policy(n: number): object {
  const matches = n >= POLICIES / 2
  const isIngress = n % 2 === 0
  const unrelated = [
    [{ podSelector: OTHER }],
    [{ namespaceSelector: { matchLabels: { team: `team-${n}` } } }],
    [{ ipBlock: { cidr: `172.${16 + (n % 16)}.${n % 256}.0/24` } }],
  ][n % 3]
  const own = [
    isIngress ? [{ podSelector: CLIENT }] : [{ podSelector: { matchLabels: { app: 'server' } } }],
    [{ ipBlock: { cidr: '10.244.0.0/16' } }],
  ][n % 2]
  const ports = [[{ port: PORT }], [{ port: 5000, endPort: 5010 }], [{ port: 'bulk' }], undefined][(n >> 2) % 4]
  const rule = { [isIngress ? 'from' : 'to']: matches ? own : unrelated, ...(ports ? { ports } : {}) }
  return isIngress
    ? { podSelector: { matchLabels: { app: 'server' } }, policyTypes: ['Ingress'], ingress: [rule] }
    : { podSelector: CLIENT, policyTypes: ['Egress'], egress: [rule] }
}

const shape = (policies: object): object => ({
  hosts: { 'node-1': {}, 'node-2': {} },
  pods: {
    client: { host: 'node-1', labels: { app: 'client' } },
    near: { host: 'node-1', labels: { app: 'server' }, ip: '10.244.0.20', ...named },
    far: { host: 'node-2', labels: { app: 'server' }, ip: '10.244.1.20', ...named },
  },
  policies,
})
const named = { containers: [{ name: 'c', command: ['sleep', 'infinity'], ports: [{ name: 'bulk', containerPort: PORT }] }] }

const within = (l: LabFile, node: string, ...argv: string[]): string[] => ['nsenter', `--net=/run/netns/${l.name}.${node}`, ...argv]

/**
 * One measured command for both ends, so that what they use is measured together.
 * @returns what was counted, a second, and the processor time of each
 */
async function between(
  l: LabFile,
  pod: string,
  address: string,
  what: string,
  seconds: number,
): Promise<{ readonly rate: number; readonly cpu: number }> {
  const perl = (node: string, ...words: (string | number)[]): string =>
    `nsenter --net=/run/netns/${l.name}.${node} perl ${STREAM} ${words.join(' ')}`
  const script = `${perl(pod, 'serve', PORT)} & ${perl('client', what, address, PORT, seconds)} && wait`
  const { stdout, cpu } = await measure(['sh', '-c', script], { stdout: true })
  const [count, took] = stdout.trim().split(' ').map(Number) as [number, number]
  return { rate: count / took, cpu: cpu / count }
}

export async function run({ netlab, runs, say, turn }: Setting): Promise<Row[]> {
  const labs = {
    with: lab('policed', shape(Object.fromEntries(Array.from({ length: POLICIES }, (_, n) => [`policy-${n}`, policy(n)])))),
    without: lab('free', shape({})),
  }
  const targets = { near: '10.244.0.20', far: '10.244.1.20' }
  type Which = keyof typeof labs
  type Series = Record<Which, number[]>
  const rates: Record<'near' | 'far' | 'probe', Series> = {
    near: { with: [], without: [] },
    far: { with: [], without: [] },
    probe: { with: [], without: [] },
  }
  const costs = structuredClone(rates)
  const kinds = [
    ['far', 'far', 'send', SECONDS],
    ['near', 'near', 'send', SECONDS],
    ['probe', 'far', 'probe', 1],
  ] as const
  for (const l of Object.values(labs)) await measure([netlab, 'up', l.file])
  const rules = { with: 0, without: 0 }
  for (const which of ['with', 'without'] as const) {
    const { stdout } = await command(within(labs[which], 'node-2', 'iptables-save', '-t', 'filter'))
    rules[which] = stdout.split('\n').filter((line) => line.startsWith('-A NETLAB-') && line.includes('policy ')).length
  }
  const rounds = 2 * runs
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`)
    const order: Which[] = round % 2 === 0 ? ['with', 'without'] : ['without', 'with']
    for (const [kind, pod, what, seconds] of kinds) {
      const pair = await turn(async () => {
        const seen: Partial<Record<Which, Awaited<ReturnType<typeof between>>>> = {}
        for (const which of order) seen[which] = await between(labs[which], pod, targets[pod], what, seconds)
        return seen
      })
      for (const which of order) {
        rates[kind][which].push(pair[which]!.rate)
        costs[kind][which].push(pair[which]!.cpu)
      }
    }
  }
  for (const l of Object.values(labs)) await measure([netlab, 'down', l.name])
  const compared = (what: string, series: Series, unit: Unit): Measured => ({
    what,
    value: summarize(series.with),
    unit,
    than: { name: 'without policies', value: summarize(series.without) },
    ratio: ratio(series.with, series.without),
  })
  const row = (what: string, name: keyof typeof rates, unit: Unit, goal?: Goal): Row => ({
    ...compared(what, rates[name], unit),
    ...(goal ? { goal } : {}),
  })
  const kept: Goal = { text: '≥ 0.9 ×', met: (r) => r.ratio >= 0.9 }
  /** What holds on a busy machine, too. */
  const cost = (what: string, name: keyof typeof costs, unit: Unit, many: number): Row => {
    const scaled = (list: readonly number[]): number[] => list.map((v) => v * many)
    return compared(what, { with: scaled(costs[name].with), without: scaled(costs[name].without) }, unit)
  }
  return [
    { what: "rules of policies, on the server's host", text: `${rules.with}; without: ${rules.without}` },
    row('TCP stream to a pod of another host', 'far', 'MB/s', kept),
    row('TCP stream to a pod of the same host', 'near', 'MB/s', kept),
    cost('processor time of a gigabyte, to another host', 'far', 's', 1e9),
    cost('processor time of a gigabyte, on the same host', 'near', 's', 1e9),
    row('connections opened a second, through half of the rules', 'probe', ''),
  ]
}
