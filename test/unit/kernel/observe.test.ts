/** Joining what was read from several namespaces. The printed texts are recordings, see parse.test.ts. */
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ABSENT, type NamespacePool, type Job, type StepResult } from '../../../src/netns/namespace-pool.ts'
import type { KernelObject, Veth } from '../../../src/kernel/objects.ts'
import type { readSteps } from '../../../src/kernel/dumps/take.ts'
import { Observation, observe, stepsFor } from '../../../src/kernel/observe.ts'
import { holding } from './fake-namespace-pool.ts'
import iproute2 from './recorded/iproute2.json' with { type: 'json' }

const machine = vi.hoisted(() => ({ names: [] as string[], dead: [] as string[] }))
vi.mock('node:fs', () => ({
  readdirSync: () => machine.names,
  statSync: (path: string) => ({ dev: machine.dead.some((ns) => path.endsWith(ns)) ? 1 : 2 }),
}))
beforeEach(() => Object.assign(machine, { names: ['lab.a', 'lab.p'], dead: [] }))

/** `eth0` of a pod, the other end of the recorded `p1-pod-a`: index 4, whose link_index is 3. */
const podEnd = {
  ifindex: 3,
  link_index: 4,
  ifname: 'eth0',
  flags: ['UP'],
  mtu: 1450,
  operstate: 'UP',
  address: '02:01:00:00:00:01',
  linkinfo: { info_kind: 'veth' },
}
const veth: Veth = {
  kind: 'veth',
  ns: 'lab.a',
  name: 'p1-pod-a',
  mac: '02:02:00:00:00:01',
  mtu: 1450,
  port: { master: 'cni0', hairpin: true },
  peer: { ns: 'lab.p', name: 'eth0', mac: '02:01:00:00:00:01', mtu: 1450 },
}

type Part = ReturnType<typeof readSteps>[number]['part']
type Printed = Record<string, Partial<Record<Part, string | object>>>
const PRINTED: Printed = { 'lab.a': { netlink: holding(iproute2.address, iproute2.route) }, 'lab.p': { netlink: holding([podEnd], []) } }

/** Answers each reading step with what was printed; netlink first. */
function fake(hints: readonly KernelObject[], printed: Printed, jobs: Job[] = []): NamespacePool {
  const parts = stepsFor(hints)
  return {
    run: async (list: readonly Job[], onResult: (index: number, results: StepResult[]) => void) => {
      jobs.push(...list)
      list.forEach((job, index) =>
        onResult(
          index,
          job.steps.map((_, step) => {
            const read = printed[job.ns!]?.[parts(job.ns!)[step]!.part] ?? ''
            return { step, code: 0, stderr: '', stdout: typeof read === 'string' ? read : '', value: read }
          }),
        ),
      )
    },
  } as unknown as NamespacePool
}
const seen = async (hints: readonly KernelObject[], printed: Printed = PRINTED): Promise<KernelObject[]> =>
  observe(hints, fake(hints, printed))
const veths = (objects: readonly KernelObject[]): Veth[] => objects.filter((o): o is Veth => o.kind === 'veth')

describe('pairs', () => {
  test('are two ends whose indices agree', async () => {
    expect(veths(await seen([veth])).find((v) => v.name === 'p1-pod-a')).toEqual(veth)
  })
  test('are not two ends that only have the names asked for', async () => {
    const found = veths(await seen([veth], { ...PRINTED, 'lab.p': { netlink: holding([{ ...podEnd, link_index: 99 }], []) } }))
    expect(found.filter((v) => v.name === 'p1-pod-a' || v.name === 'eth0').map((v) => [v.ns, v.name, v.peer.name])).toEqual(
      expect.arrayContaining([
        ['lab.a', 'p1-pod-a', ''],
        ['lab.p', 'eth0', ''],
      ]),
    )
  })
  test('of which an end is down say which', async () => {
    const found = await seen([veth], { ...PRINTED, 'lab.p': { netlink: holding([{ ...podEnd, flags: [], operstate: 'DOWN' }], []) } })
    expect(veths(found).find((v) => v.name === 'p1-pod-a')).toEqual({ ...veth, peer: { ...veth.peer, down: true } })
  })
})

describe('namespaces', () => {
  test('that are not there give nothing, and are not entered', async () => {
    machine.names = ['lab.p']
    const jobs: Job[] = []
    const found = await observe([veth], fake([veth], PRINTED, jobs))
    expect(jobs.map((j) => j.ns)).toEqual(['lab.p'])
    expect(found.filter((o) => o.kind === 'netns').map((o) => o.ns)).toEqual(['lab.p'])
  })
  test('of others are not read', async () => {
    machine.names = ['lab.a', 'lab.p', 'other.a', 'docker']
    const jobs: Job[] = []
    await observe([veth], fake([veth], PRINTED, jobs))
    expect(new Set(jobs.map((j) => j.ns))).toEqual(new Set(['lab.a', 'lab.p']))
  })
  test('with nothing behind their name are known and not entered', async () => {
    machine.dead = ['lab.p']
    const found = await seen([veth, { kind: 'netns', ns: 'lab.p' }])
    expect(found.filter((o) => o.kind === 'netns')).toEqual([
      { kind: 'netns', ns: 'lab.a' },
      { kind: 'netns', ns: 'lab.p', dead: true },
    ])
  })
})

