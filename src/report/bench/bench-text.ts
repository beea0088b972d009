/** What a benchmark says to people: a table a lab, one over all labs, and what the numbers cannot say. */
import type { ChalkInstance } from 'chalk'
import { MEASURE_IDS, MEASURES } from '../../bench/measures.ts'
import { disturbances, limits, rowsOf, type BenchReport, type BenchRow, type LabBench } from '../../bench/rows.ts'
import type { PathResult } from '../../bench/run.ts'
import { plural } from '../../plural.ts'
import { table } from '../formats/table.ts'
import { ratioText, secondsText, valueText } from './bench-words.ts'

/** `vxlan, bridge; MTU 1500, in pods 1450` */
export function networkText({ backend, attach, preset, mtu }: LabBench): string {
  const by = preset === undefined ? '' : `${preset}: `
  return `${by}${backend}, ${attach}; MTU ${mtu.underlay}, in pods ${mtu.pods}`
}

/** `5 rounds, samples of 0.25 s` */
export const roundsText = ({ run }: LabBench): string => `${plural(run.rounds, 'round')}, samples of ${secondsText(run.seconds)}`

const MEASURE_TITLES = MEASURE_IDS.map((id) => MEASURES[id].title)

/** Two lines a path: values, and below them how they compare with host to host. */
function lines({ path }: PathResult, rows: readonly BenchRow[]): string[][] {
  const own = rows.filter((r) => r.path === path)
  const values = own.map((r) => valueText(r.value.median, r.measure))
  if (path.id === 'host-host') return [[path.title, ...values]]
  const ratios = own.map((r) => (r.ratio ? ratioText(r.ratio) : ''))
  return [
    [path.title, ...values],
    ['', ...ratios],
  ]
}

/** One lab. */
export function labText(bench: LabBench, chalk: ChalkInstance): string {
  const { lab, run, isRunning } = bench
  const rows = rowsOf(run)
  const head = `${chalk.bold(`lab ${lab}`)}${isRunning ? ', as it runs' : ''}: ${networkText(bench)}; ${roundsText(bench)}\n`
  const body =
    run.results.length === 0
      ? ''
      : table(
          ['median, × host to host', ...MEASURE_TITLES],
          run.results.flatMap((r) => lines(r, rows)),
          chalk.dim,
        )
  const missing = run.unmeasured.map(({ id, reason }) => chalk.dim(`${id}: not measured: ${reason}\n`))
  const notes = disturbances(run).map((text) => chalk.yellow(`note: ${text}\n`))
  return [head, body, ...missing, ...notes, '\n'].join('')
}

/** All labs beside each other, by what it costs to reach another host; nothing where there is nothing to compare. */
export function benchText({ labs }: Pick<BenchReport, 'labs'>, chalk: ChalkInstance): string {
  const compared = labs.flatMap((bench) => {
    const ratios = rowsOf(bench.run).filter((r) => r.path.id === 'other-host' && r.ratio)
    return ratios.length === 0 ? [] : [[bench.lab, ...ratios.map((r) => ratioText(r.ratio!))]]
  })
  if (compared.length < 2) return ''
  return `${table(['other host, × host to host', ...MEASURE_TITLES], compared, chalk.dim)}\n`
}

/** What the values are, and what they cannot say. */
export function limitsText({ machine }: Pick<BenchReport, 'machine'>, chalk: ChalkInstance): string {
  const about = MEASURE_IDS.map((id) => `  ${MEASURES[id].title}: ${MEASURES[id].about}`)
  const cannot = limits(machine).map((text) => `  ${text}`)
  const head = `${machine.model}, ${plural(machine.processors, 'processor')}, Linux ${machine.kernel}. Values are medians; ratios are medians of the rounds, with the least and the most.`
  return `${chalk.dim([head, ...about, 'What cannot be compared on this machine:', ...cannot].join('\n'))}\n`
}
