/** Small numbers, unique within a scope, that stay with their owner across changes of the file. */
export class Numbers {
  readonly #kept = new Map<string, number>()
  readonly #used = new Set<number>()
  #next: number

  constructor(first: number) {
    this.#next = first
  }

  /** The owner had this number in the running lab. Ignored when another one has it already. */
  keep(owner: string, number: number): void {
    if (this.#used.has(number)) return
    this.#kept.set(owner, number)
    this.#used.add(number)
  }

  /** The owner's number: the kept one, or the lowest that is free. Call once per owner. */
  of(owner: string): number {
    const kept = this.#kept.get(owner)
    if (kept !== undefined) return kept
    while (this.#used.has(this.#next)) this.#next++
    this.#used.add(this.#next)
    return this.#next
  }
}
