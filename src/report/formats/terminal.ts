/** What goes to people: colours only on a terminal, progress only when something takes a while. */
import { StringDecoder } from 'node:string_decoder'
import { Chalk, type ChalkInstance } from 'chalk'
import { outward, outwardJson } from './visible.ts'

/** NO_COLOR (no-color.org) and FORCE_COLOR as everywhere; otherwise colours only on a terminal. */
export function colorLevel(stream: { readonly isTTY?: boolean }, env = process.env): 0 | 1 {
  if (env['NO_COLOR']) return 0
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] === '0' ? 0 : 1
  return stream.isTTY && env['TERM'] !== 'dumb' ? 1 : 0
}

export const chalkFor = (stream: { readonly isTTY?: boolean }): ChalkInstance => new Chalk({ level: colorLevel(stream) })

/** Colour of a node by what it is, the same in every table, graph and trace. */
export function paint(chalk: ChalkInstance): Readonly<Record<'host' | 'pod' | 'switch' | 'router' | 'external', (text: string) => string>> {
  return { host: chalk.cyan, pod: chalk.green, switch: chalk.blue, router: chalk.magenta, external: chalk.yellow }
}

/** Milliseconds after which waiting wants explaining. */
const PATIENCE = 400

/**
 * One line on standard error that says what is going on, drawn only if it takes longer than people wait
 * without asking, and wiped when done. Off a terminal: one line a phase, after the same patience.
 */
export class Progress {
  readonly #started = Date.now()
  readonly #stream: NodeJS.WriteStream
  #phase = ''
  #drawn = false
  #last = 0

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream
  }

  phase(text: string): void {
    this.#phase = text
    this.#last = 0
    this.share(undefined)
  }

  share(share: number | undefined): void {
    const now = Date.now()
    if (now - this.#started < PATIENCE) return
    if (!this.#stream.isTTY) {
      if (this.#last === 0) this.#stream.write(`${outward(this.#phase)} …\n`)
      this.#last = now
      return
    }
    if (now - this.#last < 60) return
    this.#last = now
    const percent = share === undefined ? '' : ` ${Math.round(share * 100)} %`
    this.#stream.write(`\r\u001b[K${outward(this.#phase)} …${percent}`)
    this.#drawn = true
  }

  /** Wipes the line. */
  end(): void {
    if (this.#drawn) this.#stream.write('\r\u001b[K')
    this.#drawn = false
  }
}

/** Writes a text for people: whatever data is in it acts on no terminal. */
export async function writeOut(chunks: Iterable<string>, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  for (const chunk of chunks) await writeExact([outward(chunk)], stream)
}

/** Writes a text for people on standard error, at once, as whole lines: whatever data is in it acts on no terminal. */
export function say(text: string): void {
  process.stderr.write(outward(text.endsWith('\n') ? text : `${text}\n`))
}

/** Gives a CI runner commands, on standard error. They must act, so what is data in them has been escaped by their maker. */
export function command(lines: string): void {
  process.stderr.write(lines)
}

/** Writes everything as it is, or ends quietly when the reader has gone (`netlab plan | head`): scripts, bytes, and what is safe already. */
export async function writeExact(chunks: Iterable<string | Uint8Array>, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  for (const chunk of chunks) {
    if (!stream.write(chunk)) await new Promise((resolve) => stream.once('drain', resolve))
  }
}

/**
 * Writes what a program of the lab printed as a text that acts on no terminal and no CI runner: {@link outward}. It comes in pieces, and leaves
 * in whole lines where half a line could hide a command from {@link outward}.
 */
export async function writeLog(pieces: AsyncIterable<Uint8Array>, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  const decoder = new StringDecoder()
  let rest = ''
  for await (const piece of pieces) {
    const text = rest + decoder.write(Buffer.from(piece))
    // People at a terminal want to see a prompt; a runner reads lines.
    const end = stream.isTTY ? text.length - (text.endsWith('\r') ? 1 : 0) : text.lastIndexOf('\n') + 1
    rest = text.slice(end)
    await writeOut([text.slice(0, end).replaceAll('\r\n', '\n')], stream)
  }
  await writeOut([rest + decoder.end()], stream)
}

/** Resolves when standard output has taken all that was written to it. */
export const written = (): Promise<void> => new Promise((resolve) => process.stdout.write('', () => resolve()))

/** One JSON document on standard output. */
export const writeJson = (value: unknown): Promise<void> => writeExact([outwardJson(`${JSON.stringify(value, null, 2)}\n`)])
