/** `netlab up`: build the lab, or bring a running one to what the file says now. */
import { type Lab } from '../../../lab/lab.ts'
import { upCommand } from '../../../state/up-command.ts'
import { visible } from '../../../report/formats/visible.ts'
import { HelperEnded } from '../../../netns/failures.ts'
import { resolve as absolute } from 'node:path'
import { describe, kindOf } from '../../../kernel/kinds/index.ts'
import type { KernelObject } from '../../../kernel/objects.ts'
import { NamespacePool } from '../../../netns/namespace-pool.ts'
import { leasesOf, NO_LEASES, type Leases } from '../../../lab/addressing/lease.ts'
import { labDocument } from '../../../report/lab/inspect.ts'
import { summary } from '../../../report/lab/summary.ts'
import { chalkFor, Progress, say, writeJson, writeOut } from '../../../report/formats/terminal.ts'
import { withLock } from '../../../state/lock.ts'
import { labNames, lastChange, readApplied, StateError, type Applied } from '../../../state/store.ts'
import { bringUp, type UpResult } from '../../../state/up.ts'
import { compileFile, type FromFile } from '../../topology-file.ts'
import { Exit, Failure, failure } from '../../failure.ts'
import { forgetFlows } from './conntrack.ts'
import { neighbourTableWarning, requireFeatures, requireOutside, requireNamespaces } from '../../machine.ts'
import { asFailure } from '../../report-failure.ts'
import { warn } from '../../warn.ts'
import { interruption } from '../../signals.ts'
import { plural } from '../../../plural.ts'
import { now } from '../../../clock.ts'

interface UpCommandOptions {
  readonly force?: true
  readonly strict?: true
  readonly reset?: true
  readonly keep?: true
  readonly verbose?: true
  readonly json?: true
}

export async function up(file: string, options: UpCommandOptions): Promise<void> {
  const started = now()
  // Checked before anything is asked of the machine: a bad file is bad for every user.
  const first = await read(file, options)
  requireNamespaces('up')
  requireOutside()
  const signal = interruption()
  const progress = options.verbose ? undefined : new Progress()
  const pool = new NamespacePool()
  if (options.verbose) pool.onLine = (ns, line, by) => say(`${by.padEnd(7)} ${ns ?? '-'}: ${line}`)
  const { name } = first.from.compiled.lab
  try {
    await withLock(
      name,
      async () => {
        const { from, running } = lastChange(name) === first.changed ? first : await read(file, options)
        const { compiled, warnings } = from
        requireFeatures(compiled, running?.needs)
        const { lab } = compiled
        // The lock is held for the name the file had a moment ago.
        if (lab.name !== name)
          throw failure(
            Exit.Usage,
            'file-changed',
            `${file} was renamed from lab ${name} to ${lab.name} meanwhile`,
            `${upCommand({ file, ...(options.force ? { forced: true } : {}) })} again.`,
          )
        const extra = neighbourTableWarning(compiled)
        warn(extra ? [...warnings, extra] : warnings, file)
        const asked: Lab = { ...lab, file: absolute(file), ...(options.force ? { forced: true } : {}) }
        const result = await bringUp({ ...compiled, lab: asked }, pool, {
          signal,
          reset: options.reset ?? false,
          keep: options.keep ?? false,
          ...(running ? { applied: running } : {}),
          onPhase: (phase) => progress?.phase(`${phase} ${name}`),
          onProgress: (share) => progress?.share(share),
          onChanges: (changes) => {
            const number = (action: string): number => changes.filter((c) => c.action === action).length
            const other = running && running.lab.file !== absolute(file) ? ` (made from ${visible(running.lab.file)})` : ''
            say(
              `changing lab ${name}${other}: ${plural(number('create'), 'object')} to create, ${number('replace')} to change, ${number('delete')} to remove`,
            )
          },
        })
        progress?.end()
        settle(result, file, from, options)
        if ('unasked' in result) tellUnasked(result.unasked, asked, options)
        if ('withoutSession' in result) tellWithoutSession(result.withoutSession, lab.name)
        if (running) await forgetFlows(running.lab, lab, pool)
        const ms = now() - started
        if (options.json) await writeJson({ outcome: result.outcome, ...labDocument(asked, compiled.objects) })
        else await writeOut([summary(lab, result.outcome as 'created', ms, labNames().length === 1, chalkFor(process.stdout))])
      },
      (pid) => say(`waiting for another netlab (pid ${pid}) that is changing ${name}`),
      signal,
    )
  } finally {
    progress?.end()
    pool.close()
  }
}

/** What a file asks for. */
interface Reading {
  readonly from: FromFile
  /** The lab of that name, if it is up: its nodes keep their addresses. */
  readonly running?: Applied
  /** When that last changed. */
  readonly changed: bigint | undefined
}

