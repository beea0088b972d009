/** How batches become jobs, and how a tool's complaint finds its way back to the object that asked for it. */
import { describe, expect, test } from 'vitest'
import { apply, type ApplyFailure, type ApplyOptions } from '../../../src/kernel/apply.ts'
import type { Batch } from '../../../src/kernel/batch.ts'
import { diff } from '../../../src/kernel/diff.ts'
import type { Enter, Job, Step, StepResult } from '../../../src/kernel/enter.ts'
import { keyOf, type KernelObject } from '../../../src/kernel/objects.ts'
import { readSteps } from '../../../src/kernel/observe.ts'
import { render } from '../../../src/kernel/render.ts'
import { compiled } from '../model/fixture.ts'

const nothing = { startProcesses: async () => [], stopProcesses: async () => {} }
type Answer = Partial<StepResult> | undefined

/** Runs jobs one by one in memory; `answer` says what a step gives, by default success. */
class FakeEnter {
  readonly jobs: Job[] = []
  /** How many jobs end although the first of them said that it is enough. */
  underWay = 1
  constructor(readonly answer: (step: Step, job: Job) => Answer = () => undefined) {}
  async run(jobs: readonly Job[], onResult: (index: number, results: StepResult[]) => boolean | void): Promise<void> {
    let left = Number.POSITIVE_INFINITY
    for (const [index, job] of jobs.entries()) {
      if (left-- <= 0) return
      this.jobs.push(job)
      const results: StepResult[] = []
      for (const [step, s] of job.steps.entries()) {
        const result = { step, code: 0, stdout: '', stderr: '', ...this.answer(s, job) }
        results.push(result)
        if (result.code !== 0) break
      }
      if (onResult(index, results) === false) left = Math.min(left, this.underWay - 1)
    }
  }
  get enter(): Enter {
    return this as unknown as Enter
  }
}

const inputOf = (step: Step): string => ('run' in step ? (step.input ?? '') : '')
const program = (step: Step): string => ('run' in step ? step.run[0]! : 'put' in step ? 'put' : 'get')
/** Answers the first step that matches. */
const refuse = (matches: (step: Step, job: Job) => boolean, stderr: string, code = 1) =>
  new FakeEnter((step, job) => (matches(step, job) ? { code, stderr } : undefined))

const lab = compiled('hosts:\n  a: {}\n  b: {}\npods:\n  p: { host: a }\n  q: { host: b }\n')
const batches = render(diff([], lab.objects))
const run = (fake: FakeEnter, options: Partial<ApplyOptions> = {}, list: readonly Batch[] = batches): Promise<ApplyFailure | undefined> =>
  apply(list, fake.enter, { ...nothing, ...options })

describe('jobs', () => {
  test('are one a namespace and phase, and hold all batches of it in order', async () => {
    const fake = new FakeEnter()
    expect(await run(fake)).toBeUndefined()
    const jobs = fake.jobs.map((j) => `${j.ns ?? 'machine'}: ${j.steps.map(program).join(' ')}`)
    expect(jobs[0]).toBe('machine: ip')
    expect(jobs).toContain('lab.a: put')
    expect(jobs).toContain('lab.a: ip bridge iptables-restore')
    expect(jobs.filter((j) => j === 'lab.p: put ip')).toHaveLength(1)
    // A pod is visited once, a host three times: settings, devices, the rest.
    expect(fake.jobs.filter((j) => j.ns === 'lab.p')).toHaveLength(1)
    expect(fake.jobs.filter((j) => j.ns === 'lab.a')).toHaveLength(3)
  })

  test('feed the tools exactly the lines, and settings as files', async () => {
    const fake = new FakeEnter()
    await run(fake)
    const fed = fake.jobs.flatMap((j) =>
      j.steps.flatMap((s) =>
        'put' in s ? s.put.map(([p, v]) => `${p.replace('/proc/sys/', '')} = ${v}`) : inputOf(s).trimEnd().split('\n'),
      ),
    )
    const asked = batches.flatMap((b) => b.lines.map((l) => l.text))
    expect(fed.toSorted()).toEqual(asked.toSorted())
    for (const s of fake.jobs.flatMap((j) => j.steps)) if ('run' in s) expect(s.input).toMatch(/\n$/)
  })

  test('wait for the phase before: no device before its namespace, no address before its device', async () => {
    const fake = new FakeEnter()
    await run(fake)
    const order = fake.jobs.map((j) => `${j.ns} ${j.steps.map((s) => inputOf(s).split(' ')[0] || program(s)).join()}`)
    const first = (word: string) => order.findIndex((o) => o.includes(word))
    expect(first('netns')).toBe(0)
    expect(first('put')).toBeGreaterThan(0)
    expect(order.findLastIndex((o) => /^lab\.(a|b|switch-lan) put/.test(o))).toBeLessThan(order.findIndex((o) => o.includes('link')))
  })

  test('tell the share that is done', async () => {
    const shares: number[] = []
    await run(new FakeEnter(), { onProgress: (share) => shares.push(share) })
    expect(shares.at(-1)).toBe(1)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(shares.length).toBeGreaterThan(5)
  })
})

