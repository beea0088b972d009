/** What comes from pods is data: it acts on no terminal and on no CI runner, whatever it holds. */
import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { statusText } from '../../../src/report/lab/status.ts'
import { Screen } from '../../../src/report/formats/screen.ts'
import { writeJson, writeOut } from '../../../src/report/formats/terminal.ts'
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
  // Bytes of pods and of captures are asked for as they are; everything else goes through writeOut or writeJson.
  const direct = sources.filter((s) => /process\.stdout\.write\(|console\.log\(/.test(s.text)).map((s) => s.path)
  expect(direct.toSorted()).toEqual(['cli/commands/nodes/capture-sinks.ts', 'cli/commands/nodes/logs-run.ts', 'main.ts'])
})

test('a device, a comment and a log line break no table of status', () => {
  const text = statusText(
    {
      lab: 'demo',
      file: '/lab.yaml',
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
