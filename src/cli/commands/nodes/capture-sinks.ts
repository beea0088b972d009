/** Where captured packets go: to the terminal as lines, to a file or a pipe as pcapng, or to Wireshark. */
import { tunnelPorts } from '../../../backends/index.ts'
// Not execa: Wireshark outlives netlab.
import { spawn } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { whereOf, type Frame } from '../../../capture/tap.ts'
import { findTool } from '../../../kernel/features/probe.ts'
import { captureLine } from '../../../report/formats/capture-line.ts'
import { PcapngStream } from '../../../report/formats/pcapng-stream.ts'
import { chalkFor, writeExact, writeOut, written } from '../../../report/formats/terminal.ts'
import type { Applied } from '../../../state/store.ts'
import { decode } from '../../../packet/decode.ts'
import type { Listens } from './capture-words.ts'
import { Exit, failure, type Failure } from '../../failure.ts'
import { inside, MACHINE } from '../../../netns/inside.ts'

export interface SinkOptions {
  readonly write?: string
  readonly wireshark?: true
  readonly ether?: true
}

export interface Sink {
  /** Takes frames; resolves when it can take more. */
  write(frames: readonly Frame[]): Promise<void>
  /** Resolves when nothing waits for a reader any more. @param lostIn frames lost, by namespace */
  end(lostIn: ReadonlyMap<string, number>): Promise<void>
}

/** Nanoseconds since 1970, as frames are stamped. */
export const clockNow = (): bigint => BigInt(Date.now()) * 1_000_000n

/** @param gone called when the reader is gone @throws Failure when it cannot be opened */
export async function sinkFor(applied: Applied, { listens, widest }: Listens, options: SinkOptions, gone: () => void): Promise<Sink> {
  const comment = `netlab capture in lab ${applied.lab.name}: ${listens.map(whereOf).join(', ')}`
  if (options.wireshark) return wireshark(comment, gone)
  if (options.write === '-') return pipe(comment)
  if (options.write !== undefined) return file(options.write, comment)
  return terminal(applied, widest, options.ether === true)
}

function terminal(applied: Applied, widest: number, ether: boolean): Sink {
  const chalk = chalkFor(process.stdout)
  const options = { ports: tunnelPorts(applied.lab) }
  let where = widest
  return {
    write: (frames) => {
      const lines = frames.map((f) => {
        where = Math.max(where, f.node.length + 1 + f.device.length)
        const layers = decode(f.bytes, f.hardware, options)
        return `${captureLine({ ...f, layers, length: f.bytes.length }, { chalk, ether, where })}\n`
      })
      return lines.length > 0 ? writeOut([lines.join('')]) : Promise.resolve()
    },
    end: written,
  }
}

/** Frames as blocks, given to something that takes bytes. */
function pcapng(comment: string, put: (bytes: Buffer) => Promise<void>, close: () => Promise<void>): Sink {
  const stream = new PcapngStream()
  let first: Buffer | undefined = stream.start(comment)
  // Readers want to see at once that something is coming.
  const begin = (): Buffer[] => {
    const bytes = first === undefined ? [] : [first]
    first = undefined
    return bytes
  }
  return {
    write: async (frames) => {
      const blocks = [...begin(), ...frames.map((f) => stream.packet(f))]
      if (blocks.length > 0) await put(Buffer.concat(blocks))
    },
    end: async (lostIn) => {
      await put(Buffer.concat([...begin(), stream.end(lostIn)]))
      await close()
    },
  }
}

function file(path: string, comment: string): Sink {
  const cannot = (exit: Exit, error: unknown): Failure => failure(exit, 'cannot-write', `cannot write ${path}: ${(error as Error).message}`)
  let fd: number
  try {
    fd = openSync(path, 'w')
  } catch (error) {
    throw cannot(Exit.Usage, error)
  }
  const put = async (bytes: Buffer): Promise<void> => {
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    } catch (error) {
      // A full disk is no bug of ours, and what was written so far can be read.
      throw cannot(Exit.Machine, error)
    }
  }
  return pcapng(comment, put, async () => closeSync(fd))
}

function pipe(comment: string): Sink {
  if (process.stdout.isTTY)
    throw failure(
      Exit.Usage,
      'terminal',
      '--write - puts a pcapng file on standard output, and that is a terminal',
      'netlab capture NODE --write - | tshark -r -',
    )
  return pcapng(comment, (bytes) => writeExact([bytes]), written)
}

function wireshark(comment: string, gone: () => void): Sink {
  if (!findTool('wireshark'))
    throw failure(
      Exit.Machine,
      'tool-missing',
      'the program wireshark is not installed',
      'sudo apt-get install wireshark, or --write FILE and open it elsewhere.',
    )
  if (!process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY'])
    throw failure(
      Exit.Machine,
      'no-display',
      'Wireshark needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set',
      '--write FILE, or from a machine with a display: ssh … netlab capture NODE --write - | wireshark -k -i -',
    )
  // In a process group of its own: Ctrl-C ends the capture, and what was captured stays to be looked at.
  // It needs the machine's namespace for its window, and outlives this process.
  const child = inside(MACHINE, () => spawn('wireshark', ['-k', '-i', '-'], { stdio: ['pipe', 'ignore', 'ignore'], detached: true }))
  let closed = false
  const left = (): void => {
    closed = true
    gone()
  }
  child.on('error', left).on('exit', left)
  child.stdin.on('error', left)
  return pcapng(
    comment,
    async (bytes) => {
      if (closed || child.stdin.destroyed || child.stdin.write(bytes)) return
      await new Promise<void>((resolve) => {
        const go = (): void => {
          child.stdin.off('drain', go).off('close', go)
          resolve()
        }
        child.stdin.on('drain', go).on('close', go)
      })
    },
    async () => {
      child.unref()
      if (closed || child.stdin.destroyed) return
      await new Promise<void>((resolve) => child.stdin.once('close', resolve).end(resolve))
    },
  )
}