describe('a refused line', () => {
  const inA = (tool: string) => (step: Step, job: Job) =>
    job.ns === 'lab.a' && program(step) === tool && !inputOf(step).startsWith('link add')
  const batch = (tool: string, ns = 'lab.a'): Batch => batches.findLast((b) => b.ns === ns && b.tool === tool)!
  const lineOf = (b: Batch, part: string): number => b.lines.findIndex((l) => l.text.includes(part)) + 1

  test('of ip is found by its number, with the words but without the number', async () => {
    const n = lineOf(batch('ip'), 'route replace 10.244.1.0/24')
    const failure = await run(refuse(inA('ip'), `RTNETLINK answers: Network is unreachable\nCommand failed -:${n}\n`, 2))
    expect(failure).toMatchObject({
      command: 'ip (in lab.a): route replace 10.244.1.0/24 via 10.244.1.0 dev vxlan1 onlink',
      stderr: 'RTNETLINK answers: Network is unreachable',
    })
    expect(keyOf(failure!.object)).toBe('route lab.a 4 10.244.1.0/24 main')
    // The route to b's pods was asked for by b.
    expect(failure!.object.from).toMatchObject({ line: 3, column: 3, path: 'hosts.b' })
  })

  test('of the machine itself names no namespace', async () => {
    const failure = await run(
      refuse((s) => inputOf(s).startsWith('netns'), 'Cannot create namespace file: File exists\nCommand failed -:2\n'),
    )
    expect(failure).toMatchObject({
      command: 'ip: netns add lab.a',
      stderr: 'Cannot create namespace file: File exists',
      object: { kind: 'netns', ns: 'lab.a' },
    })
  })

  test('of bridge', async () => {
    const failure = await run(refuse(inA('bridge'), 'RTNETLINK answers: No such device\nCommand failed -:1\n'))
    expect(failure!.object).toMatchObject({ kind: 'fdb', dst: '192.168.50.12', from: { path: 'hosts.b' } })
  })

  test.each([
    [
      'nft',
      (n: number) =>
        `iptables-restore v1.8.9 (nf_tables): \nline ${n}: RULE_APPEND failed (No such file or directory): rule in chain NETLAB-MASQ\n`,
    ],
    [
      'nft, its parser',
      (n: number) =>
        `iptables-restore v1.8.9 (nf_tables): unknown option "--x"\nError occurred at line: ${n}\nTry \`iptables-restore -h' or 'iptables-restore --help' for more information.\n`,
    ],
    ['legacy', (n: number) => `iptables-restore: line ${n} failed\n`],
  ])('of iptables-restore (%s)', async (_, words) => {
    const n = lineOf(batch('iptables-restore'), '--random-fully')
    const failure = await run(refuse(inA('iptables-restore'), words(n)))
    expect(failure!.command).toBe(
      'iptables-restore (in lab.a): -A NETLAB-MASQ -m comment --comment "leaves the cluster" -j MASQUERADE --random-fully',
    )
    expect(failure!.object).toMatchObject({ kind: 'chain', chain: 'NETLAB-MASQ' })
  })

  test('of a whole table is the rule that the words name, else the last of the table', async () => {
    const masq = batch('iptables-restore')
    const n = masq.lines.length
    expect(masq.lines[n - 1]).toMatchObject({ text: 'COMMIT', object: { chain: 'POSTROUTING' } })
    const rule = masq.lines.find((l) => l.text.startsWith('-A NETLAB-MASQ'))!.text
    const named = await run(refuse(inA('iptables-restore'), `iptables-restore: line ${n} failed: ${rule}\n`))
    expect(named).toMatchObject({ command: `iptables-restore (in lab.a): ${rule}`, object: { kind: 'chain', chain: 'NETLAB-MASQ' } })
    const unnamed = await run(refuse(inA('iptables-restore'), `iptables-restore: line ${n} failed\n`))
    expect(unnamed!.command).toBe('iptables-restore (in lab.a): COMMIT')
    expect(unnamed!.object.kind).toBe('chain')
  })

  test('of a setting', async () => {
    const failure = await run(
      refuse((s, j) => j.ns === 'lab.a' && 'put' in s, '/proc/sys/net/ipv4/conf/all/rp_filter: Read-only file system\nline 2\n'),
    )
    expect(failure).toMatchObject({
      command: 'sysctl (in lab.a): net/ipv4/conf/all/rp_filter = 2',
      stderr: '/proc/sys/net/ipv4/conf/all/rp_filter: Read-only file system',
      object: { kind: 'sysctl', key: 'net/ipv4/conf/all/rp_filter' },
    })
  })

  test('without a number is laid at the last one, without words at the exit code', async () => {
    const failure = await run(refuse(inA('ip'), '', 255))
    expect(failure).toMatchObject({ stderr: 'ip ended with exit code 255' })
    expect(failure!.object).toBe(batch('ip').lines.at(-1)!.object)
  })

  test('stops what comes after, in its own namespace and in others', async () => {
    const fake = refuse((s) => inputOf(s).startsWith('netns'), 'Command failed -:1')
    expect(await run(fake)).toBeDefined()
    expect(fake.jobs).toHaveLength(1)
    const later = refuse((s, j) => j.ns === 'lab.a' && inputOf(s).startsWith('link add'), 'Command failed -:1')
    expect(await run(later)).toBeDefined()
    expect(later.jobs.some((j) => j.ns === 'lab.p')).toBe(false)
  })

  test('of several that were under way together, the first counts', async () => {
    const fake = refuse((s) => 'put' in s, '/proc/sys/x: No\nline 1\n')
    fake.underWay = 3
    const failure = await run(fake)
    expect(fake.jobs.filter((j) => 'put' in j.steps[0]!)).toHaveLength(3)
    expect(failure!.command).toContain(`(in ${fake.jobs.find((j) => 'put' in j.steps[0]!)!.ns})`)
  })
})

