/** The real worker, in the machine's own namespace: that needs no root, and it is the same protocol as anywhere. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ABSENT, NamespacePool, enterArgv, type Job, type Step, type StepResult } from '../../../src/netns/namespace-pool.ts'
import { netnsFile } from '../../../src/netns/paths.ts'

let pool: NamespacePool
beforeEach(() => void (pool = new NamespacePool(2)))
afterEach(() => pool.close())

let dir: string
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'netlab-worker-'))))
afterAll(() => rmSync(dir, { recursive: true }))

const sh = (script: string, input?: string): Step => ({ run: ['sh', '-c', script], ...(input === undefined ? {} : { input }) })
const one = (...steps: Step[]): Promise<StepResult[]> => pool.one({ steps })
const MEGABYTES = 3 * 1024 * 1024

describe('run', () => {
  test('gives exit code, output and error of each step', async () => {
    expect(await one(sh('echo out; echo err >&2'), sh('printf "no end of line"'))).toEqual([
      { step: 0, code: 0, stdout: 'out\n', stderr: 'err\n' },
      { step: 1, code: 0, stdout: 'no end of line', stderr: '' },
    ])
  })

  test('passes arguments as they are', async () => {
    const words = ['', 'two words', "it's", 'line\nline', '$HOME', '-n', 'ä€😀', '', '']
    const [result] = await one({ run: ['printf', '%s|', ...words] })
    expect(result!.stdout).toBe(`${words.join('|')}|`)
  })

  test('passes input, and none where there is none', async () => {
    expect((await one(sh('cat', 'a\nb'), sh('wc -c')))[0]!.stdout).toBe('a\nb')
    expect((await one(sh('wc -c')))[0]!.stdout.trim()).toBe('0')
  })

  test('takes input and gives output of megabytes, both at once', async () => {
    const input = '0123456789abcde\n'.repeat(MEGABYTES / 16)
    const [result] = await one(sh('tee /dev/stderr', input))
    expect(result!.stdout === input).toBe(true)
    expect(result!.stderr === input).toBe(true)
  })

  test('does not mind whether the input is read', async () => {
    expect(await one(sh('exec <&-; echo done', 'x'.repeat(MEGABYTES)))).toMatchObject([{ code: 0, stdout: 'done\n' }])
  })

  test('leaves nothing of a large output in a later small one', async () => {
    const results = await one(sh('head -c 100000 /dev/zero | tr "\\0" x'), sh('echo small', 'in'), sh('cat', 'x'))
    expect(results.map((r) => r.stdout.length)).toEqual([100_000, 6, 1])
  })

  test('keeps characters whole, wherever the pipe cuts them', async () => {
    const input = '€'.repeat(400_000) + '😀'.repeat(200_000)
    const [result] = await one(sh('cat', input))
    expect(result!.stdout === input).toBe(true)
    expect(result!.stdout).not.toContain('\uFFFD')
  })

  test('tells exit codes, signals, and programs that are not there', async () => {
    expect(await one(sh('exit 7'))).toMatchObject([{ code: 7 }])
    expect(await one(sh('kill -9 $$'))).toMatchObject([{ code: 137 }])
    await expect(one({ run: ['netlab-no-such-program', 'x'] })).rejects.toThrow('the program netlab-no-such-program is not installed')
    await expect(one({ run: ['/etc/passwd'] })).rejects.toThrow('/etc/passwd')
  })

  test('stops at the first step that fails', async () => {
    const results = await one(sh('echo one'), sh('exit 1'), sh('echo three', 'unread'), { put: [[join(dir, 'never'), 'x']] })
    expect(results.map((r) => [r.step, r.code])).toEqual([
      [0, 0],
      [1, 1],
    ])
    expect(() => readFileSync(join(dir, 'never'))).toThrow()
    expect(await one(sh('echo next job'))).toMatchObject([{ stdout: 'next job\n' }])
  })

  test('is not fooled by output that looks like the protocol', async () => {
    expect(await one(sh('printf "RES 0 1 0 5 0\\nEND 0\\n"; printf "END 1\\n" >&2'), sh('echo real'))).toEqual([
      { step: 0, code: 0, stdout: 'RES 0 1 0 5 0\nEND 0\n', stderr: 'END 1\n' },
      { step: 1, code: 0, stdout: 'real\n', stderr: '' },
    ])
  })
})

describe('put and get', () => {
  const path = (name: string): string => join(dir, name)

  test('write and read files as they are, in order', async () => {
    const values: [string, string][] = [
      ['a', '1'],
      ['b', 'two words'],
      ['c', 'line 1\nline 2'],
      ['d', ''],
      ['e', 'ä€😀'],
      ['a', 'again'],
    ]
    const [put, get] = await one({ put: values.map(([n, v]) => [path(n), v]) }, { get: [...'abcde'].map(path) })
    expect(put).toEqual({ step: 0, code: 0, stdout: '', stderr: '' })
    expect(get!.stdout.split('\0')).toEqual(['again', 'two words', 'line 1\nline 2', '', 'ä€😀'])
    expect(readFileSync(path('a'), 'utf8')).toBe('again\n')
  })

  test('tell a file that is not there from an empty one', async () => {
    writeFileSync(path('empty'), '')
    const [get] = await one({ get: [path('empty'), path('absent'), dir] })
    expect(get!.stdout.split('\0')).toEqual(['', ABSENT, ''])
  })

  test('name the file and the line that could not be written, and stop there', async () => {
    const [put] = await one({
      put: [
        [path('fine'), '1'],
        [path('no/such/dir'), '2'],
        [path('after'), '3'],
      ],
    })
    expect(put).toMatchObject({ code: 1, stderr: `${path('no/such/dir')}: No such file or directory\nline 2\n` })
    expect(() => readFileSync(path('after'))).toThrow()
  })

  test('name what the kernel refuses, which it says only when the file is closed or written', async () => {
    const [put] = await one({ put: [['/dev/full', 'x']] })
    expect(put).toMatchObject({ code: 1, stderr: '/dev/full: No space left on device\nline 1\n' })
  })
})

test('call gives what it returned, or fails with the words of its error', async () => {
  const fail = (): never => {
    throw new Error('no such luck')
  }
  expect(await one({ call: () => ({ links: [1] }) }, sh('echo after'), { call: fail }, sh('echo never'))).toEqual([
    { step: 0, code: 0, stdout: '', stderr: '', value: { links: [1] } },
    { step: 1, code: 0, stdout: 'after\n', stderr: '' },
    { step: 2, code: 1, stdout: '', stderr: 'no such luck\n' },
  ])
})

describe('jobs', () => {
  test('all end, each with its own results, whichever worker has them', async () => {
    const seen = new Map<number, string>()
    const jobs = Array.from({ length: 60 }, (_, i): Job => ({ steps: [sh(`echo ${i}`), sh('cat', `in ${i}`)] }))
    await pool.run(jobs, (index, results) => void seen.set(index, results.map((r) => r.stdout).join('')))
    expect(seen.size).toBe(60)
    for (const [i, output] of seen) expect(output).toBe(`${i}\nin ${i}`)
  })

  test('go on side by side with those of another run', async () => {
    const [a, b] = await Promise.all([one(sh('echo a')), one(sh('echo b'))])
    expect([a[0]!.stdout, b[0]!.stdout]).toEqual(['a\n', 'b\n'])
  })

  test('are not started any more once a result said so', async () => {
    const ended: number[] = []
    await pool.run(
      Array.from({ length: 200 }, () => ({ steps: [sh('true')] })),
      (index) => {
        ended.push(index)
        return false
      },
    )
    // What was under way is finished: at most what the workers held.
    expect(ended.length).toBeLessThanOrEqual(6)
  })

  test('without steps end as well, and so does a run without jobs', async () => {
    expect(await one()).toEqual([])
    await pool.run([], () => expect.unreachable())
  })

  test('in a namespace that is not there fail at their first step', async () => {
    const results = await pool.one({ ns: 'netlab-no-such-namespace', steps: [sh('echo never'), sh('echo never')] })
    expect(results).toEqual([
      { step: 0, code: 1, stdout: '', stderr: `${netnsFile('netlab-no-such-namespace')}: No such file or directory\n` },
    ])
    expect(await one(sh('echo still here'))).toMatchObject([{ stdout: 'still here\n' }])
  })
})

test('a worker that breaks down fails the run with its own last words', async () => {
  // A line that is no step: what a bug would send.
  const broken = { steps: [sh('true')], ns: 'x\nGARBAGE' } as Job
  await expect(pool.run([broken, { steps: [sh('true')] }], () => {})).rejects.toThrow(/bad step: GARBAGE/)
})

test('the command line that enters a namespace keeps words apart', () => {
  expect(enterArgv('lab.a', ['ping', '-c1', 'two words'])).toEqual(['nsenter', '--net=/run/netns/lab.a', '--', 'ping', '-c1', 'two words'])
})
