// Who reaches whom, measured with real connections: nine pods, each to each, on four ports, half of it denied.
import type { Row, Setting } from './benchmark.ts'
import { measure } from './measure.ts'
import { bundled } from './program.ts'
import type { Matrix } from './programs/matrix.ts'
import { summarize } from './stats.ts'

export const needsRoot = true
export const title = 'reachability of 9 × 9 pods on 4 ports, measured'

export async function run({ runs, say, turn }: Setting): Promise<Row[]> {
  const file = await bundled('matrix')
  const samples: Matrix[] = []
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    samples.push(
      await turn(async () => {
        const result = JSON.parse((await measure([process.execPath, file], { stdout: true })).stdout) as Matrix
        if (result.wrong > 0 || result.answered === 0 || result.answered === result.questions)
          throw new Error(`the matrix is not as computed: ${JSON.stringify(result)}`)
        return result
      }),
    )
  }
  const goal = { text: '≤ 2 s', met: (r: { readonly value: number }) => r.value <= 2 }
  const { questions, answered } = samples[0]!
  return [
    {
      what: `${questions} connections, ${answered} answered: asking processes started first`,
      value: summarize(samples.map((s) => s.first)),
      unit: 's',
      goal,
    },
    { what: 'the same once more', value: summarize(samples.map((s) => s.again)), unit: 's' },
    { what: 'processes that ask: one a pod', value: summarize(samples.map((s) => s.processes)), unit: '' },
  ]
}