describe('a scope', () => {
  const address: KernelObject = { kind: 'address', ns: 'lab.a', dev: 'p1-pod-a', address: '10.9.0.1/32' }
  const hints: KernelObject[] = [
    { kind: 'netns', ns: 'lab.a' },
    { kind: 'netns', ns: 'lab.p' },
    { kind: 'netns', ns: 'lab.q' },
    veth,
    address,
    { kind: 'rule', ns: 'lab.a', family: 4, priority: 5, src: '10.0.0.1/32', table: 7 },
  ]
  test('is read with the far ends of its pairs, and gives what is in it and what stands on those ends', async () => {
    machine.names = ['lab.a', 'lab.p', 'lab.q']
    const jobs: Job[] = []
    const scope = new Set(['lab.p'])
    const found = await observe(hints, fake([veth], PRINTED, jobs), { scope })
    expect(jobs.map((j) => j.ns)).toEqual(['lab.p', 'lab.a'])
    // The rule is not asked for.
    expect(jobs.every((j) => j.steps.length === 1)).toBe(true)
    expect(found.filter((o) => o.kind === 'netns')).toEqual([{ kind: 'netns', ns: 'lab.p' }])
    expect(veths(found)).toEqual([veth])
    expect(found.filter((o) => o.ns === 'lab.a' && o.kind !== 'veth').every((o) => 'dev' in o && o.dev === 'p1-pod-a')).toBe(true)
  })
  test('without anything there reads nothing', async () => {
    const jobs: Job[] = []
    expect(await observe(hints, fake(hints, PRINTED, jobs), { scope: new Set() })).toEqual([])
    expect(jobs).toEqual([])
  })
})

describe('settings', () => {
  const set = (key: string, dev?: string): KernelObject => ({ kind: 'sysctl', ns: 'lab.a', key, value: '1', ...(dev ? { dev } : {}) })
  const hints = [set('net/ipv4/tcp_ecn'), set('net/bridge/bridge-nf-call-iptables'), set('net/ipv4/x')]
  test('come in the order they were asked for; what is not there is nothing', async () => {
    const found = await seen(hints, { 'lab.a': { netlink: holding([], []), files: ['0', ABSENT, ''].join('\0') } })
    expect(found.filter((o) => o.kind === 'sysctl')).toEqual([
      { ...hints[0], value: '0' },
      { ...hints[2], value: '' },
    ])
  })
})

test('only what is asked for is read: a namespace without rules starts no iptables-save', () => {
  const parts = (...objects: KernelObject[]): Part[] => stepsFor(objects)('lab.a').map((s) => s.part)
  const chain: KernelObject = { kind: 'chain', ns: 'lab.a', family: 6, table: 'nat', chain: 'X', builtin: false, rules: [] }
  expect(parts({ kind: 'netns', ns: 'lab.a' })).toEqual(['netlink'])
  expect(parts(chain)).toEqual(['netlink', 'chains6'])
  expect(
    parts(
      { ...chain, family: 4 },
      { kind: 'fdb', ns: 'lab.a', dev: 'x', mac: 'm', dst: 'd' },
      { kind: 'sysctl', ns: 'lab.a', key: 'k', value: 'v' },
    ),
  ).toEqual(['netlink', 'files', 'chains4'])
  expect(parts({ kind: 'sysctl', ns: 'lab.a', key: 'net/ipv4/conf/eth0/rp_filter', value: '1' })).toEqual(['netlink'])
  expect(parts({ kind: 'rule', ns: 'lab.a', family: 4, priority: 1, src: 's', table: 1 })).toEqual(['netlink'])
  expect(stepsFor([])('lab.a')).toEqual([])
  // The other end of a pair is looked at as well.
  expect(stepsFor([veth])('lab.p').map((s) => s.part)).toEqual(['netlink'])
})

test('what was read while it was made is not read again', async () => {
  const jobs: Job[] = []
  const value = holding(iproute2.address, iproute2.route)
  const already = new Observation([veth], {})
  already.take('lab.a', { steps: stepsFor([veth])('lab.a'), results: [{ step: 0, code: 0, stdout: '', stderr: '', value }] })
  const found = await observe([veth], fake([veth], PRINTED, jobs), { already })
  expect(jobs.map((j) => j.ns)).toEqual(['lab.p'])
  expect(veths(found).find((v) => v.name === 'p1-pod-a')).toEqual(veth)
})

test('a reading that fails names the namespace, the part and the words', async () => {
  const broken = {
    run: async (_: unknown, onResult: (i: number, r: StepResult[]) => void) =>
      onResult(0, [{ step: 0, code: 1, stdout: '', stderr: 'Operation not permitted\n' }]),
  }
  await expect(observe([{ kind: 'netns', ns: 'lab.a' }], broken as unknown as NamespacePool)).rejects.toThrow(
    'reading lab.a back: netlink: Operation not permitted',
  )
})
