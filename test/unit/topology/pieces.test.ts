import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { Path } from '../../../src/topology/diagnostics.ts'
import { parseManifest } from '../../../src/topology/yaml/pieces.ts'
import { parseYaml, type ParsedYaml } from '../../../src/topology/yaml/yaml.ts'

/** A text read as one tree, and piece by piece. */
const whole = (text: string): ParsedYaml => parseManifest(text, 'k.yaml', Infinity)
const inPieces = (text: string): ParsedYaml => parseManifest(text, 'k.yaml', 0)

/** Every path of a value, and one of something that is not there. */
function* pathsOf(value: unknown, above: Path = []): Generator<Path> {
  yield above
  if (typeof value !== 'object' || value === null) return
  yield [...above, 'missing']
  for (const [key, inside] of Object.entries(value)) yield* pathsOf(inside, [...above, Array.isArray(value) ? Number(key) : key])
}

const key = fc.oneof(fc.constantFrom('name', 'metadata', 'a b', '-', '"', 'items', 'x.y/z'), fc.string({ minLength: 1, maxLength: 6 }))
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(null, true, 0, -1.5, 1e30, '', 'text', 'a: b', '1.10', '- x', '# y', 'é\u0001"', 'line\nline\n', ' x'),
    fc.array(tie('any'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(
    key.filter((k) => k !== '__proto__' && k !== '<<'),
    tie('any'),
    { maxKeys: 4 },
  ),
}))
const objects = fc.array(value.object, { minLength: 1, maxLength: 5 })

describe('JSON', () => {
  it('is what YAML would make of it, in the same places', () =>
    fc.assert(
      fc.property(objects, fc.constantFrom('', ' ', '    ', '\t'), (list, indent) => {
        const texts = list.map((o) => JSON.stringify(o, null, indent))
        const read = parseManifest(texts.join('\n'), 'k.json').documents
        expect(read.map((d) => d.value)).toEqual(list)
        const lines = texts.map((t) => t.split('\n').length)
        expect(read.map((d) => d.line)).toEqual(lines.map((_, i) => 1 + lines.slice(0, i).reduce((a, b) => a + b, 0)))
        // YAML takes no tabs there.
        if (indent === '\t') return
        const { documents } = parseYaml(texts[0]!, 'k.json')
        for (const path of pathsOf(list[0])) {
          for (const where of ['key', 'value'] as const)
            expect(read[0]!.positions[where](path)).toEqual(documents[0]!.positions[where](path))
          const written = documents[0]!.positions.written(path)
          if (path.at(-1) !== 'missing') expect(read[0]!.positions.written(path)).toBe(written)
        }
      }),
      { numRuns: 150 },
    ))

  it.each([
    ['{"a": 1, "b": {"c": 1, "c": 2}}', '1:24 duplicate-key'],
    ['{"a": {"__proto__": 1}}', '1:8 not-a-key'],
    ['{"a": 1}\n{"b": [1}', '2:1 yaml-syntax'],
    [`{"a": ${'['.repeat(200)}${']'.repeat(200)}}`, '1:106 too-deep'],
  ])('that is not quite right is left to what says where: %.40s', (text, finding) => {
    const { diagnostics } = parseManifest(text, 'k.json')
    expect(diagnostics.map((d) => `${d.line}:${d.column} ${d.code}`)).toEqual([finding])
  })
})

describe('YAML in pieces', () => {
  const render = (list: readonly unknown[], indentSeq: boolean): string =>
    `# of a cluster\n${stringify({ apiVersion: 'v1', items: list, kind: 'List', metadata: { resourceVersion: '' } }, { indentSeq })}`

  it('is what it is as one tree, in the same places', () =>
    fc.assert(
      fc.property(objects, objects, fc.boolean(), (list, more, indentSeq) => {
        const text = `${render(list, indentSeq)}---\n# more\n${more.map((o) => stringify(o)).join('---\n')}`
        const [tree, pieces] = [whole(text), inPieces(text)]
        expect(pieces.diagnostics).toEqual([])
        const items = pieces.documents.filter((d) => d.item)
        expect(items.map((d) => d.value)).toEqual(list)
        expect(items.map((d) => d.item!.list['kind'])).toEqual(list.map(() => 'List'))
        expect(
          pieces.documents
            .filter((d) => !d.item)
            .slice(1)
            .map((d) => d.value),
        ).toEqual(tree.documents.slice(1).map((d) => d.value))
        for (const [i, { positions, value: read, item }] of items.entries())
          for (const path of pathsOf(read, item!.at))
            for (const where of ['key', 'value', 'written'] as const)
              expect([i, path, positions[where](path)]).toEqual([i, path, tree.documents[0]!.positions[where](path)])
      }),
      { numRuns: 60 },
    ))

  const item = (text: string): string => `apiVersion: v1\nitems:\n- kind: A\n  x: 1\n${text}- kind: B\nkind: List\n`
  it.each([
    ['a mistake inside an item', item('- kind: "x\n'), /^[67]:1 yaml-syntax/],
    ['a key twice', item('- kind: C\n  kind: D\n'), /^6:3 duplicate-key$/],
    ['an alias of nothing', item('- kind: *nothing\n'), /^5:9 unknown-alias$/],
  ])('places %s', (_, text, finding) => {
    expect(
      inPieces(text)
        .diagnostics.map((d) => `${d.line}:${d.column} ${d.code}`)
        .join('\n'),
    ).toMatch(finding)
  })

  it.each([
    ['an anchor of another item', item('- &x { kind: C }\n- *x\n')],
    ['directives', '%YAML 1.2\n---\nkind: A\n'],
    ['a document that "..." ends', 'kind: A\n...\nkind: B\n'],
    ['items of what is no List', 'items:\n- a\n- b\nkind: A\n'],
    ['comments and blank lines between items', item('# - kind: X\n\n  # y\n- kind: C\n\n')],
    ['nothing', ''],
    ['items in a text', 'kind: A\ntext: |\n  items:\n  - x\n'],
  ])('means the same with %s', (_, text) => {
    const values = ({ documents }: ParsedYaml): unknown[] =>
      documents.flatMap(({ value: read, item: of }) => {
        const list = read as { kind?: string; items?: unknown[] | null } | null
        if (of) return [read]
        return list?.kind === 'List' ? (list.items ?? []) : [read]
      })
    expect(inPieces(text).diagnostics).toEqual(whole(text).diagnostics)
    expect(values(inPieces(text))).toEqual(values(whole(text)))
  })
})
