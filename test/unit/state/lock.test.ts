import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LabBusy, withLock as lock } from '../../../src/state/lock.ts'

// Waiting costs no time here: every pause moves the clock instead.
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    vi.setSystemTime(Date.now() + ms * pace.factor)
    await new Promise((resolve) => setTimeout(resolve, 2))
  },
}))
const pace = vi.hoisted(() => ({ factor: 0 }))

let lab: string
let dir: string
const withLock = <T>(name: string, work: () => Promise<T>, onWait?: (pid: string) => void, signal?: AbortSignal): Promise<T> =>
  lock(name, work, onWait, signal, dir)
const holders: ChildProcess[] = []
beforeEach(() => {
  lab = `test-${randomBytes(6).toString('hex')}`
  dir = join(mkdtempSync(join(tmpdir(), 'netlab-lock-')), 'labs')
  pace.factor = 0
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  for (const h of holders.splice(0)) h.kill('SIGKILL')
  rmSync(dirname(dir), { recursive: true, force: true })
  vi.useRealTimers()
})

/** Another process that has the lock. */
async function holder(): Promise<ChildProcess & { pid: number }> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('lock-holder.ts', import.meta.url)), lab, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  holders.push(child)
  await once(child.stdout, 'data')
  return child as ChildProcess & { pid: number }
}

describe('a lock', () => {
  test('gives what the work gives, and is free again after it, also when it throws', async () => {
    expect(await withLock(lab, async () => 7)).toBe(7)
    await expect(withLock(lab, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(
      await withLock(
        lab,
        async () => 8,
        () => expect.unreachable(),
      ),
    ).toBe(8)
  })

  test('is held by one at a time, also within one process', async () => {
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside--
    }
    await Promise.all(Array.from({ length: 5 }, () => withLock(lab, work)))
    expect([inside, most]).toEqual([0, 1])
  })

  test('of one lab does not hinder another', async () => {
    await withLock(lab, () =>
      withLock(
        `${lab}-2`,
        async () => {},
        () => expect.unreachable(),
      ),
    )
  })

  test('of another process is waited for, once told whose it is', async () => {
    const other = await holder()
    const waits: string[] = []
    const got = withLock(
      lab,
      async () => 'mine',
      (pid) => {
        waits.push(pid)
        other.stdin!.end()
      },
    )
    expect(await got).toBe('mine')
    expect(waits).toEqual([String(other.pid)])
  })

  test('ends with its holder, however that ends', async () => {
    const other = await holder()
    expect(
      await withLock(
        lab,
        async () => 'mine',
        () => other.kill('SIGKILL'),
      ),
    ).toBe('mine')
  })

  // Whatever version of Node another netlab runs under, it is this file that it locks.
  test('is flock(2) on its file: any program may hold it, and finds it held', async () => {
    const path = join(dir, `${lab}.lock`)
    mkdirSync(dir)
    const other = spawn('flock', [path, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    holders.push(other)
    await once(other.stdout, 'data')
    let waited = 0
    const work = async (): Promise<number | null> => spawnSync('flock', ['--nonblock', path, 'true']).status
    const mayLock = await withLock(lab, work, () => {
      waited++
      other.stdin.end()
    })
    expect({ waited, mayLock }).toEqual({ waited: 1, mayLock: 1 })
  })

  test('is not waited for forever', async () => {
    const other = await holder()
    pace.factor = 1
    const started = Date.now()
    const error = await withLock(lab, async () => expect.unreachable()).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(LabBusy)
    expect((error as Error).message).toBe(`lab ${lab} is being changed by another netlab (pid ${other.pid})`)
    // Ten seconds by the clock that was moved.
    expect(Date.now() - started).toBeGreaterThanOrEqual(10_000)
  })

  test('is not waited for by someone who was interrupted', async () => {
    await holder()
    const control = new AbortController()
    const got = withLock(
      lab,
      async () => expect.unreachable(),
      () => control.abort(new Error('ctrl-c')),
      control.signal,
    )
    await expect(got).rejects.toThrow('ctrl-c')
  })
})

describe('the file of a lock', () => {
  const file = (): string => join(dir, `${lab}.lock`)

  test('is for root alone, names its holder, and goes with the lock, as its directory does', async () => {
    await withLock(lab, async () => {
      expect(statSync(file()).mode & 0o777).toBe(0o600)
      expect(readFileSync(file(), 'utf8')).toBe(`${process.pid}`)
    })
    expect(existsSync(dir)).toBe(false)
  })

  test('leaves a directory that labs are in', async () => {
    await withLock(lab, async () => writeFileSync(join(dir, 'applied.json'), ''))
    expect(readdirSync(dir)).toEqual(['applied.json'])
  })

  test('may be left by a process that was killed: it locks nothing', async () => {
    const other = await holder()
    other.kill('SIGKILL')
    await once(other, 'exit')
    expect(readFileSync(file(), 'utf8')).toBe(`${other.pid}`)
    await withLock(lab, async () => expect(readFileSync(file(), 'utf8')).toBe(`${process.pid}`))
  })

  test.each([
    ['nothing', ''],
    ['no pid', '1; reboot'],
    ['too many digits', '9'.repeat(1000)],
  ])('with %s in it names no holder', async (_, content) => {
    const other = await holder()
    writeFileSync(file(), content)
    const waits: string[] = []
    await withLock(
      lab,
      async () => {},
      (pid) => {
        waits.push(pid)
        other.stdin!.end()
      },
    )
    expect(waits).toEqual(['unknown'])
  })

  test('is not made for a word that is no name of a lab', async () => {
    expect(await withLock(`../${lab}`, async () => readdirSync(join(dir, '..')))).toEqual([])
  })
})
