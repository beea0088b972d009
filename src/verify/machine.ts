/** What a test must know of the machine it runs on. */
import { readFileSync } from 'node:fs'

/** The table of neighbours that all namespaces share: the smaller of those of IPv4 and IPv6. */
export interface NeighbourTable {
  readonly most: number
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

/** Column of `/proc/net/stat/*_cache`, one line a processor, hexadecimal: only the first is a sum. */
function refused(name: string): number {
  const [head = '', ...lines] = text(`/proc/net/stat/${name}`).trim().split('\n')
  const column = head.trim().split(/\s+/).indexOf('table_fulls')
  return lines.reduce((n, l) => n + (Number.parseInt(l.trim().split(/\s+/)[column] ?? '0', 16) || 0), 0)
}

export function neighbourTable(): NeighbourTable {
  const limits = ['ipv4', 'ipv6'].map((f) => Number(text(`/proc/sys/net/${f}/neigh/default/gc_thresh3`)) || 1024)
  return { most: Math.min(...limits), refused: refused('arp_cache') + refused('ndisc_cache') }
}
