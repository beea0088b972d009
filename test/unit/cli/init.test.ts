import { mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { modules } from '../../../src/cli/topology-file.ts'
import { Failure } from '../../../src/cli/failure.ts'
import { init, nameFor, POD_B, starter } from '../../../src/cli/commands/topology/init-run.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { LABEL } from '../../../src/topology/schema/rules.ts'
import { loadTopology } from '../../../src/topology/load.ts'

let dir: string
let printed: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'netlab-init-'))
  printed = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed += String(chunk)
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(dir, { recursive: true })
})

const refused = async (file: string, options = {}): Promise<[number, string]> => {
  const error = await init(file, options).then(
    () => undefined,
    (e: unknown) => e,
  )
  if (!(error instanceof Failure)) throw new Error(`not refused: ${String(error)}`)
  return [error.exit, error.diagnostics[0]!.code]
}

describe('the starter', () => {
  test('is a valid lab without remarks, and pod-b is where the next step looks for it', () => {
    const loaded = loadTopology(starter('my-lab', true), 'x.yaml', modules)
    expect(loaded.diagnostics).toEqual([])
    const resolved = resolve(loaded.value!)
    expect(resolved.diagnostics).toEqual([])
    expect(resolved.value!.name).toBe('my-lab')
    expect(resolved.value!.pods.find((p) => p.name === 'pod-b')!.addresses[0]!.ip).toBe(POD_B)
  })

  test('is the lab that `hosts` and `pods` alone would be: it shows defaults, it does not change them', () => {
    const bare = 'name: x\nhosts: { node-1: {}, node-2: {} }\npods: { pod-a: { host: node-1 }, pod-b: { host: node-2 } }'
    expect(loadTopology(starter('x', false), 'x.yaml', modules).value!.topology).toEqual(
      loadTopology(bare, 'x.yaml', modules).value!.topology,
    )
  })

  test('has a name whatever the file is called', () => {
    const words = fc.oneof(
      fc.string(),
      fc.constantFrom('7', '1e3', '0x1f', 'true', 'null', 'No', '1_000', '0b1', '2026-01-01', '---', 'a'.repeat(62) + '--b'),
    )
    fc.assert(
      fc.property(words, (word) => {
        const name = nameFor(`/tmp/${word.replaceAll('/', '')}.yaml`)
        expect(name).toMatch(LABEL)
        expect(loadTopology(starter(name, false), 'x.yaml', modules).value?.topology.name).toBe(name)
      }),
    )
  })
})

test.each([
  ['lab.yaml', 'lab'],
  ['dir/My Lab_2.YML', 'my-lab-2'],
  ['--.yaml', 'lab'],
  ['two.racks.yaml', 'two-racks'],
])('%s becomes lab %s', (file, name) => expect(nameFor(file)).toBe(name))

test('writes the file and says what to do with it', async () => {
  const file = join(dir, 'my lab.yaml')
  await init(file, {})
  expect(readFileSync(file, 'utf8')).toBe(starter('my-lab', false))
  expect(readFileSync(file, 'utf8')).not.toContain('$schema')
  expect(printed).toContain(`netlab up '${file}'`)
  expect(printed).toContain(`netlab schema > ${join(dir, 'topology.schema.json')} `)
})

test('points editors to a schema only where there is one', async () => {
  writeFileSync(join(dir, 'topology.schema.json'), '{}')
  await init(join(dir, 'lab.yaml'), {})
  expect(readFileSync(join(dir, 'lab.yaml'), 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.\/topology\.schema\.json\n/)
  expect(printed).not.toContain('netlab schema')
})

test('never overwrites unasked', async () => {
  const file = join(dir, 'lab.yaml')
  writeFileSync(file, 'mine')
  expect(await refused(file)).toEqual([2, 'file-exists'])
  expect(readFileSync(file, 'utf8')).toBe('mine')
  await init(file, { force: true })
  expect(readFileSync(file, 'utf8')).toContain('pod-b')
})

test('makes no directory and replaces none', async () => {
  expect(await refused(join(dir, 'new', 'lab.yaml'))).toEqual([2, 'no-directory'])
  expect(() => statSync(join(dir, 'new'))).toThrow()
  writeFileSync(join(dir, 'file'), '')
  expect(await refused(join(dir, 'file', 'lab.yaml'))).toEqual([2, 'no-directory'])
  expect(await refused(join(dir, `${'x'.repeat(300)}.yaml`))).toEqual([2, 'file-unwritable'])
  mkdirSync(join(dir, 'there'))
  for (const options of [{}, { force: true }]) expect(await refused(join(dir, 'there'), options)).toEqual([2, 'is-directory'])
})
