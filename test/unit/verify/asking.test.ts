/** What is asked again before it is believed. */
import { expect, test, vi } from 'vitest'
import { Asking } from '../../../src/verify/ask/asking.ts'
import type { Put } from '../../../src/verify/ask/askers.ts'
import type { Answer } from '../../../src/verify/ask/question.ts'
import type { Asked } from '../../../src/verify/promises.ts'
import { lab as labOf } from '../model/fixture.ts'

// Until neighbours have aged.
vi.mock('node:timers/promises', () => ({ setTimeout: async () => {} }))

const lab = labOf('name: demo\nhosts: { node-1: {} }\npods: { a: { host: node-1 }, b: { host: node-1 } }\n')
const [a, b] = lab.pods
const echo: Asked = { netns: a!.netns, kind: 'icmp', family: 4, address: b!.addresses[0]!.ip, port: 0, nth: 1, expected: ['ok'] }
const train: Asked = { ...echo, count: 20 }
const lossy: Answer = { outcome: 'ok', text: '20 sent, 19 came back, 0 more than once', ms: 300 }
const whole: Answer = { outcome: 'ok', text: '20 sent, 20 came back, 0 more than once', ms: 300 }

/** What comes of it where answers are these, round by round, and the table of neighbours has refused so many before each. */
async function asked(
  list: readonly Asked[],
  rounds: readonly Answer[],
  refused: readonly number[],
): Promise<{ last?: Answer; rounds: number }> {
  let round = 0
  const askers = {
    ask: async (puts: readonly Put[]): Promise<Answer[]> => {
      const answers = puts.map(() => rounds[round]!)
      round++
      return answers
    },
    forget: async (): Promise<void> => {},
  }
  const readTable = () => ({ most: 1024, taken: 0, refused: refused[round]! })
  const asking = new Asking(lab, askers, {}, readTable)
  await asking.askWatched(list)
  const last = asking.evidence.answer(list[0]!)
  return { ...(last && { last }), rounds: round }
}

test('what is as expected is asked once, and what is not, twice', async () => {
  expect(await asked([echo], [{ outcome: 'ok', ms: 1 }], [0, 0])).toMatchObject({ rounds: 1 })
  const silent: Answer = { outcome: 'timeout', ms: 2500 }
  expect(await asked([echo], [silent, silent, silent], [0, 0, 0, 0])).toEqual({ rounds: 2, last: silent })
})

test('an echo lost of a train is believed at once, but not where the table of neighbours lost packets', async () => {
  expect(await asked([train], [lossy], [0, 0])).toEqual({ rounds: 1, last: lossy })
  expect(await asked([train], [lossy, whole], [0, 5, 5])).toEqual({ rounds: 2, last: whole })
  expect(await asked([train], [lossy, lossy, lossy], [0, 5, 5, 5])).toEqual({ rounds: 2, last: lossy })
  expect(await asked([train], [lossy, lossy, lossy, lossy], [0, 5, 9, 20, 20])).toEqual({ rounds: 4, last: lossy })
})
