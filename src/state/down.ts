/** Removes a lab, from its journal alone: no topology file, no matter how it came to be as it is. */
import { readFileSync } from 'node:fs'
import { namespaces } from '../kernel/observe.ts'
import { render } from '../kernel/render.ts'
import { apply } from '../kernel/apply.ts'
import type { NamespacePool } from '../netns/namespace-pool.ts'
import type { KernelObject } from '../kernel/objects.ts'
import { endProcesses, pidsInNamespaces, stopProcesses } from '../process/stop.ts'
import { forget, forgetApplied, processDir, readJournal, removeRemains, StateError } from './store.ts'
import { plural } from '../plural.ts'

export interface Removed {
  readonly namespaces: number
  /** Processes that were not containers but ran inside the lab: a `netlab exec`, a daemon a container left. */
  readonly strays: readonly { readonly pid: number; readonly command: string }[]
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/**
 * Ends the lab's processes and deletes its namespaces; everything else of a lab lives in them and goes along.
 * The caller holds the lab's lock. Undefined when there is no such lab. Doing it twice is fine.
 */
export async function removeLab(lab: string, pool: NamespacePool): Promise<Removed | undefined> {
  const journal = readJournal(lab)
  if (!journal) {
    removeRemains(lab)
    return undefined
  }
  forgetApplied(lab)
  await stopProcesses(processDir(lab))
  const strays = pidsInNamespaces(journal.namespaces).map((pid) => ({ pid, command: commandOf(pid) }))
  if (strays.length > 0) await endProcesses(journal.namespaces)

  const present = new Set(namespaces())
  const doomed = journal.namespaces.filter((ns) => present.has(ns))
  const batches = render(doomed.map((ns) => ({ action: 'delete', object: { kind: 'netns', ns } satisfies KernelObject })))
  let refused: string | undefined
  await apply(batches, pool, {
    directory: processDir(lab),
    startProcesses: async () => [],
    stopProcesses: async () => {},
    reloadDaemons: async () => [],
    onLeft: ({ stderr }) => (refused ??= stderr),
  })
  // One of them may have been deleted just now by another program; what counts is that none is left.
  const left = namespaces().filter((ns) => doomed.includes(ns))
  if (left.length > 0)
    throw new StateError(
      `cannot delete ${plural(left.length, 'namespace')} of lab ${lab}, such as ${left[0]}: ${refused ?? 'they are back'}`,
      `Try netlab down ${lab} again.`,
    )
  forget(lab)
  return { namespaces: doomed.length, strays }
}
