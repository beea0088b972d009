/** What is asked again before it is believed. */
import { expect, test, vi } from 'vitest'
import { Asking } from '../../../src/verify/probing/ask.ts'
import { portKey } from '../../../src/verify/probing/askers.ts'
import { SILENT_ACCEPT, type Answer, type Put } from '../../../src/verify/probing/question.ts'
import type { Asked } from '../../../src/verify/check-source.ts'
import type { NamespacePool } from '../../../src/netns/namespace-pool.ts'
import { learnedBy } from '../../../src/verify/probing/waves.ts'
import { policies } from '../../../src/verify/checks/policies/policies.ts'
import { lab as labOf } from '../lab/fixture.ts'
import { testPlanOf } from './passing-lab.ts'

// Until neighbours have aged.
vi.mock('node:timers/promises', () => ({ setTimeout: async () => {} }))

const lab = labOf('name: demo\nhosts: { node-1: {} }\npods: { a: { host: node-1 }, b: { host: node-1 } }\n')
const [a, b] = lab.pods
const echo: Asked = { netns: a!.netns, kind: 'icmp', family: 4, address: b!.addresses[0]!.ip, port: 0, nth: 1, expected: ['ok'] }
const train: Asked = { ...echo, count: 20 }
const lossy: Answer = { outcome: 'ok', text: '20 sent, 19 came back, 0 more than once', ms: 300 }
const whole: Answer = { outcome: 'ok', text: '20 sent, 20 came back, 0 more than once', ms: 300 }

/** What comes of it where answers are these, round by round, and the machine has lost so many before each. */
async function asked(
  list: readonly Asked[],
  rounds: readonly Answer[],
  lost: readonly number[],
  by: 'refused' | 'dropped' | 'unread' = 'refused',
): Promise<{ last?: Answer; rounds: number }> {
  let round = 0
  const askers = {
    ask: async (puts: readonly Put[]): Promise<Answer[]> => {
      const answers = puts.map(() => rounds[round]!)
      round++
      return answers
    },
    forget: async (): Promise<void> => {},
    get drops(): number {
      return by === 'unread' ? lost[round]! : 0
    },
  }
  const read = () => ({ most: 1024, taken: 0, refused: 0, dropped: 0, ...(by === 'unread' ? {} : { [by]: lost[round]! }) })
  const asking = new Asking(lab, askers, {}, read)
  await asking.askWatched(list)
  const last = asking.evidence.answer(list[0]!)
  return { ...(last && { last }), rounds: round }
}

test('what is as expected is asked once, and what is not, twice', async () => {
  expect(await asked([echo], [{ outcome: 'ok', ms: 1 }], [0, 0])).toMatchObject({ rounds: 1 })
  const silent: Answer = { outcome: 'timeout', ms: 2500 }
  expect(await asked([echo], [silent, silent, silent], [0, 0, 0, 0])).toEqual({ rounds: 2, last: silent })
})

test('an echo lost of a train is believed at once, but not where the machine lost packets', async () => {
  expect(await asked([train], [lossy], [0, 0])).toEqual({ rounds: 1, last: lossy })
  expect(await asked([train], [lossy, whole], [0, 5, 5])).toEqual({ rounds: 2, last: whole })
  expect(await asked([train], [lossy, whole], [0, 5, 5], 'dropped')).toEqual({ rounds: 2, last: whole })
  expect(await asked([train], [lossy, whole], [0, 5, 5], 'unread')).toEqual({ rounds: 2, last: whole })
  expect(await asked([train], [lossy, lossy, lossy], [0, 5, 5, 5])).toEqual({ rounds: 2, last: lossy })
  expect(await asked([train], [lossy, lossy, lossy, lossy], [0, 5, 9, 20, 20])).toEqual({ rounds: 4, last: lossy })
})

/** A table too small for all pairs of a bridge at once. */
const TABLE = { most: 256, taken: 0, refused: 0, dropped: 0 }
const denied = testPlanOf(`
name: many
hosts: { node-1: {} }
pods: { p: { replicas: 14 } }
policies: { none: { podSelector: {}, ingress: [] } }
`)

test('denies that no rule counted are asked again in waves that the table of neighbours holds', async () => {
  const learned = learnedBy(denied.lab)
  const entries: number[] = []
  const asked: number[] = []
  let forgotten = 0
  const askers = {
    // There is never an answer.
    async ask(puts: readonly Put[]) {
      entries.push(new Set(puts.flatMap((p) => learned(p.question).entries)).size)
      asked.push(puts.length)
      return puts.map((): Answer => ({ outcome: 'timeout', ms: 1 }))
    },
    async forget() {
      forgotten++
    },
    drops: 0,
  }
  // Rules that never count anything.
  const pool = {
    run: async (jobs: readonly unknown[], done: (index: number, results: readonly unknown[]) => void) =>
      jobs.forEach((_, i) => done(i, [{ code: 0, stdout: '', stderr: '' }])),
  } as unknown as NamespacePool
  const list = policies.questions(denied).filter((q) => q.expected.includes('timeout'))
  const asking = new Asking(denied.lab, askers, {}, () => TABLE)
  await asking.ask(list, pool)

  // Once to hear, once to prove; each in several waves, after each of which what was learned is forgotten.
  expect(asked.reduce((sum, n) => sum + n, 0)).toBe(2 * list.length)
  expect(Math.max(...entries)).toBeLessThanOrEqual(TABLE.most / 2)
  expect(entries.length).toBeGreaterThan(3)
  expect(forgotten).toBe(entries.length)
  expect(new Set(list.map((q) => asking.evidence.proof(q)?.by))).toEqual(new Set(['nothing']))
})

