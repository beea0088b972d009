/** Kernel events of a trace: drops with their reasons, ICMP errors, failed route lookups, and the devices each skb passed. */
import { addressText } from '../../netns/netlink/address.ts'
import { Recorder } from './perf.ts'
import { functionAt, readTracepoints, type Tracepoint } from './tracepoints.ts'

interface Common {
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint
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

/** Its location is looked up when it is asked for, which takes a while and for most drops is not needed. */
class DropRecord implements DropEvent {
  readonly kind = 'drop'
  readonly #address: bigint

  constructor(
    readonly at: bigint,
    readonly skb: string,
    readonly reason: string,
    readonly protocol: number,
    address: bigint,
  ) {
    this.#address = address
  }

  get location(): string {
    return functionAt(this.#address)
  }
}

/** What a record of a tracepoint says. */
export function eventOf(point: Tracepoint, record: Buffer, at: bigint): KernelEvent | undefined {
  const skb = (): string => point.pointer(record, 'skbaddr').toString(16)
  switch (point.name) {
    case 'net/net_dev_queue':
    case 'net/netif_receive_skb':
      return {
        kind: 'device',
        at,
        skb: skb(),
        device: point.text(record, 'name'),
        direction: point.name === 'net/net_dev_queue' ? 'out' : 'in',
        length: point.uint(record, 'len'),
      }
    case 'skb/kfree_skb': {
      // Kernels before 5.17 give no reason.
      const reason = point.has('reason') ? point.symbol(record, 'reason') : ''
      return new DropRecord(at, skb(), reason, point.uint(record, 'protocol'), point.pointer(record, 'location'))
    }
    case 'icmp/icmp_send':
      return { kind: 'icmp', at, skb: skb(), type: point.int(record, 'type'), code: point.int(record, 'code') }
    case 'fib/fib_table_lookup':
    case 'fib6/fib6_table_lookup':
      return {
        kind: 'lookup',
        at,
        src: addressText(point.bytes(record, 'src')),
        dst: addressText(point.bytes(record, 'dst')),
        error: point.int(record, 'err'),
        iif: point.int(record, 'iif'),
        table: point.uint(record, 'tb_id'),
      }
    default:
      return undefined
  }
}

/**
 * Which events with which filters. Only lengths the probe can have are of interest on devices: other traffic of the
 * machine would fill the memory. Of several filters for one event the first that the kernel understands counts.
 */
export function eventFilters(lengths: readonly number[]): Record<string, readonly string[]> {
  const ofProbe = lengths.map((l) => `len==${l}`).join('||')
  const ip = 'protocol==0x800||protocol==0x86dd||protocol==0x806'
  return {
    // Every answer to a ping ends in ping_rcv, with only a raw socket wanting it. Kernels before 6.4 know no names here.
    'skb/kfree_skb': [`(${ip})&&location.function!=ping_rcv`, ip],
    'net/net_dev_queue': [ofProbe],
    'net/netif_receive_skb': [ofProbe],
    'icmp/icmp_send': [],
    // Where there are rules, the local table is asked first, mostly in vain.
    'fib/fib_table_lookup': ['err<0&&tb_id!=255'],
    'fib6/fib6_table_lookup': ['err<0&&tb_id!=255'],
  }
}

export class Events {
  /** In order of time. */
  readonly events: KernelEvent[] = []
  /** Why there are none; undefined while all is well. */
  failure: string | undefined
  /** Resolves when they can be recorded, or not at all. */
  readonly live: Promise<void>
  readonly #recorder = new Recorder()
  #points: ReadonlyMap<number, Tracepoint> = new Map()

  constructor(filters: Readonly<Record<string, readonly string[]>>) {
    this.live = this.#open(filters).catch((error: Error) => void (this.failure = error.message))
  }

  async #open(filters: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const points = [...readTracepoints(Object.keys(filters)).values()]
    this.#points = new Map(points.map((point) => [point.id, point]))
    await this.#recorder.open(points.map(({ id, name }) => ({ id, filters: filters[name]! })))
  }

  /** Begins or ends to record: what other traffic does before the probe is sent is of no use. */
  record(on: boolean): void {
    this.#recorder.record(on)
  }

  /** Takes over what has been recorded. */
  read(): void {
    const before = this.events.length
    this.#recorder.read((record, at) => {
      // Every record begins with the number of its tracepoint.
      const point = this.#points.get(record.readUInt16LE(0))
      const event = point && eventOf(point, record, at)
      if (event) this.events.push(event)
    })
    // Each processor's are in order.
    if (this.events.length > before) this.events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
  }

  /** Ends. @returns how many events the kernel had no room for */
  async end(): Promise<number> {
    await this.live
    this.#recorder.record(false)
    this.read()
    this.#recorder.close()
    return this.#recorder.lost
  }
}
