import { describe, expect, it } from 'vitest'
import { describeBadInputs } from './bad-input.ts'
import { brief, LAB, load, loaded, said, type BadInput } from './load.ts'

const WHOLE: BadInput[] = [
  { name: 'nothing', text: '', finds: ['1:1 empty-file'], says: ['the file is empty', '`hosts: { node-1: {} }`'] },
  { name: 'only comments', text: '# a\n\n# b\n', finds: ['1:1 empty-file'] },
  { name: 'only a document marker', text: '---\n', finds: ['1:1 empty-file'] },
  {
    name: 'a text',
    text: 'hello',
    finds: ['1:1 wrong-type'],
    says: ['expected a mapping with `hosts` and `pods`, found the text "hello"'],
  },
  { name: 'a list', text: '# x\n- a\n', finds: ['2:1 wrong-type'], says: ['found a list'] },
  { name: 'a text with a tag', text: '!mine hello', finds: ['1:1 unknown-tag', '1:7 wrong-type'] },
  { name: 'null', text: '~\n', finds: ['1:1 wrong-type'], says: ['found nothing'] },
  { name: 'two documents', text: `${LAB}---\n${LAB}`, finds: ['4:1 several-documents'], says: ['one file holds one lab'] },
  {
    name: 'a Kubernetes manifest',
    text: 'apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod\n',
    finds: ['1:1 not-a-topology'],
    says: ['name this file under `manifests:`'],
  },
]

const SYNTAX: BadInput[] = [
  { name: 'a tab', text: 'hosts:\n\tnode-1: {}\n', finds: ['2:1 yaml-syntax'], says: ['tabs are not allowed', 'indent with spaces'] },
  { name: 'a brace that stays open', text: 'hosts: { a: {}\npods: {}\n', finds: ['2:1 yaml-syntax'] },
  { name: 'a quote that stays open', text: `${LAB}name: "x\n`, finds: ['4:1 yaml-syntax'], says: ['missing closing "quote'] },
  { name: 'a missing colon', text: 'hosts\n  a: {}\npods: {}\n', finds: ['1:1 yaml-syntax'], says: ['is there a ":" missing'] },
  { name: 'a colon in a text', text: `${LAB}name: a: b\n`, finds: ['3:7 yaml-syntax'], says: ['quote a text that holds ": "'] },
  { name: 'a reserved character', text: `${LAB}name: @a\n`, finds: ['3:7 yaml-syntax'], says: ['quote the text'] },
  { name: 'an unknown escape', text: `${LAB}name: "\\q"\n`, finds: ['3:8 yaml-syntax'], says: ['single quotes'] },
  { name: 'two broken lines', text: `${LAB}name: @a\nmanifests: @b\n`, finds: ['3:7 yaml-syntax', '4:12 yaml-syntax'] },
  { name: 'a line broken several times', text: `${LAB}name: ]]]]]\n`, finds: ['3:7 yaml-syntax'] },
  {
    name: 'a key given twice',
    text: 'hosts: { a: {}, a: {} }\npods: {}\npods: {}\n',
    finds: ['1:17 duplicate-key', '3:1 duplicate-key'],
    says: ['the key "pods" is given twice'],
  },
  { name: 'a key given twice, once in quotes', text: 'hosts: { 1: {}, "1": {} }\npods: {}\n', finds: ['1:17 duplicate-key'] },
  {
    name: 'keys that are no text',
    text: '? [a]\n: b\n? {c: d}\n: e\n: f\n',
    finds: ['1:1 missing-key', '1:1 missing-key', '1:3 not-a-key', '3:3 not-a-key', '5:1 not-a-key'],
    says: ['a mapping or list cannot be a key', 'the key before ":" is missing'],
  },
  {
    name: '__proto__ as key, anywhere',
    text: 'hosts: { __proto__: {}, a: { labels: { __proto__: x } } }\npods: {}\n__proto__: { x: 1 }\n',
    finds: ['1:10 not-a-key', '1:40 not-a-key', '3:1 not-a-key'],
  },
]

const ALIASES: BadInput[] = [
  { name: 'an alias of nothing', text: 'hosts: *all\npods: {}\n', finds: ['1:8 unknown-alias'], says: ['no anchor &all', 'quote a text'] },
  { name: 'an alias before its anchor', text: 'hosts: *all\npods: &all {}\n', finds: ['1:8 unknown-alias'] },
  { name: 'an alias of nothing as merge', text: 'hosts: { a: { <<: *all } }\npods: {}\n', finds: ['1:19 unknown-alias'] },
  { name: 'an alias inside what it stands for', text: 'hosts: &all { a: *all }\npods: {}\n', finds: ['1:18 recursive-alias'] },
  { name: 'a merge of a list', text: 'hosts: { a: &x [1], b: { <<: *x } }\npods: {}\n', finds: ['1:16 wrong-type', '1:30 bad-merge'] },
  { name: 'a merge of a text', text: 'hosts: { a: { <<: x } }\npods: {}\n', finds: ['1:19 bad-merge'], says: ['`<<: *anchor`'] },
  { name: 'a merge of a list with a text', text: 'hosts: { a: &x {}, b: { <<: [*x, y] } }\npods: {}\n', finds: ['1:34 bad-merge'] },
  {
    name: 'two merges',
    text: 'hosts: { a: &x {}, b: { <<: *x, <<: *x } }\npods: {}\n',
    finds: ['1:33 duplicate-key'],
    says: ['`<<: [*a, *b]`'],
  },
]

