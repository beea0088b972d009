// `plan` of very large labs: the compiler alone, no root and no kernel.
import type { Row, Setting } from './benchmark.ts'
import { lab } from './labs.ts'
import { measure, type Sample } from './measure.ts'
import { ratio, summarize } from './stats.ts'

const HOSTS = 200
const SIZES = [10_000, 20_000]

export const needsRoot = false
export const title = `\`plan\` of ${HOSTS} hosts`

export async function run({ netlab, runs, say, turn }: Setting): Promise<Row[]> {
  const labs = SIZES.map((pods) => lab(`plan-${pods}`, { hosts: { node: { replicas: HOSTS } }, pods: { pod: { replicas: pods } } }))
  const samples: Sample[][] = labs.map(() => [])
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    for (const [i, { file }] of labs.entries()) samples[i]!.push(await turn(() => measure([netlab, 'plan', file])))
  }
  const [small, large] = samples.map((list) => list.map((s) => s.wall)) as [number[], number[]]
  const words = SIZES.map((n) => n.toLocaleString('en').replace(',', ' '))
  return [
    { what: `${words[0]} pods`, value: summarize(small), unit: 's', goal: { text: '≤ 2 s', met: (r) => r.value <= 2 } },
    {
      what: `${words[1]} pods`,
      value: summarize(large),
      unit: 's',
      than: { name: `${words[0]} pods`, value: summarize(small) },
      ratio: ratio(large, small),
      goal: { text: '≤ 2.2 ×', met: (r) => r.ratio <= 2.2 },
    },
    ...samples.map((list, i): Row => ({ what: `peak memory, ${words[i]} pods`, value: summarize(list.map((s) => s.rss)), unit: 'MB' })),
  ]
}
