/** `netlab down`: remove labs. */
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import { visible } from '../../../report/formats/visible.ts'
import { Progress, say, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { removeLab, type Removed } from '../../../state/down.ts'
import { forgetTrial, withLock } from '../../../state/lock.ts'
import { labNames } from '../../../state/store.ts'
import { suggest } from '../../../topology/suggest.ts'
import { Exit, failure, Failure } from '../../failure.ts'
import { labToRemove } from '../../labs.ts'
import { requireOutside, requireNamespaces } from '../../machine.ts'
import { asFailure } from '../../report-failure.ts'
import { plural } from '../../../plural.ts'

interface DownOptions {
  readonly all?: true
  readonly json?: true
}

function line(name: string, removed: Removed | undefined, known: readonly string[]): string {
  if (!removed) {
    const near = suggest(
      name,
      known.filter((k) => k !== name),
    )
    return `nothing to remove: there is no lab "${visible(name)}" on this machine${near ? ` (did you mean "${near}"?)` : ''}\n`
  }
  const strays = removed.strays
    .map((s) => `ended a process that was still running inside: ${visible(s.command) || 'unnamed'} (pid ${s.pid})\n`)
    .join('')
  return `${strays}removed lab ${name} (${plural(removed.namespaces, 'namespace')})\n`
}

export async function down(words: readonly string[], options: DownOptions): Promise<void> {
  requireNamespaces('down')
  requireOutside()
  const all = labNames()
  if (words.length === 0 && !options.all && all.length > 1) {
    throw failure(Exit.Usage, 'which-lab', `${all.length} labs are up: ${all.join(', ')}`, 'Name the ones to remove, or use --all.')
  }
  const wanted = words.map((word) => ({ word, name: labToRemove(word) }))
  const names = words.length > 0 ? [...new Set(wanted.flatMap(({ name }) => name ?? []))] : all
  const pool = new NamespacePool()
  const progress = new Progress()
  const results: { lab: string; removed: boolean; namespaces: number }[] = []
  const lines = wanted.flatMap(({ word, name }) =>
    name === undefined ? [`nothing to remove: no lab was made from ${visible(word)}\n`] : [],
  )
  const failed: unknown[] = []
  for (const name of names) {
    try {
      progress.phase(`removing ${name}`)
      const removed = await withLock(
        name,
        () => removeLab(name, pool),
        (pid) => say(`waiting for another netlab (pid ${pid}) that is changing ${name}`),
      )
      forgetTrial(name)
      results.push({ lab: name, removed: removed !== undefined, namespaces: removed?.namespaces ?? 0 })
      lines.push(line(name, removed, all))
    } catch (error) {
      // One lab that cannot be removed is no reason to leave the others.
      failed.push(error)
    }
  }
  progress.end()
  pool.close()
  // Told at the end: a reader that goes away (`| head -1`) must not stop the removing.
  if (!options.json) await writeOut(lines.length === 0 ? ['nothing to remove: no lab is up\n'] : lines)
  const known = failed.map(asFailure)
  if (known.length > 1 && known.every((f) => f !== undefined))
    throw new Failure(
      known[0]!.exit,
      known.flatMap((f) => f.diagnostics),
    )
  if (failed.length > 0) throw failed[0]
  if (options.json) await writeJson({ labs: results })
}
