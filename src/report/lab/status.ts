/** The health of a lab for people: one block, however often it is shown. */
import type { ChalkInstance } from 'chalk'
import type { Finding } from './drift.ts'
import { table } from '../formats/table.ts'
import { visible } from '../formats/visible.ts'
import { plural } from '../../plural.ts'

/** A container or daemon. */
interface Running {
  readonly state: string
  readonly stopped?: true
}

/** What a reading of a lab came to. */
export interface Health {
  readonly lab: string
  /** The command line that makes it again what its file asks for. */
  readonly repair: string
  /** A change is under way or was interrupted. */
  readonly halfDone: boolean
  /** Number of kernel objects compared. */
  readonly checked: number
  readonly findings: readonly Finding[]
  readonly containers: readonly Running[]
  readonly daemons: readonly Running[]
}

/** A container that ended well did what it was there for. */
export const isBroken = (f: Finding): boolean => f.state !== 'exited' || f.repair === true

export const isHealthy = ({ halfDone, findings }: Health): boolean => !halfDone && !findings.some(isBroken)

/** Lines of details under a finding before the rest is counted. */
const MAX_DETAILS = 6

function* advice({ lab, findings, repair, halfDone }: Health): Generator<string> {
  const some = (...states: Finding['state'][]): boolean => findings.some((f) => states.includes(f.state))
  if (halfDone) yield `\nA change of this lab is under way or was interrupted: ${repair} puts it back as that file says.\n`
  if (findings.some((f) => (f.state === 'missing' || f.state === 'changed') && f.repair))
    yield `\n${repair} puts back what is missing or changed.\n`
  if (findings.some((f) => (f.state === 'missing' || f.state === 'changed') && !f.repair))
    yield `\n${repair} --reset puts back settings that the file does not speak of.\n`
  if (!halfDone && some('unexpected')) yield `\nWhat is unexpected was not added by netlab: ${repair} --reset takes it away.\n`
  if (findings.some((f) => f.state === 'exited' && f.repair))
    yield `\n${repair} starts what exited again; netlab logs NAME --lab ${lab} shows what it said.\n`
  if (findings.some((f) => f.state === 'exited' && !f.repair)) yield '\nA container that exited with code 0 is not started again.\n'
  if (some('stopped')) yield '\nA stopped container or daemon goes on with kill -CONT PID.\n'
}

/** The whole block: verdict, table of findings, what to do. */
export function statusText(health: Health, chalk: ChalkInstance): string {
  const { lab, checked, findings, containers, daemons } = health
  const running = (word: string, list: readonly Running[]): string =>
    list.length > 0 ? `, ${list.filter((c) => c.state === 'running' && !c.stopped).length} of ${plural(list.length, word)} running` : ''
  const head = `${plural(checked, 'kernel object')} read back${running('container', containers)}${running('daemon', daemons)}`
  const color = { missing: chalk.red, changed: chalk.yellow, unexpected: chalk.magenta, exited: chalk.dim, stopped: chalk.yellow }
  const rows = findings.flatMap((f) => {
    const { length } = f.details
    const details = length > MAX_DETAILS ? [...f.details.slice(0, MAX_DETAILS), `… and ${length - MAX_DETAILS} more`] : f.details
    return [
      [color[f.state](f.state), visible(f.source ?? ''), visible(f.object)],
      ...details.map((d) => ['', '', chalk.dim(`  ${visible(d)}`)]),
    ]
  })
  return [
    `${isHealthy(health) ? chalk.green('as planned') : chalk.red('drifted')}  ${lab}: ${head}\n`,
    ...(findings.length > 0 ? ['\n', table(['state', 'asked for by', 'object'], rows, chalk.dim)] : []),
    ...advice(health),
  ].join('')
}
