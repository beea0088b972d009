import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { modules } from '../../../src/cli/topology-file.ts'
import { compile, refusals, type Compiled } from '../../../src/compile/compile.ts'
import { diff } from '../../../src/kernel/diff.ts'
import { render } from '../../../src/kernel/render.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import type { Outcome } from '../../../src/topology/diagnostics.ts'
import { loadTopology, readTopology } from '../../../src/topology/load.ts'
import type { LoadedTopology } from '../../../src/topology/loaded.ts'
import { documentOf, documents, links, ROOT, topologies } from './documents.ts'

const compiled = (text: string, file: string): Compiled => compileLoaded(loadTopology(text, file, modules))

/** As the commands do: with the manifests it names. */
const compiledFile = async (file: string): Promise<Compiled> => compileLoaded(await readTopology(join(ROOT, file), modules))

function compileLoaded(loaded: Outcome<LoadedTopology>): Compiled {
  expect(loaded.diagnostics).toEqual([])
  const lab = resolve(loaded.value!)
  expect(lab.diagnostics).toEqual([])
  expect(refusals(lab.value!)).toEqual([])
  return compile(lab.value!)
}

describe.each(topologies)('topologies/%s', (name) => {
  const file = join(ROOT, 'topologies', name)
  const text = readFileSync(file, 'utf8')

  it('compiles without a complaint, under its own name', async () => {
    expect((await compiledFile(join('topologies', name))).lab.name).toBe(name.replace('.yaml', ''))
  })

  it('teaches: names its schema, says what it is about and what to try, and promises something', () => {
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../topology.schema.json')
    expect(text).toContain('What it teaches: ')
    expect(text).toMatch(/^# Try:/m)
    expect((parse(text) as { expect?: unknown[] }).expect?.length).toBeGreaterThan(0)
  })

  it('is listed in README', () => {
    expect(links(documentOf('README.md')!).map((l) => l.target)).toContain(`topologies/${name}`)
  })
})

const fences = documents.flatMap((d) => d.fences.map((f) => ({ ...f, title: `${d.path}:${f.at}` })))

it.each(fences.filter((f) => f.language === 'yaml' && !f.title.startsWith('docs/topology.md')))(
  'the YAML at $title compiles',
  ({ lines, title }) => {
    const text = lines.join('\n')
    const shown = parse(text) as Record<string, unknown>
    // An excerpt is completed to a lab; a whole one is taken as it stands.
    const rest = { hosts: { a: {} }, pods: {}, ...shown }
    const podsHaveHosts = JSON.stringify(rest.pods).match(/"host":"([\w-]+)"/g) ?? []
    const hosts =
      'hosts' in shown ? shown['hosts'] : Object.fromEntries(['a', ...podsHaveHosts.map((m) => m.slice(8, -1))].map((h) => [h, {}]))
    compiled('hosts' in shown && 'pods' in shown ? text : stringify({ ...rest, hosts }), `${title.replace(/\W/g, '-')}.yaml`)
  },
)

it.each(fences.filter((f) => f.info.startsWith('plan ')))('the excerpt of a plan at $title is in the plan', async ({ lines, info }) => {
  const file = info.slice('plan '.length)
  const { objects } = await compiledFile(file)
  const files = objects.flatMap((o) => (o.kind === 'daemon' ? o.files : []))
  const plan = new Set([
    ...render(diff([], objects)).flatMap((batch) => batch.lines.map((line) => line.text)),
    ...files.flatMap((each) => each.content.split('\n')),
  ])
  expect(lines.filter((line) => line !== '' && !plan.has(line))).toEqual([])
})