describeBadInputs('the file as a whole', WHOLE)
describeBadInputs('YAML', SYNTAX)
describeBadInputs('aliases and merges', ALIASES)

describe('hostile YAML', () => {
  it.each([
    ['flow', `a: ${'['.repeat(300_000)}`, '1:103 too-deep'],
    ['block', '- '.repeat(100_000), '1:201 too-deep'],
  ])('nested without end is refused early: %s', (_, text, finding) => {
    expect(load(text).diagnostics.map(brief)).toEqual([finding])
  })

  it('nested as deep as allowed is validated', () => {
    expect(load(`${LAB}x: ${'['.repeat(90)}${']'.repeat(90)}\n`).diagnostics.map(brief)).toEqual(['3:1 unknown-key'])
  })

  it('of a billion values through aliases costs next to nothing', () => {
    const lines = ['pods: &l0 { p: {} }']
    for (let i = 1; i < 40; i++)
      lines.push(
        `l${i}: &l${i} [${Array(10)
          .fill(`*l${i - 1}`)
          .join(', ')}]`,
      )
    const { diagnostics } = load(lines.join('\n'))
    expect(diagnostics.filter(({ code }) => code === 'too-many-aliases')).toHaveLength(1)
  })

  it('of a billion values through merges likewise', () => {
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}: {}`).join(', ')
    const lines = [`pods: {}`, `hosts:`, `  h0: &h0 { ${keys} }`]
    for (let i = 1; i < 3000; i++) lines.push(`  h${i}: &h${i} { <<: *h${i - 1} }`)
    expect(load(lines.join('\n')).diagnostics.some(({ code }) => code === 'too-many-aliases')).toBe(true)
  })

  it('with a great many mistakes is told the first', () => {
    const { diagnostics } = load(`${LAB}x: [${','.repeat(50_000)}`)
    expect(diagnostics.map(brief)).toEqual(['3:6 yaml-syntax'])
    expect(load(`${LAB}${'name: ]\n'.repeat(1000)}`).diagnostics).toHaveLength(20)
  })

  it('with as many warnings as it likes is told its mistakes', () => {
    const { diagnostics } = load(`${LAB}x: [${'!t a, '.repeat(11_000)}]\nx: 1\n`)
    expect(diagnostics.map(brief)).toContain('4:1 duplicate-key')
  })
})

describe('YAML that is fine', () => {
  it('may begin with a byte order mark and end lines as Windows does', () => {
    expect(load('\uFEFFhosts: { a: {} }\r\npods: {}\r\nnme: x\r\n').diagnostics.map(brief)).toEqual(['3:1 unknown-key'])
    expect(loaded(`\uFEFF${LAB}`).text).toBe(LAB)
  })

  it.each(['---\n', '...\n', '---\n# the end\n'])('may end with %j', (end) => {
    expect(Object.keys(loaded(LAB + end).topology.pods)).toEqual(['pod-a'])
  })

  it('may be JSON', () => {
    expect(loaded('{"hosts": {"a": {}}, "pods": {"b": {"host": "a"}}}').topology.pods['b']?.host).toBe('a')
  })

  it('warns of tags and reads on', () => {
    const { value, diagnostics } = load(`${LAB}name: !mine demo\n`)
    expect(value?.topology.name).toBe('demo')
    expect(diagnostics.map((d) => `${brief(d)} ${d.severity}`)).toEqual(['3:7 unknown-tag warning'])
    expect(said(diagnostics)).toContain('remove it')
  })

  it('takes keys as they are written', () => {
    const { topology } = loaded('hosts: { 1: {}, true: {}, null: {} }\npods: { 0x10: {} }\n')
    expect(Object.keys(topology.hosts)).toEqual(['1', 'true', 'null'])
    expect(Object.keys(topology.pods)).toEqual(['0x10'])
    expect(load('hosts: { a: {} }\npods: {}\nexternals: { 1.10: {} }\n').diagnostics[0]?.message).toContain('"1.10"')
  })

  it('knows the integers of YAML 1.2', () => {
    const { topology } = loaded('hosts: { a: {} }\npods: { x: { replicas: 0x10 }, o: { replicas: 0o10 } }\n')
    expect([topology.pods['x']?.replicas, topology.pods['o']?.replicas]).toEqual([16, 8])
  })

  it('repeats by alias', () => {
    const { topology } = loaded('hosts: { a: {} }\npods: { x: &x { labels: { app: web } }, y: *x }\n')
    expect(topology.pods['y']).toEqual(topology.pods['x'])
  })

  it('merges: own keys win, then the first source', () => {
    const text = `hosts: { n: {} }
pods:
  a: &a { host: one, labels: { from: a } }
  b: &b { host: two, replicas: 2 }
  c: { <<: [*a, *b], replicas: 3 }
  d: { <<: *a, host: own }
  e: { <<: { host: inline } }
`
    const { pods } = loaded(text).topology
    expect(pods['c']).toMatchObject({ host: 'one', labels: { from: 'a' }, replicas: 3 })
    expect(pods['d']).toMatchObject({ host: 'own', labels: { from: 'a' } })
    expect(pods['e']).toMatchObject({ host: 'inline' })
  })

  it('takes "<<" in quotes for a key', () => {
    expect(load('hosts: { n: { "<<": {} } }\npods: {}\n').diagnostics.map(brief)).toEqual(['1:15 unknown-key'])
  })
})
