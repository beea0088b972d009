/**
 * Every example keeps its promises: `netlab ci` on all of topologies/. What this kernel lacks is skipped with its
 * reason; scripts/test-vm.sh runs those on a kernel that has it.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isChosenFile } from '../support/features.ts'
import { ownMachine, unable } from '../support/machine.ts'
import { root } from '../support/root.ts'
import { netlab, told } from '../support/run.ts'

ownMachine()

interface CiDocument {
  readonly labs: readonly {
    readonly lab: string
    readonly file: string
    readonly status: 'passed' | 'failed' | 'skipped' | 'error'
    readonly diagnostics: readonly { readonly message: string }[]
    readonly test?: {
      readonly passed: number
      readonly checks: readonly { readonly status: string; readonly title: string; readonly detail?: string }[]
    }
  }[]
}

const dir = join(root, 'topologies')

const files = readdirSync(dir)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => join(dir, name))
  .filter(isChosenFile)

describe('netlab ci topologies', { skip: unable }, async () => {
  // Of a thousand pods not every pair, which would take minutes.
  const sampled = ['--sample', '1000']
  const result = unable ? undefined : await netlab(['ci', ...files, '--json', '--allow-skip', ...sampled], { patience: 900_000 })
  const labs = result?.stdout ? (JSON.parse(result.stdout) as CiDocument).labs : []

  test('reports every one, and nothing else went wrong', () => {
    assert.deepEqual(labs.map((l) => l.file).toSorted(), files.toSorted(), told(result!))
    if (labs.every((l) => l.status === 'passed' || l.status === 'skipped')) assert.equal(result!.code, 0, told(result!))
  })
  for (const { lab, status, diagnostics, test: tested } of labs)
    test(lab, (t) => {
      if (status === 'skipped') return t.skip(diagnostics[0]!.message)
      const broken = (tested?.checks ?? []).filter((c) => c.status === 'failed').slice(0, 20)
      assert.equal(status, 'passed', JSON.stringify({ diagnostics, broken }, null, 1))
      assert.ok(tested!.passed > 5, 'too few checks')
    })
})
