import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/compile/compile.ts'
import { diff } from '../../../src/kernel/diff.ts'
import type { KernelObject, Process } from '../../../src/kernel/objects.ts'
import { render } from '../../../src/kernel/render.ts'
import { quote, quoteLine, script, type ContainerScript } from '../../../src/kernel/script.ts'
import { outward } from '../../../src/report/formats/visible.ts'
import { resolve } from '../../../src/lab/resolve.ts'
import { shellLines, shellPrelude, shellTools } from '../../../src/process/shell.ts'
import { readTopology } from '../../../src/topology/load.ts'
import { compiled, modules } from '../lab/fixture.ts'

const containers = (objects: readonly KernelObject[]): ContainerScript => ({
  directory: '/tmp/logs',
  prelude: () => shellPrelude(objects.filter((o): o is Process => o.kind === 'process')),
  tools: shellTools(objects.filter((o): o is Process => o.kind === 'process')),
  lines: (o) => shellLines(o as Process, '/tmp/logs'),
})
const none: ContainerScript = { directory: '/tmp/logs', prelude: () => 'prelude', tools: [], lines: () => [] }
const text = (objects: readonly KernelObject[], header: string[] = []): string =>
  [...script(render(diff([], objects)), header, containers(objects))].join('')

/** What a shell says about a script it does not run. */
function complaint(source: string): string {
  const { status, stderr } = spawnSync('sh', ['-n'], { input: source })
  return status === 0 ? '' : stderr.toString() || `exit code ${status}`
}

describe('a script is one a shell can read', () => {
  const dir = new URL('../../../topologies/', import.meta.url)
  const files = readdirSync(dir).filter((f) => f.endsWith('.yaml'))
  test.each(files)('%s', async (file) => {
    const loaded = (await readTopology(new URL(file, dir).pathname, modules)).value!
    expect(complaint(text(compile(resolve(loaded).value!).objects))).toBe('')
  })
  test('there are examples', () => expect(files.length).toBeGreaterThan(5))

  test('whatever containers run', () => {
    const hostile = [
      "it's",
      '"',
      '$(reboot)',
      '`reboot`',
      '\\',
      'a\nEOF\nreboot',
      '; reboot',
      '&& reboot',
      '#',
      '<<EOF',
      '*',
      '~',
      '',
      '-n',
      'ä',
      '\t',
      '!!',
      'A=b',
      '\u001b[2J\u001b]0;title\u0007',
      "\u009b31m it's \\0101 %s\u202e\r\n\n",
      'x\n::error::y\n  ##[error]z',
    ]
    const c = compiled(
      `hosts: { a: {} }\npods: { p: { containers: ${JSON.stringify(hostile.map((word, i) => ({ name: `c${i}`, command: [word || 'x', word, 'plain'] })))} } }`,
    )
    expect(c.objects.filter((o) => o.kind === 'process')).toHaveLength(hostile.length)
    const source = text(c.objects)
    expect(complaint(source)).toBe('')
    // And none of them acts on who reads the script.
    expect(outward(source, { GITHUB_ACTIONS: 'true' })).toBe(source)
    // Run with every command replaced by one that prints its arguments, the words come out as they went in.
    const lines = c.objects.flatMap((o) => (o.kind === 'process' ? shellLines(o, '/tmp') : [])).filter((l) => !l.startsWith('#'))
    const { stdout } = spawnSync('sh', [
      '-c',
      `netlab_container() { shift 3; while [ "\${1%%=*}" != CONTAINER_NAME ]; do shift; done; shift; printf '%s\\0' "$@"; }\n${lines.join('\n')}`,
    ])
    const words = stdout.toString().split('\0').slice(0, -1)
    expect(words.filter((w) => w === 'plain')).toHaveLength(hostile.length)
    for (const word of hostile) expect(words, JSON.stringify(word)).toContain(word)
  })

  test('whatever the file is called, and whatever is noted', () => {
    const source = text([{ kind: 'netns', ns: 'lab.a', note: 'a\nreboot\r\nEOF' }], ['Builds /tmp/a\nreboot\n.yaml'])
    expect(source.split('\n').filter((l) => l.includes('reboot') && !l.startsWith('#'))).toEqual([])
    expect(source.split('\n').filter((l) => l === 'EOF')).toHaveLength(1)
    expect(complaint(source)).toBe('')
  })

  test('a word to be pasted is one line, whatever is in it', () => {
    for (const word of ['plain', 'a b', 'a\nb', "it's\n\\0101\t\u001b[2J", '::x\ny']) {
      expect(quoteLine(word)).not.toContain('\n')
      expect(spawnSync('sh', ['-c', `printf '%s' ${quoteLine(word)}`]).stdout.toString()).toBe(word)
    }
  })

  test('the shell does find what is wrong', () => {
    expect(complaint('if true; then')).not.toBe('')
  })
})

