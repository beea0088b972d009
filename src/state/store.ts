/**
 * What labs exist on this machine: one directory a lab under /run/netlab, gone with the next boot like the
 * namespaces themselves.
 *
 *   /run/netlab/<lab>/journal.json   what may have been created; written BEFORE anything is
 *   /run/netlab/<lab>/applied.json   the lab and its kernel objects as last brought up and read back
 *   /run/netlab/<lab>/process/       containers: pids, exits, logs
 *
 * A namespace the journal does not name is not ours and is never touched.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KernelObject } from '../kernel/objects.ts'
import type { Lab } from '../model/lab.ts'

export const STATE_DIR = '/run/netlab'

/** Names everything of a lab that outlives netlab's own process. */
export interface Journal {
  readonly version: 1
  readonly lab: string
  /** Absolute path of the topology. */
  readonly file: string
  readonly namespaces: readonly string[]
}

/** A lab as it was last brought up. */
export interface Applied {
  readonly version: 1
  readonly lab: Lab
  readonly objects: readonly KernelObject[]
  /** Unix time, seconds. */
  readonly since: number
}

export const labDir = (lab: string): string => join(STATE_DIR, lab)
export const processDir = (lab: string): string => join(labDir(lab), 'process')

/** Thrown when a state file cannot be understood; names it and what helps. */
export class StateError extends Error {}

function read<T extends { version: number }>(lab: string, name: string): T | undefined {
  const path = join(labDir(lab), name)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
  try {
    const value = JSON.parse(text) as T
    if (value.version === 1) return value
    throw new Error(`version ${value.version}`)
  } catch (cause) {
    throw new StateError(`${path} was not written by this version of netlab`, { cause })
  }
}

/** Whole or not at all, even if the machine stops in between. */
function write(lab: string, name: string, value: object): void {
  mkdirSync(labDir(lab), { recursive: true, mode: 0o755 })
  const path = join(labDir(lab), name)
  writeFileSync(`${path}.new`, JSON.stringify(value))
  renameSync(`${path}.new`, path)
}

export const readJournal = (lab: string): Journal | undefined => read<Journal>(lab, 'journal.json')
export const writeJournal = (journal: Journal): void => write(journal.lab, 'journal.json', journal)
export const readApplied = (lab: string): Applied | undefined => read<Applied>(lab, 'applied.json')
export const writeApplied = (applied: Applied): void => write(applied.lab.name, 'applied.json', applied)

/** Forgets a lab; whatever it made must be gone. Leaves no directory behind where there was none. */
export function forget(lab: string): void {
  rmSync(labDir(lab), { recursive: true, force: true })
  try {
    if (readdirSync(STATE_DIR).length === 0) rmSync(STATE_DIR, { recursive: true })
  } catch {
    // Already gone, or another lab is just being made in it.
  }
}

/** Names of the labs on this machine, whole or not. */
export function labNames(): string[] {
  try {
    return readdirSync(STATE_DIR).filter((name) => statSync(labDir(name)).isDirectory()).sort()
  } catch {
    return []
  }
}
