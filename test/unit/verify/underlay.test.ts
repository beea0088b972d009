import { expect, test, vi } from 'vitest'
import type { Applied } from '../../../src/state/store.ts'
import { UnderlayListener } from '../../../src/verify/evidence/underlay.ts'

const ended = vi.hoisted(() => ({ times: 0 }))
vi.mock('../../../src/trace/collect/packet-listener.ts', () => ({
  PacketListener: class {
    frames = []
    async end() {
      ended.times++
      // The helper says what it lost once; a second end does not report it again.
      return ended.times === 1 ? { frames: 7, overflows: 0, complete: true } : { frames: 0, overflows: 0, complete: false }
    }
  },
}))

test('a listener that is ended again, as cleaning up does, is ended once and says the same', async () => {
  const listener = new UnderlayListener({ lab: { hosts: [] }, objects: [] } as unknown as Applied)
  const captured = await listener.end()
  expect(captured.lost).toBe(7)
  expect(await listener.end()).toBe(captured)
  expect(ended.times).toBe(1)
})
