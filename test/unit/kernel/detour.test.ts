/** Sets that change together: no packet may be judged by some of the new ones and some of the old. */
import { describe, expect, test } from 'vitest'
import { diff } from '../../../src/kernel/diff.ts'
import type { Chain, Ipset, KernelObject } from '../../../src/kernel/objects.ts'
import { render } from '../../../src/kernel/render.ts'
import { FakeKernel } from './fake-kernel.ts'

const ns = 'lab.a'
const netns: KernelObject = { kind: 'netns', ns }
const set = (name: string, ...members: string[]): Ipset => ({ kind: 'ipset', ns, family: 4, name, type: 'hash:ip', members })
const chain = (...rules: string[]): Chain => ({ kind: 'chain', ns, family: 4, table: 'filter', chain: 'TEST', builtin: false, rules })
const READER = chain('-m set --match-set one src -m set --match-set two dst -j RETURN', '-j DROP')
const lines = (before: KernelObject[], after: KernelObject[]): string[] =>
  render(diff(before, after)).flatMap((b) => b.lines.map((l) => `${b.tool}: ${l.text}`))
const commits = (before: KernelObject[], after: KernelObject[]): number => lines(before, after).filter((l) => l.endsWith('COMMIT')).length

const OLD = [netns, set('one', '10.0.0.1'), set('two', '10.0.0.2'), READER]

describe('sets that change', () => {
  test('alone is swapped, and no chain is touched', () => {
    const after = [netns, set('one', '10.0.0.9'), set('two', '10.0.0.2'), READER]
    expect(lines(OLD, after)).toEqual(
      ['create netlab-next hash:ip family inet', 'add netlab-next 10.0.0.9', 'swap netlab-next one', 'destroy netlab-next'].map(
        (l) => `ipset: ${l}`,
      ),
    )
  })

  test('two at once change for their readers in one commit', () => {
    const after = [netns, set('one', '10.0.0.9'), set('two', '10.0.0.8'), READER]
    const all = lines(OLD, after)
    const first = all.indexOf('iptables-restore: COMMIT')
    expect(all.slice(0, first)).toContain('iptables-restore: -A TEST -m set --match-set one~ src -m set --match-set two~ dst -j RETURN')
    // Until then nothing that rules match has moved.
    expect(all.slice(0, first).filter((l) => l.startsWith('ipset: ') && !l.includes('~'))).toEqual([])
    expect(all.slice(first)).toContain('iptables-restore: -A TEST -m set --match-set one src -m set --match-set two dst -j RETURN')
    expect(commits(OLD, after)).toBe(2)
  })

  test('one set and the chain that matches it change in one commit', () => {
    const after = [netns, set('one', '10.0.0.9'), set('two', '10.0.0.2'), chain('-m set --match-set one src -j RETURN', '-j DROP')]
    const all = lines(OLD, after)
    expect(all.slice(0, all.indexOf('iptables-restore: COMMIT'))).toContain(
      'iptables-restore: -A TEST -m set --match-set one~ src -j RETURN',
    )
  })

  test('come out as asked for, nothing left beside them', () => {
    const after = [
      netns,
      set('one', '10.0.0.9'),
      set('three', '10.0.0.3'),
      set('two'),
      chain('-m set --match-set three src -m set --match-set two dst -j RETURN', '-m set --match-set one src -j DROP'),
    ]
    const kernel = new FakeKernel(OLD).run(render(diff(OLD, after)))
    expect(diff(kernel.objects(), after)).toEqual([])
    expect(kernel.objects()).toHaveLength(after.length)
  })

  test('once more after being killed on the way', () => {
    const after = [netns, set('one', '10.0.0.9'), set('two', '10.0.0.8'), READER]
    const left = [...OLD, set('one~', '10.0.0.5')]
    expect(diff(new FakeKernel(left).run(render(diff(OLD, after))).objects(), after).filter((c) => c.action !== 'delete')).toEqual([])
  })

  test('of another family do not hurry those that are alone', () => {
    const six: Ipset = { ...set('six', 'fd00::1'), family: 6 }
    expect(commits([...OLD, six], [netns, set('one', '10.0.0.9'), set('two', '10.0.0.2'), READER, { ...six, members: ['fd00::2'] }])).toBe(
      0,
    )
  })
})
