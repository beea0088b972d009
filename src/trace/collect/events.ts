/** Kernel events of a trace (events.pl): drops with their reasons, ICMP errors, and the devices each skb passed. */
import { Helper } from './helper.ts'

interface Common {
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint
  /** Microseconds, by the kernel's own clock: good for order only. */
  readonly us: number
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

/**
 * A line about a device. Where other traffic has the probe's length there are very many of them, and nearly all are of no
 * interest: only what tells that is taken out of the line at once.
 */
class DeviceLine implements DeviceEvent {
  readonly kind = 'device'
  readonly #line: string
  readonly #at: number
  readonly #taiAhead: bigint

  /** @param values where `dev=` begins */
  constructor(
    line: string,
    readonly us: number,
    readonly direction: 'in' | 'out',
    values: number,
    taiAhead: bigint,
  ) {
    this.#line = line
    this.#at = values
    this.#taiAhead = taiAhead
  }

  get at(): bigint {
    return BigInt(this.us) * 1000n - this.#taiAhead
  }
  get cpu(): number {
    return Number(TASK.exec(this.#line)?.[2])
  }
  get pid(): number {
    return Number(TASK.exec(this.#line)?.[1])
  }
  get device(): string {
    return this.#line.slice(this.#at + 4, this.#line.indexOf(' ', this.#at))
  }
  get skb(): string {
    const start = this.#line.indexOf('skbaddr=', this.#at) + 8
    return this.#line.slice(start, this.#line.indexOf(' ', start))
  }
  get length(): number {
    return Number(this.#line.slice(this.#line.lastIndexOf('=') + 1))
  }
}

/** Process, processor. Names of processes may hold anything. */
const TASK = /^.{16,}?-(\d+)\s+\[(\d+)\]\s/
const NAME = /\s(\d+)\.(\d{6}): (\w+): /
const DEVICE = [
  [' net_dev_queue: ', 'out'],
  [' netif_receive_skb: ', 'in'],
] as const

/** What events call their values; `reason` came later than the others and has a colon. */
const FIELDS = {
  skbaddr: /\bskbaddr=(\S+)/,
  location: /\blocation=(\S+)/,
  reason: /\breason[=:] ?(\S+)/,
  protocol: /\bprotocol=(\S+)/,
  type: /\btype=(\S+)/,
  code: /\bcode=(\S+)/,
} as const

/** One line of trace_pipe. `taiAhead`: nanoseconds by which its clock is ahead of ours. */
export function parseEvent(line: string, taiAhead = 0n): KernelEvent | undefined {
  for (const [name, direction] of DEVICE) {
    const at = line.indexOf(name)
    if (at < 0) continue
    const us = Math.round(Number(line.slice(line.lastIndexOf(' ', at - 1) + 1, at - 1)) * 1e6)
    return Number.isNaN(us) ? undefined : new DeviceLine(line, us, direction, at + name.length, taiAhead)
  }
  const task = TASK.exec(line)
  const m = NAME.exec(line)
  if (!task || !m) return undefined
  const rest = line.slice(m.index + m[0].length)
  const us = Number(m[1]) * 1_000_000 + Number(m[2])
  const common = { at: BigInt(us) * 1000n - taiAhead, us, cpu: Number(task[2]), pid: Number(task[1]) }
  const field = (key: keyof typeof FIELDS): string => FIELDS[key].exec(rest)?.[1] ?? ''
  switch (m[3]) {
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
 * machine would fill the buffer. Of several filters for one event the first that the kernel understands counts.
 */
export function eventFilters(lengths: readonly number[]): string[] {
  const ofProbe = lengths.map((l) => `len==${l}`).join('||')
  return [
    // Every answer to a ping ends in ping_rcv, with only a raw socket wanting it. Kernels before 6.4 know no names here.
    'skb/kfree_skb=(protocol==0x800||protocol==0x86dd||protocol==0x806)&&location.function!=ping_rcv',
    'skb/kfree_skb=protocol==0x800||protocol==0x86dd||protocol==0x806',
    `net/net_dev_queue=${ofProbe}`,
    `net/netif_receive_skb=${ofProbe}`,
    'icmp/icmp_send=',
    // Where there are rules, the local table is asked first, mostly in vain.
    'fib/fib_table_lookup=err<0&&tb_id!=255',
    'fib6/fib6_table_lookup=err<0&&tb_id!=255',
  ]
}

export class Events {
  /** In order of time. */
  readonly events: KernelEvent[] = []
  onNews: () => void = () => {}
  /** Why there are none; undefined while all is well. */
  failure: string | undefined
  readonly live: Promise<void>
  readonly #helper: Helper
  #taiAhead = 0n
  #switch: string | undefined

  constructor(filters: readonly string[]) {
    let settle: () => void = () => {}
    const live = new Promise<void>((resolve) => (settle = resolve))
    this.#helper = new Helper(new URL('./events.pl', import.meta.url), filters, (line) => {
      if (line.startsWith('LIVE ')) {
        this.#switch = line.split(' ')[1]
        this.#taiAhead = BigInt(line.split(' ')[2] ?? '0')
        // Whole seconds (leap seconds); the rest is the time between the two readings.
        this.#taiAhead = ((this.#taiAhead + 500_000_000n) / 1_000_000_000n) * 1_000_000_000n
        return settle()
      }
      if (line.startsWith('FAILED ')) {
        this.failure = line.slice(7)
        return settle()
      }
      const event = parseEvent(line, this.#taiAhead)
      if (event) {
        this.#keep(event)
        this.onNews()
      }
    })
    this.live = this.#helper.orBroken(live).catch((error: Error) => {
      this.failure = error.message
    })
  }

  /** They come in order but for a few: those of another processor. */
  #keep(event: KernelEvent): void {
    let i = this.events.length
    while (i > 0 && this.events[i - 1]!.us > event.us) i--
    this.events.splice(i, 0, event)
  }

  /** File that starts the recording when 1 is written into it; undefined where there are no events. */
  get switch(): string | undefined {
    return this.#switch
  }

  /** Stops, and tells how many events the kernel had no room for, and whether all others have come in. */
  async end(): Promise<{ readonly events: number; readonly complete: boolean }> {
    const last = await this.#helper.end()
    return { events: Number(last ?? '0'), complete: last !== undefined }
  }
}
