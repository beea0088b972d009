// `test` from a shell, Node's start included: a full mesh of pods, how that grows with them, and one process a question.
import type { Row, Setting } from './benchmark.ts'
import { lab, namespacesOf, servers } from './labs.ts'
import { measure, type Sample } from './measure.ts'
import { ratio, summarize } from './stats.ts'

const HOSTS = 5
const SIZES = [50, 100]
const LARGE = { hosts: 20, pods: 1000, sample: 30 }
const PORT = 80
/** How many pairs the counter-example asks, one process a question. */
const SAMPLE = 100

export const needsRoot = true
export const title = '`test` of every pair of pods (vxlan, bridge, 5 hosts)'

/** What `test --json` prints, as far as it is read here. */
interface Report {
  readonly checks: readonly {
    readonly id: string
    readonly status: string
    readonly from?: string
    readonly to?: string
    readonly detail?: string
    readonly tested?: number
  }[]
  readonly untested: readonly string[]
}

/** A node as `up --json` prints it. */
interface Node {
  readonly kind: string
  readonly name: string
  readonly addresses: readonly string[]
}

/** A test that fails is measured no further. */
function mustHold(report: string): void {
  const { checks, untested } = JSON.parse(report) as Report
  const first = checks.find((c) => c.status === 'failed')
  if (first) throw new Error(`${first.id}, ${first.from} to ${first.to}: ${first.detail}\n${untested.join('\n')}`)
}

/** Pings and connects as a shell would, one pair after the other. */
const BY_HAND = `n=0
for from in "$@"; do
  for to in $ADDRESSES; do
    nsenter --net="/run/netns/$from" ping -c 1 -q -W 1 "$to" >/dev/null || exit 1
    nsenter --net="/run/netns/$from" perl -MIO::Socket::INET -e 'IO::Socket::INET->new("$ARGV[0]:${PORT}") or exit 1' "$to" || exit 1
    n=$((n + 1))
    [ $n -lt ${SAMPLE} ] || exit 0
  done
done`

export async function run({ netlab, runs, say, turn }: Setting): Promise<Row[]> {
  const command = (...words: string[]): string[] => [netlab, ...words]
  const labs = SIZES.map((pods) => ({ pods, pairs: pods * (pods - 1), ...lab(`test-${pods}`, servers(HOSTS, pods, PORT)) }))
  const small = lab('test-small', servers(2, 2, PORT))
  const large = lab('test-large', servers(LARGE.hosts, LARGE.pods, PORT))
  const json = async <T>(...words: string[]): Promise<T> =>
    JSON.parse((await measure(command(...words, '--json'), { stdout: true })).stdout) as T

  let nodes: readonly Node[] = []
  for (const l of [small, large, ...labs]) {
    say(`building ${l.name}`)
    ;({ nodes } = await json<{ nodes: readonly Node[] }>('up', l.file))
  }
  say('is every pair tested?')
  const [half, mesh] = labs as [(typeof labs)[0], (typeof labs)[0]]
  const { checks } = await json<Report>('test', mesh.name)
  const asked = checks.find((c) => c.id === 'pods-reach-pods')?.tested ?? 0
  if (asked < 2 * mesh.pairs) throw new Error(`only ${asked} questions asked between pods`)
  const pods = nodes.filter((n) => n.kind === 'pod')
  const addresses = pods.map((p) => p.addresses.find((a) => !a.includes(':')))

  const commands = {
    node: [process.execPath, '-e', '0'],
    small: command('test', small.name, '--json'),
    half: command('test', half.name, '--json'),
    mesh: command('test', mesh.name, '--json'),
    sampled: command('test', large.name, '--json', '--sample', String(LARGE.sample)),
    hand: [
      'env',
      `ADDRESSES=${addresses.join(' ')}`,
      'sh',
      '-c',
      BY_HAND,
      'sh',
      ...namespacesOf(mesh.name).filter((ns) => pods.some((p) => ns.endsWith(`.${p.name}`))),
    ],
  }
  type Name = keyof typeof commands
  const names = Object.keys(commands) as Name[]
  const samples: Record<Name, Sample[]> = { node: [], small: [], half: [], mesh: [], sampled: [], hand: [] }
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    await turn(async () => {
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]!
        const sample = await measure(commands[name], { stdout: true, codes: [0, 1] })
        if (commands[name][2] === 'test') mustHold(sample.stdout)
        samples[name].push(sample)
      }
    })
  }
  for (const l of [small, ...labs, large]) await measure(command('down', l.name))

  const of = (name: Name, what: 'wall' | 'cpu' | 'rss' = 'wall'): number[] => samples[name].map((s) => s[what])
  const byHand = of('hand').map((wall) => (wall / SAMPLE) * mesh.pairs)
  const before = { name: `${half.pods} pods, ${half.pairs} pairs`, value: summarize(of('half')) }
  return [
    {
      what: '2 hosts, 2 pods',
      value: summarize(of('small')),
      unit: 'ms',
      than: { name: 'bare Node', value: summarize(of('node')) },
      ratio: ratio(of('small'), of('node')),
    },
    {
      what: `${mesh.pods} pods, ${mesh.pairs} pairs, ${asked} questions between pods alone`,
      value: summarize(of('mesh')),
      unit: 's',
      than: before,
      ratio: ratio(of('mesh'), of('half')),
      goal: { text: '≤ 10 s', met: (r) => r.value <= 10 },
    },
    {
      what: 'the same, processor time',
      value: summarize(of('mesh', 'cpu')),
      unit: 's',
      than: { ...before, value: summarize(of('half', 'cpu')) },
      ratio: ratio(of('mesh', 'cpu'), of('half', 'cpu')),
    },
    {
      what: `an echo and a connection of each pair, one process each (${SAMPLE} pairs measured)`,
      value: summarize(byHand),
      unit: 's',
      than: { name: 'netlab, everything', value: summarize(of('mesh')) },
      ratio: ratio(byHand, of('mesh')),
    },
    { what: 'peak memory of netlab', value: summarize(of('mesh', 'rss')), unit: 'MB' },
    {
      what: `${LARGE.hosts} hosts, ${LARGE.pods} pods, \`--sample ${LARGE.sample}\``,
      value: summarize(of('sampled')),
      unit: 's',
      than: { name: `every pair of ${mesh.pods}`, value: summarize(of('mesh')) },
      ratio: ratio(of('sampled'), of('mesh')),
    },
  ]
}
