/** Whatever the text: diagnostics or a topology, never a crash, and every position within the text. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diagnosticsJson, formatDiagnostics } from '../../src/report/formats/diagnostics.ts'
import type { Path } from '../../src/topology/diagnostics.ts'
import { formatPath } from '../../src/topology/schema/format.ts'
import { load, loaded } from '../unit/topology/load.ts'
import { EVERYTHING } from '../unit/topology/everything.ts'

/** Checks all that holds of any text. Returns whether it is a topology. */
function holds(text: string): boolean {
  const { value, diagnostics } = load(text)
  const lines = text.replace(/^\uFEFF/, '').split('\n')
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  expect(value === undefined).toBe(errors.length > 0)
  let last = [0, 0]
  for (const { line, column, message, hint = '', code } of diagnostics) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(column).toBeLessThanOrEqual(lines[line! - 1]!.length + 1)
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(message.length).toBeGreaterThan(0)
    expect(`${message}\n${hint}`).not.toMatch(/\bundefined\b|\[object|invalid input/i)
    expect(line! > last[0]! || (line === last[0] && column! >= last[1]!)).toBe(true) // in the order of the file
    last = [line!, column!]
  }
  const shown = formatDiagnostics(diagnostics, new Map([['lab.yaml', text]]), { color: false })
  // oxlint-disable-next-line no-control-regex
  expect(shown).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  JSON.stringify(diagnosticsJson(diagnostics))
  if (value) visit(value.topology, [], (path) => expect(value.source(path).line).toBeLessThanOrEqual(lines.length))
  return value !== undefined
}

function visit(value: unknown, path: Path, check: (path: Path) => void): void {
  check(path)
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) visit(item, [...path, Array.isArray(value) ? Number(key) : key], check)
}

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300)
const check = (arbitrary: fc.Arbitrary<string>) =>
  fc.assert(
    fc.property(arbitrary, (text) => void holds(text)),
    { numRuns: RUNS },
  )

/** Pieces a YAML text is made of, the odd ones first. */
const piece = fc.oneof(
  fc.constantFrom(
    ...Array.from('{}[]:,-?&*!|>\'"%@`#\t\n \0\r\uFEFF'),
    '<<: ',
    '&a ',
    '*a',
    '---\n',
    '...\n',
    '!!str ',
    '!!set',
    '%YAML 1.1\n',
    '? ',
    '|2\n',
    '>-\n',
    '__proto__',
  ),
  fc.constantFrom(
    'hosts:',
    'pods:',
    ' node-1',
    '  a: {}',
    'network:',
    'backend: ',
    'vxlan',
    '10.0.0.0/8',
    'replicas: ',
    '1e9',
    '0x',
    '.nan',
    'true',
    '~',
    'null',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
)

const edit = fc.record({ at: fc.nat(), remove: fc.nat(12), insert: fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join('')) })

/** A valid topology after a few blows. */
const mutated = fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) =>
  edits.reduce((text, { at, remove, insert }) => {
    const offset = at % (text.length + 1)
    return text.slice(0, offset) + insert + text.slice(offset + remove)
  }, EVERYTHING),
)

describe('no text crashes the loader', () => {
  it('random characters', () => check(fc.string({ unit: 'binary', maxLength: 200 })))
  it('random bytes', () => check(fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'))))
  it('random pieces of YAML', () => check(fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''))))
  it('mutations of a valid topology', () => check(mutated))
  it('any JSON value', () => check(fc.json()))
  it('any JSON values in the place of the sections', () =>
    check(
      fc
        .dictionary(
          fc.constantFrom('name', 'network', 'underlay', 'hosts', 'pods', 'services', 'policies', 'expect', 'externals'),
          fc.jsonValue(),
        )
        .map((value) => JSON.stringify(value)),
    ))
})

describe('positions', () => {
  /** Topologies of random names, and the paths in them. */
  const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
  const lab = fc.record({
    hosts: fc.uniqueArray(name, { minLength: 1, maxLength: 8 }),
    pods: fc.uniqueArray(name, { maxLength: 20 }),
    indent: fc.integer({ min: 1, max: 6 }),
  })

  it('of a key are where the key is', () => {
    fc.assert(
      fc.property(lab, ({ hosts, pods, indent }) => {
        const pad = ' '.repeat(indent)
        const text = [
          'hosts:',
          ...hosts.map((host) => `${pad}${host}: {}`),
          'pods: {',
          ...pods.map((pod) => `${pad}${pod}: { labels: { x: y } },`),
          '}',
        ].join('\n')
        const { source } = loaded(text)
        const lines = text.split('\n')
        const written = (path: Path, length: number) => {
          const { line, column, path: shown } = source(path)
          expect(shown).toBe(formatPath(path))
          return lines[line - 1]!.slice(column - 1, column - 1 + length)
        }
        for (const host of hosts) expect(written(['hosts', host], host.length)).toBe(host)
        for (const [i, pod] of pods.entries()) {
          expect(written(['pods', pod], pod.length)).toBe(pod)
          expect(written(['pods', pod, 'labels', 'x'], 4)).toBe('x: y')
          expect(source(['pods', pod, 'labels']).line).toBe(hosts.length + 3 + i)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('do not depend on the style: block, flow and JSON give the same topology', () => {
    fc.assert(
      fc.property(lab, ({ hosts, pods }) => {
        const value = {
          hosts: Object.fromEntries(hosts.map((h) => [h, {}])),
          pods: Object.fromEntries(pods.map((p) => [p, { host: hosts[0] }])),
        }
        const block = `hosts:\n${hosts.map((h) => `  ${h}: {}\n`).join('')}pods: ${pods.length === 0 ? '{}' : ''}\n${pods.map((p) => `  ${p}:\n    host: ${hosts[0]}\n`).join('')}`
        const safe = (text: string) => !/^(true|false|null|y|n|yes|no|on|off)$/.test(text)
        fc.pre([...hosts, ...pods].every(safe))
        expect(loaded(block).topology).toEqual(loaded(JSON.stringify(value)).topology)
      }),
      { numRuns: 100 },
    )
  })
})
