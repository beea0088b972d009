/** Captures on a device of a namespace. */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeFile, type Frame } from './pcap.ts'
import { inside, output } from './run.ts'

/** Enough for every header in question; payloads are of no interest. */
const BYTES = 200

export class Capture {
  readonly #ns: string
  readonly #file: string
  readonly #child: ChildProcess

  private constructor(ns: string, file: string, child: ChildProcess) {
    this.#ns = ns
    this.#file = file
    this.#child = child
  }

  /** Resolves when packets are being recorded. */
  static async start(ns: string, dev: string, file: string): Promise<Capture> {
    const argv = inside(ns, ['tcpdump', '-i', dev, '-n', '-s', String(BYTES), '-U', '--immediate-mode', '-Z', 'root', '-w', file])
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes('listening on')) resolve()
      })
      child.on('error', reject)
      child.on('close', () => reject(new Error(`tcpdump ended: ${said}`)))
    })
    return new Capture(ns, file, child)
  }

  /**
   * Ends the capture and returns its frames: all that passed before this call, because a last datagram with a
   * mark is sent to `neighbour` and waited for. (It is among the frames.)
   */
  async stop(neighbour: string): Promise<Frame[]> {
    const mark = `end-of-capture-${process.hrtime.bigint()}`
    const send = 'use IO::Socket::IP; IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 9, Proto => "udp")->send($ARGV[1])'
    await output(inside(this.#ns, ['perl', '-e', send, neighbour, mark]))
    for (let tries = 0; !endsWith(this.#file, mark); tries++) {
      if (tries > 1000) throw new Error(`the mark never came by ${this.#file}`)
      await sleep(10)
    }
    await this.kill()
    return decodeFile(this.#file)
  }

  /** Ends it, whatever it has. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGINT')
    await closed
  }
}

function endsWith(file: string, mark: string): boolean {
  const size = statSync(file).size
  const tail = Buffer.alloc(Math.min(size, 4096))
  const fd = openSync(file, 'r')
  readSync(fd, tail, 0, tail.length, size - tail.length)
  closeSync(fd)
  return tail.includes(mark)
}
