/** The listening process (packet-listener.pl) as the rest of a trace sees it: frames, netlink answers, rule traces, losses. */
import { netnsFile } from '../../netns/paths.ts'
import { Helper } from './helper.ts'
import {
  handleOf,
  listRules,
  listTables,
  NFT,
  parseMessages,
  tableOf,
  traceOf,
  type Message,
  type RuleTrace,
  type Table,
} from './netlink.ts'

/** A frame as it was captured, not yet looked at. */
export interface Frame {
  readonly ns: string
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint
  readonly ifindex: number
  readonly device: string
  readonly direction: 'in' | 'out'
  readonly otherHost: boolean
  /** ARPHRD. */
  readonly hardware: number
  readonly length: number
  readonly bytes: Buffer
}

export interface ReceivedTrace extends RuleTrace {
  readonly ns: string
}

/** linux/if_packet.h */
const PACKET_OTHERHOST = 3
const PACKET_OUTGOING = 4

/** Longest wait for the kernel's answer to a question, milliseconds. */
const PATIENCE = 2000

/** A dump the kernel was asked for. */
interface Asked {
  readonly messages: Message[]
  readonly done: (messages: Message[]) => void
  readonly ack: boolean
}

export interface EarLosses {
  readonly frames: number
  readonly overflows: number
  /** Whether everything that was captured has been handed over. */
  readonly complete: boolean
}

export class PacketListener {
  readonly frames: Frame[] = []
  readonly traces: ReceivedTrace[] = []
  /** Namespaces that could not be listened in, and why. */
  readonly troubles: { readonly ns: string; readonly errno: number; readonly text: string }[] = []
  /** Called after something new was captured. */
  onNews: () => void = () => {}
  readonly #helper: Helper
  readonly #names: string[] = []
  readonly #numbers = new Map<string, number>()
  readonly #devices = new Map<string, string>()
  readonly #asked = new Map<string, Asked>()
  readonly #dumps = new Map<string, Promise<unknown>>()
  #sequence = 1000
  #live: (() => void) | undefined

  constructor() {
    this.#helper = new Helper(new URL('./packet-listener.pl', import.meta.url), [], (line) => this.#line(line))
  }

  get pid(): number {
    return this.#helper.pid
  }

  /** Opens every namespace's sockets. Resolves when they capture. */
  open(namespaces: readonly string[], filter: Buffer): Promise<void> {
    const lines = [`FILTER ${filter.toString('hex')}`]
    for (const ns of namespaces) {
      this.#numbers.set(ns, this.#names.length)
      lines.push(`OPEN ${this.#names.length} ${netnsFile(ns)}`)
      this.#names.push(ns)
    }
    const live = new Promise<void>((resolve) => (this.#live = resolve))
    this.#helper.write([...lines, 'LIVE', ''].join('\n'))
    return this.#helper.orBroken(live)
  }

  isListening(ns: string): boolean {
    return this.#numbers.has(ns) && !this.troubles.some((t) => t.ns === ns)
  }

  /** Netfilter tables of a namespace: whether it has any rules at all. */
  async tables(ns: string): Promise<Table[]> {
    return (await this.#dump(ns, listTables)).map(tableOf)
  }

  /** Handles of a chain's rules, in order. */
  async handles(ns: string, family: number, table: string, chain: string): Promise<number[]> {
    return (await this.#dump(ns, (sequence) => listRules(sequence, family, table, chain))).map(handleOf)
  }

  /** One dump after the other: a netlink socket refuses a second one while the first is under way. */
  #dump(ns: string, request: (sequence: number) => Buffer): Promise<Message[]> {
    const sequence = this.#sequence++
    const before = this.#dumps.get(ns) ?? Promise.resolve()
    const answer = before.then(() => this.#ask(ns, sequence, request(sequence)))
    this.#dumps.set(
      ns,
      answer.catch(() => {}),
    )
    return answer
  }

  /** Sends a transaction whose second message asks for an acknowledgement. Resolves to its errno, 0 when it is done. */
  async transact(ns: string, bytes: Buffer): Promise<number> {
    const answer = await this.#ask(ns, 2, bytes, true)
    return answer.find((m) => m.error !== undefined)?.error ?? 0
  }

  #ask(ns: string, sequence: number, bytes: Buffer, ack = false): Promise<Message[]> {
    const number = this.#numbers.get(ns)
    if (number === undefined || !this.isListening(ns)) return Promise.resolve([])
    const answer = new Promise<Message[]>((done) => this.#asked.set(`${number} ${sequence}`, { messages: [], done, ack }))
    this.#helper.write(`SEND ${number} ${bytes.toString('hex')}\n`)
    // An answer can get lost when a socket overflows: then it counts as none.
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<Message[]>((resolve) => (timer = setTimeout(() => resolve([]), PATIENCE)))
    return this.#helper.orBroken(Promise.race([answer, patience])).finally(() => clearTimeout(timer))
  }

  /** Stops listening once everything captured so far has been handed over. Does not wait for the process to leave. */
  async end(): Promise<EarLosses> {
    const last = await this.#helper.end()
    const [frames = 0, overflows = 0] = (last ?? '').split(' ').map(Number)
    return { frames, overflows, complete: last !== undefined }
  }

  #line(line: string): void {
    const [verb, number, ...rest] = line.split(' ')
    if (verb === 'LIVE') return this.#live?.()
    const ns = this.#names[Number(number)] ?? ''
    if (verb === 'F') {
      const [at, ifindex, type, hardware, length, hex] = rest as [string, string, string, string, string, string]
      const [seconds, nanoseconds] = at.split('.') as [string, string]
      this.frames.push({
        ns,
        at: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
        ifindex: Number(ifindex),
        device: this.#devices.get(`${number} ${ifindex}`) ?? `if${ifindex}`,
        direction: Number(type) === PACKET_OUTGOING ? 'out' : 'in',
        otherHost: Number(type) === PACKET_OTHERHOST,
        hardware: Number(hardware),
        length: Number(length),
        bytes: Buffer.from(hex, 'hex'),
      })
      this.onNews()
    } else if (verb === 'D') this.#devices.set(`${number} ${rest[0]}`, rest.slice(1).join(' '))
    else if (verb === 'N') this.#netlink(ns, number!, Buffer.from(rest[0] ?? '', 'hex'))
    else if (verb === 'X') this.troubles.push({ ns, errno: Number(rest[0]), text: rest.slice(1).join(' ') })
  }

  #netlink(ns: string, number: string, bytes: Buffer): void {
    for (const m of parseMessages(bytes)) {
      if (m.type === NFT.trace) {
        this.traces.push({ ns, ...traceOf(m) })
        this.onNews()
        continue
      }
      const key = `${number} ${m.sequence}`
      const asked = this.#asked.get(key)
      if (!asked) continue
      if (m.type !== NFT.done) asked.messages.push(m)
      if (m.type === NFT.done || m.type === NFT.error || asked.ack) {
        this.#asked.delete(key)
        asked.done(asked.messages.filter((x) => asked.ack || x.error === undefined))
      }
    }
  }
}
