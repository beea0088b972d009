import { Chalk } from 'chalk'
import { describe, expect, test } from 'vitest'
import { commandOf, someOf, titleOf } from '../../../src/report/test/test-failures.ts'
import { testDocument, testedIn } from '../../../src/report/test/test-json.ts'
import { testText, type TestStyle } from '../../../src/report/test/test-text.ts'
import { drifted, HOSTILE, leak, run } from './finished.ts'

const style: TestStyle = { chalk: new Chalk({ level: 0 }), columns: 110, cwd: '/repo', kinds: [], matrix: false, isOnly: true, isUp: true }

describe('a finished test as text', () => {
  const text = testText(run, style)

  test('failures come first, with reason, place and command', () => {
    expect(text.split('\n').slice(0, 5)).toEqual([
      'FAILED         FROM     TO       PORT      WHY',
      'policy-denies  visitor  shop/db  5432/tcp  shop/db answered, although policy shop/db-only isolates it',
      '                                           asked for by labs/shop.yaml:31',
      '                                           $ netlab trace visitor shop/db --port 5432/tcp',
      '',
    ])
  })

  test('then who reached whom, the checks by group, what was not tested, and the sum', () => {
    const [order, last] = [
      ['5432/tcp\n', 'network model  1 passed, 1 skipped', 'policies  1 failed, 1 passed', 'expect  1 passed', 'Not tested\n'],
      1,
    ]
    const at = order.map((part) => text.indexOf(part))
    expect(at).toEqual(at.toSorted((a, b) => a - b))
    expect(at).not.toContain(-1)
    expect(text).toContain('○ packets have the headers of vxlan  skipped: tcpdump is missing\n')
    expect(text.trimEnd().split('\n').at(-last)).toBe('FAILED  shop: 1 failed, 3 passed, 1 skipped; 19 probes in 3.1 s')
  })

  test('the failures fit the terminal, however narrow', () => {
    for (const columns of [110, 80, 60]) {
      const own = testText(run, { ...style, columns })
        .split('\n\n')[0]!
        .split('\n')
      // A command is never broken: it is there to be copied.
      expect(own.filter((l) => l.length > columns && !l.includes('$ netlab'))).toEqual([])
      expect(own.join(' ').replaceAll(/\s+/g, ' ')).toContain('although policy shop/db-only isolates it')
    }
  })

  test('shows paths from where the reader is', () => {
    const checks = [{ ...leak, detail: 'isolated by /repo/labs/shop.yaml:31, /elsewhere/x.yaml:1' }]
    expect(testText({ ...run, checks }, style)).toContain('isolated by labs/shop.yaml:31, /elsewhere/x.yaml:1')
  })

  test('tells the same question in another family or size apart', () => {
    const checks = [
      { ...leak, port: 'icmp', reproduce: ['trace', 'a', 'b', '--family', '6'] },
      { ...leak, port: 'icmp', reproduce: ['trace', 'a', 'b', '--size', '1451'] },
    ]
    const rows = testText({ ...run, checks }, style).split('\n')
    expect(rows.filter((l) => l.startsWith('policy-denies')).map((l) => l.slice(0, 61))).toEqual([
      'policy-denies  visitor  shop/db  icmp IPv6        shop/db ans',
      'policy-denies  visitor  shop/db  icmp 1451 bytes  shop/db ans',
    ])
    expect(new Set(checks.map(titleOf)).size).toBe(2)
  })

  test('says which lab when there are several', () => {
    expect(testText(run, { ...style, isOnly: false })).toContain('netlab trace visitor shop/db --port 5432/tcp --lab shop\n')
  })

  test('where something failed, says what tells whether the lab is as it was asked for', () => {
    expect(testText(run, style)).toContain('netlab status shop shows what has drifted.\n')
    expect(testText(run, { ...style, isUp: false })).not.toContain('netlab status')
    const fine = { ...run, checks: run.checks.filter((c) => c.status !== 'failed') }
    expect(testText(fine, style)).not.toContain('netlab status')
  })

  test('quiet: what failed and one closing line, which says that not everything was tested', () => {
    const quiet = { ...style, isQuiet: true }
    const closing = 'FAILED  shop: 1 failed, 3 passed, 1 skipped; 19 probes in 3.1 s; 1 thing not tested'
    expect(testText(run, quiet).trimEnd().split('\n')).toEqual([...text.split('\n').slice(0, 5), closing])
    const fine = { ...run, untested: [], checks: run.checks.filter((c) => c.status !== 'failed') }
    expect(testText(fine, quiet)).toBe('passed  shop: 3 passed, 1 skipped; 18 probes in 3.1 s\n')
  })

  test('names the lab where the command that shows a failure takes it', () => {
    const shown = (...reproduce: string[]): string | undefined => commandOf({ ...leak, reproduce }, 'shop')
    expect(shown('exec', 'db', '--', 'ip', 'link', 'show', 'eth0')).toBe('netlab exec --lab shop db -- ip link show eth0')
    expect(shown('status', 'shop')).toBe('netlab status shop')
    expect(shown('trace', 'a', 'db')).toBe('netlab trace a db --lab shop')
    expect(commandOf({ ...leak, reproduce: ['exec', 'db', '--', 'ip', 'address'] })).toBe('netlab exec db -- ip address')
  })

  test('large matrices are shown when asked for', () => {
    const cells = Array.from({ length: 30 }, (_, i) => ({ ...run.cells[0]!, to: `p${i}` }))
    expect(testText({ ...run, cells }, style)).toContain('(1 × 30, 1 sheet) is shown with --matrix.')
    expect(testText({ ...run, cells }, { ...style, matrix: true })).toContain('from \\ to')
    expect(testText({ ...run, cells: [] }, { ...style, matrix: true })).toContain('no pair was measured')
  })

  test('no check that passed is no success', () => {
    const checks = run.checks.filter((c) => c.status === 'skipped')
    expect(testText({ ...run, checks }, style)).toContain('nothing tested  shop: 0 passed, 1 skipped')
  })

  test('nothing in it acts upon a terminal', () => {
    const hostile = { ...leak, detail: HOSTILE }
    const text = testText({ ...run, checks: [hostile], untested: [HOSTILE] }, style)
    expect([...text].filter((c) => (c < ' ' && c !== '\n') || (c >= '\u007f' && c < '\u00a0') || c === '\u202e')).toEqual([])
  })
})

