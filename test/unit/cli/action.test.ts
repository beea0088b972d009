/** The GitHub Action: what is in action.yml, and that its shell steps are shell. test/e2e runs them. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseDocument } from 'yaml'
import { program } from '../../../src/cli/program.ts'
import { documentOf, ROOT } from '../docs/documents.ts'

interface Step {
  readonly name: string
  readonly id?: string
  readonly if?: string
  readonly uses?: string
  readonly shell?: string
  readonly run?: string
  readonly env?: Readonly<Record<string, string>>
  readonly with?: Readonly<Record<string, string | number | boolean>>
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

interface Job {
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> }
  readonly steps: readonly Step[]
}

describe('docs/ci.md', () => {
  const page = documentOf('docs/ci.md')!
  const jobs = page.fences
    .filter((f) => f.language === 'yml')
    .map((f) => parse(f.lines.join('\n')) as { jobs?: Readonly<Record<string, Job>> })
    .flatMap((workflow) => Object.entries(workflow.jobs ?? {}))
  const usesOf = (job: Job): readonly Step[] => job.steps.filter((s) => s.uses?.startsWith('OWNER/netlab@'))
  const withAction = jobs.filter(([, job]) => usesOf(job).length > 0)

  test('has workflows: with the action, in a matrix, twice in a job, and without', () => {
    expect(jobs.map(([name, job]) => [name, usesOf(job).length, job.strategy !== undefined])).toEqual([
      ['netlab', 1, false],
      ['lab', 1, true],
      ['both', 2, false],
      ['netlab', 0, false],
    ])
  })

  test('names every input with its default, and every output', () => {
    const rows = page.prose.split('\n').flatMap((line) => {
      const cells = /^\| (`[^|]+) \| ([^|]*)\|/.exec(line)
      return cells ? [[cells[1]!, cells[2]!.trim()] as const] : []
    })
    for (const [name, { default: value }] of Object.entries(action.inputs))
      expect(rows).toContainEqual([`\`${name}\``, value === '' ? '' : `\`${value}\``])
    const named = rows.flatMap(([first]) => [...first.matchAll(/`([\w-]+)`/g)].map((m) => m[1]!))
    expect(named).toEqual(expect.arrayContaining(Object.keys(action.outputs)))
  })

  test.each(jobs)('%s checks the repository out before anything is read from it', (_, job) => {
    expect(job.steps[0]!.uses).toMatch(/^actions\/checkout@/)
  })

  test.each(withAction)('%s: gives inputs there are, and files of its own to each use', (_, job) => {
    const values = Object.entries(job.strategy?.matrix ?? {}).flatMap(([key, all]) => all.map((value) => ({ key, value })))
    const given = usesOf(job).flatMap((step) => {
      const inputs = Object.entries(step.with ?? {}).map(([name, value]) => [name, String(value)] as const)
      for (const [name] of inputs) expect(Object.keys(action.inputs)).toContain(name)
      const of = (fill: (text: string) => string): Record<string, string> => Object.fromEntries(inputs.map(([n, v]) => [n, fill(v)]))
      return values.length === 0 ? [of((v) => v)] : values.map(({ key, value }) => of((v) => v.replaceAll(`\${{ matrix.${key} }}`, value)))
    })
    for (const { files } of given) expect(existsSync(join(ROOT, files!))).toBe(true)
    const artifacts = given.map((g) => g['artifact'] ?? action.inputs['artifact']!.default)
    expect(new Set(artifacts).size).toBe(given.length)
    expect(artifacts.filter((a) => /[":<>|*?\\/${}]/.test(a))).toEqual([])
    // Jobs of a matrix have machines of their own, steps of a job have one.
    if (values.length > 0) return
    for (const name of ['junit', 'traces'])
      expect(new Set(given.map((g) => g[name] ?? action.inputs[name]!.default)).size).toBe(given.length)
  })

  test('what is uploaded is found in directories with a dot, and the token in .git is not', () => {
    const upload = steps.find((s) => s.uses?.startsWith('actions/upload-artifact@'))!.with!
    expect(upload['include-hidden-files']).toBe(true)
    const paths = String(upload['path']).trim().split('\n')
    expect(paths[0]).toBe('${{ inputs.junit }}')
    expect(paths.slice(1).map((p) => /format\('\{0\}\/\*(\.\w+)', inputs\.traces\)/.exec(p)?.[1])).toEqual(['.json', '.pcapng', '.html'])
  })
})
