import { describe, expect, test } from 'vitest'
import { sessionDown, stateText } from '../../../src/kernel/kinds/session.ts'
import { sessionsIn } from '../../../src/process/bird.ts'

describe('the answer to `show protocols` of BIRD 2.0.12', () => {
  const sessions = sessionsIn([
    'Name       Proto      Table      State  Since         Info',
    'devices    Device     ---        up     16:53:05.703  ',
    'blocks_ipv4 Static     master4    up     16:53:05.703  ',
    'h2-node-2  BGP        ---        up     16:53:06.548  Established   ',
    'h3-node-3  BGP        ---        start  17:12:20.001  Active        Socket: Connection refused',
    'h4-node-4  BGP        ---        start  17:12:20.001  Idle          BGP Error: Bad peer AS',
    'h5-node-5  BGP        ---        down   17:12:20.001  ',
    'h6-a-long-name-of-a-host BGP        ---        start  2026-11-29  Connect       ',
  ])
  test.each([
    ['h2-node-2', { state: 'Established', since: '16:53:06.548' }],
    ['h3-node-3', { state: 'Active', since: '17:12:20.001', error: 'Socket: Connection refused' }],
    ['h4-node-4', { state: 'Idle', since: '17:12:20.001', error: 'BGP Error: Bad peer AS' }],
    ['h5-node-5', { state: 'down in BIRD', since: '17:12:20.001' }],
    ['h6-a-long-name-of-a-host', { state: 'Connect', since: '2026-11-29' }],
  ])('%s', (name, state) => expect(sessions.get(name)).toEqual(state))
  test('names no other protocol', () => expect(sessions.size).toBe(5))
})

test('of two ends the one that says why is believed', () => {
  const established = { state: 'Established' }
  const connect = { state: 'Connect' }
  const refused = { state: 'Active', error: 'Socket: Connection refused' }
  expect(sessionDown([established, established])).toBeUndefined()
  expect(sessionDown([established, undefined])).toBeUndefined()
  expect(sessionDown([established, connect])).toBe(connect)
  expect(sessionDown([connect, refused])).toBe(refused)
  const wrongAS = { state: 'Idle', error: 'BGP Error: Bad peer AS' }
  expect(sessionDown([refused, wrongAS])).toBe(wrongAS)
  expect(stateText(refused)).toBe('is Active: Socket: Connection refused')
})
