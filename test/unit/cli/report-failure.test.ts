import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { asFailure } from '../../../src/cli/report-failure.ts'
import { HelperEnded, MachineError, ProgramUnusable } from '../../../src/netns/failures.ts'
import { unstartable } from '../../../src/netns/helper-process.ts'
import { LibcMissing, SystemError } from '../../../src/netns/libc.ts'

/** The error that something throws. */
function thrownBy(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not throw')
}

const spawned = (code: string): Error => Object.assign(new Error(`spawn perl ${code}`), { code, syscall: 'spawn perl' })

describe('whatever this machine lacks ends with exit code 3, its words and what helps', () => {
  test.each<[what: string, error: Error, code: string, message: RegExp, hint: RegExp]>([
    [
      'a program that is not installed',
      new ProgramUnusable('ipset', false),
      'tool-missing',
      /^the program ipset is not installed$/,
      /apt-get install ipset$/,
    ],
    [
      'a program that may not be executed',
      new ProgramUnusable('perl', true),
      'tool-missing',
      /perl is not executable/,
      /chmod \+x .*perl$/,
    ],
    ['perl that is missing', unstartable('perl', spawned('ENOENT')), 'tool-missing', /perl is not installed/, /perl-base/],
    ['perl that may not be executed', unstartable('perl', spawned('EACCES')), 'tool-missing', /perl is not executable/, /chmod/],
    [
      'no memory to start it',
      unstartable('perl', spawned('ENOMEM')),
      'helper-ended',
      /cannot start perl: not enough memory/,
      /out of memory/,
    ],
    ['a helper that was killed', new HelperEnded('a namespace worker was ended by signal SIGKILL'), 'helper-ended', /SIGKILL/, /again/],
    [
      'a full file system',
      Object.assign(new Error('x'), { code: 'ENOSPC', syscall: 'write' }),
      'system',
      /^write: no space left on device$/,
      /df -h/,
    ],
    ['a file that is none', thrownBy(() => readFileSync('/proc')), 'system', /^read: illegal operation on a directory$/, /^$/],
    ['a system call that fails', new SystemError('setns', 24), 'system', /^setns: too many open files$/, /ulimit -n/],
    [
      'a file that cannot be written',
      new MachineError('cannot write /run/x: read-only file system', { cause: new SystemError('open', 30) }),
      'machine',
      /cannot write/,
      /read-only/,
    ],
    ['no koffi', new LibcMissing('netlab does not run on mips processors'), 'koffi-missing', /mips/, /--include=optional/],
  ])('%s', (_, error, code, message, hint) => {
    const found = asFailure(error)!
    expect(found.exit).toBe(3)
    expect(found.diagnostics[0]).toMatchObject({ code, message: expect.stringMatching(message) as string })
    expect(found.diagnostics[0]!.hint ?? '').toMatch(hint)
  })

  test('a namespace that was deleted meanwhile is drift', () => {
    const error = thrownBy(() => readFileSync('/run/netns/no-such-lab.a'))
    expect(asFailure(error)).toMatchObject({ exit: 1, diagnostics: [{ code: 'namespace-gone' }] })
  })
})

test('a bug is not taken for anything else', () => {
  expect(asFailure(new TypeError('x is undefined'))).toBeUndefined()
  expect(asFailure(thrownBy(() => Buffer.alloc(-1)))).toBeUndefined()
  expect(asFailure('a word')).toBeUndefined()
})
