import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { quote } from '../../../src/kernel/script.ts'
import { responderSource, shellLines, shellPrelude } from '../../../src/process/shell.ts'
import type { Daemon } from '../../../src/kernel/objects.ts'
import type { ContainerSpec, ProcessSpec } from '../../../src/process/spec.ts'

const responder: ContainerSpec = {
  id: 'cart.http',
  ns: 'demo.cart',
  hostname: 'cart',
  pod: 'cart',
  container: 'http',
  listen: [{ port: 8080, protocol: 'TCP' }],
}
const command: ContainerSpec = {
  ...responder,
  id: 'cart.side',
  container: 'side',
  listen: [],
  command: ['sh', '-c', `echo "it's $HOME"`],
  addresses: ['10.0.0.1'],
}
const daemon: Daemon = {
  kind: 'daemon',
  ns: 'demo.node-1',
  id: 'node-1.bird',
  hostname: 'node-1',
  node: 'node-1',
  program: 'bird',
  command: ['bird', '-c', 'bird.conf', '-f'],
  files: [{ path: 'bird.conf', content: 'router id 1;\n' }],
  ready: { socket: 'bird.ctl' },
  capabilities: ['net_admin', 'net_raw'],
}
const script = (...specs: ProcessSpec[]) =>
  `#!/bin/sh\nset -eu\n${shellPrelude(specs)}${specs
    .flatMap((spec) => shellLines(spec, '/tmp/my logs'))
    .map((line) => line + '\n')
    .join('')}`
const hostile: Daemon = {
  ...daemon,
  files: [{ path: 'a', content: 'a\\' }],
  command: ['a\\', '$x'],
  ready: { command: ['sh', '-c', '[ "$x" ]'] },
}
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

test('lines of a daemon: its files, then the program and what is waited for', () => {
  const [make, ...rest] = shellLines(daemon, '/logs')
  expect(make).toBe('(umask 077 && mkdir -p /logs/node-1.bird.d)')
  expect(rest.slice(0, 4)).toEqual([
    "cat >/logs/node-1.bird.d/bird.conf <<'END_OF_FILE'",
    'router id 1;',
    'END_OF_FILE',
    'chmod 0600 /logs/node-1.bird.d/bird.conf',
  ])
  expect(rest.at(-1)).toMatch(
    /^netlab_daemon 'bird on node-1' demo\.node-1 node-1 \/logs\/node-1\.bird\.d \/logs\/node-1\.bird\.log '.*' setpriv --bounding-set=-all,\+net_admin,\+net_raw --no-new-privs -- bird -c bird\.conf -f$/,
  )
})

test('a long file that several daemons have stands in the script once', () => {
  const program = { path: 'program', content: Array.from({ length: 30 }, (_, i) => `line ${i} $x\n`).join('') }
  const [a, b] = ['a', 'b'].map((id): Daemon => ({ ...daemon, id, files: [program, ...daemon.files], capabilities: [] }))
  const text = shellPrelude([a!, b!]) + [a!, b!].flatMap((spec) => shellLines(spec, '/logs', [a!, b!])).join('\n')
  expect(text.split('line 7 $x')).toHaveLength(2)
  expect(text).toContain('netlab_file_1 >/logs/b.d/program')
  const shown = execFileSync('sh', ['-s'], { input: `${shellPrelude([a!, b!])}netlab_file_1\n`, encoding: 'utf8' })
  expect(shown).toBe(program.content)
  // Alone, it stands where it is written; short files do so anyway.
  expect(shellPrelude([a!])).not.toContain('netlab_file')
  expect(text.split('router id 1;')).toHaveLength(3)
})

test('a file is written as it is, whatever is in it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'netlab-shell-'))
  try {
    const contents = ['', 'no end of line', "it's $HOME `x` \\\n", 'END_OF_FILE\n', '\n\n', 'a\nEND_OF_FILE\nb']
    const files = contents.map((content, i) => ({ path: `sub${i}/file`, content, ...(i === 0 ? {} : { mode: '0640' }) }))
    const lines = shellLines({ ...daemon, files, capabilities: [] }, dir).filter((line) => !line.startsWith('netlab_daemon'))
    execFileSync('sh', ['-s'], { input: lines.join('\n') + '\n' })
    const made = files.map(({ path }) => join(dir, 'node-1.bird.d', path))
    expect(made.map((path) => readFileSync(path, 'utf8'))).toEqual(contents)
    expect(made.map((path) => statSync(path).mode & 0o777)).toEqual([0o600, ...contents.slice(1).map(() => 0o640)])
    expect(statSync(join(dir, 'node-1.bird.d')).mode & 0o777).toBe(0o700)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('the prelude holds only what is called', () => {
  expect(shellPrelude([])).toBe('')
  expect(shellPrelude([command])).not.toContain('netlab_responder')
  expect(shellPrelude([responder])).not.toContain('netlab_container')
  expect(shellPrelude([responder])).toContain(responderSource())
  expect(shellPrelude([responder, command])).not.toContain('netlab_daemon')
  expect(shellPrelude([daemon])).toMatch(/netlab_container\(\)[^]*netlab_daemon\(\)/)
})

describe.skipIf(!has('shellcheck'))('shellcheck (skipped where it is not installed)', () => {
  test.each([[[responder]], [[command]], [[responder, command]], [[daemon]], [[responder, daemon]], [[command, hostile]]])(
    'finds nothing in %#',
    (specs) => {
      const { stdout, status } = spawnSync('shellcheck', ['-s', 'sh', '-'], { input: script(...specs), encoding: 'utf8' })
      expect(stdout).toBe('')
      expect(status).toBe(0)
    },
  )
})

describe('the Perl programs', () => {
  const files = ['process/responder', 'process/supervisor', 'backends/udp/forwarder'].map(
    (name) => new URL(`../../../src/${name}.pl`, import.meta.url).pathname,
  )

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
