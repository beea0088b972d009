import { describe, expect, test } from 'vitest'
import { findProcess, parseStat, processes, residentKiB } from '../../../src/process/proc.ts'

const rest = 'S 1 42 43 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 200'

describe('/proc/PID/stat', () => {
  test.each(['perl', 'a b', 'x) S 9 9 (y', '((', 'new\nline'])('with the program name %j', (name) => {
    expect(parseStat(`17 (${name}) ${rest}`)).toEqual({ pid: 17, state: 'S', parent: 1, session: 43, start: 987654 })
  })

  test.each(['', '17', '17 (x) S 1', 'nonsense'])('%j is none', (text) => {
    expect(parseStat(text)).toBeUndefined()
  })
})

test('this process is found, with a start time that does not change', () => {
  const self = findProcess(process.pid)
  expect(self?.parent).toBe(process.ppid)
  expect(processes().get(process.pid)?.start).toBe(self?.start)
  expect(residentKiB(process.pid)).toBeGreaterThan(1000)
})

test('an unused pid is no process', () => {
  expect(findProcess(2 ** 22 + 1)).toBeUndefined()
})
