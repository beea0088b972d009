/** The GitHub Action: what is in action.yml, and that its shell steps are shell. test/e2e runs them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { program } from '../../../src/cli.ts'
import { ROOT } from '../docs/documents.ts'

interface Step {
  readonly name: string
  readonly id?: string
  readonly if?: string
  readonly uses?: string
  readonly shell?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
  readonly with?: Readonly<Record<string, string | number>>
}

const document = parseDocument(readFileSync(join(ROOT, 'action.yml'), 'utf8'))
const action = document.toJS() as {
  readonly name: string
  readonly description: string
  readonly inputs: Readonly<Record<string, { description: string; default: string }>>
  readonly outputs: Readonly<Record<string, { description: string; value: string }>>
  readonly runs: { readonly using: string; readonly steps: readonly Step[] }
}
const { steps } = action.runs
const shell = steps.filter((s) => s.run !== undefined)

describe('action.yml', () => {
  test('is a composite action', () => {
    expect([...document.errors, ...document.warnings]).toEqual([])
    expect(action.runs.using).toBe('composite')
    expect(Object.keys(action)).toEqual(expect.arrayContaining(['name', 'description', 'inputs', 'outputs', 'runs']))
    // Composite actions refuse a step that runs something without saying in which shell.
    expect(shell.filter((s) => s.shell !== 'sh')).toEqual([])
    expect(shell.length).toBeGreaterThan(2)
    expect(steps.filter((s) => (s.run === undefined) === (s.uses === undefined))).toEqual([])
  })

  test('every expression names what there is', () => {
    const named = [...document.toString().matchAll(/\b(inputs|steps|github)\.([\w-]+)(?:\.outputs\.([\w-]+))?/g)]
    expect(named.length).toBeGreaterThan(8)
    const outputsOf = (id: string): string[] =>
      [...(steps.find((s) => s.id === id)?.run ?? '').matchAll(/echo ["']([\w-]+)=/g)].map((m) => m[1]!)
    for (const [, kind, name, output] of named) {
      if (kind === 'inputs') expect(Object.keys(action.inputs)).toContain(name)
      else if (kind === 'steps') expect(outputsOf(name!)).toContain(output)
      else expect(['action_path']).toContain(name)
    }
  })

  test('no input becomes a part of a script: it would run as one', () => {
    expect(shell.filter((s) => s.run!.includes('${{'))).toEqual([])
  })

  test('every option it gives is one of netlab ci', () => {
    const options = program()
      .commands.find((c) => c.name() === 'ci')!
      .options.map((o) => o.long)
    const given = [...shell.find((s) => s.id === 'run')!.run!.matchAll(/(?<=\s)--[a-z-]+/g)].map((m) => m[0])
    expect(given).toEqual(['--junit', '--trace-failures'])
    for (const option of given) expect(options).toContain(option)
  })

  test.each(shell)('$name is a shell script', ({ run }) => {
    const { status, stderr } = spawnSync('sh', ['-n'], { input: run, encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    const lint = spawnSync('shellcheck', ['-s', 'sh', '-'], { input: run, encoding: 'utf8' })
    if (lint.error) console.warn('not linted: shellcheck is not installed (scripts/setup.sh test)')
    else expect(lint.stdout).toBe('')
  })
})
