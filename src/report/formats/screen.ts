/** Something that is shown again and again: in place on a terminal, as one block a change anywhere else. */
import { writeExact, writeOut } from './terminal.ts'
import { outward } from './visible.ts'
import { plural } from '../../plural.ts'

const ESC = '\u001b['
/** Alternate screen, no cursor, no wrapped lines (xterm's private modes 1049, 25 and 7). */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l`
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`

export class Screen {
  readonly #stream: NodeJS.WriteStream
  readonly #inPlace: boolean
  #last: string | undefined
  #entered = false

  constructor(stream: NodeJS.WriteStream = process.stdout, env = process.env) {
    this.#stream = stream
    this.#inPlace = stream.isTTY && env['TERM'] !== 'dumb'
  }

  /**
   * Shows a block.
   * @param title what changes although nothing happened, such as the time: shown above, and no reason to print it again
   */
  async show(title: string, block: string): Promise<void> {
    const before = this.#last
    this.#last = block
    if (!this.#inPlace) return before === block ? undefined : writeOut([`${title}\n${block}\n`], this.#stream)
    const rows = this.#stream.rows || 24
    const lines = outward(`${title}\n\n${block.trimEnd()}`).split('\n')
    const shown = lines.length > rows ? [...lines.slice(0, rows - 1), `… and ${plural(lines.length - rows + 1, 'more line')}`] : lines
    const enter = this.#entered ? '' : ENTER
    this.#entered = true
    return writeExact([`${enter}${ESC}H${shown.map((l) => `${l}${ESC}K`).join('\r\n')}${ESC}J`], this.#stream)
  }

  /** Gives the terminal back as it was, with the last block on it. */
  async leave(): Promise<void> {
    if (!this.#entered) return
    this.#entered = false
    await writeExact([LEAVE, outward(this.#last ?? '')], this.#stream)
  }
}
