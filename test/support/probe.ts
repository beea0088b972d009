/** Probes from inside nodes; what they do is in prober.pl. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { inVM } from './features.ts'
import { root } from './root.ts'
import { inside } from './run.ts'

const PROBER = join(root, 'test/support/prober.pl')

export type Probe =
  | { readonly kind: 'ping'; readonly to: string; /** Of the IP packet, bytes; forbids fragmentation. */ readonly packet?: number }
  | { readonly kind: 'icmp'; readonly to: string; readonly port?: number }
  | {
      readonly kind: 'tcp' | 'udp' | 'sctp' | 'send'
      readonly to: string
      readonly port: number
      /** Payload of a datagram. */ readonly bytes?: number
    }
  | { readonly kind: 'bulk'; readonly to: string; readonly port: number; readonly bytes: number }

export interface Answer {
  /** `ok`, `refused`, `closed`, `timeout`, `unreachable`, `too long`, or the kernel's words. */
  readonly outcome: string
  /** The prober's own end as its socket knows it: `10.244.0.2:40000`. */
  readonly self: string
  /** What was heard, lines joined by ` | `. */
  readonly text: string
  /** Of the answer to a ping. */
  readonly ttl?: number
}

const isIpv6 = (address: string): boolean => address.includes(':')
/** Bytes of IP and ICMP header around a ping's payload. */
const headers = (to: string): number => (isIpv6(to) ? 48 : 28)

function words(p: Probe): (string | number)[] {
  if (p.kind === 'icmp') return [p.kind, p.to]
  if (p.kind === 'ping') return [p.kind, p.to, ...(p.packet === undefined ? [] : [p.packet - headers(p.to)])]
  return [p.kind, p.to, p.port, ...(p.bytes === undefined ? [] : [p.bytes])]
}

/** Longest wait for an answer, milliseconds. A virtual machine without a processor of its own may stand still for seconds. */
const PATIENCE = (): number => Number(process.env['NETLAB_PROBE_SECONDS'] ?? (inVM ? 20 : 5)) * 1000

/** A process in one namespace that asks whatever it is told to, all at once, again and again. */
export class Prober {
  readonly #ns: string
  readonly #child: ChildProcess
  #pending: { readonly answers: Answer[]; readonly done: () => void } | undefined

  constructor(ns: string) {
    this.#ns = ns
    const argv = inside(ns, ['perl', PROBER])
    this.#child = spawn(argv[0]!, argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    // That it ended is told by 'exit'.
    this.#child.stdin!.on('error', () => {})
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#answered(line))
  }

  #answered(line: string): void {
    if (line === 'done') return this.#pending?.done()
    const [id, outcome, self = '', text = ''] = line.split('\t')
    const ttl = /\b(?:ttl|hlim)=(\d+)/.exec(text)?.[1]
    const answer = { outcome: outcome!, self, text: text.replace(/ \| $/, ''), ...(ttl === undefined ? {} : { ttl: Number(ttl) }) }
    if (this.#pending) this.#pending.answers[Number(id)] = answer
  }

  /** Asks all at once; answers in the order of the probes. One call after the other. */
  async ask(probes: readonly Probe[], patience = PATIENCE()): Promise<Answer[]> {
    const answers: Answer[] = []
    await new Promise<void>((resolve, reject) => {
      const lost = (): void => reject(new Error(`the prober in ${this.#ns} ended`))
      this.#child.once('exit', lost)
      this.#pending = { answers, done: () => (this.#child.off('exit', lost), resolve()) }
      const lines = probes.map((p, i) => [i, ...words(p)].join('\t'))
      this.#child.stdin!.write(`${[...lines, `go ${patience}`].join('\n')}\n`)
    })
    probes.forEach((p, i) => {
      if (!answers[i]) throw new Error(`no answer from ${this.#ns} about ${words(p).join(' ')}`)
    })
    return answers
  }

  close(): Promise<void> {
    return end(this.#child)
  }
}

/** Runs all probes at once from one namespace; answers in the order of the probes. */
export async function probe(ns: string, probes: readonly Probe[]): Promise<Answer[]> {
  const prober = new Prober(ns)
  try {
    return await prober.ask(probes)
  } finally {
    await prober.close()
  }
}

async function listener(ns: string, words: readonly (string | number)[], stdin: 'ignore' | 'pipe' = 'ignore'): Promise<ChildProcess> {
  const argv = inside(ns, ['perl', PROBER, ...words.map(String)])
  const child = spawn(argv[0]!, argv.slice(1), { stdio: [stdin, 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve())
    child.once('close', () => reject(new Error(`the listener in ${ns} ended: ${words.join(' ')}`)))
  })
  return child
}

/** The other side of `bulk` probes; also good to see who can reach it. */
export const serve = (ns: string, address: string, port: number): Promise<ChildProcess> => listener(ns, ['serve', address, port])

/** Answers on addresses of a node as the containers' responder does in pods: who it is and whom it sees. */
export const respond = (
  ns: string,
  name: string,
  ports: { readonly tcp: number; readonly udp: number },
  addresses: readonly string[],
): Promise<ChildProcess> => listener(ns, ['answer', name, ports.tcp, ports.udp, ...addresses])

/** One TCP connection that is kept open. */
export class Conversation {
  readonly #child: ChildProcess
  #heard = ''
  #said = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stdout!.on('data', (chunk: Buffer) => (this.#heard += chunk.toString()))
  }

  /** Connects to a {@link serve}. */
  static async start(ns: string, address: string, port: number): Promise<Conversation> {
    return new Conversation(await listener(ns, ['talk', address, port], 'pipe'))
  }

  /** Says something and waits to hear it back, as long as the connection may take. */
  async goesOn(): Promise<void> {
    const word = `word ${++this.#said}\n`
    this.#heard = ''
    this.#child.stdin!.write(word)
    for (let tries = 0; this.#heard !== word; tries++) {
      if (tries > 3000 || this.#child.exitCode !== null)
        throw new Error(`the connection does not go on: heard ${JSON.stringify(this.#heard)}`)
      await sleep(10)
    }
  }

  end(): Promise<void> {
    return end(this.#child)
  }
}

/** Ends such a listener for good. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
