import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quote } from '../../../src/kernel/script.ts'
import { responderSource, shellLines, shellPrelude } from '../../../src/process/shell.ts'
import type { ProcessSpec } from '../../../src/process/spec.ts'

const responder: ProcessSpec = {
  id: 'cart.http',
  ns: 'demo.cart',
  hostname: 'cart',
  pod: 'cart',
  container: 'http',
  listen: [{ port: 8080, protocol: 'TCP' }],
}
const command: ProcessSpec = {
  ...responder,
  id: 'cart.side',
  container: 'side',
  listen: [],
  command: ['sh', '-c', `echo "it's $HOME"`],
  addresses: ['10.0.0.1'],
}
const script = (...specs: ProcessSpec[]) =>
  `#!/bin/sh\nset -eu\n${shellPrelude(specs)}${specs
    .flatMap((spec) => shellLines(spec, '/tmp/my logs'))
    .map((line) => line + '\n')
    .join('')}`
const has = (tool: string) => spawnSync(tool, ['--version']).error === undefined

test('a quoted word is that word to a shell', () => {
  const word = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', ''))
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const printed = execFileSync('sh', ['-c', `printf '<%s>' ${words.map(quote).join(' ')}`], { encoding: 'utf8' })
      expect(printed).toBe(words.length === 0 ? '<>' : words.map((text) => `<${text}>`).join(''))
    }),
    { numRuns: 30 },
  )
})

test('lines', () => {
  expect(shellLines(responder, '/logs')).toEqual(['netlab_responder demo.cart cart cart 8080/tcp'])
  expect(shellLines(command, '/my logs')).toEqual([
    '# shellcheck disable=SC2016 # meant for the program',
    `netlab_container demo.cart cart '/my logs/cart.side.log' ` +
      `HOSTNAME=cart POD_NAME=cart POD_NAMESPACE=default POD_IPS=10.0.0.1 CONTAINER_NAME=side ` +
      `sh -c 'echo "it'\\''s $HOME"'`,
  ])
  expect(shellLines({ ...command, command: ['a=b', 'c'] }, '/logs')[1]).toMatch(/ sh -c 'exec "\$@"' sh 'a=b' c$/)
})

test('the prelude holds only what is called', () => {
  expect(shellPrelude([])).toBe('')
  expect(shellPrelude([command])).not.toContain('netlab_responder')
  expect(shellPrelude([responder])).not.toContain('netlab_container')
  expect(shellPrelude([responder])).toContain(responderSource())
})

describe.skipIf(!has('shellcheck'))('shellcheck (skipped where it is not installed)', () => {
  test.each([[[responder]], [[command]], [[responder, command]]])('finds nothing in %#', (specs) => {
    const { stdout, status } = spawnSync('shellcheck', ['-s', 'sh', '-'], { input: script(...specs), encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
})

describe('the Perl programs', () => {
  const files = ['responder', 'supervisor'].map((name) => new URL(`../../../src/process/${name}.pl`, import.meta.url).pathname)

  test.each(files)('%s uses only what perl-base has', (file) => {
    const used = [...readFileSync(file, 'utf8').matchAll(/^\s*(?:use|require) ([A-Za-z:]+)/gm)].map((match) => match[1])
    expect(used.length).toBeGreaterThan(3)
    for (const name of used) expect(['strict', 'warnings', 'constant', 'Errno', 'Fcntl', 'POSIX', 'Socket']).toContain(name)
  })

  test.skipIf(!has('perl')).each(files)('%s compiles without a warning (needs perl)', (file) => {
    expect(spawnSync('perl', ['-wc', file], { encoding: 'utf8' }).stderr).toBe(`${file} syntax OK\n`)
  })

  test('the end mark of the here-document is not in the responder', () => {
    expect(responderSource()).not.toContain('END_OF_RESPONDER')
    expect(responderSource().endsWith('\n')).toBe(true)
  })
})
