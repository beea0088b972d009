/** What comes from pods is data: it acts on no terminal and on no CI runner, whatever it holds. */
import { Chalk } from 'chalk'
import { describe, expect, test, vi } from 'vitest'
import { statusText } from '../../../src/report/lab/status.ts'
import { Screen } from '../../../src/report/formats/screen.ts'
import { writeJson, writeLog, writeOut } from '../../../src/report/formats/terminal.ts'
import { onGitHub, outward, outwardJson, visible } from '../../../src/report/formats/visible.ts'
import { sources } from '../architecture/sources.ts'

const EVIL = 'a\u001b[2J\u001b]0;title\u0007b\u009b31mc\u202ed\re\u0000'
const SAFE = 'a\\x1b[2J\\x1b]0;title\\x07b\\x9b31mc\\u202ed\\x0de\\x00'

test('data is written with escapes', () => {
  expect(visible(EVIL)).toBe(SAFE)
  expect(visible('é 日本 👍 ü')).toBe('é 日本 👍 ü')
})

describe('a whole text', () => {
  test('keeps its lines and colours, and nothing else that acts', () => {
    const { red, bold, dim } = new Chalk({ level: 1 })
    const text = `${red('x')}\t${bold(dim('y'))}\n`
    expect(outward(text, {})).toBe(text)
    expect(outward(`${text}${EVIL}`, {})).toBe(`${text}${SAFE}`)
    expect(outward('\u001b[8mhidden\u001b[5m', {})).toBe('\\x1b[8mhidden\\x1b[5m')
  })

  test('gives a runner no commands but its groups', () => {
    const text = '::group::x\n::error file=a::b\n  ::add-mask::c\n##[error]d\nfd00::1\n::endgroup::\n'
    expect(outward(text, {})).toBe(text)
    for (const on of ['true', '1'])
      expect(outward(text, { GITHUB_ACTIONS: on })).toBe(
        '::group::x\n\\x3a:error file=a::b\n  \\x3a:add-mask::c\n\\x23#[error]d\nfd00::1\n::endgroup::\n',
      )
    expect([onGitHub({ GITHUB_ACTIONS: 'false' }), onGitHub({})]).toEqual([false, false])
  })

  test('of JSON is the same document', () => {
    const text = outwardJson(JSON.stringify({ [EVIL]: EVIL }, null, 2))
    expect(JSON.parse(text)).toEqual({ [EVIL]: EVIL })
    expect(visible(text.replaceAll('\n', ''))).toBe(text.replaceAll('\n', ''))
  })
})

/** A stream that keeps what is written. */
function stream(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly written: () => string } {
  let all = ''
  const fake = { isTTY, rows: 20, write: (s: string) => ((all += s), true) }
  return { stream: fake as unknown as NodeJS.WriteStream, written: () => all }
}

test('every way out is one of these', async () => {
  const plain = stream(false)
  await writeOut([EVIL], plain.stream)
  expect(plain.written()).toBe(SAFE)
  const drawn = stream(true)
  const screen = new Screen(drawn.stream, {})
  await screen.show(EVIL, EVIL)
  await screen.leave()
  expect(drawn.written().split(SAFE)).toHaveLength(4)
  expect(drawn.written()).not.toContain('\u001b[2J')
  expect(writeJson).toBeTypeOf('function')
})

test('no source writes past them', () => {
  const direct = sources.filter((s) => /\b(?:stdout|stderr)\.write\(|\bconsole\.|writeSync\([12],/.test(s.text)).map((s) => s.path)
  expect(direct.toSorted()).toEqual([
    // Before anything is loaded, and when nothing can be: netlab's own words, or through `outward`.
    'cli/program.ts',
    'main.ts',
    'netns/inside.ts',
    'report/formats/terminal.ts',
  ])
  // What leaves as it is: scripts, pcapng, the bytes of a log, JSON that has its escapes, and words for a shell.
  const exact = sources.filter((s) => /\bwriteExact\(/.test(s.text)).map((s) => s.path)
  expect(exact.toSorted()).toEqual([
    'cli/commands/nodes/capture-sinks.ts',
    'cli/commands/nodes/logs-run.ts',
    'cli/commands/tools/completion-run.ts',
    'cli/commands/topology/plan-run.ts',
    'report/formats/screen.ts',
    'report/formats/terminal.ts',
  ])
  // Commands for a runner have one maker.
  expect(sources.filter((s) => /[^.\w]command\((?:annotations|[^)]*::)/.test(s.text)).map((s) => s.path)).toEqual([
    'cli/commands/test/test-reports.ts',
  ])
})

describe('what a program of the lab printed', () => {
  const pieces = async function* (...texts: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const text of texts) yield Buffer.from(text)
  }

  test('acts on no terminal, and a prompt shows at once', async () => {
    const out = stream(true)
    await writeLog(pieces('a\r', '\nb\u001b]0;t', '\u0007 \u001b[31mred\u001b[39m é$ '), out.stream)
    expect(out.written()).toBe('a\nb\\x1b]0;t\\x07 \u001b[31mred\u001b[39m é$ ')
  })

  test('gives a runner no command, not even in two pieces', async () => {
    vi.stubEnv('GITHUB_ACTIONS', 'true')
    const out = stream(false)
    await writeLog(pieces('x\n:', ':error::y\nfd00:', ':1'), out.stream)
    vi.unstubAllEnvs()
    expect(out.written()).toBe('x\n\\x3a:error::y\nfd00::1')
  })

  test('of a character in two pieces is one', async () => {
    const out = stream(true)
    await writeLog(
      (async function* () {
        yield Buffer.from([0xc3])
        yield Buffer.from([0xa9])
      })(),
      out.stream,
    )
    expect(out.written()).toBe('é')
  })
})

test('a device, a comment and a log line break no table of status', () => {
  const text = statusText(
    {
      lab: 'demo',
      repair: 'netlab up /lab.yaml',
      halfDone: false,
      checked: 1,
      findings: [{ state: 'unexpected', object: `device ${EVIL}\nas planned`, details: [`${EVIL}\nas planned`] }],
      containers: [],
      daemons: [],
    },
    new Chalk({ level: 0 }),
  )
  expect(text).toContain(`device ${SAFE}\\x0aas planned`)
  expect(text).not.toMatch(/^as planned/m)
})
