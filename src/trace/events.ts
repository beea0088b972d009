/** Kernel events of a trace (events.pl): drops with their reasons, ICMP errors, and the devices each skb passed. */
import { Helper } from './helper.ts'

interface Common {
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint
  readonly cpu: number
  readonly pid: number
}
/** An skb on a device: what ties its address to a captured frame. */
export interface DeviceEvent extends Common {
  readonly kind: 'device'
  readonly skb: string
  readonly device: string
  readonly direction: 'in' | 'out'
  readonly length: number
}
export interface DropEvent extends Common {
  readonly kind: 'drop'
  readonly skb: string
  /** Function that dropped it. */
  readonly location: string
  /** Without SKB_DROP_REASON_. */
  readonly reason: string
  readonly protocol: number
}
export interface IcmpEvent extends Common {
  readonly kind: 'icmp'
  readonly skb: string
  readonly type: number
  readonly code: number
}
/** A route lookup that failed. */
export interface LookupEvent extends Common {
  readonly kind: 'lookup'
  readonly src: string
  readonly dst: string
  readonly error: number
  readonly iif: number
  readonly table: number
}
export type KernelEvent = DeviceEvent | DropEvent | IcmpEvent | LookupEvent

const LINE = /^.{16,}?-(\d+)\s+\[(\d+)\]\s+\S+\s+(\d+)\.(\d+): (\w+): (.*)$/

/** One line of trace_pipe. `taiAhead`: nanoseconds by which its clock is ahead of ours. */
export function parseEvent(line: string, taiAhead = 0n): KernelEvent | undefined {
  const m = LINE.exec(line)
  if (!m) return undefined
  const [, pid, cpu, seconds, fraction, name, rest] = m as unknown as [string, string, string, string, string, string, string]
  const common = { at: BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0')) - taiAhead, cpu: Number(cpu), pid: Number(pid) }
  const field = (key: string): string => new RegExp(`\\b${key}[=:]? ?(\\S+)`).exec(rest)?.[1] ?? ''
  switch (name) {
    case 'net_dev_queue':
    case 'netif_receive_skb':
      return {
        ...common,
        kind: 'device',
        skb: field('skbaddr'),
        device: field('dev'),
        length: Number(field('len')),
        direction: name === 'net_dev_queue' ? 'out' : 'in',
      }
    case 'kfree_skb':
      return {
        ...common,
        kind: 'drop',
        skb: field('skbaddr'),
        location: field('location').replace(/[+/].*$/, ''),
        reason: field('reason'),
        protocol: Number(field('protocol')),
      }
    case 'icmp_send':
      return {
        ...common,
        kind: 'icmp',
        skb: field('skbaddr'),
        type: Number.parseInt(field('type'), 10),
        code: Number.parseInt(field('code'), 10),
      }
    case 'fib_table_lookup':
    case 'fib6_table_lookup': {
      const f = /table +(\d+) oif \S+ iif (\S+) proto \S+ (\S+)\/\d+ -> (\S+)\/\d+ .* err (-?\d+)/.exec(rest)
      return f
        ? { ...common, kind: 'lookup', table: Number(f[1]), iif: Number(f[2]), src: f[3]!, dst: f[4]!, error: Number(f[5]) }
        : undefined
    }
    default:
      return undefined
  }
}

/**
 * Which events with which filters. Only lengths the probe can have are of interest on devices: other traffic of the
 * machine would fill the buffer.
 */
export function eventFilters(lengths: readonly number[]): string[] {
  const ofProbe = lengths.map((l) => `len==${l}`).join('||')
  return [
    'skb/kfree_skb=protocol==0x800||protocol==0x86dd||protocol==0x806',
    `net/net_dev_queue=${ofProbe}`,
    `net/netif_receive_skb=${ofProbe}`,
    'icmp/icmp_send=',
    'fib/fib_table_lookup=err<0',
    'fib6/fib6_table_lookup=err<0',
  ]
}

export class Events {
  readonly events: KernelEvent[] = []
  onNews: () => void = () => {}
  /** Why there are none; undefined while all is well. */
  failure: string | undefined
  readonly live: Promise<void>
  readonly #helper: Helper
  #taiAhead = 0n

  constructor(filters: readonly string[]) {
    let settle: () => void = () => {}
    const live = new Promise<void>((resolve) => (settle = resolve))
    this.#helper = new Helper(new URL('./events.pl', import.meta.url), filters, (line) => {
      if (line.startsWith('LIVE ')) {
        this.#taiAhead = BigInt(line.split(' ')[2] ?? '0')
        // Differences below a millisecond are the time between the two readings.
        this.#taiAhead = ((this.#taiAhead + 500_000n) / 1_000_000n) * 1_000_000n
        return settle()
      }
      if (line.startsWith('FAILED ')) {
        this.failure = line.slice(7)
        return settle()
      }
      const event = parseEvent(line, this.#taiAhead)
      if (event) {
        this.events.push(event)
        this.onNews()
      }
    })
    this.live = this.#helper.orBroken(live).catch((error: Error) => {
      this.failure = error.message
    })
  }

  /** Stops, and tells how many events the kernel had no room for. */
  async end(): Promise<number> {
    const lost = Number((await this.#helper.end()) ?? '0')
    this.events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    return lost
  }
}
