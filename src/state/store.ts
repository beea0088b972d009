/**
 * What labs exist on this machine: one directory a lab under /run/netlab, gone with the next boot like the
 * namespaces themselves.
 *
 *   /run/netlab/<lab>/journal.json   what may have been created; written BEFORE anything is
 *   /run/netlab/<lab>/applied.json   the lab and its kernel objects as last brought up and read back
 *   /run/netlab/<lab>/attempt.json   what a change of it that is under way, or was interrupted, asks for
 *   /run/netlab/<lab>/process/       containers and daemons: pids, exits, logs, daemons' files
 *
 * A namespace the journal does not name is not ours and is never touched.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { backends } from '../backends/index.ts'
import type { Readings } from '../kernel/dumps/readings.ts'
import type { Feature } from '../kernel/features/feature.ts'
import type { KernelObject } from '../kernel/objects.ts'
import type { SysctlBaseline } from '../kernel/unmanaged/sysctls.ts'
import type { Lab, Router } from '../lab/lab.ts'
import { writeWhole } from '../netns/failures.ts'
import { STATE_DIR } from '../netns/paths.ts'

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
  /** What it needed of the kernel, and found there. A record lasts no longer than the kernel does. */
  readonly needs?: readonly Feature[]
  /** How its namespaces read when they held all of it. Absent: nothing is known that could be compared. */
  readonly readings?: Readings
  /** Settings that its namespaces have by themselves. Absent: an earlier version made the lab and kept no record. */
  readonly baseline?: SysctlBaseline
}

/** A change of a running lab: on record from before its first step until it is finished or put back. */
export interface Attempt {
  readonly version: 1
  readonly lab: string
  readonly objects: readonly KernelObject[]
}

export const labDir = (lab: string): string => join(STATE_DIR, lab)
export const processDir = (lab: string): string => join(labDir(lab), 'process')

/** Thrown when what is recorded about a lab cannot be used, or the lab not be removed; `hint` says what helps. */
export class StateError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message)
  }
}

/** Whether a word can be the name of a lab: nothing else ever becomes part of a path. */
export const isLabName = (word: string): boolean => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(word)

const isJournal = (value: Partial<Journal>, lab: string): boolean =>
  value.lab === lab &&
  Array.isArray(value.namespaces) &&
  value.namespaces.every((ns) => typeof ns === 'string' && /^[a-z0-9._-]+$/.test(ns) && ns.startsWith(`${lab}.`))

const isApplied = (value: Partial<Applied>, lab: string): boolean => value.lab?.name === lab && Array.isArray(value.objects)

const isAttempt = (value: Partial<Attempt>, lab: string): boolean => value.lab === lab && Array.isArray(value.objects)

/** @param fits whether the content is what it should be, and about this lab: it decides what gets deleted */
function read<T extends { version: number }>(lab: string, name: string, fits: (value: Partial<T>, lab: string) => boolean): T | undefined {
  if (!isLabName(lab)) return undefined
  const path = join(labDir(lab), name)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(error)
  }
  let value: Partial<T> | undefined
  try {
    const [head = '', crc] = CRC.exec(text) ?? []
    // One without a checksum was written by an earlier version.
    if (crc === undefined || crc === checksum(text.slice(head.length))) value = JSON.parse(text) as Partial<T>
  } catch {
    // Below.
  }
  if (typeof value === 'object' && value?.version !== undefined && value.version !== 1) {
    throw new StateError(`${path} was written by another version of netlab`, 'Remove the lab with the version that made it.')
  }
  if (typeof value === 'object' && value?.version === 1 && fits(value, lab)) {
    const { crc: _, ...record } = value as T & { crc?: string }
    return record as unknown as T
  }
  throw new StateError(`${path} is damaged`, damageHint(lab, name))
}

/** Without a journal there is no telling what is the lab's, so netlab deletes nothing. */
function damageHint(lab: string, name: string): string {
  if (name !== 'journal.json') return `netlab down ${lab} removes the lab all the same; then bring it up again.`
  return `Its namespaces are called ${lab}.NODE (ip netns list). End what runs in them, delete them with ip netns delete, then rm -r ${labDir(lab)}`
}

