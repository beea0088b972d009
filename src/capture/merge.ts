/**
 * Frames of several listeners in the order of their time. Each listener captures in order, but one may be read later than
 * another: a frame waits until whatever was before it must have been read.
 */
import type { Frame } from './tap.ts'

/** Nanoseconds a frame waits for older ones. */
const WINDOW = 100_000_000n

export class Merge {
  #waiting: Frame[] = []
  #isSorted = true
  #bytes = 0
  readonly #emit: (frame: Frame) => void

  constructor(emit: (frame: Frame) => void) {
    this.#emit = emit
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Of all frames that wait: what several were joined to (GSO) is as long as forty on a wire. */
  get bytes(): number {
    return this.#bytes
  }

  push(frame: Frame): void {
    this.#bytes += frame.bytes.length
    const last = this.#waiting.at(-1)
    if (last && last.at > frame.at) this.#isSorted = false
    this.#waiting.push(frame)
  }

  /** Emits what is old enough. @param now nanoseconds, CLOCK_REALTIME; absent: everything */
  flush(now?: bigint): void {
    // Stable: of two frames of one instant the one captured first comes first.
    if (!this.#isSorted) this.#waiting.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))
    this.#isSorted = true
    const until = now === undefined ? undefined : now - WINDOW
    const ripe = until === undefined ? this.#waiting.length : this.#waiting.findIndex((f) => f.at > until)
    const out = ripe < 0 ? this.#waiting.splice(0) : this.#waiting.splice(0, ripe)
    for (const frame of out) {
      this.#bytes -= frame.bytes.length
      this.#emit(frame)
    }
  }
}
