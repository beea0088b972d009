/**
 * Programs that carry the packets of a device to other hosts: whether each runs, and where its table sends what. The kernel knows
 * nothing of it; the program's own files do.
 */
import type { Carries, Daemon, KernelObject } from '../../kernel/objects.ts'
import { readFiles } from '../../process/daemon.ts'
import { endingText, processStates } from '../../process/states.ts'
import { contains, parseCidr, parseIp } from '../../topology/address.ts'

/** A line of a table. */
export interface TableEntry {
  readonly network: string
  readonly host: string
}

/** A program that carries packets, as it is now. */
export interface Forwarder {
  readonly daemon: Daemon
  readonly carries: Carries
  /** Why it carries nothing, after its name: `is not running: was ended by signal 9`; absent: it runs. */
  readonly idle?: string
  /** A signal stopped it: it is there, and can go on. */
  readonly isStopped?: true
  /** Its table as it now is. */
  readonly table: readonly TableEntry[]
}

/** The longest network of a table that an address is in. */
export function entryFor(table: readonly TableEntry[], address: string): TableEntry | undefined {
  const ip = parseIp(address)
  const fitting = table.flatMap((entry) => {
    const cidr = parseCidr(entry.network)
    return ip && cidr && contains(cidr, ip) ? [{ entry, prefix: cidr.prefix }] : []
  })
  return fitting.toSorted((a, b) => b.prefix - a.prefix)[0]?.entry
}

/** Networks and hosts of a table, a pair a line; comments and what else is there are no entries. */
export const tableOf = (text: string): TableEntry[] =>
  [...text.matchAll(/^([\d.]+\/\d+)\s+([\d.]+)\s*$/gm)].map(([, network, host]) => ({ network: network!, host: host! }))

/** The table among a daemon's files. */
export const tableIn = ({ files, carries }: Pick<Daemon, 'files' | 'carries'>): TableEntry[] =>
  tableOf(files.find(({ path }) => path === carries?.table)?.content ?? '')

export type Forwarders = ReadonlyMap<string, Forwarder>

export const forwarderKey = (ns: string, device: string): string => `${ns} ${device}`

/**
 * All such programs of a lab, by namespace and device.
 * @param dir where daemons are on record
 * @param objects what was asked for
 */
export function readForwarders(dir: string, objects: readonly KernelObject[]): Forwarders {
  const daemons = objects.filter((o) => o.kind === 'daemon' && o.carries !== undefined) as (Daemon & { carries: Carries })[]
  if (daemons.length === 0) return new Map()
  const states = new Map(processStates(dir).map((state) => [state.id, state]))
  return new Map(
    daemons.map((daemon) => {
      const state = states.get(daemon.id)
      const idle =
        state?.state !== 'running'
          ? `is not running: ${endingText(state ?? {})}`
          : state.stopped
            ? 'is stopped and reads nothing'
            : undefined
      return [
        forwarderKey(daemon.ns, daemon.carries.device),
        {
          daemon,
          carries: daemon.carries,
          ...(idle === undefined ? {} : { idle }),
          ...(state?.stopped ? { isStopped: true as const } : {}),
          table: tableIn({ ...daemon, files: readFiles(dir, daemon) }),
        },
      ]
    }),
  )
}
