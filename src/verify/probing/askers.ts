/** One listening and asking process a node (asker.pl), all of them children of one: what a lab is asked through. */
import { netnsFile } from '../../netns/paths.ts'
import { Helper } from '../../trace/collect/helper.ts'
import type { Answer, Listening, Question } from './question.ts'

/** A question and how long silence must last to be an answer, milliseconds. */
export interface Put {
  readonly question: Question
  readonly patience: number
  /** TCP: who accepts answers by itself; others may wait for the client to send something first. */
  readonly quiet?: boolean
}

/** Who has a port: a listener of the test, a container, or none is possible. */
export type Held = 'ours' | 'busy' | { readonly why: string }

interface Wave {
  readonly answers: Answer[]
  readonly waiting: Set<number>
  readonly done: () => void
  readonly answered: () => void
}

/** `netns protocol port`. */
export const portKey = (netns: string, protocol: string, port: number): string => `${netns} ${protocol} ${port}`

const DONE = (): void => {}

export class Askers {
  readonly #helper = new Helper(new URL('./asker.pl', import.meta.url), [String(process.pid)], (line) => this.#line(line))
  readonly #nodes = new Map<string, number>()
  /** Namespaces that could not be entered, and why. */
  readonly gone = new Map<string, string>()
  readonly #names: string[] = []
  readonly #held = new Map<string, Held>()
  readonly #listens: { readonly key: string; readonly node: number }[] = []
  /** Listeners that have not said what came of them. */
  readonly #unsaid = new Set<number>()
  #allSaid: () => void = DONE
  #wave: Wave | undefined
  #waves = 0
  #closed: Promise<unknown> | undefined
  /** Ends whatever is waited for when they are closed in the middle of it. */
  #stop: (error: Error) => void = DONE
  readonly #stopped = new Promise<never>((_, reject) => (this.#stop = reject))

  constructor() {
    this.#stopped.catch(DONE)
  }