describe('what is taken away', () => {
  const half = lab.objects.filter((o) => o.ns !== 'lab.q' && !(o.kind === 'veth' && o.peer.ns === 'lab.q'))
  const removal = render(diff([...lab.objects], half))
  test('goes on after what is gone already, and says what was left', async () => {
    const left: ApplyFailure[] = []
    const fake = refuse((s) => inputOf(s).includes('link delete'), 'Cannot find device "p1-q"\nCommand failed -:1\n')
    expect(await run(fake, { onLeft: (f) => left.push(f) }, removal)).toBeUndefined()
    expect(left.map((f) => [f.object.kind, f.stderr])).toEqual([['veth', 'Cannot find device "p1-q"']])
    expect(fake.jobs.map((j) => j.steps.map(inputOf).join('').trim())).toEqual(['link delete dev p1-q', 'netns delete lab.q'])
    for (const s of fake.jobs.flatMap((j) => j.steps)) expect('run' in s && s.run).toEqual(['ip', '-force', '-batch', '-'])
  })
})

test('what is made waits until all is gone that must go', async () => {
  const fake = new FakeEnter()
  await run(fake, {}, render(diff([{ kind: 'netns', ns: 'lab.old' }], [{ kind: 'netns', ns: 'lab.new' }])))
  expect(fake.jobs.map((j) => j.steps.map(inputOf))).toEqual([['netns delete lab.old\n'], ['netns add lab.new\n']])
})

