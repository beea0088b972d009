import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { glob, matches } from '../../../src/topology/kubernetes/glob.ts'

test.each<[string, string, boolean]>([
  ['*', 'a.yaml', true],
  ['*.yaml', 'a.yaml', true],
  ['*.yaml', 'a.yml', false],
  ['a*c*e', 'abcde', true],
  ['a*c*e', 'abcdef', false],
  ['?.y*', 'a.yml', true],
  ['?', 'ab', false],
  ['[ac].x', 'c.x', true],
  ['[a-c]', 'b', true],
  ['[!a-c]', 'b', false],
  ['[^a-c]', 'd', true],
  ['[]x]', ']', true],
  ['[', '[', true],
  ['labs (old)+{x}|$', 'labs (old)+{x}|$', true],
  ['*aab', 'aaaab', true],
  ['', '', true],
  ['**', '', true],
])('%j matches %j: %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected)
})

test('a pattern of many stars costs no more than its length times that of the name', () => {
  // Backtracking would not come back from it.
  expect(matches(`${'*a'.repeat(60)}b`, 'a'.repeat(250))).toBe(false)
})

describe('in directories', () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-glob-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  mkdirSync(join(dir, 'a/b/c'), { recursive: true })
  for (const name of ['x.yaml', 'a/x.yaml', 'a/b/x.yaml', 'a/b/c/x.yaml', '.hidden.yaml']) writeFileSync(join(dir, name), '')
  symlinkSync('..', join(dir, 'a/up'))
  execFileSync('mkfifo', [join(dir, 'a/pipe.yaml')])

  test.each<[string, readonly string[]]>([
    ['*.yaml', ['x.yaml']],
    ['**/x.yaml', ['a/b/c/x.yaml', 'a/b/x.yaml', 'a/x.yaml', 'x.yaml']],
    ['**/**/**/b/*', ['a/b/x.yaml']],
    ['a/*.yaml', ['a/pipe.yaml', 'a/x.yaml']],
    ['.*.yaml', ['.hidden.yaml']],
    ['nowhere/*', []],
  ])('%s', (pattern, expected) => {
    expect(glob(join(dir, pattern)).map((file) => relative(dir, file))).toEqual(expected)
  })

  test('many ** in a row lead to each directory once', () => {
    expect(glob(join(dir, `${'**/a/'.repeat(12)}**/x.yaml`))).toEqual([])
    expect(glob(join(dir, `${'**/'.repeat(200)}x.yaml`))).toHaveLength(4)
  })
})