async function read(file: string, options: UpCommandOptions): Promise<Reading> {
  let [running, changed]: [Applied | undefined, bigint | undefined] = [undefined, undefined]
  const leases = (name: string): Leases => {
    changed = lastChange(name)
    running = recorded(name)
    return running ? leasesOf(running.lab) : NO_LEASES
  }
  const from = await compileFile(file, { ...options, leases })
  return { from, changed, ...(running ? { running } : {}) }
}

/** A record that cannot be used is told of when the lab is about to be changed. */
function recorded(name: string): Applied | undefined {
  try {
    return readApplied(name)
  } catch (error) {
    if (error instanceof StateError) return undefined
    throw error
  }
}

/** One line about what is in the lab and was not asked for. @throws Failure (exit 4) when a reset left some of it */
function tellUnasked(unasked: readonly string[], lab: Lab, options: UpCommandOptions): void {
  if (unasked.length === 0) return
  const some = unasked.slice(0, 3).join(', ')
  if (options.reset)
    throw failure(
      Exit.Apply,
      'not-reset',
      `${plural(unasked.length, 'object')} could not be undone: ${some}${unasked.length > 3 ? ', …' : ''}`,
      `netlab down ${lab.name} removes the namespaces with everything in them, and ${upCommand(lab)} makes new ones.`,
    )
  const what =
    unasked.length === 1
      ? '1 object that was added or changed by others was'
      : `${unasked.length} objects that were added or changed by others were`
  say(`${what} left alone: netlab status ${lab.name} lists them, ${upCommand(lab)} --reset undoes them`)
}

/** One line about hosts that could not agree on session keys. */
function tellWithoutSession(pairs: readonly string[], lab: string): void {
  if (pairs.length === 0) return
  const some = pairs.slice(0, 3).join(', ')
  say(
    `no WireGuard handshake yet between ${some}${pairs.length > 3 ? ', …' : ''}: netlab trace shows why, netlab test ${lab} which pods it keeps apart`,
  )
}

/** Why an object counts as missing although nothing was refused. */
function absence(object: KernelObject, obstacle?: string): string {
  const why = obstacle === undefined ? kindOf(object).absence?.(object) : [obstacle]
  return why ? `${describe(object)} is missing: ${why.join('; ')}` : `the kernel took ${describe(object)} but does not hold it`
}

/** @throws Failure for every outcome but success. */
export function settle(result: UpResult, file: string, from: FromFile, options: UpCommandOptions): void {
  const sources = from.texts
  const { name } = from.compiled.lab
  const after = (rolledBack: boolean): string =>
    rolledBack
      ? 'What had been made was rolled back.'
      : options.keep
        ? `Left as it is (--keep): netlab down ${name} removes it.`
        : `It could not be rolled back completely: netlab status ${name} shows what is left, netlab down ${name} removes it.`
  const located = (object: KernelObject): { file: string; line: number; column: number } | object =>
    object.from ? { file: object.from.file ?? file, line: object.from.line, column: object.from.column } : {}
  switch (result.outcome) {
    case 'foreign':
      throw failure(
        Exit.Apply,
        'namespace-not-ours',
        `${result.namespaces.length === 1 ? 'a network namespace of this name exists' : `${result.namespaces.length} network namespaces of these names exist`} already, and no netlab journal names ${result.namespaces.length === 1 ? 'it' : 'them'}: ${result.namespaces.slice(0, 3).join(', ')}`,
        'netlab never touches what it did not make. Rename the lab (`name:`), or delete them with ip netns delete.',
      )
    case 'failed': {
      const { object, command, stderr } = result.failure
      throw new Failure(
        Exit.Apply,
        [
          {
            code: 'apply-failed',
            severity: 'error',
            message: `cannot make ${describe(object)}: ${stderr}\n${command}`,
            ...located(object),
            hint: after(result.rolledBack),
          },
        ],
        sources,
      )
    }
    case 'diverged': {
      const { missing, changed, unexpected } = result.drift
      const found = [
        ...missing.map((object) => ({ object, message: absence(object, result.obstacles?.get(object)?.text) })),
        ...changed.map(({ object, fields }) => ({
          object,
          message: `the kernel holds ${describe(object)} with another ${fields.join(', ')}`,
        })),
        ...unexpected.map((object) => ({ object, message: `the kernel still holds ${describe(object)}` })),
      ]
      throw new Failure(
        Exit.Apply,
        found.map(({ object, message }) => ({
          code: 'diverged',
          severity: 'error',
          message,
          ...located(object),
          hint: after(result.rolledBack),
        })),
        sources,
      )
    }
    case 'error': {
      const known = asFailure(result.error)
      if (!known) throw result.error
      const hints = (hint: string | undefined): string => [hint, after(result.rolledBack)].filter(Boolean).join(' ')
      throw new Failure(
        // The machine lacks nothing: what was being applied has failed.
        result.error instanceof HelperEnded ? Exit.Apply : known.exit,
        known.diagnostics.map((d) => ({ ...d, hint: hints(d.hint) })),
        sources,
      )
    }
    case 'interrupted':
      throw failure(Exit.Interrupted, 'interrupted', 'interrupted', after(result.rolledBack))
    default:
  }
}
