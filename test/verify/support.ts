/** What `netlab test` says about a lab, healthy and damaged. */
import assert from 'node:assert/strict'
import type { Damage } from '../support/damages.ts'
import type { Lab } from '../support/lab.ts'
import { inside, netlab, output, told } from '../support/run.ts'

export interface CheckDocument {
  readonly id: string
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped'
  readonly from?: string
  readonly to?: string
  readonly port?: string
  readonly detail?: string
  readonly source?: string
  readonly reproduce?: readonly string[]
  readonly tested: number
  /** Ids of differences in {@link TestDocument.drift}. */
  readonly followsFrom?: string
  readonly mayFollowFrom?: readonly string[]
}

export interface TestDocument {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly checks: readonly CheckDocument[]
  readonly untested: readonly string[]
  /** Read when a check failed. */
  readonly drift?: readonly {
    readonly id: string
    readonly state: string
    readonly object: string
    readonly node?: string
    readonly source?: string
  }[]
  /** With `--matrix`. */
  readonly matrix?: { readonly sheets: readonly { readonly titles: readonly string[]; readonly squares: readonly (readonly string[])[] }[] }
}

/** Runs a test; its exit code must fit what it says. */
export async function tested(lab: Lab, ...args: string[]): Promise<TestDocument> {
  const result = await netlab(['test', lab.name, '--json', ...args])
  assert.ok(result.code === 0 || result.code === 1, told(result))
  const document = JSON.parse(result.stdout) as TestDocument
  assert.equal(result.code, document.failed > 0 ? 1 : 0)
  return document
}

/** `id from → to port`, of what failed; sorted. */
export const broken = ({ checks }: TestDocument): string[] =>
  checks
    .filter((c) => c.status === 'failed')
    .map((c) => `${c.id} ${c.from ?? ''} → ${c.to ?? ''} ${c.port ?? ''}`)
    .toSorted()

export function the({ checks }: TestDocument, id: string, from?: string): CheckDocument {
  const found = checks.find((c) => c.id === id && (from === undefined || c.from === from))
  assert.ok(found, `no check ${id} among ${checks.map((c) => `${c.id} (${c.detail})`).join('\n')}`)
  return found
}

/** Damages a node, and mends it when the work is done, however that ends. */
export async function damaged(lab: Lab, node: string, { breaks, mends }: Damage, work: () => Promise<void>): Promise<void> {
  const at = (text: string): Promise<string> => output(inside(lab.ns(node), ['sh', '-ec', text]))
  await at(breaks)
  try {
    await work()
  } finally {
    await at(mends)
  }
}

/** A rule that netlab did not write, in a table, in front of those of the lab. */
export const foreignRule = (rule: string, table = 'filter'): Damage => ({
  breaks: `iptables -t ${table} -I ${rule}`,
  mends: `iptables -t ${table} -D ${rule}`,
})
