/** The listening process (tap.pl) as the rest of a capture sees it: frames as they were captured, trouble, losses. */
import { fileURLToPath } from 'node:url'
import { HelperEnded } from '../netns/failures.ts'
import { startHelper, unstartable, type HelperProcess } from '../netns/helper-process.ts'
import { netnsFile } from '../netns/paths.ts'

/** What to listen on. */
export interface Listen {
  /** Node as people call it. */
  readonly node: string
  readonly ns: string
  /** Absent: all devices of the namespace. */
  readonly device?: string
}

/** A frame as it was captured, not yet looked at. */
export interface Frame {
  readonly node: string
  readonly ns: string
  readonly device: string
  readonly ifindex: number
  /** Nanoseconds, CLOCK_REALTIME. */
  readonly at: bigint
  readonly direction: 'in' | 'out'
  /** ARPHRD. */
  readonly hardware: number
  readonly bytes: Buffer
}

/** What became of one listener, at the end. */
export interface Losses {
  /** Frames the kernel had for it, lost ones included. */
  readonly received: number
  readonly lost: number
}

export interface TapEvents {
  onFrame(frame: Frame): void
  /** A listener that could not be set up, or captures nothing more: where, and why. */
  onTrouble(where: string, text: string): void
}

/** linux/if_packet.h */
const PACKET_OUTGOING = 4
/** Longest wait for the last frames, milliseconds. */
const PATIENCE = 3000
/** A record's letter and length. */
const HEAD = 5
/** Of a frame's record, before its bytes. */
const FRAME_HEAD = 21

/** `node-1/eth0`, or `node-1` where it is all devices. */
export const whereOf = ({ node, device }: Listen): string => (device === undefined ? node : `${node}/${device}`)

export class Tap {
  readonly #child: HelperProcess
  readonly #listens: readonly Listen[]
  readonly #events: TapEvents
  readonly #devices = new Map<string, string>()
  readonly #losses: Losses[] = []
  readonly #live: Promise<void>
  readonly #closed: Promise<void>
  #isLive: () => void = () => {}
  #rest: Buffer = Buffer.alloc(0)
  #stderr = ''
  #ended = false

  /** Starts to listen. {@link live} says when it captures. */
  constructor(listens: readonly Listen[], events: TapEvents) {
    this.#listens = listens
    this.#events = events
    this.#child = startHelper('perl', [fileURLToPath(new URL('./tap.pl', import.meta.url))])
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
    this.#child.stdout.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#closed = new Promise((resolve) => this.#child.stdout.on('close', resolve))
    const broken = new Promise<never>((_, reject) => {
      this.#child.on('error', (error) => reject(unstartable('perl', error)))
      this.#child.on('exit', (code) => {
        if (!this.#ended) reject(new HelperEnded(`the listening process ended with code ${code}: ${this.#stderr.trim()}`))
      })
    })
    this.broken = broken
    broken.catch(() => {})
    this.#live = new Promise((resolve) => (this.#isLive = resolve))
    const lines = listens.map((l, i) => `TAP ${i} ${netnsFile(l.ns)} ${l.device ?? '-'}`)
    this.#child.stdin.write([...lines, 'LIVE', ''].join('\n'))
  }

  /** Rejects when the process ends before it is told to. */
  readonly broken: Promise<never>

  live(): Promise<void> {
    return Promise.race([this.#live, this.broken])
  }

  /** No more frames until {@link resume}: then the kernel keeps them, and counts what it has no room for. */
  pause(): void {
    if (!this.#ended) this.#child.stdout.pause()
  }
  resume(): void {
    this.#child.stdout.resume()
  }

  /** Lets go of a namespace that was deleted: it lives on as long as a socket is open in it. */
  drop(index: number): void {
    this.#child.stdin.write(`DROP ${index}\n`)
  }

  /** Hands over what was captured so far and ends. @returns losses of each listener, in their order; none of those that never captured */
  async end(): Promise<readonly (Losses | undefined)[]> {
    this.#ended = true
    this.resume()
    this.#child.stdin.end('END\n')
    let timer: NodeJS.Timeout | undefined
    await Promise.race([this.#closed, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)))])
    clearTimeout(timer)
    this.#child.kill('SIGKILL')
    this.#child.unref()
    return this.#listens.map((_, i) => this.#losses[i])
  }

  #read(chunk: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    while (at + HEAD <= all.length) {
      const end = at + HEAD + all.readUInt32BE(at + 1)
      if (end > all.length) break
      this.#record(String.fromCharCode(all[at]!), all.subarray(at + HEAD, end))
      at = end
    }
    this.#rest = all.subarray(at)
  }

  #record(letter: string, b: Buffer): void {
    if (letter === 'L') return this.#isLive()
    const number = b.readUInt16BE(0)
    const listen = this.#listens[number]!
    if (letter === 'X') this.#events.onTrouble(whereOf(listen), b.toString('utf8', 2))
    else if (letter === 'S') this.#losses[number] = { received: b.readUInt32BE(2), lost: b.readUInt32BE(6) }
    else if (letter === 'D') this.#devices.set(`${number} ${b.readUInt32BE(2)}`, b.toString('utf8', 6))
    else {
      const ifindex = b.readUInt32BE(2)
      this.#events.onFrame({
        node: listen.node,
        ns: listen.ns,
        device: this.#devices.get(`${number} ${ifindex}`) ?? `if${ifindex}`,
        ifindex,
        at: BigInt(b.readUInt32BE(9)) * 1_000_000_000n + BigInt(b.readUInt32BE(13)),
        direction: b[6] === PACKET_OUTGOING ? 'out' : 'in',
        hardware: b.readUInt16BE(7),
        // A copy: what came with it shares its memory otherwise, and may be large.
        bytes: Buffer.from(b.subarray(FRAME_HEAD)),
      })
    }
  }
}
