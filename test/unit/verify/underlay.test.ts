import { expect, test, vi } from 'vitest'
import type { Applied } from '../../../src/state/store.ts'
import { UnderlayListener } from '../../../src/verify/evidence/underlay.ts'

const ended = vi.hoisted(() => ({ times: 0 }))
vi.mock('../../../src/trace/collect/packet-listener.ts', () => ({
  PacketListener: class {
    frames = []
    end() {
      ended.times++
      // Losses are counted once; a second end does not report them again.
      return ended.times === 1 ? 7 : 0
    }
  },
}))

test('a listener that is ended again, as cleaning up does, is ended once and says the same', () => {
  const listener = new UnderlayListener({ lab: { hosts: [] }, objects: [] } as unknown as Applied)
  const captured = listener.end()
  expect(captured.lost).toBe(7)
  expect(listener.end()).toBe(captured)
  expect(ended.times).toBe(1)
})
