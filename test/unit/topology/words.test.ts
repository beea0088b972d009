import { describe, expect, it } from 'vitest'
import { suggest } from '../../../src/topology/suggest.ts'
import { describeValue, formatPath, orList, quote } from '../../../src/topology/schema/format.ts'

describe('suggest', () => {
  const keys = ['host', 'hosts', 'replicas', 'podCIDR', 'labels', 'masquerade', 'ip', 'mtu']

  it.each([
    ['replica', 'replicas'],
    ['relpicas', 'replicas'],
    ['podcidr', 'podCIDR'],
    ['PODCIDR', 'podCIDR'],
    ['lables', 'labels'],
    ['hsot', 'host'],
    ['host', 'host'],
    ['hostss', 'hosts'],
    ['mut', 'mtu'],
    ['ipp', 'ip'],
    ['masq', 'masquerade'],
    ['colour', undefined],
    ['xy', undefined],
    ['a', undefined],
    ['', undefined],
    ['replicas'.repeat(10), undefined],
  ])('%s → %s', (word, meant) => {
    expect(suggest(word, keys)).toBe(meant)
  })

  it('prefers the closest, then the first', () => {
    expect(suggest('worker-2', ['worker-10', 'worker-1', 'worker-3'])).toBe('worker-1')
    expect(suggest('nodes', ['note', 'node'])).toBe('node')
  })

  it('completes only what has one completion', () => {
    expect(suggest('serv', ['serviceCIDR', 'services-of-all'])).toBeUndefined()
  })
})

describe('words', () => {
  it('write paths as their authors would', () => {
    expect(formatPath([])).toBe('')
    expect(formatPath(['pods', 'shop/cart', 'containers', 0, 'name'])).toBe('pods.shop/cart.containers[0].name')
    expect(formatPath(['labels', 'app.kubernetes.io/name'])).toBe('labels."app.kubernetes.io/name"')
    expect(formatPath(['a b', ''])).toBe('"a b".""')
  })

  it('quote on one line, and not everything', () => {
    expect(quote('a\n"b"')).toBe('"a\\n\\"b\\""')
    expect(quote('x'.repeat(100))).toBe(`"${'x'.repeat(60)}…"`)
  })

  it('tell what a value is', () => {
    expect([null, [], {}, 'a', 1.5, true].map(describeValue)).toEqual([
      'nothing',
      'a list',
      'a mapping',
      'the text "a"',
      'the number 1.5',
      'the truth value true',
    ])
  })

  it('list alternatives', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'a', 'c']].map(orList)).toEqual(['', 'a', 'a or b', 'a, b or c'])
  })
})
