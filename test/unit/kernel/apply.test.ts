/** How batches become jobs, and how a tool's complaint finds its way back to the object that asked for it. */
import { describe, expect, test } from 'vitest'
import { apply, type ApplyFailure, type ApplyOptions } from '../../../src/kernel/apply.ts'
import type { Batch } from '../../../src/kernel/batch.ts'
import { keyOf } from '../../../src/kernel/kinds/index.ts'
import type { KernelObject } from '../../../src/kernel/objects.ts'
import { diff } from '../../../src/kernel/diff.ts'
import type { Job, Step } from '../../../src/netns/namespace-pool.ts'
import { render } from '../../../src/kernel/render.ts'
import { compiled } from '../lab/fixture.ts'
import { FakeNamespacePool, inputOf, program, refuse } from './fake-namespace-pool.ts'

const nothing = { directory: '/nonexistent', startProcesses: async () => [], stopProcesses: async () => {}, reloadDaemons: async () => [] }
const lab = compiled('hosts:\n  a: {}\n  b: {}\npods:\n  p: { host: a }\n  q: { host: b }\n')
const batches = render(diff([], lab.objects))
const run = (
  fake: FakeNamespacePool,
  options: Partial<ApplyOptions> = {},
  list: readonly Batch[] = batches,
): Promise<ApplyFailure | undefined> => apply(list, fake.pool, { ...nothing, ...options })

describe('jobs', () => {
  test('are one a namespace and phase, and hold all batches of it in order', async () => {
    const fake = new FakeNamespacePool()
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
    const fake = new FakeNamespacePool()
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
    const fake = new FakeNamespacePool()
    await run(fake)
    const order = fake.jobs.map((j) => `${j.ns} ${j.steps.map((s) => inputOf(s).split(' ')[0] || program(s)).join()}`)
    const first = (word: string) => order.findIndex((o) => o.includes(word))
    expect(first('netns')).toBe(0)
    expect(first('put')).toBeGreaterThan(0)
    expect(order.findLastIndex((o) => /^lab\.(a|b|switch-lan) put/.test(o))).toBeLessThan(order.findIndex((o) => o.includes('link')))
  })

  test('start all daemons at once, wherever one is told of changed files in between', async () => {
    const daemon = (ns: string, program: string, content = ''): KernelObject => ({
      ...{ kind: 'daemon', ns, id: `${ns}.${program}`, hostname: ns, node: ns, program, command: [program] },
      ...{ files: [{ path: 'conf', content }], ready: { file: 'x' }, reload: { signal: 'SIGHUP' } },
    })
    const before = [daemon('lab.b', 'agent')]
    const after = [daemon('lab.c', 'agent'), daemon('lab.b', 'agent', 'more'), daemon('lab.b', 'etcd')]
    const calls: string[][] = []
    const note = (verb: string) => async (list: readonly { readonly id: string }[]) => (calls.push([verb, ...list.map(({ id }) => id)]), [])
    const told = { startProcesses: note('start'), reloadDaemons: note('reload') }
    await run(new FakeNamespacePool(), told, render(diff(before, after)))
    expect(calls.toSorted()).toEqual([
      ['reload', 'lab.b.agent'],
      ['start', 'lab.c.agent', 'lab.b.etcd'],
    ])
  })

  test('tell the share that is done', async () => {
    const shares: number[] = []
    await run(new FakeNamespacePool(), { onProgress: (share) => shares.push(share) })
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
    for (const s of fake.jobs.flatMap((j) => j.steps)) expect('lines' in s && s.lines).toMatchObject({ tool: 'ip', force: true })
  })
})

test('what is made waits until all is gone that must go', async () => {
  const fake = new FakeNamespacePool()
  await run(fake, {}, render(diff([{ kind: 'netns', ns: 'lab.old' }], [{ kind: 'netns', ns: 'lab.new' }])))
  expect(fake.jobs.map((j) => j.steps.map(inputOf))).toEqual([['netns delete lab.old\n'], ['netns add lab.new\n']])
})

describe('being interrupted', () => {
  test('before anything: nothing is done', async () => {
    const fake = new FakeNamespacePool()
    await expect(run(fake, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i)
    expect(fake.jobs).toEqual([])
  })
  test('between two jobs: what was under way is finished, no more is started', async () => {
    const control = new AbortController()
    const fake = new FakeNamespacePool((_, job) => {
      if (job.ns !== undefined) control.abort()
      return undefined
    })
    await expect(run(fake, { signal: control.signal })).rejects.toThrow(/abort/i)
    expect(fake.jobs).toHaveLength(2)
  })
  test('after a failure: the failure is told', async () => {
    const control = new AbortController()
    const fake = new FakeNamespacePool((s) => {
      if (!inputOf(s).startsWith('netns')) return undefined
      control.abort()
      return { code: 1, stderr: 'Command failed -:1' }
    })
    expect(await run(fake, { signal: control.signal })).toMatchObject({ object: { kind: 'netns' } })
  })
})
