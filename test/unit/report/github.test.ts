import { describe, expect, test } from 'vitest'
import { annotations, group } from '../../../src/report/test/github.ts'
import { markdown } from '../../../src/report/test/markdown.ts'
import { cannot, drifted, HOSTILE, leak, outcome, run, wrong } from './finished.ts'

/** Undoes a command as the runner does it (ActionCommand.TryParseV2). */
function parsed(line: string): { command: string; properties: Record<string, string>; message: string } {
  const m = /^::(\w+) ?(.*?)::(.*)$/s.exec(line)!
  const undo = (text: string, property: boolean): string => {
    const known: [string, string][] = [
      ...(property ? [['%3A', ':'] as [string, string], ['%2C', ','] as [string, string]] : []),
      ['%0D', '\r'],
      ['%0A', '\n'],
      ['%25', '%'],
    ]
    return known.reduce((t, [from, to]) => t.replaceAll(from, to), text)
  }
  const properties = Object.fromEntries(
    m[2]!
      .split(',')
      .filter(Boolean)
      .map((p) => {
        const at = p.indexOf('=')
        return [p.slice(0, at), undo(p.slice(at + 1), true)]
      }),
  )
  return { command: m[1]!, properties, message: undo(m[3]!, false) }
}

const lines = (text: string) => text.split('\n').filter(Boolean).map(parsed)

describe('annotations', () => {
  test('stand at the line that asked for it', () => {
    expect(annotations([outcome()], '/repo')).toBe(
      '::error file=labs/shop.yaml,line=31,col=3,title=shop%3A what policies deny does not arrive%3A visitor → shop/db 5432/tcp' +
        '::shop/db answered, although policy shop/db-only isolates it%0Anetlab trace visitor shop/db --port 5432/tcp --lab shop\n',
    )
  })

  test('what is wrong is an error, what cannot run here a warning', () => {
    expect(lines(annotations([wrong, cannot, outcome({ status: 'passed', run: { ...run, checks: [] } })], '/repo'))).toEqual([
      {
        command: 'error',
        properties: { file: 'labs/wrong.yaml', line: '3', col: '1', title: 'wrong: unknown-key' },
        message: 'unknown key "hostz"\ndid you mean "hosts"?',
      },
      {
        command: 'warning',
        properties: { file: 'labs/gre.yaml', line: '1', title: 'gre: skipped' },
        message: 'this kernel cannot do gre: Operation not supported',
      },
    ])
  })

  test('what follows from drift is one, at the line that asked for what is missing', () => {
    const all = lines(annotations([outcome({ run: drifted })], '/repo'))
    expect(all).toHaveLength(3)
    expect(all[0]).toEqual({
      command: 'error',
      properties: { file: 'labs/shop.yaml', line: '2', title: 'shop: missing FDB entry 02:06 on vxlan1 in shop.node-1' },
      message: '2 failed checks follow from it: pods-reach-pods (1), no-loss (1)\na → b, b → a',
    })
    expect(all.slice(1).map((a) => a.properties['title'])).toEqual([
      'shop: title of pods-reach-pods: a → c icmp',
      'shop: what policies deny does not arrive: visitor → shop/db 5432/tcp',
    ])
  })

  test('at most ten of a kind, the rest counted, every lab named', () => {
    const many = (lab: string, n: number) =>
      outcome({ lab, run: { ...run, lab, checks: Array.from({ length: n }, (_, i) => ({ ...leak, from: `p${i}` })) } })
    const all = lines(annotations([many('a', 100), many('b', 3), ...Array.from({ length: 12 }, () => cannot)], '/repo'))
    const errors = all.filter((a) => a.command === 'error')
    expect(errors).toHaveLength(10)
    expect(errors.filter((a) => a.properties['title']!.startsWith('b:'))).toHaveLength(3)
    expect(errors.at(-1)!.message).toMatch(/^94 more errors/)
    expect(
      all
        .filter((a) => a.command === 'warning')
        .map((a) => a.message)
        .at(-1),
    ).toMatch(/^3 more warnings/)
    expect(lines(annotations([many('a', 10)], '/repo'))).toHaveLength(10)
  })

  test('any text arrives as it was, and stays one command', () => {
    const hostile = {
      ...leak,
      title: `${HOSTILE}, 100 %25`,
      detail: 'a\r\nb: c, 50 %0A',
      source: { path: 'x', line: 2, column: 3, file: '/repo/a,b:c%2C.yaml' },
    }
    const text = annotations([outcome({ run: { ...run, checks: [hostile] } })], '/repo')
    expect(text.match(/^::/gm)).toHaveLength(1)
    expect(text.match(/\n/g)).toHaveLength(1)
    const [{ properties, message }] = lines(text) as [ReturnType<typeof parsed>]
    expect(properties['file']).toBe('a,b:c%2C.yaml')
    expect(properties['title']).toContain(', 100 %25')
    expect(message.split('\n')[0]).toBe('a; b: c, 50 %0A')
  })

  test('groups fold', () => expect(group('lab a\n::error::', 'text\n')).toBe('::group::lab a%0A::error::\ntext\n::endgroup::\n'))
})

