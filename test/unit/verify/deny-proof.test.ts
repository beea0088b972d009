import { describe, expect, test } from 'vitest'
import { policies } from '../../../src/verify/checks/policies/policies.ts'
import { questionKey } from '../../../src/verify/check-source.ts'
import { services } from '../../../src/verify/checks/services/services.ts'
import type { Question } from '../../../src/verify/probing/question.ts'
import { unproven } from '../../../src/verify/checks/policies/evaluate.ts'
import { counterKey, placeKey, readCounters } from '../../../src/netns/counter.ts'
import { buckets, dropsOf } from '../../../src/verify/checks/policies/deny-counters.ts'
import { counters, prove } from '../../../src/verify/checks/policies/deny-proof.ts'
import type { NamespacePool } from '../../../src/netns/namespace-pool.ts'
import { testPlanOf } from './passing-lab.ts'

const plan = testPlanOf(`
name: v
hosts: { node-1: {}, node-2: {} }
pods:
  a: { replicas: 5, labels: { app: a } }
  b: { host: node-1, labels: { app: b } }
  c: { host: node-2, labels: { app: c } }
services:
  b: { selector: { app: b }, internalTrafficPolicy: Local, ports: [{ port: 80 }] }
policies:
  b: { podSelector: { matchLabels: { app: b } } }
  c: { podSelector: { matchLabels: { app: c } }, policyTypes: [Egress] }
`)
const { lab } = plan
const denied = policies.questions(plan).filter((q) => q.expected[0] === 'timeout')

/** One kind of counter counts all of them. */
const { reader } = dropsOf(lab, denied[0]!)[0]!

/** A kernel that counts everything it denies, except what is lost. */
function kernel(isLost: (q: Question) => boolean, noise = 0) {
  const counts = new Map<string, number>()
  let asked = 0
  const send = (questions: readonly Question[]): void => {
    for (const q of questions) {
      asked++
      const [counter] = dropsOf(lab, q)
      if (counter && !isLost(q))
        counts.set(counterKey(counter), (counts.get(counterKey(counter)) ?? 0) + (q.kind === 'tcp' ? 1 : 2) + noise)
    }
  }
  return {
    send,
    counts: () => new Map(counts),
    asked: () => asked,
    means: {
      count: async () => new Map(counts),
      ask: async (questions: readonly Question[]) => {
        send(questions)
        return questions.map(() => ({ outcome: 'timeout' as const, ms: 1 }))
      },
    },
  }
}

async function proofsOf(isLost: (q: Question) => boolean, questions = denied) {
  const k = kernel(isLost)
  const before = k.counts()
  k.send(questions)
  const proofs = await prove(lab, questions, before, k.counts(), k.means)
  return { proofs, again: k.asked() - questions.length }
}

describe('rules that must have dropped a question', () => {
  test('are those of the end that denies, on its own host', () => {
    const of = (from: string, to: string) =>
      dropsOf(
        lab,
        denied.find((q) => q.netns === `v.${from}` && q.address === lab.pods.find((p) => p.key === to)!.addresses[0]!.ip)!,
      ).map((c) => `${c.ns}: ${c.title}`)
    expect(of('a-1', 'b')).toEqual(['v.node-1: policy default/b: nothing else comes in'])
    expect(of('c', 'a-1')).toEqual(['v.node-2: policy default/c: nothing else goes out'])
    // Both ends deny: the sender's host comes first.
    expect(of('c', 'b')).toEqual(['v.node-2: policy default/c: nothing else goes out'])
  })

  test('are none for what is allowed', () => {
    const allowed = policies.questions(plan).find((q) => q.expected[0] === 'ok')
    expect(dropsOf(lab, allowed!)).toEqual([])
  })

  test("are the Service's own where it is Local without an endpoint here", () => {
    const far = services.questions(plan).find((q) => q.netns === 'v.c')!
    expect(dropsOf(lab, far)).toMatchObject([{ ns: 'v.node-2', title: 'default/b has no local endpoints' }])
  })

  test('behind a Service are those of its pods', () => {
    const near = services.questions(plan).find((q) => q.netns === 'v.a-1')!
    expect(dropsOf(lab, near)).toMatchObject([{ ns: 'v.node-1', title: 'policy default/b: nothing else comes in' }])
  })

  test('sort all denied questions', () => {
    const sorted = buckets(lab, denied)
    expect(sorted.reduce((n, b) => n + b.questions.length, 0)).toBe(denied.length)
    expect(sorted).toHaveLength(2)
    expect(counters(lab, denied).map(placeKey)).toEqual(['v.node-1', 'v.node-2'].map((ns) => `${ns} ${reader.name}`))
  })
})

