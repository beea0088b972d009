// A full mesh of VXLAN hosts: each has a route, a neighbour and an FDB entry for every other. Twice the hosts are
// four times the entries; what matters is that processes only double.
import { execa } from 'execa'
import type { Row, Setting } from './benchmark.ts'
import { lab, namespacesOf } from './labs.ts'
import { measure } from './measure.ts'
import { ratio, summarize, type Summary } from './stats.ts'

const SIZES = [50, 100]
/** How many entries the counter-example makes, one process each. */
const SAMPLE = 200

export const needsRoot = true
export const title = 'full mesh of 100 hosts (vxlan), one pod each'

/**
 * How many processes (and threads: Linux numbers both) a command starts. In a PID namespace of its own they are
 * numbered from 1, so the number of the next one tells, and nothing else on the machine is counted.
 */
async function tasks(argv: readonly string[]): Promise<number> {
  const { stdout } = await measure(
    ['unshare', '--pid', '--fork', 'sh', '-c', '"$@" >/dev/null || exit; sh -c \'echo $$\'', 'sh', ...argv],
    { stdout: true },
  )
  return Number(stdout.trim())
}

export async function run({ netlab, runs, say, drained, drainedTurn }: Setting): Promise<Row[]> {
  const command = (...words: string[]): string[] => [netlab, ...words]
  const labs = SIZES.map((hosts) => ({
    hosts,
    pairs: hosts * (hosts - 1),
    ...lab(`mesh-${hosts}`, { hosts: { node: { replicas: hosts } }, pods: { pod: { replicas: hosts } } }),
  }))
  const took: [number[], number[]] = [[], []]
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    for (const [i, l] of labs.entries()) {
      const { wall } = await drainedTurn(async () => {
        const up = await measure(command('up', l.file))
        await measure(command('down', l.name))
        return up
      })
      took[i]!.push(wall)
    }
  }

  say('counting processes')
  const node = await tasks([process.execPath, '-e', '0'])
  const counts: number[] = []
  for (const l of labs) {
    await drained()
    counts.push((await tasks(command('up', l.file))) - node)
    if (l.hosts < Math.max(...SIZES)) await measure(command('down', l.name))
  }
  const [small, large] = labs as [(typeof labs)[0], (typeof labs)[0]]
  const entries = 3 * large.pairs
  const ns = namespacesOf(large.name).find((n) => n.endsWith('node-1'))!
  const { stdout } = await execa('nsenter', [`--net=/run/netns/${ns}`, 'ip', 'route', 'show', 'dev', 'vxlan1'])
  const route = stdout.split('\n')[0]!.trim()
  const one = await measure([
    'sh',
    '-c',
    `for i in $(seq ${SAMPLE}); do nsenter --net=/run/netns/${ns} ip route replace ${route} dev vxlan1; done`,
  ])
  await measure(command('down', large.name))

  const fixed = (value: number): Summary => summarize([value])
  return [
    {
      what: `\`up\`, ${large.hosts} hosts, ${large.pairs} pairs, ${entries} entries`,
      value: summarize(took[1]),
      unit: 's',
      than: { name: `${small.hosts} hosts, ${small.pairs} pairs`, value: summarize(took[0]) },
      ratio: ratio(took[1], took[0]),
    },
    {
      what: `the same entries with one process each (${SAMPLE} measured)`,
      value: fixed((one.wall / SAMPLE) * entries),
      unit: 's',
      than: { name: 'netlab, everything', value: summarize(took[1]) },
      ratio: ratio(
        took[1].map(() => (one.wall / SAMPLE) * entries),
        took[1],
      ),
    },
    {
      what: 'processes started, beyond those of bare Node',
      value: fixed(counts[1]!),
      unit: '',
      than: { name: `${small.hosts} hosts`, value: fixed(counts[0]!) },
      ratio: ratio([counts[1]!], [counts[0]!]),
      goal: { text: '≤ 2.2 × (as namespaces, not as pairs)', met: (r) => r.ratio <= 2.2 },
    },
    {
      what: 'namespaces',
      value: fixed(2 * large.hosts + 1),
      unit: '',
      than: { name: `${small.hosts} hosts`, value: fixed(2 * small.hosts + 1) },
      ratio: ratio([2 * large.hosts + 1], [2 * small.hosts + 1]),
    },
  ]
}
