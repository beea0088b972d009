// Who reaches whom, measured with real connections: nine pods, each to each, on four ports, half of it denied.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { scratch } from './labs.js'
import { measure } from './measure.js'
import { summarize } from './stats.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export const needsRoot = true
export const title = 'reachability of 9 × 9 pods on 4 ports, measured'

/** Asks once with new processes and once more with the same ones; counts the processes where the kernel lists them. */
const MATRIX = `
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { PODS, PROBES, World } from './test/policy/world.ts'
const world = new World()
const children = () => readdirSync('/proc/self/task').flatMap((t) => readFileSync('/proc/self/task/' + t + '/children', 'utf8').split(' ').filter(Boolean))
try {
  const team = { matchLabels: { pod: 'a' } }
  const policies = { 'x/p': { podSelector: {}, ingress: [{ from: [{ podSelector: team, namespaceSelector: {} }] }] }, 'y/p': { podSelector: team } }
  await world.up({ policies })
  await sleep(1000)
  const asked = PROBES.filter((p) => p.family === 4 && PODS.includes(p.from) && PODS.includes(p.to) && (p.kind === 'tcp' || p.kind === 'udp'))
  const before = new Set(children())
  const questions = asked.map((p) => world.question(p))
  const took = []
  let answers
  for (let round = 0; round < 2; round++) {
    const from = performance.now()
    answers = await world.fleet.ask(questions, 350)
    took.push((performance.now() - from) / 1000)
  }
  const processes = children().filter((pid) => !before.has(pid)).length
  const wrong = asked.filter((p, i) => world.computed(p) !== (answers[i].outcome === 'ok')).length
  console.log(JSON.stringify({ questions: asked.length, answered: answers.filter((a) => a.outcome === 'ok').length, wrong, processes, first: took[0], again: took[1] }))
} finally {
  await world.close()
}
`

async function program() {
  const outfile = scratch('matrix.mjs')
  await build({
    stdin: { contents: MATRIX, resolveDir: ROOT, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
    // Its programs in Perl are beside what is built.
    define: { 'import.meta.url': JSON.stringify(new URL('../../dist/main.js', import.meta.url).href) },
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(process.argv[1]);" },
  })
  return outfile
}

export async function run({ runs, say, turn }) {
  const file = await program()
  const samples = []
  for (let round = 0; round < runs; round++) {
    say(`round ${round + 1} of ${runs}`)
    samples.push(
      await turn(async () => {
        const result = JSON.parse((await measure([process.execPath, file], { stdout: true })).stdout)
        if (result.wrong > 0 || result.answered === 0 || result.answered === result.questions)
          throw new Error(`the matrix is not as computed: ${JSON.stringify(result)}`)
        return result
      }),
    )
  }
  const goal = { text: '≤ 2 s', met: (r) => r.value <= 2 }
  const [{ questions, answered }] = samples
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
