import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { program } from '../../../src/cli/program.ts'
import { Exit } from '../../../src/cli/failure.ts'
import { calls, documentOf, documents, ROOT, tableRows } from './documents.ts'

const commands = program().commands
const shown = commands.map((c) => c.name()).filter((name) => !name.startsWith('_'))

it('finds the calls it is to judge', () => {
  const texts = calls.map((c) => c.words.join(' '))
  expect(texts.length).toBeGreaterThan(100)
  for (const call of ['exec pod-a -- ping -c1 10.244.1.2', 'up topologies/gre.yaml', 'plan FILE --down', 'down scale'])
    expect(texts).toContain(call)
})

it('every netlab command the documentation shows exists, and so do its options', () => {
  const wrong = calls.flatMap(({ words, where, text }) => {
    const [name = '', ...rest] = words
    // Placeholders, as in `netlab COMMAND --help`, and what netlab answers without a command.
    if (/^[A-Z]+$/.test(name) || name === '--version' || name === '--help') return []
    const group = commands.find((c) => c.name() === name)
    const command = group?.commands.find((c) => c.name() === rest[0]) ?? group
    if (!command || !shown.includes(name)) return [`${where}: no command "${name}": ${text}`]
    const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
    const known = new Set(['-h', '--help', ...command.options.flatMap((o) => [o.short, o.long])])
    return own
      .filter((word) => /^--?[a-z]/.test(word) && !known.has(word.replace(/=.*/, '')))
      .map((word) => `${where}: no option ${word}: ${text}`)
  })
  expect(wrong).toEqual([])
})

it("README's table has every command", () => {
  const rows = tableRows(documentOf('README.md')!, 'command').map(([call]) => /^`netlab (\w+)/.exec(call!)?.[1])
  expect(new Set(rows)).toEqual(new Set(shown))
})

it('exit codes are those of the commands', () => {
  const codes = Object.values(Exit).filter((code) => typeof code === 'number')
  const table = tableRows(documentOf('docs/troubleshooting.md')!, 'code').map(([code]) => Number(code))
  expect(table).toEqual(codes)
  const line = /^Exit codes: (.*(?:\n.+)*)/m.exec(documentOf('README.md')!.prose)![1]!
  expect([...line.matchAll(/(?:^|; |;\n)(\d+) /g)].map((m) => Number(m[1]))).toEqual(codes)
})

it('every npm script the documentation names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const named = documents.flatMap((d) => [...d.text.matchAll(/\bnpm (?:run )?(start|test(?::\w+)?|(?<=run )[\w:]+)/g)].map((m) => m[1]!))
  expect(named.length).toBeGreaterThan(10)
  expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([])
})
