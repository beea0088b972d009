/**
 * Files of up to 16 MB that mean no good, each read in a process of its own: refused with a place, within a bound of memory and without hanging.
 * HOSTILE_FILES says how many floods are made up besides those that are known (2000 in a thorough run), HOSTILE_SEED which.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'

const RUNS = Number(process.env['HOSTILE_FILES'] ?? 1)
const SEED = Number(process.env['HOSTILE_SEED'] ?? 20_261_129)
/** Most memory, kB, as getrusage(2) counts it. */
const MAX_RSS = 320_000
/** Longer than this it hangs: what takes 5 s of a processor takes longer where many tests share it. */
const PATIENCE = 90_000
/** Bytes of a file; more than 16 MiB are not even read. */
const SIZE = 15_900_000

const dir = mkdtempSync(join(tmpdir(), 'netlab-test-'))
const reader = join(dir, 'reader.mjs')
const root = new URL('../../', import.meta.url).pathname

beforeAll(() =>
  build({
    stdin: {
      contents: `
        import { readFileSync, writeSync } from 'node:fs'
        import { parseYaml } from '${root}src/topology/yaml/yaml.ts'
        import { parseManifest } from '${root}src/topology/yaml/pieces.ts'
        import { formatDiagnostics } from '${root}src/report/formats/diagnostics.ts'
        const text = readFileSync(process.argv[2], 'utf8')
        const { diagnostics } = (process.argv[3] === 'manifest' ? parseManifest : parseYaml)(text, 'lab.yaml')
        const shown = formatDiagnostics(diagnostics, new Map([['lab.yaml', text]]), { color: false })
        writeSync(1, JSON.stringify({ rss: process.resourceUsage().maxRSS, diagnostics: diagnostics.slice(0, 3), shown: shown.length }))`,
      resolveDir: root,
      loader: 'ts',
    },
    outfile: reader,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
  }).then(() => undefined),
)
afterAll(() => rmSync(dir, { recursive: true }))

interface Reading {
  readonly rss: number
  readonly diagnostics: readonly { readonly code: string; readonly line: number; readonly column: number; readonly message: string }[]
  readonly shown: number
}

/** @throws Error when it was killed: it hangs */
function read(text: string, as: 'topology' | 'manifest'): Promise<Reading> {
  const file = join(dir, 'lab.yaml')
  writeFileSync(file, text)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [reader, file, as], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: PATIENCE,
      killSignal: 'SIGKILL',
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.on('close', (code, signal) => (code === 0 ? resolve(JSON.parse(out) as Reading) : reject(new Error(`ended ${signal ?? code}`))))
  })
}

const HEAD = 'hosts: { n: {} }\npods: { a: {} }\n'
const flood = (head: string, piece: string, size = SIZE): string => HEAD + head + piece.repeat(Math.floor(size / Buffer.byteLength(piece)))

async function mustBeBounded(text: string, as: 'topology' | 'manifest' = 'topology'): Promise<Reading> {
  const reading = await read(text, as)
  expect(reading.rss).toBeLessThan(MAX_RSS)
  for (const { line, column } of reading.diagnostics) expect(Math.min(line, column)).toBeGreaterThanOrEqual(1)
  return reading
}

test.each([
  ['numbers in a list', 'x: [', '1,', /^file-too-large more than 420000 words and signs/],
  ['entries of a block', 'x:\n', '- word that is long enough\n', /^file-too-large more than 1000000 words, signs, lines and blanks/],
  ['empty lines', '', '\n', /^file-too-large more than 1000000 lines/],
  ['a quote that does not end', 'x: "', 'a', /^file-too-large a text of more than 2000000 characters/],
  ['lines between quotes', "x: '", 'word that is long enough\n  ', /^file-too-large a text of more than 2000000 characters/],
  ['aliases', 'y: &a 1\nx: [', '*a,', /^file-too-large more than 100000 aliases up to here/, SIZE / 16],
  ['what is no YAML', '', '- ---\n&a ', /^yaml-syntax implicit keys need to be on a single line/, SIZE / 16],
] as const)(
  '%s',
  async (_, head, piece, words, size = SIZE) => {
    const { diagnostics } = await mustBeBounded(flood(head, piece, size))
    expect(`${diagnostics[0]!.code} ${diagnostics[0]!.message}`).toMatch(words)
  },
  2 * PATIENCE,
)

const LIST = 'apiVersion: v1\nkind: List\nitems:\n'
test.each([
  ['values of JSON', '{"kind":"List","items":[', '{},', ']}', /^file-too-large more than 1500000 values/],
  ['values of JSON in JSON', '[[', '[],', '[]]]', /^file-too-large more than 1500000 values/],
  ['objects of JSON', '', '{}\n', '', /^file-too-large more than 1000000 lines/],
  ['items', LIST, '- a: 1\n', '', /^file-too-large more than 1000000 lines/],
  ['items on long lines', LIST, `- a: ${'x'.repeat(400)}\n`, '', /^file-too-large more than 20000 objects/],
  ['items of many words', LIST, `- a: [${'1,'.repeat(400)}]\n`, '', /^file-too-large more than 800000 words and signs/],
  ['empty lines before an item', LIST, `${' '.repeat(20)}\n`, '- a: 1\n', undefined],
] as const)(
  '%s in a manifest',
  async (_, head, piece, tail, words) => {
    const text = head + piece.repeat(Math.floor(SIZE / piece.length)).replace(/,$/, '') + tail
    const { diagnostics } = await mustBeBounded(text, 'manifest')
    if (words) expect(`${diagnostics[0]?.code} ${diagnostics[0]?.message}`).toMatch(words)
    else expect(diagnostics).toEqual([])
  },
  2 * PATIENCE,
)

test(
  'as many words as are read at most',
  async () => {
    const { diagnostics } = await mustBeBounded(`${HEAD}x: [${'1,'.repeat(209_980)}]\n`)
    expect(diagnostics).toEqual([])
  },
  2 * PATIENCE,
)

const piece = fc.array(
  fc.constantFrom(
    'a',
    '1',
    ' ',
    '\n',
    '- ',
    ': ',
    '? ',
    ',',
    '[]',
    '{}',
    '[',
    '{',
    ']',
    '}',
    '"x"',
    "'",
    '&a ',
    '*a',
    '!t ',
    '|\n',
    '> \n',
    '#',
    '%',
    '---\n',
    '...\n',
    '\t',
    'é',
    '<<: ',
    '\r\n',
    '\\',
    '~',
  ),
  { minLength: 1, maxLength: 8 },
)
test(
  'whatever is repeated',
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom('', 'x: [', 'x:\n', 'x: {', 'x: |\n', LIST),
        piece,
        fc.constantFrom(SIZE, SIZE / 4, SIZE / 16),
        async (head, parts, size) =>
          void (await mustBeBounded(
            head === LIST ? flood('', parts.join(''), size).replace(HEAD, LIST) : flood(head, parts.join(''), size),
            head === LIST ? 'manifest' : 'topology',
          )),
      ),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    ),
  (RUNS + 1) * PATIENCE,
)
