// What every call of netlab costs before it does anything: measured against `node -e 0`, which is Node itself.
import { fileURLToPath } from 'node:url'
import type { Row, Setting } from './benchmark.ts'
import { measure } from './measure.ts'
import { summarize } from './stats.ts'

const QUICKSTART = fileURLToPath(new URL('../../topologies/quickstart.yaml', import.meta.url))
const MIN_RUNS = 15

export const needsRoot = false
export const title = 'start-up'

export async function run({ netlab, runs, say, turn }: Setting): Promise<Row[]> {
  const commands = {
    node: ['-e', '0'],
    version: [netlab, '--version'],
    plan: [netlab, 'plan', QUICKSTART],
  }
  const took: Record<keyof typeof commands, number[]> = { node: [], version: [], plan: [] }
  const names = ['node', 'version', 'plan'] as const
  const rounds = Math.max(MIN_RUNS, 3 * runs)
  say(`${rounds} rounds`)
  for (let round = 0; round < rounds; round++) {
    const samples = await turn(async () => {
      const walls = { node: 0, version: 0, plan: 0 }
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length]!
        walls[name] = (await measure([process.execPath, ...commands[name]])).wall
      }
      return walls
    })
    for (const name of names) took[name].push(samples[name])
  }
  const above = (name: keyof typeof commands): number[] => took[name].map((v, i) => v - took.node[i]!)
  const node = { name: 'bare Node', value: summarize(took.node) }
  const row = (what: string, name: keyof typeof commands, limit: number): Row => ({
    what,
    value: summarize(above(name)),
    unit: 'ms',
    than: node,
    goal: { text: `≤ ${limit} ms`, met: (r) => r.value <= limit / 1000 },
  })
  return [row('`netlab --version`, above bare Node', 'version', 20), row('`plan` of the quickstart, above bare Node', 'plan', 80)]
}
