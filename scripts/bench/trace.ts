// `trace` from a shell, Node's start included: across two hosts, and the same in a lab of twenty hosts and 500 pods.
import type { Goal, Row, Setting } from './benchmark.ts'
import { lab, servers } from './labs.ts'
import { measure, type Sample } from './measure.ts'
import { ratio, summarize } from './stats.ts'

const MIN_RUNS = 15
const LARGE = { hosts: 20, pods: 500 }
const PORT = 80

export const needsRoot = true
export const title = '`trace` across hosts (vxlan, bridge)'

export async function run({ netlab, runs, say, turn }: Setting): Promise<Row[]> {
  const small = lab('trace-small', servers(2, 2, PORT))
  const large = lab('trace-large', servers(LARGE.hosts, LARGE.pods, PORT))
  const trace = (name: string, ...options: string[]): string[] => [netlab, 'trace', 'pod-1', 'pod-2', '--lab', name, ...options]
  const commands = {
    node: { argv: ['-e', '0'], codes: [0] },
    icmp: { argv: trace(small.name), codes: [0] },
    tcp: { argv: trace(small.name, '--port', `${PORT}/tcp`), codes: [0] },
    // Nothing else has to be broken for it: the first host drops it.
    drop: { argv: trace(small.name, '--ttl', '1'), codes: [1] },
    largeIcmp: { argv: trace(large.name), codes: [0] },
    largeTcp: { argv: trace(large.name, '--port', `${PORT}/tcp`), codes: [0] },
  }
  type Name = keyof typeof commands
  const names = Object.keys(commands) as Name[]
  const once = (name: Name): Promise<Sample> => measure([process.execPath, ...commands[name].argv], { codes: commands[name].codes })

  for (const l of [small, large]) {
    say(`building ${l.name}`)
    await measure([netlab, 'up', l.file])
  }
  say('is what is measured a whole result?')
  for (const name of ['icmp', 'tcp', 'largeIcmp', 'largeTcp'] as const) {
    const { stdout } = await measure([process.execPath, ...commands[name].argv, '--json'], { stdout: true })
    const { evidence } = JSON.parse(stdout) as { evidence: { captured: number; expected: number; lost: number } }
    if (evidence.captured !== evidence.expected || evidence.lost > 0)
      throw new Error(`a trace without all hops: ${JSON.stringify(evidence)}`)
  }
  const series: Record<Name, Sample[]> = { node: [], icmp: [], tcp: [], drop: [], largeIcmp: [], largeTcp: [] }
  const rounds = Math.max(MIN_RUNS, 3 * runs)
  say(`${rounds} rounds`)
  for (let round = 0; round < rounds; round++) {
    const samples = await turn(async () => {
      const all: Partial<Record<Name, Sample>> = {}
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]!
        all[name] = await once(name)
      }
      return all
    })
    for (const name of names) series[name].push(samples[name]!)
  }
  for (const l of [small, large]) await measure([netlab, 'down', l.name])

  const of = (name: Name, cost: 'wall' | 'cpu'): number[] => series[name].map((s) => s[cost])
  const row = (what: string, name: Name, than: Name, called: string, goal?: Goal, cost: 'wall' | 'cpu' = 'wall'): Row => ({
    what,
    value: summarize(of(name, cost)),
    unit: 'ms',
    than: { name: called, value: summarize(of(than, cost)) },
    ratio: ratio(of(name, cost), of(than, cost)),
    ...(goal ? { goal } : {}),
  })
  const fast: Goal = { text: '≤ 350 ms', met: (r) => r.value <= 0.35 }
  const grown: Goal = { text: '≤ 2 ×', met: (r) => r.ratio <= 2 }
  const many = `${LARGE.hosts} hosts, ${LARGE.pods} pods`
  return [
    row('ICMP, 2 hosts, 2 pods', 'icmp', 'node', 'bare Node', fast),
    row('TCP, 2 hosts, 2 pods', 'tcp', 'node', 'bare Node', fast),
    row('ICMP, processor time', 'icmp', 'node', 'bare Node', undefined, 'cpu'),
    row('a packet that is dropped (`--ttl 1`)', 'drop', 'icmp', 'one that arrives'),
    row(`ICMP, ${many}`, 'largeIcmp', 'icmp', '2 hosts, 2 pods', grown),
    row(`TCP, ${many}`, 'largeTcp', 'tcp', '2 hosts, 2 pods', grown),
    row(`ICMP, ${many}, processor time`, 'largeIcmp', 'icmp', '2 hosts, 2 pods', undefined, 'cpu'),
  ]
}
