/** What must not be in any file that is published: it would mean nothing to a reader, or only on one machine. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

function tracked(): string[] | undefined {
  try {
    return execFileSync('git', ['-C', ROOT, 'ls-files', '-z'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\0')
      .filter(Boolean)
  } catch {
    return undefined // not a checkout
  }
}

const FORBIDDEN: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a path of one machine', /(?:^|[\s"'`(=:])\/work\/\w/m],
  ['a file beside the repository', /\.\.\/shared\/(?![\w-]+\.ts)/],
  ['a number only its writer can look up', /\b(?:issue|session)s?[ -]#?\d/i],
  ['a package from anywhere but the public registry', /"resolved": "https?:\/\/(?!registry\.npmjs\.org\/)/],
  ['a conflict', /^(?:<{7}|>{7}) /m],
]

const files = tracked()
const text = (file: string): string => {
  try {
    return readFileSync(`${ROOT}${file}`, 'utf8')
  } catch {
    return '' // about to be removed, or a link to nowhere
  }
}

describe.skipIf(!files)('no tracked file holds (needs git and a checkout)', () => {
  test.each(FORBIDDEN)('%s', (_, pattern) => {
    const found = files!
      .filter((f) => !f.endsWith('architecture/tracked.test.ts'))
      .flatMap((f) => {
        const match = pattern.exec(text(f))
        return match ? [`${f}: ${match[0].trim()}`] : []
      })
    expect(found).toEqual([])
  })
  test('anything, if there is nothing tracked', () => expect(files!.length).toBeGreaterThan(100))
})

test.each([
  [0, ['see /work/main/x', "'/work/x'"], ['/workshop/', 'network/main', 'https://x/work/y', 'src/work/x']],
  [1, ['../shared/design.md', '../shared/x/y'], ['../shared/labs.ts', 'shared']],
  [2, ['issue 2', 'Issue #12', 'session 3', 'sessions-4'], ['session', 'issues', 'zod issue', 'a session of its own']],
  [3, ['"resolved": "https://mirror.example/x.tgz"'], ['"resolved": "https://registry.npmjs.org/x.tgz"']],
  [4, ['<<<<<<< HEAD', '>>>>>>> x'], ["<<'EOF'", '>>>>>>>']],
])('pattern %i finds what it should and nothing else', (index, bad, good) => {
  const [, pattern] = FORBIDDEN[index]!
  for (const line of bad) expect(pattern.test(line), line).toBe(true)
  for (const line of good) expect(pattern.test(line), line).toBe(false)
})