describe('the summary as Markdown', () => {
  const page = markdown([outcome({ lab: 'ok', status: 'passed' }), outcome(), wrong, cannot], '/repo')

  test('begins with a line for each lab', () => {
    expect(page.split('\n').slice(0, 5)).toEqual([
      '## netlab: 2 of 4 labs failed, 1 skipped',
      '',
      '| lab | result | passed | failed | skipped | probes | seconds | topology |',
      '| --- | --- | --- | --- | --- | --- | --- | --- |',
      '| ok | ✅ passed | 3 | 1 | 1 | 19 | 4.0 | <code>labs/shop.yaml</code> |',
    ])
  })

  test('then what failed, broken labs first, with a folded matrix', () => {
    expect(page.indexOf('### wrong')).toBeLessThan(page.indexOf('### shop'))
    expect(page).toContain('<code>netlab trace visitor shop/db --port 5432/tcp --lab shop</code>')
    expect(page).toContain('- <code>labs/wrong.yaml:3:1</code>: unknown key "hostz" (did you mean "hosts"?)')
    expect(page).toContain('<details><summary>Who reached whom</summary>\n\n````text\n5432/tcp\n')
    expect(page.match(/<details>/g)).toHaveLength(page.match(/<\/details>/g)!.length)
  })

  test('drift comes before failures, with what follows from each difference', () => {
    const text = markdown([outcome({ run: drifted })], '/repo')
    const rows = text.split('\n').filter((l) => l.startsWith('| missing') || l.startsWith('| changed'))
    expect(rows[0]).toContain('<code>labs/shop.yaml:2</code> | 2 failed checks: pods-reach-pods (1), no-loss (1); a → b, b → a |')
    expect(rows[1]).toContain('route x in shop.node-1; via is y')
    expect(text).toContain('Drift found; may be the cause of 1 failed check.\n')
    expect(text).toContain('title of pods-reach-pods')
    expect(text).not.toContain('title of no-loss')
    expect(text.indexOf('Drift found')).toBeLessThan(text.indexOf('title of pods-reach-pods'))
  })

  test('labs of one name are told apart by their files', () => {
    const text = markdown([outcome(), outcome({ file: '/repo/staging/shop.yaml' })], '/repo')
    expect(text.match(/^### .*/gm)).toEqual(['### shop (labs/shop.yaml): ❌ failed', '### shop (staging/shop.yaml): ❌ failed'])
  })

  test('no text leaves its cell or becomes HTML', () => {
    const hostile = { ...leak, title: HOSTILE, detail: HOSTILE, from: HOSTILE }
    const text = markdown([outcome({ lab: HOSTILE, run: { ...run, checks: [hostile], cells: [], untested: [HOSTILE] } })], '/repo')
    expect(text).not.toMatch(/<(?!\/?(?:code|details|summary)>)/)
    const rows = text.split('\n').filter((l) => l.startsWith('|'))
    const cells = rows.map((r) => r.split('|').length)
    expect(cells).toEqual([10, 10, 10, 7, 7, 7])
  })

  test('stays below what GitHub takes, and says what it left out', () => {
    const title = 'x'.repeat(40_000)
    const big = outcome({ run: { ...run, checks: Array.from({ length: 49 }, () => ({ ...leak, title })) } })
    const text = markdown([outcome(), big], '/repo')
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000)
    expect(text).toContain('left out: GitHub shows no more than 1 MiB')
    expect(text).toContain('### shop')
  })
})
