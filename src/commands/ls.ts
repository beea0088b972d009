/** `netlab ls`: the labs on this machine. */
import { chalkFor, writeJson, writeOut } from '../report/terminal.ts'
import { table } from '../report/table.ts'
import { labNames, readApplied, readJournal } from '../state/store.ts'

interface Row {
  readonly lab: string
  readonly state: 'up' | 'incomplete'
  readonly hosts?: number
  readonly pods?: number
  readonly backend?: string
  readonly file: string
}

export async function ls(options: { readonly json?: true }): Promise<void> {
  const rows = labNames().flatMap((name): Row[] => {
    const applied = readApplied(name)
    if (applied) return [{ lab: name, state: 'up', hosts: applied.lab.hosts.length, pods: applied.lab.pods.length, backend: applied.lab.backend.type, file: applied.lab.file }]
    const journal = readJournal(name)
    return journal ? [{ lab: name, state: 'incomplete', file: journal.file }] : []
  })
  if (options.json) return writeJson({ labs: rows })
  if (rows.length === 0) return writeOut(['no lab is up: netlab up FILE builds one\n'])
  const chalk = chalkFor(process.stdout)
  const state = { up: chalk.green('up'), incomplete: chalk.red('incomplete') }
  return writeOut([table(['lab', 'state', 'hosts', 'pods', 'backend', 'file'], rows.map((r) => [r.lab, state[r.state], String(r.hosts ?? '-'), String(r.pods ?? '-'), r.backend ?? '-', r.file]), chalk.dim)])
}
