/** `netlab ls`: the labs on this machine. */
import { isMounted } from '../../../kernel/observe.ts'
import { chalkFor, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { visible } from '../../../report/formats/visible.ts'
import { table } from '../../../report/formats/table.ts'
import { labNames, readApplied, readJournal, StateError } from '../../../state/store.ts'

interface Row {
  readonly lab: string
  /**
   * `up`: it was brought up whole; `netlab status` says whether it still is. `gone`: none of its namespaces is there any
   * more, as after a restart that kept its records. `damaged`: its records are.
   */
  readonly state: 'up' | 'gone' | 'incomplete' | 'damaged'
  readonly hosts?: number
  readonly pods?: number
  readonly backend?: string
  readonly file: string
}

function rowOf(name: string): Row {
  try {
    const journal = readJournal(name)
    const applied = readApplied(name)
    if (applied)
      return {
        lab: name,
        state: journal?.namespaces.some(isMounted) ? 'up' : 'gone',
        hosts: applied.lab.hosts.length,
        pods: applied.lab.pods.length,
        backend: applied.lab.backend.type,
        file: applied.lab.file,
      }
    return { lab: name, state: 'incomplete', file: journal?.file ?? '' }
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    return { lab: name, state: 'damaged', file: '' }
  }
}

export async function ls(options: { readonly json?: true }): Promise<void> {
  const rows = labNames().map(rowOf)
  if (options.json) return writeJson({ labs: rows })
  if (rows.length === 0) return writeOut(['no lab is up: netlab up FILE builds one\n'])
  const chalk = chalkFor(process.stdout)
  const state = { up: chalk.green('up'), gone: chalk.red('gone'), incomplete: chalk.red('incomplete'), damaged: chalk.red('damaged') }
  return writeOut([
    table(
      ['lab', 'state', 'hosts', 'pods', 'backend', 'file'],
      rows.map((r) => [r.lab, state[r.state], String(r.hosts ?? '-'), String(r.pods ?? '-'), r.backend ?? '-', visible(r.file)]),
      chalk.dim,
    ),
  ])
}
