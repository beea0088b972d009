/** The process that sends the probe (prober.pl), and what its node told it. */
import { netnsFile } from '../../netns/paths.ts'
import { Helper } from './helper.ts'

export interface ProbeOrder {
  readonly ns: string
  readonly protocol: 'icmp' | 'tcp' | 'udp'
  readonly family: 4 | 6
  readonly source?: string
  readonly to: string
  readonly port: number
  readonly id: number
  readonly payload: Buffer
  readonly df: boolean
  /** 0: the node's own default. */
  readonly ttl: number
}

const nanoseconds = (text: string): bigint => {
  const [s, ns] = text.split('.') as [string, string]
  return BigInt(s) * 1_000_000_000n + BigInt(ns)
}

/** What happened to one probe at its sender. Times are nanoseconds, CLOCK_REALTIME. */
export interface Outcome {
  sent?: bigint
  error?: { readonly errno: number; readonly text: string }
  reply?: { readonly at: bigint; readonly ttl?: number; readonly what: 'echo' | 'connected' | 'refused' | 'datagram' }
  icmp?: { readonly at: bigint; readonly from: string; readonly type: number; readonly code: number }
}

export class Prober {
  readonly outcomes: Outcome[] = []
  onNews: () => void = () => {}
  readonly ready: Promise<void>
  readonly #helper: Helper

  constructor(order: ProbeOrder) {
    let settle: () => void = () => {}
    const ready = new Promise<void>((resolve) => (settle = resolve))
    const { protocol, family, source = '-', to, port, id, payload, df, ttl } = order
    const words = [netnsFile(order.ns), protocol, family, source, to, port, id, payload.toString('hex'), df ? 1 : 0, ttl]
    this.#helper = new Helper(new URL('./prober.pl', import.meta.url), words.map(String), (line) => {
      if (line === 'READY') settle()
      else this.#line(line)
    })
    this.ready = this.#helper.orBroken(ready)
    this.ready.catch(() => {})
  }

  /** @param recording file to write 1 into just before, which starts the recording of kernel events */
  send(n: number, recording?: string): void {
    this.#helper.write(`GO ${n}${recording === undefined ? '' : ` ${recording}`}\n`)
  }

  #line(line: string): void {
    const [verb, n, ...rest] = line.split(' ') as [string, string, ...string[]]
    const outcome = (this.outcomes[Number(n)] ??= {})
    if (verb === 'SENT') outcome.sent = nanoseconds(rest[0]!)
    else if (verb === 'ERROR') outcome.error = { errno: Number(rest[0]), text: rest.slice(1).join(' ') }
    else if (verb === 'REPLY') {
      const [at, ttl, what] = rest as [string, string, NonNullable<Outcome['reply']>['what']]
      outcome.reply = { at: nanoseconds(at), what, ...(ttl === '-' ? {} : { ttl: Number(ttl) }) }
    } else if (verb === 'ICMP') outcome.icmp = { at: nanoseconds(rest[0]!), from: rest[1]!, type: Number(rest[2]), code: Number(rest[3]) }
    this.onNews()
  }

  /** Lets the process go. */
  leave(): void {
    this.#helper.leave()
  }
}
