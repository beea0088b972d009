import { describe, expect, it } from 'vitest'
import { diagnosticsJson, formatDiagnostics } from '../../../src/report/formats/diagnostics.ts'
import { visible } from '../../../src/report/formats/visible.ts'
import type { Diagnostic } from '../../../src/topology/diagnostics.ts'

const error = (parts: Partial<Diagnostic>): Diagnostic => ({ code: 'unknown-key', severity: 'error', message: 'unknown key "x"', ...parts })
const format = (diagnostics: Diagnostic[], text = '', color = false) =>
  formatDiagnostics(diagnostics, new Map([['lab.yaml', text]]), { color })

describe('formatDiagnostics', () => {
  it('shows place, message, code, frame and hint', () => {
    const text = 'hosts:\n  a: {}\npods:\n  b: { hots: a }\n'
    const found = error({ message: 'unknown key "hots" in pods.b', file: 'lab.yaml', line: 4, column: 8, hint: 'did you mean `host`?' })
    expect(format([found], text)).toBe(`lab.yaml:4:8  error  unknown key "hots" in pods.b  [unknown-key]
    2 |   a: {}
    3 | pods:
  > 4 |   b: { hots: a }
      |        ^
  hint: did you mean \`host\`?

1 error
`)
  })

  it('aligns line numbers of different length', () => {
    const text = Array.from({ length: 12 }, (_, i) => `line ${i + 1}`).join('\n')
    expect(format([error({ file: 'lab.yaml', line: 10, column: 1 })], text)).toContain(
      '     8 | line 8\n     9 | line 9\n  > 10 | line 10\n       | ^\n',
    )
  })

  it('counts errors and warnings', () => {
    expect(format([error({}), error({}), error({ severity: 'warning' })])).toMatch(/\n\n2 errors, 1 warning\n$/)
    expect(format([error({ severity: 'warning' })])).toMatch(/^warning {2}unknown key "x" {2}\[unknown-key\]\n\n1 warning\n$/)
    expect(format([])).toBe('')
  })

  it('shows twenty and tells how many more there are', () => {
    const many = Array.from({ length: 23 }, (_, i) => error({ message: `number ${i}.` }))
    const text = format(many)
    expect(text).toContain('number 19.')
    expect(text).not.toContain('number 20.')
    expect(text).toContain('… and 3 more\n\n23 errors\n')
    expect(format(many.slice(0, 20))).not.toContain('more')
  })

  it('leaves out no error for a warning that stands before it', () => {
    const warnings = Array.from({ length: 20 }, (_, i) => error({ severity: 'warning', message: `warning ${i}.` }))
    const cut = format([...warnings, error({ message: 'the error.' })])
    expect(cut).toMatch(/^error {2}the error\. /)
    expect(cut).toContain('warning 18.')
    expect(cut).not.toContain('warning 19.')
    expect(cut).toMatch(/… and 1 more\n\n1 error, 20 warnings\n$/)
    // Where all are shown, their places order them.
    expect(format([...warnings.slice(1), error({ message: 'the error.' })])).toMatch(/^warning {2}warning 1\. /)
  })

  it('needs neither a file, nor its text, nor the line', () => {
    expect(format([error({ file: 'lab.yaml' })], 'x')).toMatch(/^lab\.yaml {2}error/)
    expect(formatDiagnostics([error({ file: 'other', line: 1, column: 1 })], new Map(), { color: false })).toMatch(
      /^other:1:1 {2}error.*\n\n1 error\n$/,
    )
    expect(format([error({ file: 'lab.yaml', line: 9, column: 1 })], 'x')).not.toContain('|')
  })

  it('colours only if asked', () => {
    const found = error({ file: 'lab.yaml', line: 1, column: 1, hint: 'h' })
    expect(format([found], 'x: 1')).not.toContain('\x1b')
    expect(format([found], 'x: 1', true)).toContain('\x1b[')
  })

  it('lets no control character through', () => {
    const nasty = '\x1b]0;owned\x07\r\x9b31m\u202e\u2028\u200b\x7f'
    const found = error({ file: 'lab.yaml', line: 1, column: 1, message: nasty, hint: nasty, code: nasty })
    // oxlint-disable-next-line no-control-regex
    expect(format([found], `${nasty}x\n`)).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\u200b]/)
    expect(visible('a\x1bb\u202ec\ud800')).toBe('a\\x1bb\\u202ec\\ud800')
    expect(visible('漢字 😀 é')).toBe('漢字 😀 é')
    expect(visible('\ta')).toBe('  a')
  })

  it('keeps the lines of a message', () => {
    expect(format([error({ message: 'ip said:\nno\x1b\n', hint: 'a\nb' })])).toMatch(
      /^error {2}ip said:\n {4}no\\x1b {2}\[unknown-key\]\n {2}hint: a\n {4}b\n/,
    )
  })

  it('puts the caret under the column, whatever is before it', () => {
    const caret = (line: string, column: number) => {
      const lines = format([error({ file: 'lab.yaml', line: 1, column })], line).split('\n')
      return [lines[1]!.indexOf('@'), lines[2]!.indexOf('^')]
    }
    for (const before of ['', '  a: ', '\t\t', '\x1b[1m', 'é']) {
      const [at, caretAt] = caret(`${before}@`, before.length + 1)
      expect(caretAt).toBe(at)
    }
    const [at, caretAt] = caret('漢字@', 3)
    expect(caretAt).toBe(at! + 2) // each of the two takes two columns
  })

  it('shows the part of a long line that matters', () => {
    const line = `${'a'.repeat(5000)}@${'b'.repeat(5000)}`
    const [, shown, carets] = format([error({ file: 'lab.yaml', line: 1, column: 5001 })], line).split('\n')
    expect(shown!.length).toBeLessThan(140)
    expect(shown!.indexOf('@')).toBe(carets!.indexOf('^'))
  })

  it('copes with Windows line ends and a byte order mark', () => {
    expect(format([error({ file: 'lab.yaml', line: 1, column: 2 })], '\uFEFFab\r\ncd')).toContain('  > 1 | ab\n      |  ^\n')
  })
})

describe('diagnosticsJson', () => {
  it('gives every key, errors and warnings apart', () => {
    const found = [error({ file: 'f', line: 1, column: 2, hint: 'h' }), error({ severity: 'warning', code: 'w' })]
    const nothing = { file: null, line: null, column: null, hint: null }
    expect(diagnosticsJson(found)).toEqual({
      errors: [{ code: 'unknown-key', message: 'unknown key "x"', file: 'f', line: 1, column: 2, hint: 'h' }],
      warnings: [{ code: 'w', message: 'unknown key "x"', ...nothing }],
    })
    expect(diagnosticsJson([])).toEqual({ errors: [] })
  })
})
