import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testPlanOf } from '../../../src/verify/test-plan.ts'
import { lab } from '../lab/fixture.ts'

const many = (pods: number, hosts = 3): ReturnType<typeof lab> =>
  lab(`name: many\nhosts: { node: { replicas: ${hosts} } }\npods: { pod: { replicas: ${pods} } }\nexternals: { client: {} }\n`)

describe('a sample', () => {
  test('is as large as it should be, spread over all pods, and always the same', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 1, max: 1600 }),
        fc.integer({ min: 0, max: 50 }),
        (count, sample, seed) => {
          const { pods, ...rest } = many(count)
          const l = { ...rest, pods }
          const { plan, untested } = testPlanOf(l, { sample, seed })
          const asked = pods.map((from) => pods.filter((to) => to !== from && plan.includes(from, to)))
          const total = asked.reduce((n, list) => n + list.length, 0)
          expect(total).toBe(Math.min(sample, count * (count - 1)))
          expect(untested.length).toBe(sample < count * (count - 1) ? 1 : 0)
          if (sample < count) return
          expect(asked.every((list) => list.length > 0)).toBe(true)
          expect(pods.every((to) => asked.some((list) => list.includes(to)))).toBe(true)
          // No node has much more to ask than another.
          const sizes = asked.map((list) => list.length)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        },
      ),
      { numRuns: 60 },
    )
  })
  test('of another seed is another one', () => {
    const l = many(30)
    const pairs = (seed: number): string[] => {
      const { plan } = testPlanOf(l, { sample: 60, seed })
      return l.pods.flatMap((a) => l.pods.filter((b) => a !== b && plan.includes(a, b)).map((b) => `${a.key} ${b.key}`))
    }
    expect(pairs(1)).toEqual(pairs(1))
    expect(pairs(1)).not.toEqual(pairs(2))
  })
  test('leaves every pod its own host, and one more partner', () => {
    const l = many(30)
    const { plan } = testPlanOf(l, { sample: 30 })
    for (const pod of l.pods) {
      const partners = [...l.hosts, ...l.externals].filter((h) => plan.includes(h, pod))
      expect(partners.map((p) => p.name)).toContain(pod.host)
      expect(partners.length).toBeLessThanOrEqual(2)
      expect([...l.hosts, ...l.externals].filter((h) => plan.includes(pod, h))).toEqual(partners)
    }
  })
  test('is taken unasked of a lab beyond forty thousand pairs, which is said', () => {
    expect(testPlanOf(many(200), {}).untested).toEqual([])
    const { plan, untested } = testPlanOf(many(202, 2), {})
    expect(untested).toEqual([expect.stringMatching(/^10000 of 40602 ordered pairs of pods .*--sample 40602 asks about all\)$/)])
    expect(plan.includes(plan.lab.pods[0]!, plan.lab.pods[0]!)).toBe(true)
  })
})

describe('ports of the test', () => {
  test('are used by nothing else', () => {
    const { plan } = testPlanOf(
      lab(`name: l
hosts: { node-1: {} }
pods: { a: { containers: [{ name: c, ports: [{ containerPort: 9 }, { containerPort: 7, protocol: UDP }] }] } }
services: { s: { ports: [{ port: 99, targetPort: 77 }] } }
policies: { p: { podSelector: {}, ingress: [{ ports: [{ port: 999, endPort: 1000 }, { port: 5 }] }] } }
`),
      {},
    )
    expect([plan.control, plan.closed, plan.loopback]).toEqual([9999, 77, 55])
  })
  test('exist where policies speak of all', () => {
    const { plan } = testPlanOf(
      lab('name: l\nhosts: { node-1: {} }\npods: { a: {} }\npolicies: { p: { podSelector: {}, ingress: [{ ports: [{}] }] } }\n'),
      {},
    )
    expect([plan.control, plan.closed, plan.loopback]).toEqual([9, 7, 5])
  })
})
