import { expect, test, vi } from 'vitest'
import type { Applied } from '../../../src/state/store.ts'
import { UnderlayEar } from '../../../src/verify/evidence/underlay.ts'

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

test('an ear that is ended again, as who cleans up does, is ended once and says the same', async () => {
  const ear = new UnderlayEar({ lab: { hosts: [] }, objects: [] } as unknown as Applied)
  const heard = await ear.end()
  expect(heard.lost).toBe(7)
  expect(await ear.end()).toBe(heard)
  expect(ended.times).toBe(1)
})
