/** What a test must know of the machine it runs on. */
import { readdirSync, readFileSync } from 'node:fs'
import { inside, MACHINE } from '../../netns/inside.ts'

/** Packets that no lab has lost: all namespaces share what was full. */
export interface MachineLosses {
  /** Neighbours that did not fit into the table of neighbours; packets to them are lost. */
  readonly refused: number
  /** Packets for which a processor had no room on their way from one device to the next (`netdev_max_backlog`). */
  readonly dropped: number
}

/** The machine now; losses since it was started. */
export interface MachineReading extends MachineLosses {
  /** Entries of the table of neighbours: the smaller of those of IPv4 and IPv6. */
  readonly most: number
  /** Entries there are now, on the whole machine. */
  readonly taken: number
}

const text = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** A column of `/proc/net/stat/*_cache`, hexadecimal, of each processor. */
function column(name: string, title: string): number[] {
  const [head = '', ...lines] = text(`/proc/net/stat/${name}`).trim().split('\n')
  const at = head.trim().split(/\s+/).indexOf(title)
  return lines.map((l) => Number.parseInt(l.trim().split(/\s+/)[at] ?? '0', 16) || 0)
}

const sum = (list: readonly number[]): number => list.reduce((total, n) => total + n, 0)

/** Its files are in its own namespace. */
export const readMachine = (): MachineReading => inside(MACHINE, reading)

function reading(): MachineReading {
  const limits = ['ipv4', 'ipv6'].map((f) => Number(text(`/proc/sys/net/${f}/neigh/default/gc_thresh3`)) || 1024)
  const caches = ['arp_cache', 'ndisc_cache']
  return {
    most: Math.min(...limits),
    // `entries` is a number of the whole table, on every line.
    taken: Math.max(...caches.map((c) => column(c, 'entries')[0] ?? 0)),
    refused: sum(caches.flatMap((c) => column(c, 'table_fulls'))),
    // A line for each processor; hexadecimal, without headings (net/core/net-procfs.c).
    dropped: sum(
      text('/proc/net/softnet_stat')
        .split('\n')
        .map((line) => Number.parseInt(line.trim().split(/\s+/)[1] ?? '0', 16) || 0),
    ),
  }
}

/** Files this process may open (RLIMIT_NOFILE, which Node has raised as far as it may), and those that it has open. */
export function openFiles(): { readonly most: number; readonly open: number } {
  const [, most] = /^Max open files\s+(\d+)/m.exec(text('/proc/self/limits')) ?? []
  return { most: most === undefined ? Infinity : Number(most), open: readdirSync('/proc/self/fd').length }
}