describe('being interrupted', () => {
  test('before anything: nothing is done', async () => {
    const fake = new FakeEnter()
    await expect(run(fake, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
    expect(fake.jobs).toEqual([])
  })
  test('between two jobs: what was under way is finished, no more is started', async () => {
    const control = new AbortController()
    const fake = new FakeEnter((_, job) => {
      if (job.ns !== undefined) control.abort()
      return undefined
    })
    await expect(run(fake, { signal: control.signal })).rejects.toThrow(/abort/i)
    expect(fake.jobs).toHaveLength(2)
  })
  test('after a failure: the failure is told', async () => {
    const control = new AbortController()
    const fake = new FakeEnter((s) => {
      if (!inputOf(s).startsWith('netns')) return undefined
      control.abort()
      return { code: 1, stderr: 'Command failed -:1' }
    })
    expect(await run(fake, { signal: control.signal })).toMatchObject({ object: { kind: 'netns' } })
  })
})

describe('reading back', () => {
  const full = compiled(
    'network: { podCIDR: [10.244.0.0/16, "fd00:10:244::/48"] }\nhosts: { a: {}, b: {} }\npods: { p: {} }\nexternals: { x: { podRoutes: true } }',
  )
  const all = render(diff([], full.objects))
  const steps = readSteps(full.objects)
  const printed = (step: Step): string =>
    'get' in step ? 'values' : inputOf(step).includes('address show') ? 'addresses' : `${('run' in step && step.run.join(' ')) || ''}`
  const parts: [string, string, string][] = []
  const fake = new FakeEnter((step) => ({ stdout: printed(step) }))

  test('rides along with the last visit of each namespace, every part once', async () => {
    await apply(all, fake.enter, { ...nothing, readBack: steps, onRead: (ns, part, output) => parts.push([ns, part, output]) })
    const spaces = full.objects.flatMap((o) => (o.kind === 'netns' ? [o.ns] : []))
    for (const ns of spaces) expect(parts.filter((p) => p[0] === ns).map((p) => p[1])).toEqual(steps(ns).map((s) => s.part))
    expect(
      parts.every(
        ([, part, output]) =>
          output ===
          {
            ip: 'addresses',
            sysctl: 'values',
            fdb: 'bridge -j fdb show',
            rules6: 'ip -6 -j rule show',
            save4: 'iptables-save',
            save6: 'ip6tables-save',
            ipset: 'ipset save',
          }[part],
      ),
    ).toBe(true)
  })

  test('costs no process where an `ip` runs anyway, and comes after the last change', () => {
    const ofPod = fake.jobs.filter((j) => j.ns === 'lab.p')
    expect(ofPod).toHaveLength(1)
    expect(ofPod[0]!.steps.map(program)).toEqual(['put', 'ip', 'get'])
    const ip = ofPod[0]!.steps[1]!
    expect('run' in ip && ip.run).toEqual(['ip', '-j', '-d', '-batch', '-'])
    expect(inputOf(ip).trimEnd().split('\n').slice(-2)).toEqual(['address show', 'route show table all'])
    for (const ns of ['lab.a', 'lab.router', 'lab.switch-lan']) {
      const visits = fake.jobs.filter((j) => j.ns === ns)
      const reading = visits.map((j) => j.steps.some((s) => inputOf(s).includes('address show')))
      expect(reading, ns).toEqual([...reading.slice(1).map(() => false), true])
    }
  })

  test('that fails is a bug of ours or the machine, not of the topology', async () => {
    const broken = new FakeEnter((step) => ('get' in step ? { code: 1, stderr: 'no such luck' } : undefined))
    await expect(apply(all, broken.enter, { ...nothing, readBack: steps })).rejects.toThrow(/reading lab\.\S+ back: sysctl: no such luck/)
  })
})

describe('containers', () => {
  const c = compiled('hosts: { a: {} }\npods:\n  p: { containers: [{ name: one, command: [sleep, "1"] }, { name: two }] }\n')
  const list = render(diff([], c.objects))
  test('are started last, all at once', async () => {
    const started: string[][] = []
    const fake = new FakeEnter()
    await run(fake, { startProcesses: async (p) => (started.push(p.map((x) => x.id)), []) }, list)
    expect(started).toEqual([['p.one', 'p.two']])
  })
  test.each([
    ['p.one', 'start sleep 1 (in lab.p)'],
    ['p.two', 'start the built-in responder (in lab.p)'],
  ])('that do not start are named: %s', async (id, command) => {
    const failure = await run(new FakeEnter(), { startProcesses: async () => [{ id, message: 'not found' }] }, list)
    expect(failure).toMatchObject({ command, stderr: 'not found', object: { kind: 'process', id, from: { line: 3, path: 'pods.p' } } })
  })
  test('are ended first', async () => {
    const done: string[] = []
    const fake = new FakeEnter((s) => void done.push(inputOf(s).split(' ')[0]!))
    await run(fake, { stopProcesses: async (p) => void done.push(...p.map((x) => x.id)) }, render(diff(c.objects, [])))
    expect(done.slice(0, 3)).toEqual(['p.two', 'p.one', 'netns'])
  })
  test('are not started when the network could not be made', async () => {
    const started: KernelObject[] = []
    await run(
      refuse((s) => inputOf(s).startsWith('netns'), ''),
      { startProcesses: async (p) => (started.push(...p), []) },
      list,
    )
    expect(started).toEqual([])
  })
})
