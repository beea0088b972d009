/** What a test must know of the machine it runs on. */
import { readFileSync } from 'node:fs'

/** The table of neighbours that all namespaces share: the smaller of those of IPv4 and IPv6. */
export interface NeighbourTable {
  readonly most: number
  /** Entries there are now, on the whole machine. */
  readonly taken: number
  /** Neighbours that did not fit in so far, on the whole machine. */
  readonly refused: number
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

export function neighbourTable(): NeighbourTable {
  const limits = ['ipv4', 'ipv6'].map((f) => Number(text(`/proc/sys/net/${f}/neigh/default/gc_thresh3`)) || 1024)
  const caches = ['arp_cache', 'ndisc_cache']
  return {
    most: Math.min(...limits),
    // `entries` is a number of the whole table, on every line.
    taken: Math.max(...caches.map((c) => column(c, 'entries')[0] ?? 0)),
    refused: caches.flatMap((c) => column(c, 'table_fulls')).reduce((sum, n) => sum + n, 0),
  }
}