describe('denies are proven', () => {
  test('by what was counted, without asking again', async () => {
    const { proofs, again } = await proofsOf(() => false)
    expect(again).toBe(0)
    expect(new Set([...proofs.values()].map((p) => p.by))).toEqual(new Set(['rule']))
  })

  test.each(denied.map((q, i) => [i, q] as const))('and the one that was lost is found: %i', async (_, lost) => {
    const { proofs } = await proofsOf((q) => questionKey(q) === questionKey(lost))
    expect(proofs.get(questionKey(lost))).toMatchObject({ by: 'nothing', among: 1 })
    expect([...proofs.values()].filter((p) => p.by !== 'rule')).toHaveLength(1)
  })

  test('all that were lost are found, when a way is broken', async () => {
    const lost = (q: Question): boolean => q.netns === 'v.a-2' || q.netns === 'v.a-4'
    const { proofs } = await proofsOf(lost)
    for (const q of denied) expect(proofs.get(questionKey(q))!.by, questionKey(q)).toBe(lost(q) ? 'nothing' : 'rule')
  })

  test('what went a way on which answers are missing is asked first, and then the rest: two rounds tell', async () => {
    const lost = (q: Question): boolean => q.netns === 'v.a-2'
    const k = kernel(lost)
    const before = k.counts()
    k.send(denied)
    let rounds = 0
    const ask = (questions: readonly Question[]) => {
      rounds++
      return k.means.ask(questions)
    }
    const broken = new Set(denied.filter(lost).map((q) => `${q.netns} ${q.address}`))
    const proofs = await prove(lab, denied, before, k.counts(), { ...k.means, ask }, new Map(), broken)
    for (const q of denied) expect(proofs.get(questionKey(q))!.by, questionKey(q)).toBe(lost(q) ? 'nothing' : 'rule')
    expect(rounds).toBe(2)
  })

  test('nothing counted at all: all were lost, and one round says so', async () => {
    const { proofs, again } = await proofsOf(() => true)
    expect(new Set([...proofs.values()].map((p) => p.by))).toEqual(new Set(['nothing']))
    expect(again).toBe(denied.length)
  })

  test('what nothing denies has no rule', async () => {
    const free = policies
      .questions(plan)
      .filter((q) => q.expected[0] === 'ok')
      .slice(0, 2)
    const { proofs } = await proofsOf(() => false, free)
    expect([...proofs.values()]).toEqual([{ by: 'no-rule' }, { by: 'no-rule' }])
  })

  test('a question that is answered when it is asked again was dropped by no rule', async () => {
    const k = kernel(() => true)
    const answer = { outcome: 'ok', by: 'b', ms: 1 } as const
    const [one, ...others] = denied
    const ask = async (questions: readonly Question[]) =>
      questions.map((q) => (questionKey(q) === questionKey(one!) ? answer : { outcome: 'timeout' as const, ms: 1 }))
    for (const list of [[one!], denied]) {
      const proofs = await prove(lab, list, k.counts(), k.counts(), { ...k.means, ask })
      expect(proofs.get(questionKey(one!))).toEqual({ by: 'answer', answer })
      expect(unproven(lab, proofs.get(questionKey(one!)))).toBe('silent, but answered by b when it was asked again: no policy drops it')
      for (const q of others.slice(0, list.length - 1)) expect(proofs.get(questionKey(q))!.by).toBe('nothing')
    }
  })

  test('where counters cannot be read nothing is proven', async () => {
    const k = kernel(() => false)
    k.send(denied)
    const proofs = await prove(lab, denied, new Map(), k.counts(), k.means, new Map([[`v.node-1 ${reader.name}`, 'gone']]))
    const on = (q: Question): string => dropsOf(lab, q)[0]!.ns
    for (const q of denied) {
      const proof = proofs.get(questionKey(q))!
      expect(proof.by, questionKey(q)).toBe(on(q) === 'v.node-1' ? 'unread' : 'rule')
      if (proof.by === 'unread') expect(unproven(lab, proof)).toBe('silent, but whether a policy dropped it is not known: gone')
    }
  })

  test('another endpoint that may answer says nothing about the one that was silent', async () => {
    const k = kernel(() => true)
    const either = { ...denied[0]!, expected: ['ok', 'timeout'] as const }
    const ask = async () => [{ outcome: 'ok', ms: 1 } as const]
    const proofs = await prove(lab, [either], k.counts(), k.counts(), { ...k.means, ask })
    expect(proofs.get(questionKey(either))!.by).toBe('rule')
  })
})

test('counters are read once a place, and where they cannot be it is said why', async () => {
  const [one, two] = [dropsOf(lab, denied[0]!)[0]!, { ...dropsOf(lab, denied[0]!)[0]!, ns: 'v.gone' }]
  const jobs: (string | undefined)[] = []
  const pool: Pick<NamespacePool, 'run'> = {
    async run(list, onResult) {
      for (const [i, { ns }] of list.entries()) {
        jobs.push(ns)
        const [chain, ...rule] = one.id.split(' ')
        const stdout = `*nat\n:${chain} - [0:0]\n[9:9] -A ${one.id}\nCOMMIT\n*filter\n:FORWARD ACCEPT [3:3]\n:${chain} - [0:0]\n[12:720] -A ${chain} ${rule.join(' ')}\nCOMMIT\n`
        onResult(i, [{ step: 0, code: ns === 'v.gone' ? 1 : 0, stdout, stderr: ns === 'v.gone' ? 'no such namespace\n' : '' }])
      }
    },
  }
  const unread = new Map<string, string>()
  const counts = await readCounters([one, two], pool, unread)
  expect(jobs).toEqual([one.ns, 'v.gone'])
  expect([...counts]).toEqual([[counterKey(one), 12]])
  expect([...unread]).toEqual([[placeKey(two), 'no such namespace']])
})