test('silence that no rule would count is waited for as an answer is: a refusal may come late', async () => {
  const patience: number[] = []
  const askers = {
    ask: async (puts: readonly Put[]): Promise<Answer[]> => {
      patience.push(...puts.map((p) => p.patience))
      return puts.map((): Answer => ({ outcome: 'timeout', ms: 1 }))
    },
    forget: async (): Promise<void> => {},
    drops: 0,
  }
  const [from, to] = denied.lab.pods
  const refusable: Asked['expected'] = ['timeout', 'refused']
  const ask = (address: string, expected: Asked['expected']): Asked => ({
    netns: from!.netns,
    kind: 'tcp',
    family: 4,
    address,
    port: 80,
    expected,
  })
  const list = [ask('192.0.2.7', refusable), ask('192.0.2.7', ['timeout']), ask(to!.addresses[0]!.ip, refusable)]
  for (const question of list) await new Asking(denied.lab, askers, {}, () => TABLE).askWatched([question])
  expect(patience).toEqual([2500, 900, 900])
})

/** Milliseconds that a lost echo is waited for, round by round, while another one is answered after `ms`. */
async function waits(ms: number, dropped: readonly number[] = [0], timeout = 1): Promise<number[]> {
  const list: Asked[] = [{ ...echo, nth: 7 }, echo]
  const patience: number[] = []
  const askers = {
    ask: async (puts: readonly Put[]): Promise<Answer[]> => {
      patience.push(puts.at(-1)!.patience)
      return puts.map(({ question }): Answer => (question.nth === 7 ? { outcome: 'ok', ms } : { outcome: 'timeout', ms: 1 }))
    },
    forget: async (): Promise<void> => {},
    drops: 0,
  }
  const read = () => ({ most: 1024, taken: 0, refused: 0, dropped: dropped[patience.length] ?? 0 })
  await new Asking(lab, askers, { patience: timeout }, read).askWatched(list)
  return patience
}

test('what was lost in a lab that answers quickly is waited for less the second time', async () => {
  expect(await waits(3)).toEqual([2500, 1500])
  expect(await waits(3, [0], 2)).toEqual([5000, 3000])
  // A SYN that is repeated after a second still counts.
  expect(await waits(3, [0], 0.5)).toEqual([1250, 1500])
  expect(await waits(3, [0], 0.2)).toEqual([500, 800])
  // Not where answers are slow to come, or packets are known to get lost.
  expect(await waits(600)).toEqual([2500, 4000])
  expect((await waits(3, [0, 5, 5])).slice(0, 2)).toEqual([2500, 4000])
})

test('what was asked in vain before is only sent once more for the listeners to see', async () => {
  const patience: number[] = []
  const silent: Answer = { outcome: 'timeout', ms: 1 }
  const askers = {
    ask: async (puts: readonly Put[]): Promise<Answer[]> => {
      patience.push(...puts.map((p) => p.patience))
      return puts.map(() => silent)
    },
    forget: async (): Promise<void> => {},
    drops: 0,
  }
  const asking = new Asking(lab, askers, {}, () => TABLE)
  const { nth: _, ...same } = echo
  asking.evidence.record(same, silent)
  await asking.askWatched([echo, { ...echo, address: '192.0.2.1' }])
  expect(patience).toEqual([400, 2500, 4000])
})

test('who may say nothing is not waited for, nor asked again: a program of the lab, but no listener and no built-in container', async () => {
  const topology = testPlanOf(`
name: words
hosts: { node-1: {} }
pods:
  own: { host: node-1, containers: [{ name: c, command: [sleep, "9"], ports: [{ containerPort: 80 }] }] }
  built-in: { host: node-1, containers: [{ name: c, ports: [{ containerPort: 80 }] }] }
services:
  some: { selector: {}, ports: [{ port: 80 }] }
`)
  const [own, builtIn] = topology.lab.pods
  const service = topology.lab.services[0]!.clusterIPs[0]!.ip
  const asked: Put[][] = []
  const askers = {
    ask: async (puts: readonly Put[]): Promise<Answer[]> => {
      asked.push([...puts])
      return puts.map((): Answer => ({ outcome: 'ok', text: SILENT_ACCEPT, ms: 1 }))
    },
    forget: async (): Promise<void> => {},
    drops: 0,
  }
  const tcp = (address: string, port: number): Asked => ({
    netns: own!.netns,
    kind: 'tcp',
    family: 4,
    address,
    port,
    nth: 1000,
    expected: ['ok'],
  })
  const asking = new Asking(topology.lab, askers, {}, () => TABLE)
  asking.evidence.held = new Map([[portKey(builtIn!.netns, 'tcp', 9), 'ours']])
  const addresses = [own!, builtIn!].map((p) => p.addresses[0]!.ip) as [string, string]
  await asking.askWatched([tcp(addresses[0], 80), tcp(service, 80), tcp(addresses[1], 80), tcp(addresses[1], 9)])
  expect(asked[0]!.map(({ quiet, talk }) => ({ quiet, talk }))).toEqual([{ talk: 1000 }, { talk: 1000 }, {}, { quiet: true }])
  expect(asked.slice(1).map((puts) => puts.map((p) => `${p.question.address} ${p.question.port}`))).toEqual([
    [`${addresses[1]} 80`, `${addresses[1]} 9`],
  ])
})
