import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Merge } from '../../../src/capture/merge.ts'
import type { Frame } from '../../../src/capture/tap.ts'

const frame = (at: bigint, node = 'a'): Frame => ({
  node,
  ns: node,
  device: 'eth0',
  ifindex: 1,
  at,
  direction: 'in',
  hardware: 1,
  bytes: Buffer.alloc(0),
})
const MS = 1_000_000n

test('a frame waits until older ones must have been read', () => {
  const out: bigint[] = []
  const merge = new Merge((f) => out.push(f.at))
  merge.push(frame(500n * MS))
  merge.push(frame(450n * MS, 'b'))
  merge.flush(540n * MS)
  expect([out, merge.waiting]).toEqual([[], 2])
  merge.flush(560n * MS)
  expect(out).toEqual([450n * MS])
  merge.flush()
  expect([out, merge.waiting]).toEqual([[450n * MS, 500n * MS], 0])
})

test('it knows how much waits', () => {
  const merge = new Merge(() => {})
  merge.push({ ...frame(400n * MS), bytes: Buffer.alloc(60) })
  merge.push({ ...frame(500n * MS), bytes: Buffer.alloc(1500) })
  expect([merge.waiting, merge.bytes]).toEqual([2, 1560])
  merge.flush(510n * MS)
  expect([merge.waiting, merge.bytes]).toEqual([1, 1500])
  merge.flush()
  expect([merge.waiting, merge.bytes]).toEqual([0, 0])
})

test('frames of listeners that each capture in order come out in order, whichever is read first; of one instant the first read is first', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 80 }), { maxLength: 12 }), { minLength: 1, maxLength: 4 }), (streams) => {
      const out: Frame[] = []
      const merge = new Merge((f) => out.push(f))
      const pushed: Frame[] = []
      for (const [i, times] of streams.entries()) {
        for (const t of times.toSorted((a, b) => a - b)) {
          const one = frame(BigInt(t) * MS, `n${i}`)
          pushed.push(one)
          merge.push(one)
        }
        // Nothing is older than the window yet, so flushing between two listeners loses no order.
        merge.flush(80n * MS)
      }
      merge.flush()
      const expected = pushed.map((f, i) => ({ f, i })).sort((a, b) => (a.f.at < b.f.at ? -1 : a.f.at > b.f.at ? 1 : a.i - b.i))
      expect(out).toEqual(expected.map((e) => e.f))
    }),
  )
})