  #untilClosed<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([this.#helper.orBroken(promise), this.#stopped])
  }

  get pid(): number {
    return this.#helper.pid
  }

  #node(netns: string): number {
    const known = this.#nodes.get(netns)
    if (known !== undefined) return known
    const number = this.#names.push(netns) - 1
    this.#nodes.set(netns, number)
    this.#helper.write(`NODE ${number} ${netnsFile(netns)}\n`)
    return number
  }

  #tell(node: number, lines: readonly string[]): void {
    // In pieces: one string of a whole mesh would be flattened and copied again and again.
    for (let at = 0; at < lines.length; at += 500) {
      const text = `${lines.slice(at, at + 500).join('\n')}\n`
      this.#helper.write(`TO ${node} ${Buffer.byteLength(text)}\n${text}`)
    }
  }

  /** Opens listeners, each port of a node once. Resolves when all listen, or are known not to. */
  async listen(list: readonly Listening[]): Promise<ReadonlyMap<string, Held>> {
    const wanted = new Map<number, string[]>()
    for (const { netns, name, ports } of list) {
      for (const { protocol, port, loopback } of ports) {
        const key = portKey(netns, protocol, port)
        if (this.#held.has(key)) continue
        // Until it has said what came of it.
        this.#held.set(key, { why: 'it does not answer' })
        const node = this.#node(netns)
        const id = this.#listens.push({ key, node }) - 1
        if (!this.gone.has(netns)) this.#unsaid.add(id)
        wanted.set(node, [...(wanted.get(node) ?? []), `LISTEN ${id} ${protocol} ${port} ${loopback ? 'loopback' : 'any'} ${name}`])
      }
    }
    if (this.#unsaid.size === 0) return this.#held
    const all = new Promise<void>((done) => (this.#allSaid = done))
    for (const [node, lines] of wanted) this.#tell(node, lines)
    await this.#untilClosed(all)
    return this.#held
  }

  /**
   * Asks everything at once; answers in the order of the questions.
   * @param onAnswer called with every answer, with how many there are by then
   */
  async ask(list: readonly Put[], onAnswer: (count: number) => void = DONE): Promise<Answer[]> {
    const byNode = new Map<number, string[]>()
    list.forEach(({ question: q, patience, quiet }, id) => {
      const node = this.#node(q.netns)
      const line = `ASK ${id} ${q.kind} ${q.address} ${q.port} ${q.size ?? 0} ${q.sourcePort ?? 0} ${patience} ${q.count ?? 1} ${quiet ? 0 : 1}`
      const lines = byNode.get(node)
      if (lines) lines.push(line)
      else byNode.set(node, [line])
    })
    if (byNode.size === 0) return []
    const number = ++this.#waves
    const waiting = new Set([...byNode.keys()].filter((n) => !this.gone.has(this.#names[n]!)))
    const answers: Answer[] = []
    let count = 0
    const all = new Promise<void>((done) => {
      this.#wave = { answers, waiting, done, answered: () => onAnswer(++count) }
      if (waiting.size === 0) done()
    })
    for (const node of waiting) this.#tell(node, byNode.get(node)!)
    for (const node of waiting) this.#tell(node, [`GO ${number}`])
    await this.#untilClosed(all)
    this.#wave = undefined
    return list.map(
      ({ question }, id) =>
        answers[id] ?? { outcome: 'error', text: this.gone.get(question.netns) ?? 'the process that asks is gone', ms: 0 },
    )
  }

  /**
   * Deletes the neighbours these nodes have learned since they were first asked. All namespaces of a machine share one
   * table with room for a thousand (`gc_thresh3`), and packets to who does not fit in are lost.
   */
  async forget(spaces: Iterable<string>): Promise<void> {
    const nodes = [...spaces].flatMap((netns) => (this.#nodes.has(netns) && !this.gone.has(netns) ? [this.#nodes.get(netns)!] : []))
    if (nodes.length === 0) return
    const all = new Promise<void>((done) => (this.#wave = { answers: [], waiting: new Set(nodes), done, answered: DONE }))
    const number = ++this.#waves
    for (const node of nodes) this.#tell(node, [`FORGET ${number}`])
    await this.#untilClosed(all)
    this.#wave = undefined
  }

  /** Ends all of them and waits until they are gone. */
  async close(): Promise<void> {
    this.#stop(new Error('the test was ended'))
    await (this.#closed ??= this.#helper.end())
  }

  #line(line: string): void {
    const [verb, node, ...fields] = line.split('\t')
    if (verb === 'A') this.#answer(fields)
    else if (verb === 'DONE') this.#done(Number(node))
    else if (verb === 'L') this.#heldBy(Number(fields[0]), fields[1]!)
    else if (verb === 'GONE') this.#lost(Number(node), fields[0]!)
  }

  #answer([id, outcome, ms, self, ttl, by, seen, text]: readonly string[]): void {
    if (!this.#wave) return
    this.#wave.answers[Number(id)] = {
      outcome: outcome as Answer['outcome'],
      ms: Number(ms),
      ...(self ? { self } : {}),
      ...(ttl ? { ttl: Number(ttl) } : {}),
      ...(by ? { by } : {}),
      ...(seen ? { seen } : {}),
      ...(text ? { text } : {}),
    }
    this.#wave.answered()
  }

  #done(node: number): void {
    if (this.#wave?.waiting.delete(node) && this.#wave.waiting.size === 0) this.#wave.done()
  }

  #heldBy(id: number, what: string): void {
    const listen = this.#listens[id]
    if (!listen) return
    this.#held.set(listen.key, what === 'ours' || what === 'busy' ? what : { why: what })
    // One that had said so and then died says so twice.
    if (this.#unsaid.delete(id) && this.#unsaid.size === 0) this.#allSaid()
  }

  #lost(node: number, why: string): void {
    // The first word says more: that it ended, too, is only the consequence.
    if (this.gone.has(this.#names[node]!)) return
    this.gone.set(this.#names[node]!, why)
    this.#listens.forEach((l, id) => {
      if (l.node === node) this.#heldBy(id, `its namespace cannot be entered: ${why}`)
    })
    this.#done(node)
  }
}
