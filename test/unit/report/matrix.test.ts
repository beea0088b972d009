import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { isSmall, matrixOf, matrixText } from '../../../src/report/test/matrix.ts'
import type { Cell } from '../../../src/verify/check.ts'
import { cells } from './finished.ts'

const plain = { chalk: new Chalk({ level: 0 }), columns: 100 }
const cell = (from: string, to: string, expected: Cell['expected'], measured = expected): Cell => ({
  from,
  to,
  port: 'icmp',
  family: 4,
  expected,
  measured,
})

/** A full mesh of `n` pods and one host. */
const mesh = (n: number): Cell[] => {
  const all = [...Array.from({ length: n }, (_, i) => `pod-${i + 1}`), 'node-1']
  return all.flatMap((from) => all.filter((to) => to !== from).map((to) => cell(from, to, 'allow')))
}
const kinds = (n: number) => [{ label: 'all', members: Array.from({ length: n }, (_, i) => `pod-${i + 1}`) }]

describe('a matrix', () => {
  test('shows every square by a sign, broken promises first, equal sheets once', () => {
    expect(matrixText(matrixOf(cells), plain)).toBe(
      [
        '5432/tcp',
        'from \\ to  visitor  shop/web  shop/db',
        'visitor             -         !',
        'shop/web   -                  -',
        'shop/db    -        -',
        '',
        '80/tcp',
        'from \\ to  visitor  shop/web  shop/db',
        'visitor             +         -',
        'shop/web   -                  -',
        'shop/db    -        +',
        '',
        '9/tcp, icmp',
        'from \\ to  visitor  shop/web  shop/db',
        'visitor             -         -',
        'shop/web   -                  -',
        'shop/db    -        -',
        '',
        '+ reached   - denied, as promised   ! REACHED, SHOULD BE DENIED',
        '',
      ].join('\n'),
    )
  })

  test('colours take no signs away', () => {
    const colored = matrixText(matrixOf(cells), { ...plain, chalk: new Chalk({ level: 1 }) })
    expect(colored).not.toBe(matrixText(matrixOf(cells), plain))
    // oxlint-disable-next-line no-control-regex
    expect(colored.replaceAll(/\u001b\[\d+m/g, '')).toBe(matrixText(matrixOf(cells), plain))
  })

  test('what was lost, and what was not measured', () => {
    const text = matrixText(matrixOf([cell('a', 'b', 'allow', 'deny'), cell('b', 'c', 'allow')]), plain)
    expect(text).toContain('a          ✗  ·\nb             +\n')
    expect(text).toContain('✗ NOT REACHED, SHOULD BE')
    expect(text).toContain('· not measured')
  })

  test('what is broken although it looks as promised, before sheets where all is well', () => {
    const strange = (from: string, expected: Cell['expected'], but: Cell['but'] & string): Cell => ({ ...cell(from, 'c', expected), but })
    const fine = { ...cell('a', 'c', 'deny'), port: '80/tcp' }
    const matrix = matrixOf([fine, strange('a', 'deny', 'unproven'), strange('b', 'allow', 'elsewhere')])
    expect(matrix.sheets[0]!.squares).toEqual([['unproven'], ['elsewhere']])
    const text = matrixText(matrix, plain)
    expect(text).toMatch(/^icmp\nfrom \\ to {2}c\na {10}\?\nb {10}≠\n/)
    expect(text).toContain('≠ ANSWERED, BUT NOT BY WHO WAS ASKED')
    expect(text).toContain('? NOT REACHED, BUT NO POLICY DENIED IT')
  })

  test('a deny without proof breaks the square of its kind', () => {
    const unproven: Cell = { ...cell('node-1', 'pod-40', 'deny'), but: 'unproven' }
    const all = [...mesh(40).slice(0, -1), unproven]
    expect(matrixOf(all, kinds(40)).sheets[0]!.squares[1]![0]).toBe('unproven')
    const worse = [...all, cell('node-1', 'pod-1', 'deny', 'allow')]
    expect(matrixOf(worse, kinds(40)).sheets[0]!.squares[1]![0]).toBe('leaked')
  })

  test('tells families apart only where they differ', () => {
    const both = (to: Cell['measured']) => [cell('a', 'b', 'allow'), { ...cell('a', 'b', 'allow', to), family: 6 as const }]
    expect(matrixOf(both('allow')).sheets.map((s) => s.titles)).toEqual([['icmp']])
    expect(matrixOf(both('deny')).sheets.map((s) => s.titles)).toEqual([['icmp IPv6'], ['icmp IPv4']])
  })

  test('small ones give everyone a line, big ones one line to a kind', () => {
    const few = matrixOf(mesh(10), kinds(10))
    expect([few.rows.length, isSmall(few)]).toEqual([11, true])
    const many = matrixOf(mesh(40), kinds(40))
    expect(many.rows.map((r) => r.label)).toEqual(['pod-1 (+39)', 'node-1'])
    expect(many.sheets[0]!.squares).toEqual([
      ['reached', 'reached'],
      ['reached', undefined],
    ])
    expect(isSmall(matrixOf(mesh(40)))).toBe(false)
    expect(isSmall(matrixOf([]))).toBe(false)
  })

  test('one broken pair of a kind breaks the square', () => {
    const broken = (measured: Cell['measured'], expected: Cell['expected']) =>
      matrixOf([...mesh(40).slice(0, -1), cell('node-1', 'pod-40', expected, measured)], kinds(40)).sheets[0]!.squares[1]![0]
    expect(broken('deny', 'allow')).toBe('lost')
    expect(broken('allow', 'deny')).toBe('leaked')
    expect(broken('deny', 'deny')).toBe('mixed')
  })

  test('wide ones have numbers for names, and wider ones come in parts', () => {
    const text = matrixText(matrixOf(mesh(12)), { ...plain, columns: 60 })
    expect(text).toContain('from \\ to  1  2  3  4  5  6  7  8  9  10  11  12  13\n 1 pod-1      +')
    for (const columns of [30, 24, 10]) {
      const lines = matrixText(matrixOf(mesh(30)), { ...plain, columns }).split('\n')
      // As narrow as it gets: a label and one column.
      expect(Math.max(...lines.slice(0, -2).map((l) => l.length))).toBeLessThanOrEqual(Math.max(columns, 13))
    }
  })

  test('a numbered column that is no row is named', () => {
    const long = Array.from({ length: 9 }, (_, i) => cell('a', `a-long-name-of-a-pod-${i}`, 'allow'))
    expect(matrixText(matrixOf(long), { ...plain, columns: 40 })).toContain('Columns: 1 a-long-name-of-a-pod-0, 2 a-long')
  })
})
