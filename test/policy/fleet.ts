/** One asking process a node, kept for as long as the lab runs: a matrix costs processes a node, never a pair. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../support/root.ts'
import { inside } from '../support/run.ts'

const MATRIX = join(root, 'test/policy/matrix.pl')
const RESPONDER = join(root, 'src/process/responder.pl')

export interface Question {
  readonly from: string
  readonly kind: 'tcp' | 'udp' | 'icmp' | 'sctp'
  readonly address: string
  readonly port: number
}

export interface Answer {
  /** `ok`, `refused`, `timeout`, or the kernel's words. */
  readonly outcome: string
  readonly text: string
}

interface Asker {
  readonly child: ChildProcess
  pending?: { readonly answers: Answer[]; readonly done: () => void }
}

export class Fleet {
  readonly #ns: (node: string) => string
  readonly #askers = new Map<string, Asker>()
  readonly #servers: ChildProcess[] = []

  constructor(ns: (node: string) => string) {
    this.#ns = ns
  }

  #asker(node: string): Asker {
    const known = this.#askers.get(node)
    if (known) return known
    const argv = inside(this.#ns(node), ['perl', MATRIX])
    const child = spawn(argv[0]!, argv.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
    const asker: Asker = { child }
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line === 'done') return asker.pending?.done()
      const [id, outcome, text] = line.split('\t')
      if (asker.pending) asker.pending.answers[Number(id)] = { outcome: outcome!, text: text ?? '' }
    })
    this.#askers.set(node, asker)
    return asker
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
      [...byNode].map(
        ([node, indices]) =>
          new Promise<void>((resolve, reject) => {
            const asker = this.#asker(node)
            const lost = (): void => reject(new Error(`the asking process in ${node} ended`))
            asker.child.once('exit', lost)
            const done = (): void => {
              asker.child.off('exit', lost)
              indices.forEach((i, n) => (answers[i] = asker.pending!.answers[n]!))
              delete asker.pending
              resolve()
            }
            asker.pending = { answers: [], done }
            const lines = indices.map((i, n) => [n, questions[i]!.kind, questions[i]!.address, questions[i]!.port].join('\t'))
            asker.child.stdin!.write(`${lines.join('\n')}\ngo ${patience}\n`)
          }),
      ),
    )
    return answers
  }

  async close(): Promise<void> {
    const all = [...[...this.#askers.values()].map((a) => a.child), ...this.#servers].filter(
      (c) => c.exitCode === null && c.signalCode === null,
    )
    await Promise.all(all.map((child) => new Promise((resolve) => (child.once('exit', resolve), child.kill('SIGKILL')))))
  }
}