describe('a script', () => {
  const c = compiled('hosts: { a: {}, b: {} }\npods: { p: {} }\nexternals: { x: { podRoutes: true } }')
  const lines = text(c.objects, ['Builds a lab.']).split('\n')

  test('says what it is, needs only the tools it names, and stops at the first failure', () => {
    expect(lines.slice(0, 2)).toEqual(['#!/bin/sh', '# Builds a lab.'])
    const needs = lines.find((l) => l.includes('It needs'))!
    expect(needs).toBe('# Run it as root. It needs: nsenter, ip, sysctl, bridge, iptables-restore.')
    expect(lines).toContain('set -eu')
    const dual = compiled(
      'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { a: {} }\npods: {}\nexternals: { x: { podRoutes: true } }',
    )
    expect(text(dual.objects)).toContain('It needs: nsenter, ip, sysctl, iptables-restore, ip6tables-restore.')
    const commands = new Set(lines.filter((l) => l.endsWith("<<'EOF'")).map((l) => l.replace(/^in_ns \S+ /, '').split(' ')[0]))
    expect([...commands].toSorted()).toEqual(['bridge', 'ip', 'iptables-restore', 'sysctl'])
  })

  test('holds the very lines that are applied, in the same order', () => {
    const applied = render(diff([], c.objects)).flatMap((b) => b.lines.map((l) => l.text))
    const here: string[] = []
    let inside = false
    for (const l of lines) {
      if (l === 'EOF') inside = false
      else if (inside && !l.startsWith('#')) here.push(l)
      else if (l.endsWith("<<'EOF'")) inside = true
    }
    expect(here).toEqual(applied)
  })

  test('has one heading a step, numbered', () => {
    expect(lines.filter((l) => /^# \d+\. /.test(l)).map((l) => l.split('. ')[0])).toEqual(['# 1', '# 2', '# 3', '# 4'])
  })

  test('that takes away says so', () => {
    const removal = [...script(render(diff(c.objects, [])), [], none)].join('')
    expect(removal).toContain('# 1. Remove: Namespaces')
    expect(removal).toContain('netns delete lab.a')
    expect(complaint(removal)).toBe('')
  })

  test('without containers has no prelude for them', () => {
    expect([...script(render(diff([], c.objects)), [], none)].join('')).not.toContain('prelude')
    const withOne = compiled('hosts: { a: {} }\npods: { p: { containers: [{ name: c }] } }')
    expect([...script(render(diff([], withOne.objects)), [], none)].join('')).toContain('prelude')
  })
})

test.each([
  ['plain', 'plain'],
  ['a/b.c:d=e@f%g+h,i-j_k', 'a/b.c:d=e@f%g+h,i-j_k'],
  ['', "''"],
  ['two words', "'two words'"],
  ["it's", "'it'\\''s'"],
  ['$HOME', "'$HOME'"],
  ['line\n', "'line\n'"],
])('quote(%j)', (word, quoted) => {
  expect(quote(word)).toBe(quoted)
})