describe('a test of a lab that drifted', () => {
  test('begins with what differs, then what follows from it, then what may, then the rest', () => {
    expect(testText(drifted, { ...style, isQuiet: true }).split('\n')).toEqual([
      'DRIFT    NODE    ASKED FOR BY      OBJECT',
      'missing  node-1  labs/shop.yaml:2  FDB entry 02:06 on vxlan1 in shop.node-1',
      'changed  node-1                    route x in shop.node-1',
      '                                     via is y',
      '',
      '2 failed checks follow from missing FDB entry 02:06 on vxlan1 in shop.node-1',
      '  pods-reach-pods (1), no-loss (1)',
      '  of a → b, b → a',
      '  $ netlab trace a b',
      '',
      'Drift found; may be the cause of 1 failed check:',
      'FAILED           FROM  TO  PORT  WHY',
      'pods-reach-pods  a     c   icmp  no answer within 1.5 s',
      '                                 $ netlab trace a c',
      '',
      'netlab up /repo/labs/shop.yaml puts back what is missing or changed.',
      '',
      'FAILED         FROM     TO       PORT      WHY',
      'policy-denies  visitor  shop/db  5432/tcp  shop/db answered, although policy shop/db-only isolates it',
      '                                           asked for by labs/shop.yaml:31',
      '                                           $ netlab trace visitor shop/db --port 5432/tcp',
      '',
      'FAILED  shop: 4 failed; 19 probes in 3.1 s',
      '',
    ])
  })

  test('without drift says so, once it was looked for', () => {
    const text = testText({ ...run, drift: [] }, style)
    expect(text).toContain('No drift: the kernel holds what was asked for.\n')
    expect(text).not.toContain('netlab status')
  })

  test('where the lab is gone, repairs nothing', () => {
    expect(testText(drifted, { ...style, isUp: false })).not.toContain('netlab up')
  })

  test('as JSON names the differences behind a check, and keeps every check', () => {
    const document = JSON.parse(JSON.stringify(testDocument(drifted))) as { drift: object[]; checks: Record<string, unknown>[] }
    expect(document.drift).toMatchObject([
      { id: 'drift-1', state: 'changed' },
      { id: 'drift-2', source: '/repo/labs/shop.yaml:2' },
    ])
    expect(document.checks.map((c) => [c['followsFrom'], c['mayFollowFrom']])).toEqual([
      ['drift-2', undefined],
      ['drift-2', undefined],
      [undefined, ['drift-1', 'drift-2']],
      [undefined, undefined],
    ])
    expect(testDocument(run)).not.toHaveProperty('drift')
  })
})

describe('of many failures', () => {
  const many = (id: string, n: number) => Array.from({ length: n }, (_, i) => ({ ...leak, id, title: id, from: `p${i}` }))
  test('the rare ones are shown whole, the others counted', () => {
    const { shown, hidden } = someOf([...many('lost', 1000), ...many('leak', 2)], 10)
    expect(shown.filter((c) => c.id === 'leak')).toHaveLength(2)
    expect(shown).toHaveLength(10)
    expect(hidden).toEqual([{ id: 'lost', title: 'lost', count: 992 }])
  })
  test('each check is there at least once', () => {
    const { shown, hidden } = someOf(
      ['a', 'b', 'c', 'd'].flatMap((id) => many(id, 3)),
      2,
    )
    expect(shown.map((c) => c.id)).toEqual(['a', 'b', 'c', 'd'])
    expect(hidden.reduce((sum, h) => sum + h.count, 0)).toBe(8)
  })
  test('none is none', () => expect(someOf([], 10)).toEqual({ shown: [], hidden: [] }))
  test('text names what it hides', () => {
    expect(testText({ ...run, checks: many('lost', 100) }, style)).toContain('… and 85 more of lost\n')
  })
})

test('what is behind several failures of one promise counts once', () => {
  const same = (n: number, title: string) => Array.from({ length: n }, () => ({ ...leak, title, tested: 30 }))
  expect(testedIn([...same(3, 'a'), ...same(2, 'b'), run.checks[0]!])).toBe(72)
})

test('as JSON: counts, checks with their places, the matrix when asked for', () => {
  const document = JSON.parse(JSON.stringify(testDocument(run))) as Record<string, unknown> & { checks: Record<string, unknown>[] }
  expect(document).toMatchObject({ lab: 'shop', passed: 3, failed: 1, skipped: 1, tested: 19, untested: run.untested })
  expect(document).not.toHaveProperty('matrix')
  expect(document.checks[2]).toEqual({
    id: 'policy-denies',
    group: 'policy',
    title: leak.title,
    status: 'failed',
    from: 'visitor',
    to: 'shop/db',
    port: '5432/tcp',
    detail: leak.detail,
    source: '/repo/labs/shop.yaml:31',
    tested: 1,
    reproduce: leak.reproduce,
  })
  expect(document.checks[4]!['source']).toBe('/repo/labs/k8s/expect.yaml:45')
  expect(testDocument(run, [])).toHaveProperty('matrix.rows.length', 3)
})
