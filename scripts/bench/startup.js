// What every call of netlab costs before it does anything: measured against `node -e 0`, which is Node itself.
import { fileURLToPath } from 'node:url'
import { measure } from './measure.js'
import { summarize } from './stats.js'

const QUICKSTART = fileURLToPath(new URL('../../topologies/quickstart.yaml', import.meta.url))
const MIN_RUNS = 15

export const needsRoot = false
export const title = 'start-up'

export async function run({ netlab, runs, say, turn }) {
  const commands = {
    node: ['-e', '0'],
    version: [netlab, '--version'],
    plan: [netlab, 'plan', QUICKSTART],
  }
  const took = { node: [], version: [], plan: [] }
  const names = Object.keys(commands)
  const rounds = Math.max(MIN_RUNS, 3 * runs)
  say(`${rounds} rounds`)
  for (let round = 0; round < rounds; round++) {
    const samples = await turn(async () => {
      const walls = {}
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]
        walls[name] = (await measure([process.execPath, ...commands[name]])).wall
      }
      return walls
    })
    for (const name of names) took[name].push(samples[name])
  }
  const above = (name) => took[name].map((v, i) => v - took.node[i])
  const node = { name: 'bare Node', value: summarize(took.node) }
  const row = (what, name, limit) => ({
    what,
    value: summarize(above(name)),
    unit: 'ms',
    than: node,
    goal: { text: `≤ ${limit} ms`, met: (r) => r.value <= limit / 1000 },
  })
  return [row('`netlab --version`, above bare Node', 'version', 20), row('`plan` of the quickstart, above bare Node', 'plan', 80)]
}
