/** `netlab status`: what the kernel holds against what was asked for. */
import { Enter } from '../kernel/enter.ts'
import { describe, type KernelObject } from '../kernel/objects.ts'
import { drift } from '../kernel/drift.ts'
import { observe } from '../kernel/observe.ts'
import { processStates, startedIn, type ProcessState } from '../process/states.ts'
import { driftFindings, type Finding } from '../report/drift.ts'
import { table } from '../report/table.ts'
import { chalkFor, Progress, writeJson, writeOut } from '../report/terminal.ts'
import { hasAttempt, processDir, type Applied } from '../state/store.ts'
import { Exit } from './failure.ts'
import { theLab } from './labs.ts'
import { requireRoot } from './machine.ts'

function ending(p: ProcessState): string {
  if (p.exitCode !== undefined) return `exited with code ${p.exitCode}`
  return p.signal === undefined ? 'is gone, and nobody saw how' : `was ended by signal ${p.signal}`
}

function exited(objects: readonly KernelObject[], states: ReadonlyMap<string, ProcessState>, file: string): Finding[] {
  return objects.flatMap((o): Finding[] => {
    const p = o.kind === 'process' ? states.get(o.id) : undefined
    if (p?.state !== 'exited') return []
    return [
      {
        state: 'exited',
        object: describe(o),
        details: [ending(p)],
        ...(o.from ? { source: `${o.from.file ?? file}:${o.from.line}` } : {}),
      },
    ]
  })
}

/** A container that ended well did what it was there for. */
const isBroken = (f: Finding): boolean => f.state !== 'exited' || f.details[0] !== 'exited with code 0'

async function read({ lab, objects }: Applied, states: ReadonlyMap<string, ProcessState>): Promise<Finding[]> {
  const enter = new Enter()
  const progress = new Progress()
  try {
    progress.phase(`reading ${lab.name}`)
    const observed = await observe(objects, enter, { started: startedIn(processDir(lab.name)), onProgress: (s) => progress.share(s) })
    return [...driftFindings(drift(objects, observed), lab.file), ...exited(objects, states, lab.file)]
  } finally {
    progress.end()
    enter.close()
  }
}

function* advice(findings: readonly Finding[], file: string, halfDone: boolean): Generator<string> {
  if (halfDone) yield `\nA change of this lab is under way or was interrupted: netlab up ${file} puts it back as that file says.\n`
  if (findings.some((f) => f.state === 'missing' || f.state === 'changed'))
    yield `\nnetlab up ${file} puts back what is missing or changed.\n`
  if (!halfDone && findings.some((f) => f.state === 'unexpected'))
    yield '\nWhat is unexpected was added by somebody else: netlab leaves it alone.\n'
  if (findings.some((f) => f.state === 'exited')) yield '\nContainers are not restarted: netlab logs POD shows what they said.\n'
}

/** Lines of details under a finding before the rest is counted. */
const MOST_DETAILS = 6

export async function status(name: string | undefined, options: { readonly json?: true }): Promise<void> {
  const applied = theLab(name)
  const { lab, objects } = applied
  requireRoot('status')
  const states = new Map(processStates(processDir(lab.name)).map((p) => [p.id, p]))
  const findings = await read(applied, states)
  const halfDone = hasAttempt(lab.name)
  const broken = halfDone || findings.some(isBroken)
  process.exitCode = broken ? Exit.Broken : Exit.Done
  const containers = [...states.values()]
  if (options.json) return writeJson({ lab: lab.name, healthy: !broken, halfDone, checked: objects.length, findings, containers })

  const chalk = chalkFor(process.stdout)
  const running = containers.filter((c) => c.state === 'running').length
  const head = `${objects.length} kernel objects read back${containers.length > 0 ? `, ${running} of ${containers.length} containers running` : ''}`
  const color = { missing: chalk.red, changed: chalk.yellow, unexpected: chalk.magenta, exited: chalk.dim }
  const rows = findings.flatMap((f) => {
    const details =
      f.details.length > MOST_DETAILS ? [...f.details.slice(0, MOST_DETAILS), `… and ${f.details.length - MOST_DETAILS} more`] : f.details
    return [[color[f.state](f.state), f.source ?? '', f.object], ...details.map((d) => ['', '', chalk.dim(`  ${d}`)])]
  })
  return writeOut([
    `${broken ? chalk.red('drifted') : chalk.green('as planned')}  ${lab.name}: ${head}\n`,
    ...(findings.length > 0 ? ['\n', table(['state', 'asked for by', 'object'], rows, chalk.dim)] : []),
    ...advice(findings, lab.file, halfDone),
  ])
}
