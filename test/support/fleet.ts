/** One prober a node, kept for as long as the lab runs: a matrix costs processes a node, never a pair. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { end, Prober, type Answer } from './probe.ts'
import { root } from './root.ts'
import { inside } from './run.ts'

const RESPONDER = join(root, 'src/process/responder.pl')

export interface Question {
  readonly from: string
  readonly kind: 'tcp' | 'udp' | 'icmp' | 'sctp'
  readonly address: string
  readonly port: number
}

export class Fleet {
  readonly #ns: (node: string) => string
  readonly #probers = new Map<string, Prober>()
  readonly #servers: ChildProcess[] = []

  constructor(ns: (node: string) => string) {
    this.#ns = ns
  }

  #prober(node: string): Prober {
    const prober = this.#probers.get(node) ?? new Prober(this.#ns(node))
    this.#probers.set(node, prober)
    return prober
  }

  /** Answers `<node> <peer>` on ports of a node that has no containers. */
  serve(node: string, ports: readonly string[]): void {
    const argv = inside(this.#ns(node), ['perl', RESPONDER, node, ...ports])
    this.#servers.push(spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] }))
  }

  /** Asks everything at once; answers in the order of the questions. */
  async ask(questions: readonly Question[], patience: number): Promise<Answer[]> {
    const byNode = new Map<string, number[]>()
    questions.forEach((q, i) => byNode.set(q.from, [...(byNode.get(q.from) ?? []), i]))
    const answers: Answer[] = []
    await Promise.all(
      [...byNode].map(async ([node, indices]) => {
        const own = indices.map((i) => ({ kind: questions[i]!.kind, to: questions[i]!.address, port: questions[i]!.port }))
        const heard = await this.#prober(node).ask(own, patience)
        indices.forEach((i, n) => (answers[i] = heard[n]!))
      }),
    )
    return answers
  }

  /** Ends all probers and servers. */
  async close(): Promise<void> {
    await Promise.all([...[...this.#probers.values()].map((p) => p.close()), ...this.#servers.map(end)])
  }
}
