// `trace` from a shell, Node's start included: across two hosts, and the same in a lab of twenty hosts and 500 pods.
import { lab, servers } from './labs.js'
import { measure } from './measure.js'
import { ratio, summarize } from './stats.js'

const MIN_RUNS = 15
const LARGE = { hosts: 20, pods: 500 }
const PORT = 80

export const needsRoot = true
export const title = '`trace` across hosts (vxlan, bridge)'

export async function run({ netlab, runs, say, turn }) {
  const small = lab('trace-small', servers(2, 2, PORT))
  const large = lab('trace-large', servers(LARGE.hosts, LARGE.pods, PORT))
  const trace = (name, ...options) => [netlab, 'trace', 'pod-1', 'pod-2', '--lab', name, ...options]
  const commands = {
    node: { argv: ['-e', '0'], codes: [0] },
    icmp: { argv: trace(small.name), codes: [0] },
    tcp: { argv: trace(small.name, '--port', `${PORT}/tcp`), codes: [0] },
    // Nothing else has to be broken for it: the first host drops it.
    drop: { argv: trace(small.name, '--ttl', '1'), codes: [1] },
    largeIcmp: { argv: trace(large.name), codes: [0] },
    largeTcp: { argv: trace(large.name, '--port', `${PORT}/tcp`), codes: [0] },
  }
  const names = Object.keys(commands)
  const once = (name) => measure([process.execPath, ...commands[name].argv], { codes: commands[name].codes })

  for (const l of [small, large]) {
    say(`building ${l.name}`)
    await measure([process.execPath, netlab, 'up', l.file])
  }
  say('is what is measured a whole result?')
  for (const name of ['icmp', 'tcp', 'largeIcmp', 'largeTcp']) {
    const { stdout } = await measure([process.execPath, ...commands[name].argv, '--json'], { stdout: true })
    const { evidence } = JSON.parse(stdout)
    if (evidence.captured !== evidence.expected || evidence.lost > 0)
      throw new Error(`a trace without all hops: ${JSON.stringify(evidence)}`)
  }
  const wall = Object.fromEntries(names.map((name) => [name, []]))
  const cpu = Object.fromEntries(names.map((name) => [name, []]))
  const rounds = Math.max(MIN_RUNS, 3 * runs)
  say(`${rounds} rounds`)
  for (let round = 0; round < rounds; round++) {
    const samples = await turn(async () => {
      const all = {}
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]
        all[name] = await once(name)
      }
      return all
    })
    for (const name of names) {
      wall[name].push(samples[name].wall)
      cpu[name].push(samples[name].cpu)
    }
  }
  for (const l of [small, large]) await measure([process.execPath, netlab, 'down', l.name])

  const row = (what, name, than, called, goal, series = wall) => ({
    what,
    value: summarize(series[name]),
    unit: 'ms',
    than: { name: called, value: summarize(series[than]) },
    ratio: ratio(series[name], series[than]),
    ...(goal ? { goal } : {}),
  })
  const fast = { text: '≤ 350 ms', met: (r) => r.value <= 0.35 }
  const grown = { text: '≤ 2 ×', met: (r) => r.ratio <= 2 }
  const many = `${LARGE.hosts} hosts, ${LARGE.pods} pods`
  return [
    row('ICMP, 2 hosts, 2 pods', 'icmp', 'node', 'bare Node', fast),
    row('TCP, 2 hosts, 2 pods', 'tcp', 'node', 'bare Node', fast),
    row('ICMP, processor time', 'icmp', 'node', 'bare Node', undefined, cpu),
    row('a packet that is dropped (`--ttl 1`)', 'drop', 'icmp', 'one that arrives'),
    row(`ICMP, ${many}`, 'largeIcmp', 'icmp', '2 hosts, 2 pods', grown),
    row(`TCP, ${many}`, 'largeTcp', 'tcp', '2 hosts, 2 pods', grown),
    row(`ICMP, ${many}, processor time`, 'largeIcmp', 'icmp', '2 hosts, 2 pods', undefined, cpu),
  ]
}