/** Before what is checked: a checksum of the rest of the text tells a record that was damaged from one that was written. */
const CRC = /^\{"crc":"([0-9a-f]{8})",/
const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0')

/** Only root reads it: daemons' files may hold secrets. @throws MachineError */
function write(lab: string, name: string, value: object): void {
  const isNew = mkdirSync(labDir(lab), { recursive: true, mode: 0o755 }) !== undefined
  const rest = JSON.stringify(value).slice(1)
  try {
    writeWhole(join(labDir(lab), name), `{"crc":"${checksum(rest)}",${rest}`, 0o600)
  } catch (error) {
    if (isNew) removeRemains(lab)
    throw error
  }
}

export function readJournal(lab: string): Journal | undefined {
  const journal = read<Journal>(lab, 'journal.json', isJournal)
  if (!journal && isLabName(lab) && existsSync(join(labDir(lab), 'applied.json')))
    throw new StateError(`${join(labDir(lab), 'journal.json')} is missing`, damageHint(lab, 'journal.json'))
  return journal
}
export const writeJournal = (journal: Journal): void => write(journal.lab, 'journal.json', journal)
/** A lab that an earlier version made has one router at most, which every segment and external is plugged into. */
function withRouters(lab: Lab & { readonly router?: Omit<Router, 'segments' | 'isEdge' | 'addresses'> }): Lab {
  if (lab.routers !== undefined) return lab
  const { router, ...rest } = lab
  const addresses = lab.segments.flatMap((s) => s.gateways)
  return { ...rest, routers: router ? [{ ...router, segments: lab.segments.map((s) => s.segment), isEdge: true, addresses }] : [] }
}

/** A lab that an earlier version made does not say what options of its backend have come since. */
const withOptions = (lab: Lab): Lab => ({ ...lab, backend: { ...backends[lab.backend.type]?.unsaid, ...lab.backend } })

export function readApplied(lab: string): Applied | undefined {
  const applied = read<Applied>(lab, 'applied.json', isApplied)
  return applied && { ...applied, lab: withOptions(withRouters(applied.lab)) }
}
export const writeApplied = (applied: Applied): void => write(applied.lab.name, 'applied.json', applied)

export const readAttempt = (lab: string): Attempt | undefined => read<Attempt>(lab, 'attempt.json', isAttempt)
export const writeAttempt = (attempt: Attempt): void => write(attempt.lab, 'attempt.json', attempt)
export const endAttempt = (lab: string): void => rmSync(join(labDir(lab), 'attempt.json'), { force: true })
/** Whether a change of this lab is under way or was left half done. */
export const hasAttempt = (lab: string): boolean => existsSync(join(labDir(lab), 'attempt.json'))

/** When what is recorded of a lab last changed, nanoseconds since 1970: every change of a lab begins and ends with that. */
export const lastChange = (lab: string): bigint | undefined => statSync(labDir(lab), { bigint: true, throwIfNoEntry: false })?.mtimeNs

/** From now on the lab counts as incomplete: it is about to be taken apart, and must not be reported as up. */
export const forgetApplied = (lab: string): void => rmSync(join(labDir(lab), 'applied.json'), { force: true })

/** Forgets a lab; all that it made must be gone. The journal goes last, so that a lab forgotten half-way is still found. */
export function forget(lab: string): void {
  if (!isLabName(lab)) return
  forgetApplied(lab)
  rmSync(processDir(lab), { recursive: true, force: true })
  rmSync(labDir(lab), { recursive: true, force: true })
  try {
    rmdirSync(STATE_DIR)
  } catch {
    // Other labs are in it, or it is gone already.
  }
}

/** Takes away what an `up` left that ended before its journal was whole, which is before it made anything. */
export function removeRemains(lab: string): void {
  if (!isLabName(lab)) return
  try {
    rmSync(join(labDir(lab), 'journal.json.new'), { force: true })
    rmdirSync(labDir(lab))
  } catch {
    // There is none, or something else is in it, which is not netlab's to read.
  }
}

/** Names of the labs on this machine, whole or not. */
export function labNames(): string[] {
  let names: string[]
  try {
    names = readdirSync(STATE_DIR)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw unreadable(error)
  }
  return names
    .filter((name) => isLabName(name) && ['journal.json', 'applied.json'].some((file) => existsSync(join(labDir(name), file))))
    .sort()
}

const unreadable = (error: unknown): StateError =>
  new StateError(`cannot read what netlab recorded: ${(error as Error).message}`, 'Run it as root, and see who changed that path.')
