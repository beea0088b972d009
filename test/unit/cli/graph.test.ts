import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Failure } from '../../../src/cli/failure.ts'
import { graph } from '../../../src/cli/commands/topology/graph-run.ts'
import { SMALL } from '../report/labs.ts'

let dir: string
let out: string
let err: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'netlab-graph-'))
  out = ''
  err = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => ((out += String(chunk)), true))
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => ((err += String(chunk)), true))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(dir, { recursive: true })
})

const draw = (text: string, format: 'text' | 'mermaid' | 'dot' = 'text'): Promise<void> => {
  writeFileSync(join(dir, 'lab.yaml'), text)
  return graph(join(dir, 'lab.yaml'), { format })
}

test.each([
  ['text', /^Lab small: /],
  ['mermaid', /^flowchart LR\n/],
  ['dot', /^graph "small" \{\n/],
] as const)('draws a file as %s', async (format, beginning) => {
  await draw(SMALL, format)
  expect(out).toMatch(beginning)
  expect(err).toBe('')
})

test('draws what cannot work, and says so beside it', async () => {
  await draw(
    'name: x\nnetwork: { backend: direct }\nunderlay: { segments: { a: 10.1.0.0/24, b: 10.2.0.0/24 } }\nhosts: { n: { replicas: 2 } }\npods: { p: {} }\nexpect: [{ from: p, to: n-1 }]',
  )
  expect(out).toContain('direct routes\n')
  expect(err).toContain('[direct-across-segments]')
  // Nothing is promised about what is not drawn.
  expect(err).not.toContain('not-acted-upon')
})

test('refuses what is no topology and no lab', async () => {
  const codes = async (run: Promise<void>): Promise<unknown> => {
    const error = await run.catch((e: unknown) => e)
    return error instanceof Failure ? [error.exit, error.diagnostics.map((d) => d.code)] : error
  }
  expect(await codes(draw('hosts: {}'))).toMatchObject([2, expect.any(Array)])
  expect(await codes(graph(join(dir, 'none.yaml'), { format: 'text' }))).toEqual([2, ['file-not-found']])
  expect(await codes(graph('no-lab-is-called-this', { format: 'text' }))).toEqual([2, ['no-such-lab']])
  expect(out).toBe('')
})
