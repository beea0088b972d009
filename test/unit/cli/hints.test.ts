/** Command lines in messages can be pasted: they are netlab's own commands and options, and names in them are words of a shell. */
import { expect, test } from 'vitest'
import { program } from '../../../src/cli/program.ts'
import { upCommand } from '../../../src/state/up-command.ts'
import { sources } from '../architecture/sources.ts'

/** Literals of code, without those of comments. */
const texts = sources
  .filter((s) => !/^topology\/schema|^cli\/commands\/tools\/completion/.test(s.path))
  .flatMap(({ path, text }) => {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '')
    return [...code.matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g)].map(([literal]) => ({
      path,
      literal: literal.slice(1, -1).replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, 'VALUE'),
    }))
  })

/** Command lines in them: from `netlab VERB` to what cannot belong to it. */
const commands = texts.flatMap(({ path, literal }) =>
  [
    ...literal.matchAll(
      /\bnetlab ((?:[a-z]+)\b(?:(?! (?:in|shows|lists|removes|builds|puts|makes|names|draws|starts|tests|as)\b)[^,;.…|`()])*)/g,
    ),
  ].map(([, line]) => ({
    path,
    line: line!.trim(),
  })),
)

test('they are found', () => expect(commands.length).toBeGreaterThan(40))

test('each names a command, and options that it has', () => {
  const known = new Map(program().commands.map((c) => [c.name(), c]))
  const wrong = commands.filter(({ line }) => {
    const [verb = '', ...words] = line.split(' ')
    const command = known.get(verb)
    // Prose, such as "a netlab that was killed", names no command.
    if (!command) return !/^(?:needs|with)$/.test(verb) && words.some((w) => w.startsWith('--'))
    const options = [command, ...command.commands].flatMap((c) => c.options.map((o) => o.long))
    const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
    return own.some((w) => /^--[a-z]/.test(w) && !options.includes(w.replace(/[=:].*/, '')))
  })
  expect(wrong).toEqual([])
})

test('a lab is made again by one function, which remembers how it was made', () => {
  const own = texts.filter(({ literal }) => /\bnetlab up VALUE/.test(literal)).map((t) => t.path)
  expect(own).toEqual(['state/up-command.ts'])
  expect(upCommand({ file: '/a b/lab.yaml', forced: true })).toBe("netlab up '/a b/lab.yaml' --force")
  expect(upCommand({ file: '/lab.yaml' })).toBe('netlab up /lab.yaml')
})

test('where a command takes the names of nodes, the lab is named, too, or the reader is asked for both', () => {
  const nodeCommands = commands.filter(({ line }) => /^(?:exec|shell|logs|trace|capture)\b/.test(line) && /VALUE/.test(line))
  expect(nodeCommands.filter(({ line }) => !line.includes('--lab')).map((c) => `${c.path}: ${c.line}`)).toEqual([
    // Said to who has named no lab either.
    'cli/commands/nodes/exec-run.ts: exec VALUE -- COMMAND',
    'cli/commands/nodes/exec-run.ts: shell VALUE',
  ])
})
