/**
 * What carries the packets of a device to other hosts, a program or WireGuard: whether it runs, and where it sends what. The kernel's
 * tables know nothing of it; the program's own files do, and what WireGuard says of its peers.
 */
import { describe } from '../../kernel/kinds/index.ts'
import type { Carries, Daemon, KernelObject, WireguardConfig, WireguardState } from '../../kernel/objects.ts'
import { readFiles } from '../../process/daemon.ts'
import { endingText, processStates } from '../../process/states.ts'
import { askWireguard } from '../../process/wireguard/ask.ts'
import { contains, parseCidr, parseIp } from '../../topology/address.ts'

/** A line of a table. */
export interface TableEntry {
  readonly network: string
  readonly host: string
}

/** What carries the packets of a device to other hosts in UDP, as it is now: a program, or WireGuard. */
export interface Forwarder {
  /** `forwarder on node-1`, `WireGuard on flannel-wg of node-1`. */
  readonly name: string
  readonly object: KernelObject
  readonly ns: string
  readonly device: string
  /** UDP port it receives on. */
  readonly port: number
  /** Why it carries nothing, after its name: `is not running: was ended by signal 9`; absent: it runs. */
  readonly idle?: string
  /** A signal stopped it: it is there, and can go on. */
  readonly isStopped?: true
  /** Where it sends what, now and as the lab asked for. */
  readonly table: readonly TableEntry[]
  readonly asked: readonly TableEntry[]
  /** It encrypts: keys and peers, as the lab asked for and now. */
  readonly keys?: { readonly asked: WireguardConfig; readonly live: WireguardState | undefined }
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

/** Allowed IPs of all peers. */
const allowedOf = ({ peers }: WireguardState): TableEntry[] =>
  Object.values(peers).flatMap(({ allowedIPs, endpoint = '' }) =>
    allowedIPs.map((network) => ({ network, host: endpoint.slice(0, endpoint.lastIndexOf(':')) })),
  )

/**
 * All of a lab, by namespace and device.
 * @param dir where daemons and keys are on record
 * @param objects what was asked for
 */
export async function readForwarders(dir: string, objects: readonly KernelObject[]): Promise<Forwarders> {
  const daemons = new Map(objects.flatMap((o) => (o.kind === 'daemon' ? [[o.id, o] as const] : [])))
  const carriers = [...daemons.values()].filter((o): o is Daemon & { carries: Carries } => o.carries !== undefined)
  const encrypting = objects.filter((o) => o.kind === 'wireguard')
  if (carriers.length + encrypting.length === 0) return new Map()
  const states = new Map(processStates(dir).map((state) => [state.id, state]))
  const doing = (id: string): Pick<Forwarder, 'idle' | 'isStopped'> => {
    const state = states.get(id)
    if (state?.state !== 'running') return { idle: `is not running: ${endingText(state ?? {})}` }
    return state.stopped ? { idle: 'is stopped and reads nothing', isStopped: true } : {}
  }
  const live = await askWireguard(dir)(encrypting)
  const found = [
    ...carriers.map((daemon): Forwarder => ({
      name: describe(daemon),
      object: daemon,
      ns: daemon.ns,
      device: daemon.carries.device,
      port: daemon.carries.port,
      ...doing(daemon.id),
      table: tableIn({ ...daemon, files: readFiles(dir, daemon) }),
      asked: tableIn(daemon),
    })),
    ...encrypting.map((config): Forwarder => {
      const state = live.get(config)
      const daemon = config.program && daemons.get(config.program.daemon)
      const idle = daemon ? doing(daemon.id) : {}
      return {
        name: daemon ? describe(daemon) : describe(config),
        object: idle.idle === undefined ? config : daemon!,
        ns: config.ns,
        device: config.dev,
        port: state?.port ?? config.port,
        ...idle,
        table: state ? allowedOf(state) : [],
        asked: allowedOf(config),
        keys: { asked: config, live: state },
      }
    }),
  ]
  return new Map(found.map((f) => [forwarderKey(f.ns, f.device), f]))
}
