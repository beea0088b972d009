import { describe, expect, test } from 'vitest'
import { asFailure } from '../../../src/cli/report-failure.ts'
import { LibcMissing } from '../../../src/netns/libc.ts'
import { WorkerGone } from '../../../src/netns/namespace-pool.ts'

describe('a program of netlab that is not installed', () => {
  test.each([
    [
      new Error('reading demo.node-1 back: save4: Can\'t exec "iptables-save": No such file or directory at worker.pl line 104.'),
      'iptables',
    ],
    [new WorkerGone('a namespace worker cannot run: spawn perl ENOENT'), 'perl-base'],
  ])('is something this machine lacks: %s', (error, package_) => {
    const found = asFailure(error)!
    expect(found.exit).toBe(3)
    expect(found.diagnostics).toMatchObject([{ code: 'tool-missing', hint: `sudo apt-get install ${package_}` }])
  })

  test('is not any program that cannot be started', () => {
    expect(asFailure(new Error('spawn of-a-pod ENOENT'))).toBeUndefined()
    expect(asFailure(new WorkerGone('a namespace worker was ended by signal SIGKILL'))!.diagnostics[0]!.code).toBe('worker-gone')
  })
})

test('a machine without koffi is told by exit code 3, and what helps', () => {
  const found = asFailure(new LibcMissing('netlab does not run on mips processors'))!
  expect(found.exit).toBe(3)
  expect(found.diagnostics).toMatchObject([{ code: 'koffi-missing', message: 'netlab does not run on mips processors' }])
})
