/**
 * A lab of a test that compares the kernel with the model: brought up in this process, changed at will, and asked by one
 * prober a node.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileFile } from '../../src/cli/topology-file.ts'
import type { Lab } from '../../src/lab/lab.ts'
import type { Actor } from '../../src/lab/policy/verdict.ts'
import { NamespacePool } from '../../src/netns/namespace-pool.ts'
import { removeLab } from '../../src/state/down.ts'
import { bringUp } from '../../src/state/up.ts'
import { inVM } from './features.ts'
import { Fleet, type Question } from './fleet.ts'
import type { Answer } from './probe.ts'

/** Longest wait for an answer, milliseconds; what stays silent although it may pass is asked again with patience. */
const WAIT = inVM ? 3000 : 350
const PATIENT = inVM ? 20_000 : 2500

/** What a pod is called with its namespace, and any other node. */
export const keyOf = (actor: Actor): string => (actor.kind === 'pod' ? actor.key : actor.name)

export class ModelLab {
  readonly #dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  readonly #pool = new NamespacePool()
  readonly #name: string
  readonly fleet = new Fleet((node) => this.ns(node))
  lab!: Lab

  constructor(name = `nlm-${randomBytes(3).toString('hex')}`) {
    this.#name = name
  }

  ns(node: string): string {
    return this.actor(node).netns
  }

  actor(name: string): Actor {
    const found = [...this.lab.pods, ...this.lab.hosts, ...this.lab.externals].find((a) => keyOf(a) === name)
    assert.ok(found, `the lab has no ${name}`)
    return found
  }

  /** Brings the lab to this topology, which needs no name; returns the outcome of `up`. */
  up(topology: object): Promise<string> {
    const file = join(this.#dir, 'lab.yaml')
    writeFileSync(file, JSON.stringify({ name: this.#name, ...topology }))
    return this.upFile(file)
  }

  /** Brings the lab to a topology's file, whose name must be its own. */
  async upFile(file: string): Promise<string> {
    const { compiled } = await compileFile(file)
    this.lab = compiled.lab
    const result = await bringUp(compiled, this.#pool)
    assert.ok(['created', 'changed', 'unchanged'].includes(result.outcome), JSON.stringify(result).slice(0, 2000))
    return result.outcome
  }

  /**
   * Asks all at once. What must be answered and was not is asked again, slowly: on a busy machine an answer may be late,
   * and a late answer is no denial.
   */
  async ask(questions: readonly Question[], passes: (index: number) => boolean): Promise<Answer[]> {
    const answers = await this.fleet.ask(questions, WAIT)
    const late = answers.flatMap((a, i) => (a.outcome === 'timeout' && passes(i) ? [i] : []))
    if (late.length === 0) return answers
    const again = await this.fleet.ask(
      late.map((i) => questions[i]!),
      PATIENT,
    )
    late.forEach((i, n) => (answers[i] = again[n]!))
    return answers
  }

  async close(): Promise<void> {
    await this.fleet.close()
    await removeLab(this.#name, this.#pool)
    this.#pool.close()
    rmSync(this.#dir, { recursive: true, force: true })
  }
}
