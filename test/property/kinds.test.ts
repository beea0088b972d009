/** What must hold of every kind of object and every type of device. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyChanges, diff } from '../../src/kernel/diff.ts'
import { drift } from '../../src/kernel/drift.ts'
import { describe as inWords, keyOf, kindOf, KINDS, providedBy, type KernelObject } from '../../src/kernel/kinds/index.ts'
import { LINK_TYPES } from '../../src/kernel/links/index.ts'
import { render } from '../../src/kernel/render.ts'
import { within } from '../../src/kernel/scope.ts'
import { build } from '../unit/compile/build.ts'
import { FakeKernel } from '../unit/kernel/fake-kernel.ts'
import { content, stateOf } from '../unit/kernel/fake-tables.ts'
import { topology } from '../unit/lab/arbitrary.ts'
import { arbitraries, linkArbitraries, objects } from './arbitrary-objects.ts'

test('every kind and every type of device has an arbitrary', () => {
  expect(Object.keys(arbitraries).toSorted()).toEqual(KINDS.map((k) => k.kind).toSorted())
  expect(Object.keys(linkArbitraries).toSorted()).toEqual(LINK_TYPES.map((t) => t.type).toSorted())
})

const cases = [
  ...Object.entries(arbitraries).map(([name, a]) => [name, a] as const),
  ...Object.entries(linkArbitraries).map(([name, a]) => [`link ${name}`, a] as const),
] as readonly (readonly [string, fc.Arbitrary<KernelObject>])[]

describe.each(cases)('%s', (_, arbitrary) => {
  test('is what it is, whatever asked for it', () => {
    fc.assert(
      fc.property(arbitrary, (o) => {
        const noted = { ...o, note: 'why', from: { line: 1, column: 1, path: 'hosts' } } as KernelObject
        expect(keyOf(noted)).toBe(keyOf(o))
        expect(diff([o], [o])).toEqual([])
        expect(diff([o], [noted])).toEqual([])
        expect(inWords(o)).toMatch(/^\S[^\n]*\S$/)
      }),
    )
  })

  test('is made and taken away by lines of its own, one a line, unless it cannot be taken away', () => {
    fc.assert(
      fc.property(arbitrary, (o) => {
        const made = render(diff([], [o])).flatMap((b) => b.lines)
        const removed = render([{ action: 'delete', object: o }]).flatMap((b) => b.lines)
        expect(made.length > 0).toBe(!kindOf(o).awaited?.(o))
        // A route that is left by a daemon can be taken away, what two daemons have with each other cannot.
        expect(removed.length > 0).toBe(o.kind !== 'session' && !kindOf(o).builtin?.(o))
        for (const line of [...made, ...removed]) {
          expect(line.text).toMatch(/^\S[^\n\r\0]*$/)
          expect(line.object).toBe(o)
        }
      }),
    )
  })

  test('becomes another of its identity, in place or made anew', () => {
    fc.assert(
      fc.property(arbitrary, arbitrary, (a, like) => {
        fc.pre(keyOf(a) === keyOf(like))
        const changes = diff([a], [like])
        expect(changes.length === 0).toBe(content(a) === content(like))
        expect(stateOf(applyChanges([a], changes))).toEqual(stateOf([like]))
        const { changed } = drift([like], [a])
        expect(changed.length > 0).toBe(changes.length > 0)
      }),
      { numRuns: 30, maxSkipsPerRun: 3000 },
    )
  })
})

test('any objects become any others', () => {
  fc.assert(
    fc.property(objects(keyOf), objects(keyOf), (a, b) => {
      const changes = diff(a, b)
      expect(diff(a, a)).toEqual([])
      expect(stateOf(applyChanges(a, changes))).toEqual(stateOf(b))
      expect(render(changes).length > 0 || changes.every((c) => c.action === 'delete' || kindOf(c.object).awaited?.(c.object))).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('a scope is mended as a whole lab would be, and nothing beyond it is touched', () => {
  let mended = 0
  fc.assert(
    fc.property(
      topology,
      fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      (value, lost, places) => {
        const made = build(value)
        if (!made) return
        const desired = made.objects
        const spaces = desired.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
        const scope = new Set(places.map((n) => spaces[n % spaces.length]!))
        let kernel = new FakeKernel(desired)
        for (const n of lost) {
          const now = kernel.objects()
          const object = now[n % now.length]!
          if (object.kind === 'netns' || kindOf(object).builtin?.(object)) continue
          // Without a bridge beyond the scope its ports in the scope cannot be made again.
          if (providedBy(object).length > 0 && !within(now, scope).includes(object)) continue
          try {
            kernel = new FakeKernel(now).run(render([{ action: 'delete', object }]))
          } catch {
            // A chain that others jump to, or a set that a rule matches, cannot be lost.
          }
        }
        const damaged = kernel.objects()
        const changes = diff(damaged, desired, scope)
        const after = kernel.run(render(changes)).objects()
        expect(diff(after, desired, scope)).toEqual([])
        const inScope = new Set([...within(damaged, scope), ...within(desired, scope)].map(keyOf))
        expect(changes.filter((c) => !inScope.has(keyOf(c.object)))).toEqual([])
        const beyond = (list: readonly KernelObject[]) => stateOf(list.filter((o) => !inScope.has(keyOf(o))))
        expect(beyond(after)).toEqual(beyond(damaged))
        if (changes.length > 0) mended++
        if (scope.size === spaces.length) expect(changes).toEqual(diff(damaged, desired))
      },
    ),
    { numRuns: 60 },
  )
  expect(mended).toBeGreaterThan(0)
})
